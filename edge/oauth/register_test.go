// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast"
	"holdfast/core/action"
	"holdfast/core/store"
	"holdfast/core/store/storetest"
)

func TestRegistrations(t *testing.T) {
	d := lite(t)
	for body, want := range map[string]string{
		`{"redirect_uris":[]}`: "invalid_redirect_uri",
		`{}`:                   "invalid_redirect_uri",
		`{"redirect_uris":["http://evil.example/cb"]}`:                                               "invalid_redirect_uri",
		`{"redirect_uris":["https://ok.example/cb","javascript:alert(1)"]}`:                          "invalid_redirect_uri",
		`{"redirect_uris":["https://ok.example/cb"],"token_endpoint_auth_method":"private_key_jwt"}`: "invalid_client_metadata",
		`{"redirect_uris":["https://ok.example/cb"],"grant_types":["client_credentials"]}`:           "invalid_client_metadata",
		`{"redirect_uris":["https://ok.example/cb"],"response_types":["token"]}`:                     "invalid_client_metadata",
		`{"redirect_uris":"https://ok.example/cb"}`:                                                  "invalid_client_metadata",
		`[]`: "invalid_client_metadata",
		`{"redirect_uris":[` + strings.Repeat(`"https://ok.example/cb",`, 10) + `"https://ok.example"]}`: "invalid_redirect_uri",
		`{"redirect_uris":["https://ok.example/` + strings.Repeat("x", 1024) + `"]}`:                     "invalid_redirect_uri",
	} {
		if got := d.errorOf(d.do("POST", registerPath, body, "Content-Type", "application/json"), http.StatusBadRequest); got != want {
			t.Errorf("%.80s: %s, want %s", body, got, want)
		}
	}
	d = lite(t)
	huge := `{"client_name":"` + strings.Repeat("x", mostRegistration) + `"}`
	if got := d.errorOf(d.do("POST", registerPath, huge, "Content-Type", "application/json"), http.StatusRequestEntityTooLarge); got != "invalid_client_metadata" {
		t.Error(got)
	}
	if got := d.errorOf(d.do("POST", registerPath, publicClient, "Content-Type", "text/plain"), http.StatusBadRequest); got != "invalid_client_metadata" {
		t.Error(got)
	}
	mine := d.enrolled(`{"client_id":"mine","client_secret":"mine","redirect_uris":["https://ok.example/cb"]}`)
	if mine.ClientID == "mine" || mine.Secret == "mine" || mine.Secret == "" || mine.Method != methodBasic || mine.SecretExpires == nil {
		t.Errorf("a client chose its own id or secret, or has none: %+v", mine)
	}
	if public := d.enrolled(publicClient); public.Secret != "" {
		t.Error("a public client has a secret")
	}
}

// TestRegistrationSwitchedOff: nobody registers, and nobody is told that they could.
func TestRegistrationSwitchedOff(t *testing.T) {
	d := lite(t)
	if m := into[serverDocument](t, d.do("GET", serverWellKnown, "")); m.Register != origin+registerPath {
		t.Errorf("registration is at %q", m.Register)
	}
	settings := Defaults()
	settings.Register = false
	d.Apply(settings)
	if got := d.errorOf(d.do("POST", registerPath, publicClient, "Content-Type", "application/json"), http.StatusForbidden); got != "access_denied" {
		t.Error(got)
	}
	if m := into[map[string]any](t, d.do("GET", serverWellKnown, "")); m["registration_endpoint"] != nil || len(d.known()) != 0 {
		t.Errorf("registration is at %v, and %v registered", m["registration_endpoint"], d.known())
	}
}

