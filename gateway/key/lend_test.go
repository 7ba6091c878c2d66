// SPDX-License-Identifier: Apache-2.0

package key

import (
	"slices"
	"testing"

	"holdfast"
	"holdfast/core/store"
	"holdfast/core/store/storetest"
)

// TestLend: a token of .env opens as its agent until it is taken back, and never takes another's name.
func TestLend(t *testing.T) {
	storetest.Each(t, tables(), func(t *testing.T, s *store.Store) {
		f := open(t, s)
		token, _, err := f.env.Generate(t.Context(), "AGENT_COMPANION_KEY", "sk-")
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := f.Lend(t.Context(), "companion", []string{"chat"}, token); err != nil {
				t.Fatal(err)
			}
		}
		caller, known := f.Key(t.Context(), token.Reveal())
		if !known || caller.Name != "companion" || caller.Key != "companion" || caller.Tier != holdfast.TierTenantPeer || caller.Kind != holdfast.CallerAgent {
			t.Errorf("got %+v, %v", caller, known)
		}
		if listed, err := f.do(t, "key.show", `{"name":"companion"}`); err != nil || !slices.Equal(listed["models"].([]any), []any{"chat"}) {
			t.Errorf("got %v, %v", listed, err)
		}
		if err := f.Lend(t.Context(), "companion", nil, holdfast.NewSecret("sk-another-one")); err == nil {
			t.Error("two tokens share a name")
		}
		if err := f.Lend(t.Context(), AgentKey, nil, holdfast.NewSecret("sk-another-one")); err == nil {
			t.Error("a key of .env was lent")
		}
		if err := f.Withdraw(t.Context(), "companion", holdfast.NewSecret("sk-another-one")); err != nil {
			t.Fatal(err)
		}
		if there, err := f.Has(t.Context(), "companion"); err != nil || !there {
			t.Errorf("another token took it away: %v", err)
		}
		if err := f.Withdraw(t.Context(), "companion", token); err != nil {
			t.Fatal(err)
		}
		if _, known := f.Key(t.Context(), token.Reveal()); known {
			t.Error("what was taken back opens")
		}
	})
}
