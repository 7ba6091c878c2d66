// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"context"
	"encoding/json"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast"
	"holdfast/core/journal/journaltest"
	"holdfast/core/store"
	"holdfast/core/store/storetest"
	"holdfast/edge/auth"
	"holdfast/holdfasttest/timing"
)

const (
	origin   = "http://127.0.0.1:8443"
	api      = "http://127.0.0.1:8444"
	callback = "http://127.0.0.1:3000/callback"
	verifier = "abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJKLMNOPQRSTUVWXYZ.0123456789"
)

// people stand for the logins: who is at the browser is the header Who.
type people struct{}

func (people) Origin() string { return origin }

func (people) Visitor(r *http.Request) (auth.Session, error) {
	if from := r.Header.Get("Origin"); from != "" && from != origin {
		return auth.Session{}, &holdfast.Refusal{Guard: "origin", Reason: "a page of another origin asks with this session"}
	}
	if who := r.Header.Get("Who"); who != "" {
		return auth.Session{ID: who, User: "operator"}, nil
	}
	return auth.Session{}, nil
}

type keyring map[string]string

func (k keyring) Get(name string) (holdfast.Secret, bool) {
	value, ok := k[name]
	return holdfast.NewSecret(value), ok
}

// a desk is an authorization server with its hands on the table.
type desk struct {
	*Server
	t       testing.TB
	book    *journaltest.Journal
	clock   *timing.Clock
	keys    keyring
	handler http.Handler
}

func newDesk(t testing.TB, s *store.Store, change ...func(*Needs)) *desk {
	t.Helper()
	d := &desk{t: t, book: &journaltest.Journal{}, clock: timing.At(time.Date(2031, 5, 4, 3, 2, 1, 0, time.UTC)), keys: keyring{}}
	needs := Needs{
		Store: s, Logins: people{}, Journal: d.book, Keys: d.keys, Now: d.clock.Now,
		Hubs: func() []string { return []string{"notes"} }, API: func() string { return api },
		Tools: func(context.Context, holdfast.Caller, string) []Tool {
			return []Tool{{Name: "look", ReadOnly: true}, {Name: "write"}}
		},
	}
	for _, c := range change {
		c(&needs)
	}
	d.Server = New(needs)
	mux := http.NewServeMux()
	for _, r := range d.routes() {
		mux.Handle(r.Pattern, r.Handler)
	}
	d.handler = mux
	return d
}

// journaled tells whether an action was journaled about something.
func (d *desk) journaled(action string, outcome holdfast.Outcome, about string) bool {
	return slices.ContainsFunc(d.book.Of(action), func(e holdfast.Entry) bool {
		return e.Outcome == outcome && strings.Contains(e.Subject+string(e.Detail), about)
	})
}

func tables(t testing.TB) []store.Migration {
	t.Helper()
	sub, err := fs.Sub(migrations, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	return []store.Migration{{Package: "oauth", FS: sub}}
}

// each runs a test on both databases.
func each(t *testing.T, test func(t *testing.T, d *desk)) {
	t.Helper()
	storetest.Each(t, tables(t), func(t *testing.T, s *store.Store) { test(t, newDesk(t, s)) })
}

func lite(t *testing.T, change ...func(*Needs)) *desk {
	t.Helper()
	return newDesk(t, storetest.SQLite(t, tables(t)), change...)
}

func (d *desk) do(method, target, body string, header ...string) *httptest.ResponseRecorder {
	d.t.Helper()
	r := httptest.NewRequestWithContext(d.t.Context(), method, target, strings.NewReader(body))
	r.Host = "127.0.0.1:8443"
	r.Header.Set("X-Forwarded-For", "127.0.0.1")
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
			continue
		}
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	d.handler.ServeHTTP(w, r)
	return w
}

// into reads a JSON answer.
func into[T any](t testing.TB, w *httptest.ResponseRecorder) (v T) {
	t.Helper()
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
		t.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	return v
}

const publicClient = `{"client_name":"Inspector","redirect_uris":["` + callback + `"],"token_endpoint_auth_method":"none","grant_types":["authorization_code","refresh_token"]}`

// enrolled registers a client.
func (d *desk) enrolled(body string) metadata {
	d.t.Helper()
	w := d.do("POST", registerPath, body, "Content-Type", "application/json")
	if w.Code != http.StatusCreated {
		d.t.Fatalf("%d %s", w.Code, w.Body)
	}
	return into[metadata](d.t, w)
}

// ask is a good request for access, with changes: a name and a value each, "" takes the name out.
func ask(client string, change ...string) string {
	q := url.Values{
		"response_type": {"code"}, "client_id": {client}, "redirect_uri": {callback}, "state": {"xyz"}, "scope": {"tools:read tools:call"},
		"code_challenge": {challengeOf(verifier)}, "code_challenge_method": {"S256"}, "resource": {origin + mainPath},
	}
	for i := 0; i < len(change); i += 2 {
		q.Set(change[i], change[i+1])
		if change[i+1] == "" {
			q.Del(change[i])
		}
	}
	return authorizePath + "?" + q.Encode()
}

// ticketIn is the ticket of a page that asks.
func ticketIn(t testing.TB, page string) string {
	t.Helper()
	_, rest, ok := strings.Cut(page, `name="ticket" value="`)
	name, _, ok2 := strings.Cut(rest, `"`)
	if !ok || !ok2 {
		t.Fatalf("this is no page that asks:\n%s", page)
	}
	return name
}