// TestAFloodOfRegistrations is slowed, bounded, and does not push out who registered just now.
func TestAFloodOfRegistrations(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		settings := Defaults()
		settings.Clients = 30
		d.Apply(settings)
		said := map[int]int{}
		for range 25 {
			said[d.do("POST", registerPath, publicClient, "Content-Type", "application/json").Code]++
		}
		if said[http.StatusCreated] != 20 || said[http.StatusTooManyRequests] != 5 {
			t.Errorf("at once: %v", said)
		}
		for range 10 {
			d.clock.Pass(3 * time.Second)
			d.enrolled(publicClient)
		}
		d.clock.Pass(3 * time.Second)
		w := d.do("POST", registerPath, publicClient, "Content-Type", "application/json")
		if w.Code != http.StatusTooManyRequests {
			t.Errorf("one more than there may be, and all of them new: %d", w.Code)
		}
		d.clock.Pass(firmFor)
		kept := d.enrolled(publicClient).ClientID
		d.agreed(ask(kept), ScopeRead)
		if got := len(d.known()); got != 30 {
			t.Errorf("%d clients", got)
		}
		d.clock.Pass(unusedFor)
		d.broom().tidy(t.Context())
		if got := d.known(); len(got) != 1 || got[0].ID != kept {
			t.Errorf("after a day: %v, want only the one that somebody gave access", got)
		}
	})
}

func (d *desk) known() []Client {
	d.t.Helper()
	out, err := d.office().listClients(d.t.Context(), action.Nothing{})
	if err != nil {
		d.t.Fatal(err)
	}
	return out.Clients
}

func TestClientsThatProveThemselves(t *testing.T) {
	d := lite(t)
	c := d.enrolled(`{"client_name":"C","redirect_uris":["` + callback + `"]}`)
	try := func(header []string, more ...string) int {
		t.Helper()
		form := url.Values{"grant_type": {grantCode}, "code": {d.agreed(ask(c.ClientID), ScopeRead).Get("code")}, "code_verifier": {verifier}}
		for i := 0; i < len(more); i += 2 {
			form.Set(more[i], more[i+1])
		}
		return d.do("POST", tokenPath, form.Encode(), append(header, "Content-Type", "application/x-www-form-urlencoded")...).Code
	}
	basic := func(name, password string) []string {
		r, _ := http.NewRequest("POST", "/", http.NoBody)
		r.SetBasicAuth(url.QueryEscape(name), url.QueryEscape(password))
		return []string{"Authorization", r.Header.Get("Authorization")}
	}
	for name, got := range map[string][2]int{
		"its secret, basic":   {try(basic(c.ClientID, c.Secret)), 200},
		"its secret, post":    {try(nil, "client_id", c.ClientID, "client_secret", c.Secret), 200},
		"no secret":           {try(nil, "client_id", c.ClientID), 401},
		"a wrong one":         {try(basic(c.ClientID, "x")), 401},
		"an empty one":        {try(basic(c.ClientID, "")), 401},
		"another client's id": {try(basic(c.ClientID, c.Secret), "client_id", "other"), 401},
		"both ways":           {try(basic(c.ClientID, c.Secret), "client_secret", c.Secret), 400},
		"nobody":              {try(nil), 401},
		"unknown":             {try(nil, "client_id", "hfm_x"), 401},
	} {
		if got[0] != got[1] {
			t.Errorf("%s: %d, want %d", name, got[0], got[1])
		}
	}
	public := d.enrolled(publicClient).ClientID
	if w := d.tokens("grant_type", grantCode, "client_id", public, "client_secret", "x", "code", "x"); w.Code != http.StatusUnauthorized {
		t.Errorf("a public client with a secret: %d", w.Code)
	}
}

