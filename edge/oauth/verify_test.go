// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"holdfast"
	"holdfast/core/store"
)

// entered brings a request with a token in, which must be admitted.
func (d *desk) entered(token, method, body string) (*http.Request, func()) {
	d.t.Helper()
	r, leave, err := d.enter(token, method, mainPath, body)
	if err != nil {
		d.t.Fatal(err)
	}
	return r, leave
}

func (d *desk) enter(token, method, path, body string) (*http.Request, func(), error) {
	d.t.Helper()
	r := httptest.NewRequestWithContext(d.t.Context(), method, path, strings.NewReader(body))
	return d.Enter(httptest.NewRecorder(), r, token)
}

func TestTheCallerOfAToken(t *testing.T) {
	d := lite(t)
	_, all := d.given()
	r, leave := d.entered(all.Access, "POST", `{"method":"tools/call","params":{"name":"write"}}`)
	defer leave()
	caller := holdfast.CallerFrom(r.Context())
	if caller.Kind != holdfast.CallerAgent || caller.Tier != holdfast.TierTenantPeer || !strings.HasPrefix(caller.Name, "inspector.") || caller.Human() {
		t.Errorf("%+v", caller)
	}
	if body, err := io.ReadAll(r.Body); err != nil || !strings.Contains(string(body), "tools/call") {
		t.Errorf("the body is gone: %q %v", body, err)
	}
}

// TestAnOperatorsTokenIsNoPerson: the highest that can be given, and only when the person ticks it.
func TestAnOperatorsTokenIsNoPerson(t *testing.T) {
	d := lite(t)
	client := d.enrolled(publicClient).ClientID
	target := ask(client, "scope", "tools:read tools:call operator")
	page := d.do("GET", target, "", "Who", "anna").Body.String()
	if !strings.Contains(page, `value="operator"><span>`) || !strings.Contains(page, `value="tools:call" checked>`) {
		t.Errorf("operator is ticked beforehand, or is not there:\n%s", page)
	}
	plain := into[tokens](t, d.redeemed(client, d.agreed(target, ScopeRead, ScopeCall).Get("code")))
	caller, _, err := d.Verify(t.Context(), plain.Access, mainPath)
	if err != nil || caller.Tier != holdfast.TierTenantPeer {
		t.Errorf("%+v %v", caller, err)
	}
	high := into[tokens](t, d.redeemed(client, d.agreed(target, ScopeRead, ScopeCall, ScopeOperator).Get("code")))
	caller, _, err = d.Verify(t.Context(), high.Access, mainPath)
	if err != nil || caller.Tier != holdfast.TierOperator || caller.Human() {
		t.Errorf("%+v %v", caller, err)
	}
}

// TestScopesSuffice lets a client that may only look call tools that only read, and refuses every
// other message that could be read as a call.
func TestScopesSuffice(t *testing.T) {
	d := lite(t)
	_, all := d.given(ScopeRead)
	for body, ok := range map[string]bool{
		`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`:                             true,
		`{"method":"tools/call","params":{"name":"look"}}`:                           true,
		`[{"method":"tools/call","params":{"name":"look"}},{"method":"tools/list"}]`: true,
		`{"id":1,"result":{}}`: true,
		``:                     true,
		`{"method":"tools/call","params":{"name":"write"}}`:                           false,
		`{"method":"tools/call","params":{"name":"unknown"}}`:                         false,
		`{"method":"tools/call"}`:                                                     false,
		`{"method":"tools/call","params":{}}`:                                         false,
		`[{"method":"tools/list"},{"method":"tools/call","params":{"name":"write"}}]`: false,
		`{"method":"tools/list","method":"tools/call","params":{"name":"write"}}`:     false,
		`{"method":"tools/call","Method":"tools/list","params":{"name":"write"}}`:     false,
		`{"method":"tools/call","params":{"name":"look","name":"write"}}`:             false,
		`{"method":"tools/call","params":{"name":"look"},"Params":{"name":"write"}}`:  false,
		`{"method":"tools\u002fcall","params":{"name":"write"}}`:                      false,
		`{"m\u0065thod":"tools/call","params":{"name":"write"}}`:                      false,
		`{"method":"tools/call","params":{"n\u0061me":"write"}}`:                      false,
		`"text"`: false,
		`{"method":"tools/call","params":{"name":"write"}`:                                                    false,
		`{"method":"tools/list"}{"method":"tools/call","params":{"name":"write"}}`:                            false,
		`{"method":"tools/call","params":{"name":["look"]}}`:                                                  false,
		`{"method":"tools/list","params":{}, "x":1}` + "\n" + `{"method":"tools/call","params":{"name":"w"}}`: false,
	} {
		_, leave, err := d.enter(all.Access, "POST", mainPath, body)
		if (err == nil) != ok {
			t.Errorf("%s: %v", body, err)
		}
		if err == nil {
			leave()
		}
	}
}

