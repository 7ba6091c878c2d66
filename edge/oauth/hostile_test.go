// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast"
)

// TestNobodyIsSentWhereNobodyRegistered is the open redirect: whatever is wrong with client or
// address, the browser stays.
func TestNobodyIsSentWhereNobodyRegistered(t *testing.T) {
	d := lite(t)
	client := d.enrolled(publicClient).ClientID
	for name, target := range map[string]string{
		"another host":         ask(client, "redirect_uri", "https://evil.example/callback"),
		"a user name":          ask(client, "redirect_uri", "http://127.0.0.1:3000@evil.example/callback"),
		"a path below":         ask(client, "redirect_uri", callback+"/more"),
		"a query more":         ask(client, "redirect_uri", callback+"?to=evil"),
		"a fragment":           ask(client, "redirect_uri", callback+"#x"),
		"dots":                 ask(client, "redirect_uri", "http://127.0.0.1:3000/a/../callback"),
		"another loopback":     ask(client, "redirect_uri", "http://127.0.0.2:3000/callback"),
		"its name for its ip":  ask(client, "redirect_uri", "http://localhost:3000/callback"),
		"https for http":       ask(client, "redirect_uri", "https://127.0.0.1:3000/callback"),
		"a backslash":          ask(client, "redirect_uri", `http://127.0.0.1:3000\@evil.example/callback`),
		"another case":         ask(client, "redirect_uri", "http://127.0.0.1:3000/Callback"),
		"an escape":            ask(client, "redirect_uri", "http://127.0.0.1:3000/%63allback"),
		"two addresses":        ask(client) + "&redirect_uri=https%3A%2F%2Fevil.example",
		"an unknown client":    ask("hfm_nobody"),
		"two clients":          ask(client) + "&client_id=other",
		"no client":            ask(""),
		"a script":             ask(client, "redirect_uri", "javascript:alert(1)"),
		"a line break":         ask(client, "redirect_uri", callback+"\r\nLocation: https://evil.example"),
		"a request of a novel": ask(client, "state", strings.Repeat("x", 3000)),
	} {
		w := d.do("GET", target, "", "Who", "anna")
		if w.Header().Get("Location") != "" || w.Code < 400 {
			t.Errorf("%s: %d to %q", name, w.Code, w.Header().Get("Location"))
		}
	}
}

func TestRedirectAddresses(t *testing.T) {
	for address, ok := range map[string]bool{
		"https://app.example/cb": true, "http://127.0.0.1/cb": true, "http://localhost:1/cb": true, "http://[::1]:9/cb": true,
		"cursor://anysphere.cursor-mcp/oauth/callback": true, "com.example.app:/oauth2/cb": true, "com.example.app://localhost/cb?a=b": true,
		"javascript://x/%0aalert(1)": false, "JavaScript://x/%0aalert(1)": false, "javascript:/x": false, "data:/text/html,x": false, "data://x/": false,
		"file:///etc/passwd": false, "vbscript://x/": false, "blob:https://app.example/1": false, "blob://x/": false, "about:blank": false, "about://x": false,
		"filesystem:http://x/": false, "filesystem://x/": false, "view-source:http://x/": false, "view-source://x/": false, "intent://x/#Intent;end": false,
		"intent://x/": false, "ms-msdt:/id": false, "ms-settings://x": false, "search-ms://x": false, "chrome-extension://x/": false, "moz-extension://x/": false,
		"ftp://app.example/cb": false, "ws://localhost/": false, "mailto:a@b.example": false, "tel://1": false, "sms:/1": false, "web+x://y": false,
		"com.example.app:oauth": false, "com.example.app:": false, "com.example.app://": false, "com.example.app://u@x/": false, "com.example.app:/cb#f": false,
		"com.example.app:/c b": false, "c:/windows/system32": false, "x:/cb": false, "com.example.app:/\"": false, "cursor://x/\r\nLocation:": false,
		"http://app.example/cb": false, "javascript:alert(1)": false, "data:text/html,x": false, "https://": false,
		"https://u:p@app.example/": false, "https://app.example/#f": false, "http://127.0.0.1.evil.example/": false, "//evil.example": false,
		"https://app.example/ x": false, "https://аpp.example/cb": false, "http://0.0.0.0/": false, "http://[::ffff:127.0.0.1%25eth0]/": false, "": false,
	} {
		if got := checkRedirect(address) == nil; got != ok {
			t.Errorf("%q: allowed %v, want %v", address, got, ok)
		}
	}
	for _, c := range []struct {
		registered, asked string
		ok                bool
	}{
		{"http://127.0.0.1:3000/cb", "http://127.0.0.1:4999/cb", true},
		{"http://127.0.0.1/cb", "http://127.0.0.1:4999/cb", true},
		{"http://[::1]:1/cb", "http://[::1]:2/cb", true},
		{"http://localhost:1/cb?a=b", "http://localhost:2/cb?a=b", true},
		{"http://localhost:1/cb?a=b", "http://localhost:2/cb?a=c", false},
		{"https://app.example/cb", "https://app.example:8443/cb", false},
		{"https://127.0.0.1:1/cb", "https://127.0.0.1:2/cb", false},
		{"http://127.0.0.1:3000/cb", "http://127.0.0.1:3000@evil.example/cb", false},
		{"http://127.0.0.1:3000/cb", "http://127.0.0.1.evil.example:3000/cb", false},
	} {
		if got := redirectMatches(c.registered, c.asked); got != c.ok {
			t.Errorf("registered %s, asked %s: %v", c.registered, c.asked, got)
		}
	}
}