func TestFormsThatCanBeReadInTwoWays(t *testing.T) {
	d := lite(t)
	client := d.enrolled(publicClient).ClientID
	for name, body := range map[string]string{
		"a parameter twice": "grant_type=authorization_code&code=a&code=b&client_id=" + client,
		"a broken escape":   "grant_type=%zz",
		"a huge one":        "grant_type=" + strings.Repeat("x", maxForm),
		"no grant type":     "client_id=" + client,
		"no code":           "grant_type=authorization_code&client_id=" + client,
	} {
		if got := d.errorOf(d.do("POST", tokenPath, body, "Content-Type", "application/x-www-form-urlencoded"), http.StatusBadRequest); got != "invalid_request" {
			t.Errorf("%s: %s", name, got)
		}
	}
	if got := d.errorOf(d.tokens("grant_type", "password", "client_id", client), http.StatusBadRequest); got != "unsupported_grant_type" {
		t.Error(got)
	}
	if got := d.errorOf(d.do("POST", tokenPath+"?grant_type=authorization_code&client_id="+client, "", "Content-Type", "application/x-www-form-urlencoded"),
		http.StatusUnauthorized); got != "invalid_client" {
		t.Errorf("parameters in the address: %s", got)
	}
	if w := d.do("GET", tokenPath, ""); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d", w.Code)
	}
	if w := d.do("OPTIONS", tokenPath, ""); w.Code != http.StatusNoContent ||
		w.Header().Get("Access-Control-Allow-Origin") != "*" || w.Header().Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("OPTIONS: %d %v", w.Code, w.Header())
	}
}

func TestRevocation(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		revoke := func(client, token string) int {
			t.Helper()
			form := url.Values{"client_id": {client}, "token": {token}}
			return d.do("POST", revokePath, form.Encode(), "Content-Type", "application/x-www-form-urlencoded").Code
		}
		client, all := d.given()
		thief := d.enrolled(publicClient).ClientID
		if got := revoke(thief, all.Refresh); got != http.StatusBadRequest || !d.opens(all.Access, mainPath) {
			t.Errorf("another client's token: %d", got)
		}
		if got := revoke(client, "hfa_unknown"); got != http.StatusOK {
			t.Errorf("an unknown token: %d", got)
		}
		if got := revoke(client, all.Access); got != http.StatusOK || d.opens(all.Access, mainPath) {
			t.Errorf("an access token: %d", got)
		}
		again := into[tokens](t, d.tokens("grant_type", grantRefresh, "client_id", client, "refresh_token", all.Refresh))
		if got := revoke(client, again.Refresh); got != http.StatusOK || d.opens(again.Access, mainPath) {
			t.Errorf("a refresh token: %d", got)
		}
		if w := d.tokens("grant_type", grantRefresh, "client_id", client, "refresh_token", again.Refresh); w.Code != http.StatusBadRequest {
			t.Errorf("refreshed after it was taken back: %d", w.Code)
		}
		if !d.journaled("grant.revoke", holdfast.OutcomeDone, reasonClient) {
			t.Error("it is not in the journal")
		}
	})
}

// TestPeopleTakeAccessBack: at once, for what is open too, and a client with all it has.
func TestPeopleTakeAccessBack(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		client, one := d.given()
		other, two := d.given()
		list, err := d.office().listGrants(t.Context(), grantsIn{})
		if err != nil || len(list.Grants) != 2 {
			t.Fatalf("%+v %v", list, err)
		}
		at := slices.IndexFunc(list.Grants, func(g Grant) bool { return g.Client == client })
		r, leave := d.entered(one.Access, "POST", `{"method":"tools/list"}`)
		defer leave()
		if _, err := d.office().revokeGrant(t.Context(), grantIn{ID: list.Grants[at].ID[:6]}); err != nil {
			t.Fatal(err)
		}
		select {
		case <-r.Context().Done():
		case <-time.After(time.Minute):
			t.Error("what was open goes on")
		}
		if d.opens(one.Access, mainPath) || !d.opens(two.Access, mainPath) {
			t.Error("the wrong access ended")
		}
		out, err := d.office().revokeClient(t.Context(), clientIn{ID: other[:12]})
		if err != nil || len(out.Revoked) != 1 || d.opens(two.Access, mainPath) {
			t.Errorf("%+v %v", out, err)
		}
		if w := d.tokens("grant_type", grantRefresh, "client_id", other, "refresh_token", two.Refresh); w.Code != http.StatusUnauthorized {
			t.Errorf("a forgotten client: %d", w.Code)
		}
		ended, err := d.office().listGrants(t.Context(), grantsIn{Ended: true})
		if err != nil || len(ended.Grants) != 2 || ended.Grants[0].Reason != reasonPerson {
			t.Errorf("%+v %v", ended, err)
		}
		for _, in := range []grantIn{{}, {ID: "x", All: true}, {ID: "nothing"}} {
			if _, err := d.office().revokeGrant(t.Context(), in); err == nil {
				t.Errorf("%+v was taken", in)
			}
		}
	})
}