// TestWhatIsSeenIsForgotten: a token that was just used ends with its grant all the same, though the
// store was asked about it before.
func TestWhatIsSeenIsForgotten(t *testing.T) {
	d := lite(t)
	_, all := d.given()
	now := d.clock.Now()
	_, _, changes := d.seen.find(hash(all.Access), now)
	one, g, _, err := d.rows.token(t.Context(), hash(all.Access))
	if err != nil {
		t.Fatal(err)
	}
	if !d.opens(all.Access, mainPath) {
		t.Fatal("the token does not open")
	}
	if err := d.end(t.Context(), []string{g.ID}, reasonPerson); err != nil {
		t.Fatal(err)
	}
	d.seen.keep(sight{token: one, grant: g, at: now}, changes) // who asked before comes late
	if d.opens(all.Access, mainPath) {
		t.Error("the grant ended, and the token opens")
	}
	for i := range mostSeen + 10 {
		d.seen.keep(sight{token: token{Hash: hash(fmt.Sprint(i))}, at: now}, changes+1)
	}
	if len(d.seen.tokens) > mostSeen {
		t.Errorf("%d tokens are kept", len(d.seen.tokens))
	}
}

// TestAnotherNodeEndsAGrant: it counts here within seconds, also when the clock goes back.
func TestAnotherNodeEndsAGrant(t *testing.T) {
	for _, jump := range []time.Duration{fresh, -time.Second} {
		d := lite(t)
		_, all := d.given()
		if !d.opens(all.Access, mainPath) {
			t.Fatal("the token does not open")
		}
		err := d.rows.store.Write(t.Context(), func(ctx context.Context, tx store.Tx) error {
			_, err := tx.Exec(ctx, `UPDATE oauth_grants SET ended_ns = 1`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		d.clock.Pass(jump)
		if d.opens(all.Access, mainPath) {
			t.Errorf("%s later the token opens", jump)
		}
	}
}

// TestChallenges says in the words of the specification what is missing and where it is had.
func TestChallenges(t *testing.T) {
	d := lite(t)
	_, all := d.given(ScopeRead)
	client := d.enrolled(publicClient).ClientID
	hub := into[tokens](t, d.redeemed(client, d.agreed(ask(client, "resource", origin+"/mcp/notes", "scope", "tools:read"), ScopeRead).Get("code"), "resource", origin+"/mcp/notes"))
	for _, c := range []struct{ name, token, path, host, body, want string }{
		{
			"nothing", "", mainPath, "127.0.0.1:8443", "",
			`Bearer realm="holdfast", resource_metadata="http://127.0.0.1:8443/.well-known/oauth-protected-resource/api/mcp", scope="tools:read tools:call"`,
		},
		{
			"a key", "sk-x", "/mcp/notes", "localhost:8443", "",
			`Bearer realm="holdfast", resource_metadata="http://localhost:8443/.well-known/oauth-protected-resource/mcp/notes", error="invalid_token", scope="tools:read tools:call hub:notes"`,
		},
		{
			"an old token", "hfa_x", mainPath, "127.0.0.1:8444", "",
			`Bearer realm="holdfast", resource_metadata="http://127.0.0.1:8444/.well-known/oauth-protected-resource/api/mcp", error="invalid_token", scope="tools:read tools:call"`,
		},
		{
			"too little", all.Access, mainPath, "evil.example", `{"method":"tools/call","params":{"name":"write"}}`,
			`Bearer realm="holdfast", resource_metadata="http://127.0.0.1:8443/.well-known/oauth-protected-resource/api/mcp", error="insufficient_scope", error_description="this needs the scope tools:call", scope="tools:call"`,
		},
		{
			"no hub", hub.Access, "/mcp/notes", "127.0.0.1:8443", `{"method":"tools/call","params":{"name":"write"}}`,
			`Bearer realm="holdfast", resource_metadata="http://127.0.0.1:8443/.well-known/oauth-protected-resource/mcp/notes", error="insufficient_scope", error_description="this needs the scope tools:call hub:notes", scope="tools:call hub:notes"`,
		},
		{"no endpoint", "", "/mcp/unknown", "127.0.0.1:8443", "", ""},
	} {
		var err error = holdfast.Errorf(holdfast.CodeUnknown, "who are you?")
		if d.Mine(c.token) {
			_, _, err = d.enter(c.token, "POST", c.path, c.body)
		}
		r := httptest.NewRequestWithContext(t.Context(), "POST", c.path, http.NoBody)
		r.Host = c.host
		if got := d.Challenge(r, c.token, err); got != c.want {
			t.Errorf("%s (%v):\n got %s\nwant %s", c.name, err, got, c.want)
		}
	}
	r := httptest.NewRequestWithContext(t.Context(), "POST", mainPath, http.NoBody)
	if got := d.Challenge(r, "x", &holdfast.Refusal{Guard: "tier"}); got != "" {
		t.Errorf("a refusal that no scope would lift: %s", got)
	}
}

func TestMetadata(t *testing.T) {
	d := lite(t)
	w := d.do("GET", serverWellKnown, "")
	m := into[serverDocument](t, w)
	if m.Issuer != origin || m.Authorize != origin+authorizePath || m.Token != origin+tokenPath ||
		m.Register != origin+registerPath || m.Revoke != origin+revokePath ||
		m.Challenges[0] != "S256" || len(m.Challenges) != 1 || !m.SaysIssuer || !m.ClientDocuments || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%+v", m)
	}
	for path, want := range map[string]string{
		"": origin + mainPath, "/api/mcp": origin + mainPath, "/mcp/notes": origin + "/mcp/notes", "/mcp/other": "", "/v1": "",
	} {
		w := d.do("GET", resourceWellKnown+path, "")
		if want == "" {
			if w.Code != http.StatusNotFound {
				t.Errorf("%s: %d", path, w.Code)
			}
			continue
		}
		m := into[resourceDocument](t, w)
		if m.Resource != want || len(m.Servers) != 1 || m.Servers[0] != origin || m.Methods[0] != "header" {
			t.Errorf("%s: %+v", path, m)
		}
	}
	for host, want := range map[string]string{"localhost:8443": "http://localhost:8443", "127.0.0.1:8444": api, "evil.example": origin, "127.0.0.1:9": origin} {
		if m := into[resourceDocument](t, d.do("GET", resourceWellKnown+mainPath, "", "Host", host)); m.Resource != want+mainPath || m.Servers[0] != origin {
			t.Errorf("%s: %+v", host, m)
		}
	}
}

// TestOpenStreamsEndWithTheirGrant also when nobody said so here: when it was not used for long, or
// another node ended it. Until then they outlast the token that opened them, which is good for an hour.
func TestOpenStreamsEndWithTheirGrant(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		stream := func() (context.Context, string) {
			_, all := d.given()
			r, leave := d.entered(all.Access, "GET", "")
			t.Cleanup(leave)
			_, g, _, err := d.rows.token(t.Context(), hash(all.Access))
			if err != nil {
				t.Fatal(err)
			}
			return r.Context(), g.ID
		}
		old, _ := stream()
		d.clock.Pass(20 * 24 * time.Hour)
		elsewhere, id := stream()
		living, _ := stream()
		d.broom().tidy(t.Context())
		if old.Err() != nil || elsewhere.Err() != nil {
			t.Fatal("a stream ended before its grant")
		}
		d.clock.Pass(10 * 24 * time.Hour)
		err := d.rows.store.Write(t.Context(), func(ctx context.Context, tx store.Tx) error {
			_, err := tx.Exec(ctx, `UPDATE oauth_grants SET ended_ns = 1 WHERE id = ?`, id)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		d.broom().tidy(t.Context())
		if old.Err() == nil || elsewhere.Err() == nil {
			t.Errorf("streams outlive their grants: by age %v, elsewhere %v", old.Err(), elsewhere.Err())
		}
		if living.Err() != nil {
			t.Error("the wrong stream ended")
		}
	})
}

// TestOpenStreamsEndWithATokenTakenBack, and no other of the grant: at once where it is taken back, and
// at another node when it looks.
func TestOpenStreamsEndWithATokenTakenBack(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		client, all := d.given()
		more := into[tokens](t, d.tokens("grant_type", grantRefresh, "client_id", client, "refresh_token", all.Refresh))
		open := func(access string) (context.Context, token) {
			r, leave := d.entered(access, "GET", "")
			t.Cleanup(leave)
			one, _, _, err := d.rows.token(t.Context(), hash(access))
			if err != nil {
				t.Fatal(err)
			}
			return r.Context(), one
		}
		first, one := open(all.Access)
		second, _ := open(more.Access)
		if w := d.do("POST", revokePath, "client_id="+client+"&token="+all.Access, "Content-Type", "application/x-www-form-urlencoded"); w.Code != http.StatusOK {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		if first.Err() == nil || second.Err() != nil {
			t.Errorf("of the token taken back: %v, of the other: %v", first.Err(), second.Err())
		}
		if late, leave := d.streams.enter(t.Context(), one); late.Err() == nil {
			t.Error("a request that was judged just before outlives its token")
		} else {
			leave()
		}
		d.broom().tidy(t.Context())
		if second.Err() != nil {
			t.Error("a stream ended with another's token")
		}
		err := d.rows.store.Write(t.Context(), func(ctx context.Context, tx store.Tx) error {
			_, err := tx.Exec(ctx, `DELETE FROM oauth_tokens WHERE hash = ?`, hash(more.Access))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		d.broom().tidy(t.Context())
		if second.Err() == nil {
			t.Error("a token taken back at another node keeps its stream")
		}
		d.clock.Pass(2 * time.Hour)
		d.broom().tidy(t.Context())
		if len(d.streams.gone) != 0 {
			t.Errorf("tokens that are too old anyway are remembered: %v", d.streams.gone)
		}
	})
}