// TestWrongRequestsAreToldToTheClient says who answers, and in OAuth's words.
func TestWrongRequestsAreToldToTheClient(t *testing.T) {
	d := lite(t)
	client := d.enrolled(publicClient).ClientID
	for kind, targets := range map[string][]string{
		"unsupported_response_type": {ask(client, "response_type", "token")},
		"invalid_request": {
			ask(client, "code_challenge", ""), ask(client, "code_challenge_method", "plain"), ask(client, "code_challenge_method", ""),
			ask(client, "code_challenge", "short"), ask(client, "response_type", ""), ask(client, "response_mode", "fragment"), ask(client) + "&scope=x",
		},
		"invalid_scope": {ask(client, "scope", "house:all")},
		"invalid_target": {
			ask(client, "resource", "https://evil.example/api/mcp"), ask(client, "resource", origin), ask(client, "resource", origin+"/mcp/unknown"),
			ask(client, "resource", origin+"/api/mcp#x"), ask(client) + "&resource=" + url.QueryEscape(origin+"/mcp/notes"), ask(client, "resource", "http://127.0.0.1:9999/api/mcp"),
		},
	} {
		for _, target := range targets {
			w := d.do("GET", target, "", "Who", "anna")
			got := answerOf(t, w)
			if got.Get("error") != kind || got.Get("iss") != origin || got.Get("state") != "xyz" && !strings.Contains(target, "state=&") {
				t.Errorf("%s: %d %v, want %s\n%s", target, w.Code, got, kind, w.Body)
			}
		}
	}
}

// TestAStrangersHostIsNotReachedThroughTheDoor: a client that registered itself with a host of its
// own gets nothing from a wrong request but a page.
func TestAStrangersHostIsNotReachedThroughTheDoor(t *testing.T) {
	d := lite(t)
	client := d.enrolled(`{"client_name":"x","redirect_uris":["https://evil.example/cb"],"token_endpoint_auth_method":"none"}`).ClientID
	w := d.do("GET", ask(client, "redirect_uri", "https://evil.example/cb", "scope", "none"), "", "Who", "anna")
	if w.Code != http.StatusBadRequest || w.Header().Get("Location") != "" {
		t.Errorf("%d to %q", w.Code, w.Header().Get("Location"))
	}
}