// TestWhatIsRevokedDoesNotComeBack: neither by a page that was open, nor by a code that nobody redeemed
// yet; a deleted hub takes its open pages with it.
func TestWhatIsRevokedDoesNotComeBack(t *testing.T) {
	for what, take := range map[string]func(d *desk, client string) error{
		"the client": func(d *desk, client string) error {
			_, err := d.office().revokeClient(d.t.Context(), clientIn{ID: client})
			return err
		},
		"all access": func(d *desk, _ string) error {
			_, err := d.office().revokeGrant(d.t.Context(), grantIn{All: true})
			return err
		},
		"the hub": func(d *desk, _ string) error { return d.EndHub(d.t.Context(), "notes") },
	} {
		t.Run(what, func(t *testing.T) {
			d := lite(t)
			client := d.enrolled(publicClient).ClientID
			target := ask(client, "resource", origin+"/mcp/notes", "scope", "")
			code := d.agreed(target, ScopeRead, "hub:notes").Get("code")
			page := d.do("GET", target, "", "Who", "anna")
			if err := take(d, client); err != nil {
				t.Fatal(err)
			}
			form := url.Values{"ticket": {ticketIn(t, page.Body.String())}, "answer": {"allow"}, "scope": {ScopeRead, "hub:notes"}}
			if w := d.post(form, "Who", "anna", "Origin", origin); w.Code != http.StatusForbidden || w.Header().Get("Location") != "" {
				t.Errorf("the page of before is answered %d", w.Code)
			}
			if w := d.redeemed(client, code, "resource", origin+"/mcp/notes"); w.Code == http.StatusOK {
				t.Error("the code of before is good")
			}
			if what == "the client" && len(d.known()) != 0 {
				t.Error("the client came back")
			}
		})
	}
}

// TestACodeRedeemedWhileItsClientIsRevoked gives nothing that lasts, whoever comes first.
func TestACodeRedeemedWhileItsClientIsRevoked(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		for range 20 {
			client := d.enrolled(publicClient).ClientID
			code := d.agreed(ask(client), ScopeRead).Get("code")
			var w *httptest.ResponseRecorder
			redeemed := make(chan struct{})
			go func() {
				defer close(redeemed)
				w = d.redeemed(client, code)
			}()
			if _, err := d.office().revokeClient(t.Context(), clientIn{ID: client}); err != nil {
				t.Fatal(err)
			}
			<-redeemed
			if w.Code == http.StatusOK && d.opens(into[tokens](t, w).Access, mainPath) {
				t.Fatal("a client that was revoked has access")
			}
			d.clock.Pass(3 * time.Second) // as often as may be registered
		}
	})
}

// TestWhatIsOverIsForgotten leaves no row behind of access that ended.
func TestWhatIsOverIsForgotten(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		client, all := d.given()
		for range 3 {
			d.clock.Pass(20 * 24 * time.Hour)
			d.broom().tidy(t.Context())
			all = into[tokens](t, d.tokens("grant_type", grantRefresh, "client_id", client, "refresh_token", all.Refresh))
		}
		if !d.opens(all.Access, mainPath) {
			t.Fatal("access that is used ends")
		}
		d.clock.Pass(30 * 24 * time.Hour)
		d.broom().tidy(t.Context())
		list, err := d.office().listGrants(t.Context(), grantsIn{Ended: true})
		if err != nil || len(list.Grants) != 1 || list.Grants[0].Reason != reasonAge {
			t.Errorf("%+v %v", list, err)
		}
		d.clock.Pass(keepGrants)
		d.broom().tidy(t.Context())
		for _, table := range []string{"oauth_clients", "oauth_codes", "oauth_grants", "oauth_tokens"} {
			if left := d.dump(table); left != "" {
				t.Errorf("%s keeps %s", table, left)
			}
		}
	})
}

