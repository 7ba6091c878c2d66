// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// ticked are the scopes that a page shows, and those of them that are ticked beforehand.
func ticked(page string) (shown, checked []string) {
	_, page, _ = strings.Cut(page, `name="scope" value="`)
	for piece := range strings.SplitSeq(page, `name="scope" value="`) {
		name, rest, _ := strings.Cut(piece, `"`)
		shown = append(shown, name)
		if strings.HasPrefix(rest, " checked>") {
			checked = append(checked, name)
		}
	}
	return shown, checked
}

// TestAScopeAloneOpensItsEndpoint: what says only where, or with which standing, comes with leave to look,
// which the person sees and can take out.
func TestAScopeAloneOpensItsEndpoint(t *testing.T) {
	for _, c := range []struct{ path, asked, shown, checked string }{
		{"/mcp/notes", "hub:notes", "tools:read hub:notes", "tools:read hub:notes"},
		{"/mcp/notes", "operator", "tools:read hub:notes operator", "tools:read hub:notes"},
		{"/mcp/notes", "operator hub:notes", "tools:read operator hub:notes", "tools:read hub:notes"},
		{"/mcp/notes", "tools:read hub:notes", "tools:read hub:notes", "tools:read hub:notes"},
		{"/mcp/notes", "tools:call", "tools:call", "tools:call"},
		{mainPath, "operator", "tools:read operator", "tools:read"},
		{mainPath, "operator tools:call", "operator tools:call", "tools:call"},
	} {
		t.Run(c.path+" "+c.asked, func(t *testing.T) {
			d := lite(t)
			client := d.enrolled(publicClient).ClientID
			target := ask(client, "resource", origin+c.path, "scope", c.asked)
			shown, checked := ticked(d.do("GET", target, "", "Who", "anna").Body.String())
			if strings.Join(shown, " ") != c.shown || strings.Join(checked, " ") != c.checked {
				t.Errorf("the page shows %q with %q ticked, want %q with %q", shown, checked, c.shown, c.checked)
			}
			given := into[tokens](t, d.redeemed(client, d.agreed(target, checked...).Get("code"), "resource", origin+c.path))
			if given.Scope != c.checked || !d.opens(given.Access, c.path) {
				t.Errorf("the person left %q and the client has %q", c.checked, given.Scope)
			}
			if c.asked == "tools:call" {
				return // it did not ask for the hub, and learns there that it must
			}
			if _, leave, err := d.enter(given.Access, "POST", c.path, `{"method":"tools/list"}`); err != nil {
				t.Errorf("what was given opens nothing: %v", err)
			} else {
				leave()
			}
		})
	}
}

// TestARefreshForAScopeAlone gives what asking for it gave, and never what the person took out.
func TestARefreshForAScopeAlone(t *testing.T) {
	d := lite(t)
	client := d.enrolled(publicClient).ClientID
	notes := origin + "/mcp/notes"
	refreshed := func(given tokens, scope string) *httptest.ResponseRecorder {
		return d.tokens("grant_type", grantRefresh, "client_id", client, "refresh_token", given.Refresh, "scope", scope)
	}
	given := func(scopes ...string) tokens {
		code := d.agreed(ask(client, "resource", notes, "scope", "tools:read hub:notes operator"), scopes...).Get("code")
		return into[tokens](t, d.redeemed(client, code, "resource", notes))
	}
	again := into[tokens](t, refreshed(given(ScopeRead, "hub:notes", ScopeOperator), "hub:notes"))
	if _, leave, err := d.enter(again.Access, "POST", "/mcp/notes", `{"method":"tools/list"}`); err != nil || again.Scope != "tools:read hub:notes" {
		t.Errorf("refreshed for %q, which opens: %v", again.Scope, err)
	} else {
		leave()
	}
	if w := refreshed(given(ScopeRead, ScopeOperator), ScopeOperator); w.Code != http.StatusBadRequest {
		t.Errorf("refreshed for the hub that the person took out: %d", w.Code)
	}
}