func TestWithoutALoginNothingIsLookedUp(t *testing.T) {
	d := lite(t)
	w := d.do("GET", ask("https://clients.example/c.json"), "")
	to, err := url.Parse(w.Header().Get("Location"))
	if err != nil || w.Code != http.StatusFound || to.Path != "/auth/login" || !strings.HasPrefix(to.Query().Get("redirect_uri"), authorizePath+"?") {
		t.Errorf("%d to %q: %v", w.Code, w.Header().Get("Location"), err)
	}
	w = d.do("GET", ask("x"), "", "Host", "localhost:8443")
	if got := w.Header().Get("Location"); w.Code != http.StatusTemporaryRedirect || !strings.HasPrefix(got, origin+authorizePath) {
		t.Errorf("%d to %q", w.Code, got)
	}
}

// TestConsentIsThePersonsOwn refuses answers that were not given on the page by who saw it.
func TestConsentIsThePersonsOwn(t *testing.T) {
	d := lite(t)
	client := d.enrolled(publicClient).ClientID
	page := d.do("GET", ask(client), "", "Who", "anna")
	policy := page.Header().Get("Content-Security-Policy")
	for _, want := range []string{"frame-ancestors 'none'", "default-src 'none'", "form-action 'self' http://127.0.0.1:3000;", "base-uri 'none'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("the policy %q has no %s", policy, want)
		}
	}
	if page.Header().Get("X-Frame-Options") != "DENY" || page.Header().Get("Cache-Control") != "no-store" || strings.Contains(page.Body.String(), "<script") {
		t.Error("the page can be framed or cached, or has a script")
	}
	ticket := ticketIn(t, page.Body.String())
	yes := url.Values{"ticket": {ticket}, "answer": {"allow"}, "scope": {ScopeRead, ScopeCall, ScopeOperator}}
	for name, w := range map[string]interface{ Result() *http.Response }{
		"another session": d.post(yes, "Who", "eve", "Origin", origin),
		"another origin":  d.post(yes, "Who", "anna", "Origin", "http://127.0.0.1:8445"),
		"an opaque one":   d.post(yes, "Who", "anna", "Origin", "null"),
		"nobody":          d.post(yes, "Origin", origin),
		"no ticket":       d.post(url.Values{"answer": {"allow"}, "scope": {ScopeRead}}, "Who", "anna", "Origin", origin),
		"a GET":           d.do("GET", authorizePath+"?"+yes.Encode(), "", "Who", "anna"),
	} {
		if r := w.Result(); r.StatusCode < 400 || r.Header.Get("Location") != "" {
			t.Errorf("%s: %d to %q", name, r.StatusCode, r.Header.Get("Location"))
		}
	}
	w := d.post(yes, "Who", "anna", "Origin", origin)
	all := into[tokens](t, d.redeemed(client, answerOf(t, w).Get("code")))
	if all.Scope != "tools:read tools:call" {
		t.Errorf("a form gave %q, and operator was not asked for", all.Scope)
	}
	if again := d.post(yes, "Who", "anna", "Origin", origin); again.Code < 400 {
		t.Errorf("the page was answered twice: %d", again.Code)
	}
}

func TestNoIsNo(t *testing.T) {
	d := lite(t)
	client := d.enrolled(publicClient).ClientID
	page := d.do("GET", ask(client), "", "Who", "anna")
	w := d.post(url.Values{"ticket": {ticketIn(t, page.Body.String())}, "answer": {"deny"}}, "Who", "anna", "Origin", origin)
	if got := answerOf(t, w); got.Get("error") != "access_denied" || got.Get("iss") != origin || got.Get("state") != "xyz" || got.Has("code") {
		t.Errorf("%d %v", w.Code, got)
	}
	if !d.journaled("grant.create", holdfast.OutcomeRefused, client) {
		t.Error("the no is not in the journal")
	}
}

func TestAPageIsAnsweredWithinTenMinutes(t *testing.T) {
	for _, jump := range []time.Duration{ticketFor, -time.Hour} {
		d := lite(t)
		client := d.enrolled(publicClient).ClientID
		page := d.do("GET", ask(client), "", "Who", "anna")
		d.clock.Pass(jump)
		form := url.Values{"ticket": {ticketIn(t, page.Body.String())}, "answer": {"allow"}, "scope": {ScopeRead}}
		if w := d.post(form, "Who", "anna", "Origin", origin); w.Code != http.StatusForbidden {
			t.Errorf("%s later: %d", jump, w.Code)
		}
	}
}