// TestMissingCredentialsOfTheLogin: nothing is half open, and it says why.
func TestMissingCredentialsOfTheLogin(t *testing.T) {
	d := lite(t)
	_, all := d.given()
	for _, c := range []struct{ login, id, secret, want string }{
		{loginGitHub, "", "", gitHubID + " and " + gitHubSecret},
		{loginGitHub, "x", "", gitHubSecret},
		{loginGitHub, "x", "x", "not in this version"},
		{loginOff, "", "", "switched off"},
	} {
		settings := Defaults()
		settings.Login = c.login
		d.Apply(settings)
		d.keys[gitHubID], d.keys[gitHubSecret] = c.id, c.secret
		for _, path := range []string{resourceWellKnown + mainPath, serverWellKnown, ask("x")} {
			if w := d.do("GET", path, "", "Who", "anna"); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), c.want) {
				t.Errorf("%+v %s: %d %s", c, path, w.Code, w.Body)
			}
		}
		if _, _, err := d.Verify(t.Context(), all.Access, mainPath); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: a token says %v", c, err)
		}
		check := d.office().checks()[0].Run(t.Context())
		if !strings.Contains(check.Detail, c.want) || (check.Status == holdfast.StatusWarn) != (c.login == loginGitHub) {
			t.Errorf("%+v: the check says %+v", c, check)
		}
	}
	d.Apply(Defaults())
	if !d.opens(all.Access, mainPath) {
		t.Error("it does not open again")
	}
}

// TestAStoreThatIsAway: nothing is given, nothing is spent, and no client is told that its token is bad.
func TestAStoreThatIsAway(t *testing.T) {
	opt := storetest.Options(t, store.SQLite, tables(t))
	s := storetest.Open(t, opt)
	d := newDesk(t, s)
	client, all := d.given()
	code := d.agreed(ask(client), ScopeRead).Get("code")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for name, w := range map[string]*httptest.ResponseRecorder{
		"a code":          d.redeemed(client, code),
		"a refresh token": d.tokens("grant_type", grantRefresh, "client_id", client, "refresh_token", all.Refresh),
		"a registration":  d.do("POST", registerPath, publicClient, "Content-Type", "application/json"),
		"a question":      d.do("GET", ask(client), "", "Who", "anna"),
	} {
		if w.Code != http.StatusServiceUnavailable {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	_, _, err := d.Verify(t.Context(), all.Access, mainPath)
	if said, ok := errors.AsType[*holdfast.Error](err); !ok || said.Code != holdfast.CodeUnavailable {
		t.Errorf("a token: %v", err)
	}
	if err := s.Open(t.Context(), opt); err != nil {
		t.Fatal(err)
	}
	if w := d.redeemed(client, code); w.Code != http.StatusOK || !d.opens(all.Access, mainPath) {
		t.Errorf("the store is back, and the code is not good: %d %s", w.Code, w.Body)
	}
}

func TestSettings(t *testing.T) {
	good := Defaults()
	if p := good.Check(); len(p) != 0 {
		t.Error(p)
	}
	bad := Settings{Login: "magic", PrivateClients: []string{"nohost"}}
	var fields []string
	for _, p := range bad.Check() {
		fields = append(fields, p.Field)
	}
	if got := fmt.Sprint(fields); got != "[login clients access_for idle_for private_clients]" {
		t.Error(got)
	}
}
