// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"holdfast"
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

// TestNothingLeftIsANo, which the client hears of instead of waiting: nothing ticked, or nothing that opens
// anything by itself.
func TestNothingLeftIsANo(t *testing.T) {
	d := lite(t)
	client := d.enrolled(publicClient).ClientID
	for _, left := range [][]string{nil, {"hub:notes"}, {ScopeOperator, "hub:notes"}, {ScopeCall}, {"made up"}} {
		page := d.do("GET", ask(client, "resource", origin+"/mcp/notes", "scope", "operator hub:notes"), "", "Who", "anna")
		w := d.post(url.Values{"ticket": {ticketIn(t, page.Body.String())}, "answer": {"allow"}, "scope": left}, "Who", "anna", "Origin", origin)
		got := answerOf(t, w)
		if w.Code != http.StatusSeeOther || got.Get("error") != "access_denied" || got.Get("iss") != origin || got.Get("state") != "xyz" || got.Has("code") {
			t.Errorf("%q left: %d %v", left, w.Code, got)
		}
	}
	if d.dump("oauth_codes") != "" {
		t.Error("there is a code")
	}
	if n := len(d.book.Of("grant.create")); n != 5 || !d.journaled("grant.create", holdfast.OutcomeRefused, client) {
		t.Errorf("%d answers are in the journal, or not as a no", n)
	}
}

// TestAnAnswerSaysWhereItComesFrom: only the page's own form is taken, and what else comes with its ticket
// leaves it open.
func TestAnAnswerSaysWhereItComesFrom(t *testing.T) {
	d := lite(t)
	client := d.enrolled(publicClient).ClientID
	for _, answer := range []string{"allow", "deny"} {
		page := d.do("GET", ask(client), "", "Who", "anna")
		form := url.Values{"ticket": {ticketIn(t, page.Body.String())}, "answer": {answer}, "scope": {ScopeRead}}
		for name, header := range map[string][]string{
			"no origin":            nil,
			"no origin but a site": {"Sec-Fetch-Site", "same-origin"},
			"an opaque origin":     {"Origin", "null"},
			"another site":         {"Origin", origin, "Sec-Fetch-Site", "cross-site"},
			"another port":         {"Origin", origin, "Sec-Fetch-Site", "same-site"},
			"no page":              {"Origin", origin, "Sec-Fetch-Site", "none"},
		} {
			if w := d.post(form, append(header, "Who", "anna")...); w.Code != http.StatusForbidden || w.Header().Get("Location") != "" {
				t.Errorf("%s: %d to %q", name, w.Code, w.Header().Get("Location"))
			}
		}
		if w := d.post(form, "Who", "anna", "Origin", origin, "Sec-Fetch-Site", "same-origin"); w.Code != http.StatusSeeOther {
			t.Errorf("the page's own form: %d", w.Code)
		}
	}
}