// TestAPageFromBeforeARestartSaysWhatHappened, and what to do next: nobody answered it, and it is not old.
func TestAPageFromBeforeARestartSaysWhatHappened(t *testing.T) {
	d := lite(t)
	page := d.do("GET", ask(d.enrolled(publicClient).ClientID), "", "Who", "anna")
	after := newDesk(t, d.rows.store)
	form := url.Values{"ticket": {ticketIn(t, page.Body.String())}, "answer": {"allow"}, "scope": {ScopeRead}}
	w := after.post(form, "Who", "anna", "Origin", origin)
	if text := w.Body.String(); w.Code != http.StatusForbidden || !strings.Contains(text, "the house restarted") || !strings.Contains(text, "start its login there once more") {
		t.Errorf("%d %s", w.Code, text)
	}
}

// TestWhatCannotBeJournaledIsNotGiven keeps the order: first the journal, then the code.
func TestWhatCannotBeJournaledIsNotGiven(t *testing.T) {
	d := lite(t)
	client := d.enrolled(publicClient).ClientID
	page := d.do("GET", ask(client), "", "Who", "anna")
	d.book.Refuse(errors.New("the disk is full"))
	form := url.Values{"ticket": {ticketIn(t, page.Body.String())}, "answer": {"allow"}, "scope": {ScopeRead}}
	if w := d.post(form, "Who", "anna", "Origin", origin); w.Code != http.StatusServiceUnavailable || d.dump("oauth_codes") != "" {
		t.Errorf("%d, codes %q", w.Code, d.dump("oauth_codes"))
	}
}

// TestCodesOfOthers is code injection: a code is good for its client, its verifier, its address and
// its endpoint, and its client's try with another one spends it.
func TestCodesOfOthers(t *testing.T) {
	for name, wrong := range map[string][]string{
		"another verifier": {"code_verifier", strings.Repeat("x", 43)},
		"no verifier":      {"code_verifier", ""},
		"a short verifier": {"code_verifier", "x"},
		"another address":  {"redirect_uri", "http://127.0.0.1:3001/callback"},
		"another endpoint": {"resource", origin + "/mcp/notes"},
		"a foreign one":    {"resource", "https://evil.example/api/mcp"},
	} {
		t.Run(name, func(t *testing.T) {
			d := lite(t)
			client := d.enrolled(publicClient).ClientID
			code := d.agreed(ask(client), ScopeRead).Get("code")
			want := "invalid_grant"
			if wrong[0] == "resource" {
				want = "invalid_target"
			}
			if got := d.errorOf(d.redeemed(client, code, wrong...), http.StatusBadRequest); got != want {
				t.Errorf("error %s, want %s", got, want)
			}
			if got := d.errorOf(d.redeemed(client, code), http.StatusBadRequest); got != "invalid_grant" {
				t.Errorf("the code was good after a wrong try: %s", got)
			}
		})
	}
	d := lite(t)
	lazy := d.enrolled(publicClient).ClientID
	code := d.agreed(ask(lazy, "code_challenge", challengeOf("short")), ScopeRead).Get("code")
	if got := d.errorOf(d.redeemed(lazy, code, "code_verifier", "short"), http.StatusBadRequest); got != "invalid_grant" {
		t.Errorf("a verifier that can be guessed: %s", got)
	}
	client, thief := d.enrolled(publicClient).ClientID, d.enrolled(publicClient).ClientID
	if got := d.errorOf(d.redeemed(thief, d.agreed(ask(client), ScopeRead).Get("code")), http.StatusBadRequest); got != "invalid_grant" {
		t.Errorf("another client: %s", got)
	}
}

