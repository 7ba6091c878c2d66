// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"net/http"
	"testing"

	"holdfast"
)

// TestAHubThatIsGoneTakesItsAccessWithIt: tokens, and codes that nobody redeemed yet, open no other hub
// of its name; what was given elsewhere stays.
func TestAHubThatIsGoneTakesItsAccessWithIt(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		client, all := d.given()
		notes := origin + "/mcp/notes"
		code := func() string {
			return d.agreed(ask(client, "resource", notes, "scope", ""), ScopeRead, "hub:notes").Get("code")
		}
		given := into[tokens](t, d.redeemed(client, code(), "resource", notes))
		pending := code()
		r, leave, err := d.enter(given.Access, "POST", "/mcp/notes", `{"method":"tools/list"}`)
		if err != nil {
			t.Fatal(err)
		}
		defer leave()
		for range 2 {
			if err := d.EndHub(t.Context(), "notes"); err != nil {
				t.Fatal(err)
			}
		}
		<-r.Context().Done()
		if d.opens(given.Access, "/mcp/notes") || !d.opens(all.Access, mainPath) {
			t.Error("the wrong access ended")
		}
		for what, w := range map[string]int{
			"a refresh token": d.tokens("grant_type", grantRefresh, "client_id", client, "refresh_token", given.Refresh).Code,
			"a code":          d.redeemed(client, pending, "resource", notes).Code,
		} {
			if w == http.StatusOK {
				t.Errorf("%s of before opens the hub", what)
			}
		}
		if !d.journaled("grant.revoke", holdfast.OutcomeDone, reasonHub) {
			t.Error("it is not in the journal")
		}
		again := into[tokens](t, d.redeemed(client, code(), "resource", notes))
		if !d.opens(again.Access, "/mcp/notes") {
			t.Error("access given anew opens nothing")
		}
	})
}