// consent asks, says yes to the scopes, and gives the parameters of the answer.
func (d *desk) agreed(target string, scopes ...string) url.Values {
	d.t.Helper()
	page := d.do("GET", target, "", "Who", "anna")
	form := url.Values{"ticket": {ticketIn(d.t, page.Body.String())}, "answer": {"allow"}, "scope": scopes}
	w := d.post(form, "Who", "anna", "Origin", origin)
	if w.Code != http.StatusSeeOther {
		d.t.Fatalf("%d %s", w.Code, w.Body)
	}
	return answerOf(d.t, w)
}

func (d *desk) post(form url.Values, header ...string) *httptest.ResponseRecorder {
	d.t.Helper()
	return d.do("POST", authorizePath, form.Encode(), append(header, "Content-Type", "application/x-www-form-urlencoded")...)
}

func answerOf(t testing.TB, w *httptest.ResponseRecorder) url.Values {
	t.Helper()
	u, err := url.Parse(w.Header().Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	return u.Query()
}

// tokens asks the token endpoint.
func (d *desk) tokens(change ...string) *httptest.ResponseRecorder {
	d.t.Helper()
	form := url.Values{}
	for i := 0; i < len(change); i += 2 {
		form.Set(change[i], change[i+1])
	}
	return d.do("POST", tokenPath, form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
}

// redeemed redeems a code as its client does.
func (d *desk) redeemed(client, code string, more ...string) *httptest.ResponseRecorder {
	d.t.Helper()
	return d.tokens(append([]string{
		"grant_type", grantCode, "client_id", client, "code", code, "code_verifier", verifier, "redirect_uri", callback, "resource", origin + mainPath,
	}, more...)...)
}

// given is a client with access.
func (d *desk) given(scopes ...string) (client string, all tokens) {
	d.t.Helper()
	if len(scopes) == 0 {
		scopes = []string{ScopeRead, ScopeCall}
	}
	client = d.enrolled(publicClient).ClientID
	w := d.redeemed(client, d.agreed(ask(client, "scope", strings.Join(scopes, " ")), scopes...).Get("code"))
	if w.Code != http.StatusOK {
		d.t.Fatalf("%d %s", w.Code, w.Body)
	}
	return client, into[tokens](d.t, w)
}

// opens tells whether a token opens an endpoint.
func (d *desk) opens(access, path string) bool {
	_, _, err := d.Verify(d.t.Context(), access, path)
	return err == nil
}

func (d *desk) errorOf(w *httptest.ResponseRecorder, status int) string {
	d.t.Helper()
	if w.Code != status {
		d.t.Fatalf("status %d, want %d: %s", w.Code, status, w.Body)
	}
	if w.Header().Get("Cache-Control") != "no-store" {
		d.t.Error("an answer of the token endpoint may be cached")
	}
	return into[map[string]string](d.t, w)["error"]
}

func TestTheWholeWay(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		client := d.enrolled(publicClient).ClientID
		answer := d.agreed(ask(client), ScopeRead, ScopeCall)
		if answer.Get("iss") != origin || answer.Get("state") != "xyz" || answer.Get("error") != "" {
			t.Fatalf("answer %v", answer)
		}
		w := d.redeemed(client, answer.Get("code"))
		first := into[tokens](t, w)
		if w.Code != http.StatusOK || first.Type != "Bearer" || first.Expires != 3600 || first.Scope != "tools:read tools:call" || first.Refresh == "" {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		if w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("Pragma") != "no-cache" {
			t.Error("tokens may be cached")
		}
		caller, scopes, err := d.Verify(t.Context(), first.Access, mainPath)
		if err != nil || caller.Kind != holdfast.CallerAgent || caller.Tier != holdfast.TierTenantPeer || scopes != first.Scope {
			t.Fatalf("%+v %q %v", caller, scopes, err)
		}
		second := into[tokens](t, d.tokens("grant_type", grantRefresh, "client_id", client, "refresh_token", first.Refresh))
		if second.Refresh == first.Refresh || !d.opens(second.Access, mainPath) {
			t.Errorf("refreshed: %+v", second)
		}
		if !d.journaled("grant.create", holdfast.OutcomeDone, client) {
			t.Error("the access given is not in the journal")
		}
	})
}

func TestTokensAreHashedAtRest(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		client := d.enrolled(`{"client_name":"C","redirect_uris":["` + callback + `"],"grant_types":["authorization_code","refresh_token"]}`)
		code := d.agreed(ask(client.ClientID), ScopeRead).Get("code")
		all := into[tokens](t, d.redeemed(client.ClientID, code, "client_secret", client.Secret))
		for _, table := range []string{"oauth_clients", "oauth_codes", "oauth_grants", "oauth_tokens"} {
			text := d.dump(table)
			for _, secret := range []string{code, all.Access, all.Refresh, client.Secret} {
				if secret == "" || strings.Contains(text, secret) {
					t.Errorf("%s has %q in it, or there is none", table, secret)
				}
			}
		}
	})
}

// dump is all that a table has.
func (d *desk) dump(table string) string {
	d.t.Helper()
	var b strings.Builder
	err := d.rows.store.Read(d.t.Context(), func(ctx context.Context, tx store.Tx) error {
		found, err := tx.Query(ctx, "SELECT * FROM "+table)
		if err != nil {
			return err
		}
		defer func() { _ = found.Close() }()
		names, err := found.Columns()
		if err != nil {
			return err
		}
		for found.Next() {
			cells := make([]any, len(names))
			for i := range cells {
				cells[i] = new(any)
			}
			if err := found.Scan(cells...); err != nil {
				return err
			}
			for _, cell := range cells {
				text, err := json.Marshal(*cell.(*any))
				if err != nil {
					return err
				}
				b.Write(text)
			}
		}
		return found.Err()
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return b.String()
}

func (d *desk) office() office { return office{d.Server} }

func (d *desk) broom() broom { return broom{d.Server} }