// TestACodeInOtherHandsStaysItsClients: who lacks the client's secret, or is another client, neither has the
// code nor spends it, before its client came and after.
func TestACodeInOtherHandsStaysItsClients(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		client := d.enrolled(`{"client_name":"C","redirect_uris":["` + callback + `"],"grant_types":["authorization_code","refresh_token"]}`)
		thief := d.enrolled(publicClient).ClientID
		code := d.agreed(ask(client.ClientID), ScopeRead).Get("code")
		strangers := func() {
			t.Helper()
			for name, secret := range map[string]string{"no secret": "", "a wrong secret": "hfs_x"} {
				w := d.redeemed(client.ClientID, code, "client_secret", secret)
				if got := d.errorOf(w, http.StatusUnauthorized); got != "invalid_client" {
					t.Errorf("%s: %s", name, got)
				}
			}
			if got := d.errorOf(d.redeemed(thief, code), http.StatusBadRequest); got != "invalid_grant" {
				t.Errorf("another client: %s", got)
			}
		}
		strangers()
		w := d.redeemed(client.ClientID, code, "client_secret", client.Secret)
		if w.Code != http.StatusOK {
			t.Fatalf("the client's own try: %d %s", w.Code, w.Body)
		}
		all := into[tokens](t, w)
		if strangers(); !d.opens(all.Access, mainPath) {
			t.Error("a stranger ended the grant")
		}
		if w := d.redeemed(client.ClientID, code, "client_secret", client.Secret); w.Code != http.StatusBadRequest || d.opens(all.Access, mainPath) {
			t.Errorf("the client's second try: %d", w.Code)
		}
	})
}

// TestACodeTwiceEndsTheGrant: the second try takes back what the first one got.
func TestACodeTwiceEndsTheGrant(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		client := d.enrolled(publicClient).ClientID
		code := d.agreed(ask(client), ScopeRead).Get("code")
		all := into[tokens](t, d.redeemed(client, code))
		if got := d.errorOf(d.redeemed(client, code), http.StatusBadRequest); got != "invalid_grant" {
			t.Errorf("error %s", got)
		}
		if d.opens(all.Access, mainPath) {
			t.Error("the access token is still good")
		}
		if got := d.errorOf(d.tokens("grant_type", grantRefresh, "client_id", client, "refresh_token", all.Refresh), http.StatusBadRequest); got != "invalid_grant" {
			t.Errorf("error %s", got)
		}
		if !d.journaled("grant.revoke", holdfast.OutcomeDone, reasonCode) {
			t.Error("the journal does not say that a code came twice")
		}
		rule := d.office().alerts()[0]
		if firing := rule.Firing(t.Context()); len(firing) != 1 || !strings.Contains(firing[0].Message, "Inspector") {
			t.Errorf("alerts %+v", firing)
		}
		d.clock.Pass(toldFor)
		if firing := rule.Firing(t.Context()); len(firing) != 0 {
			t.Errorf("a day later %+v", firing)
		}
	})
}

// TestTwoRedeemAtOnce gives at most one of many tries tokens, and those are worth nothing then.
func TestTwoRedeemAtOnce(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		client := d.enrolled(publicClient).ClientID
		code := d.agreed(ask(client), ScopeRead).Get("code")
		good := race(8, func() (tokens, bool) {
			w := d.redeemed(client, code)
			if w.Code != http.StatusOK {
				return tokens{}, false
			}
			return into[tokens](t, w), true
		})
		if len(good) != 1 || d.opens(good[0].Access, mainPath) {
			t.Errorf("%d of 8 got tokens, the first opens %v", len(good), len(good) > 0 && d.opens(good[0].Access, mainPath))
		}
	})
}

// TestARacedRefreshEndsTheGrant: nobody can tell the client from the thief.
func TestARacedRefreshEndsTheGrant(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		client, all := d.given()
		good := race(8, func() (tokens, bool) {
			w := d.tokens("grant_type", grantRefresh, "client_id", client, "refresh_token", all.Refresh)
			if w.Code != http.StatusOK {
				return tokens{}, false
			}
			return into[tokens](t, w), true
		})
		if len(good) != 1 {
			t.Fatalf("%d of 8 got tokens", len(good))
		}
		for _, access := range []string{all.Access, good[0].Access} {
			if d.opens(access, mainPath) {
				t.Error("an access token is still good")
			}
		}
		if got := d.errorOf(d.tokens("grant_type", grantRefresh, "client_id", client, "refresh_token", good[0].Refresh), http.StatusBadRequest); got != "invalid_grant" {
			t.Errorf("error %s", got)
		}
	})
}

// race runs something many times at once and gathers what came well.
func race[T any](times int, run func() (T, bool)) (good []T) {
	var mu sync.Mutex
	var all sync.WaitGroup
	start := make(chan struct{})
	for range times {
		all.Go(func() {
			<-start
			if one, ok := run(); ok {
				mu.Lock()
				defer mu.Unlock()
				good = append(good, one)
			}
		})
	}
	close(start)
	all.Wait()
	return good
}

// TestTokensAreForOneEndpoint is audience confusion, and tokens of one kind for another.
func TestTokensAreForOneEndpoint(t *testing.T) {
	d := lite(t)
	client, all := d.given()
	hub := d.agreed(ask(client, "resource", origin+"/mcp/notes", "scope", ""), ScopeRead, "hub:notes").Get("code")
	notes := into[tokens](t, d.redeemed(client, hub, "resource", origin+"/mcp/notes"))
	if !d.opens(all.Access, mainPath) || !d.opens(notes.Access, "/mcp/notes") {
		t.Fatal("the tokens do not open their own endpoints")
	}
	for name, open := range map[string]bool{
		"main's at the hub":   d.opens(all.Access, "/mcp/notes"),
		"the hub's at main":   d.opens(notes.Access, mainPath),
		"at the gateway":      d.opens(all.Access, "/v1/chat/completions"),
		"a refresh token":     d.opens(all.Refresh, mainPath),
		"a code":              d.opens(hub, mainPath),
		"nothing":             d.opens("", mainPath),
		"a made-up one":       d.opens(newToken(accessPrefix), mainPath),
		"a long one":          d.opens(accessPrefix+strings.Repeat("x", 1<<20), mainPath),
		"one with more in it": d.opens(all.Access+"x", mainPath),
	} {
		if open {
			t.Errorf("%s opens", name)
		}
	}
	if got := d.errorOf(d.tokens("grant_type", grantRefresh, "client_id", client, "refresh_token", all.Refresh, "resource", origin+"/mcp/notes"),
		http.StatusBadRequest); got != "invalid_target" {
		t.Errorf("refreshed for another endpoint: %s", got)
	}
	if got := d.errorOf(d.tokens("grant_type", grantRefresh, "client_id", client, "refresh_token", all.Access), http.StatusBadRequest); got != "invalid_grant" {
		t.Errorf("refreshed with an access token: %s", got)
	}
	if got := d.errorOf(d.tokens("grant_type", grantRefresh, "client_id", client, "refresh_token", all.Refresh, "scope", "operator"), http.StatusBadRequest); got != "invalid_scope" {
		t.Errorf("refreshed for more: %s", got)
	}
}

// TestRefreshTokensAreForThoseWhoUseThem, and for no longer than a grant lasts without use.
func TestRefreshTokensAreForThoseWhoUseThem(t *testing.T) {
	d := lite(t)
	plain := d.enrolled(`{"client_name":"Once","redirect_uris":["` + callback + `"],"token_endpoint_auth_method":"none"}`).ClientID
	if all := into[tokens](t, d.redeemed(plain, d.agreed(ask(plain), ScopeRead).Get("code"))); all.Access == "" || all.Refresh != "" {
		t.Errorf("a client that did not ask for refresh tokens has %q", all.Refresh)
	}
	client, all := d.given()
	d.clock.Pass(time.Duration(Defaults().IdleFor))
	if got := d.errorOf(d.tokens("grant_type", grantRefresh, "client_id", client, "refresh_token", all.Refresh), http.StatusBadRequest); got != "invalid_grant" {
		t.Errorf("a refresh token that is too old: %s", got)
	}
}

// TestFewPagesWait: a flood of questions takes the place of the oldest, and of no more.
func TestFewPagesWait(t *testing.T) {
	d := lite(t)
	first := d.tickets.issue("anna", request{})
	last := ""
	for range mostTickets {
		d.clock.Pass(time.Millisecond)
		last = d.tickets.issue("anna", request{})
	}
	if n := len(d.tickets.open); n != mostTickets {
		t.Errorf("%d pages wait", n)
	}
	if _, ok := d.tickets.take(first, "anna"); ok {
		t.Error("the oldest is still open")
	}
	if _, ok := d.tickets.take(last, "anna"); !ok {
		t.Error("the newest is not open")
	}
}

// TestARefreshTokenIsItsClients alone (RFC 6749, 6): in other hands it gives nothing, and is not spent. A
// client may ask for less than it was given, and no token of that opens more.
func TestARefreshTokenIsItsClients(t *testing.T) {
	d := lite(t)
	client, all := d.given()
	thief := d.enrolled(publicClient).ClientID
	if got := d.errorOf(d.tokens("grant_type", grantRefresh, "client_id", thief, "refresh_token", all.Refresh), http.StatusBadRequest); got != "invalid_grant" {
		t.Errorf("another client: %s", got)
	}
	less := into[tokens](t, d.tokens("grant_type", grantRefresh, "client_id", client, "refresh_token", all.Refresh, "scope", ScopeRead))
	if _, scopes, err := d.Verify(t.Context(), less.Access, mainPath); err != nil || scopes != ScopeRead || less.Scope != ScopeRead {
		t.Errorf("asked for less, given %q, good for %q: %v", less.Scope, scopes, err)
	}
	if _, _, err := d.enter(less.Access, "POST", mainPath, `{"method":"tools/call","params":{"name":"write"}}`); err == nil {
		t.Error("a token for less calls a tool that writes")
	}
	whole := into[tokens](t, d.tokens("grant_type", grantRefresh, "client_id", client, "refresh_token", less.Refresh))
	if whole.Scope != all.Scope {
		t.Errorf("asked for all again, given %q", whole.Scope)
	}
}

func TestAudiences(t *testing.T) {
	d := lite(t)
	for resource, want := range map[string]string{
		origin + "/api/mcp": mainPath, "HTTP://127.0.0.1:8443/api/mcp": mainPath, origin + "/api/mcp/": mainPath,
		"http://localhost:8443/api/mcp": mainPath, api + "/api/mcp": mainPath, "http://localhost:8444/mcp/notes": "/mcp/notes",
		"https://127.0.0.1:8443/api/mcp": "", "http://127.0.0.1:8443/api/mcp?x=1": "", "http://127.0.0.1:8443/API/mcp": "", "http://127.0.0.1:8443/api/%6dcp": "",
		"http://127.0.0.1:8443@evil.example/api/mcp": "", "http://127.0.0.1:8443.evil.example/api/mcp": "", "/api/mcp": "", "": "", "http://127.0.0.1/api/mcp": "",
		origin + "/mcp/notes/x": "", origin + "/mcp/": "", origin + "/api/../api/mcp": "",
	} {
		if got, ok := d.audience(resource); ok != (want != "") || ok && got != want {
			t.Errorf("%q is %q %v, want %q", resource, got, ok, want)
		}
	}
}

// TestClocksThatJump: forward ends what is short-lived; backward does not make it live longer.
func TestClocksThatJump(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		client, all := d.given()
		d.clock.Pass(time.Hour)
		if d.opens(all.Access, mainPath) {
			t.Error("an old access token opens")
		}
		d.clock.Pass(-time.Hour - skew - time.Second)
		if d.opens(all.Access, mainPath) {
			t.Error("the clock went back, and a token from what is to come opens")
		}
		again := d.tokens("grant_type", grantRefresh, "client_id", client, "refresh_token", all.Refresh)
		if again.Code != http.StatusOK || !d.opens(into[tokens](t, again).Access, mainPath) {
			t.Errorf("the clock went back, and the client cannot go on: %d %s", again.Code, again.Body)
		}
		code := d.agreed(ask(client), ScopeRead).Get("code")
		d.clock.Pass(codeFor)
		if got := d.errorOf(d.redeemed(client, code), http.StatusBadRequest); got != "invalid_grant" {
			t.Errorf("an old code: %s", got)
		}
		code = d.agreed(ask(client), ScopeRead).Get("code")
		d.clock.Pass(-time.Hour)
		if got := d.errorOf(d.redeemed(client, code), http.StatusBadRequest); got != "invalid_grant" {
			t.Errorf("a code from what is to come: %s", got)
		}
	})
}

// TestAnAppByASchemeOfItsOwn gets its answer after the person said yes on a page that says what it is,
// and is never opened before that: not even for an error, whatever host stands in its address.
func TestAnAppByASchemeOfItsOwn(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		for _, redirect := range []string{"cursor://anysphere.cursor-mcp/oauth/callback", "com.example.app:/cb", "com.example.app://localhost/cb"} {
			scheme, _, _ := strings.Cut(redirect, ":")
			client := d.enrolled(`{"client_name":"Cursor","redirect_uris":["` + redirect + `"],"token_endpoint_auth_method":"none","grant_types":["authorization_code","refresh_token"]}`).ClientID
			target := ask(client, "redirect_uri", redirect)
			if w := d.do("GET", ask(client, "redirect_uri", redirect, "code_challenge", ""), "", "Who", "anna"); w.Header().Get("Location") != "" || w.Code < 400 {
				t.Errorf("%s was opened unasked: %d to %q", redirect, w.Code, w.Header().Get("Location"))
			}
			for _, other := range []string{redirect + "/more", strings.ToUpper(scheme) + redirect[len(scheme):], scheme + "://evil.example/cb", "javascript://x/"} {
				if w := d.do("GET", ask(client, "redirect_uri", other), "", "Who", "anna"); w.Header().Get("Location") != "" || w.Code < 400 {
					t.Errorf("%s was taken for %s: %d", other, redirect, w.Code)
				}
			}
			page := d.do("GET", target, "", "Who", "anna")
			if text := page.Body.String(); !strings.Contains(text, "the app on this computer that opens "+scheme+": links") || !strings.Contains(text, `class="warn"`) {
				t.Errorf("the page does not say that an app is opened:\n%s", text)
			}
			if policy := page.Header().Get("Content-Security-Policy"); !strings.Contains(policy, "form-action 'self' "+scheme+":;") {
				t.Errorf("the policy is %s", policy)
			}
			w := d.post(url.Values{"ticket": {ticketIn(t, page.Body.String())}, "answer": {"allow"}, "scope": {ScopeRead}}, "Who", "anna", "Origin", origin)
			if at := w.Header().Get("Location"); w.Code != http.StatusSeeOther || !strings.HasPrefix(at, redirect+"?") {
				t.Fatalf("%d to %q", w.Code, at)
			}
			w = d.redeemed(client, answerOf(t, w).Get("code"), "redirect_uri", redirect)
			if w.Code != http.StatusOK {
				t.Errorf("%s: %d %s", redirect, w.Code, w.Body)
			}
		}
	})
	d := lite(t)
	for body, status := range map[string]int{
		`{"redirect_uris":["cursor://x/cb"],"application_type":"web"}`:                  http.StatusBadRequest,
		`{"redirect_uris":["cursor://x/cb"],"application_type":"native"}`:               http.StatusCreated,
		`{"redirect_uris":["https://ok.example/cb","intent://x/"]}`:                     http.StatusBadRequest,
		`{"redirect_uris":["https://ok.example/cb"],"application_type":"web"}`:          http.StatusCreated,
		`{"redirect_uris":["cursor://x/cb","http://localhost:8787/cb","https://y.z/"]}`: http.StatusCreated,
	} {
		if w := d.do("POST", registerPath, body, "Content-Type", "application/json"); w.Code != status {
			t.Errorf("%s: %d, want %d: %s", body, w.Code, status, w.Body)
		}
	}
}
