// SPDX-License-Identifier: Apache-2.0

package key

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"holdfast"
	"holdfast/core/home"
	"holdfast/core/keys"
	"holdfast/core/store"
	"holdfast/core/store/storetest"
	"holdfast/core/trash"
	"holdfast/holdfasttest/timing"
)

func tables() []store.Migration {
	return []store.Migration{{Package: "key", FS: Migrations()}, {Package: "trash", FS: trash.Migrations()}}
}

// fixture is the keys of a home with its .env and trash.
type fixture struct {
	*Keys
	env   *keys.Keys
	trash *trash.Trash
	store *store.Store
	clock *timing.Clock
}

func open(t *testing.T, s *store.Store) fixture {
	t.Helper()
	h := home.At(t.TempDir())
	if err := h.Ensure(); err != nil {
		t.Fatal(err)
	}
	f := fixture{env: keys.New(h), trash: trash.New(h, s), store: s, clock: timing.At(time.Unix(1_800_000_000, 0))}
	f.Keys = New(Needs{Store: s, Keys: f.env, Trash: f.trash, Now: f.clock.Now})
	if err := f.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return f
}

// do runs an action as the surfaces do.
func (f fixture) do(t *testing.T, name, input string) (map[string]any, error) {
	t.Helper()
	for _, a := range f.Capability().Actions {
		if a.Name != name {
			continue
		}
		in, err := a.Decode(json.RawMessage(input))
		if err != nil {
			return nil, err
		}
		ctx := holdfast.WithCaller(t.Context(), holdfast.Caller{Kind: holdfast.CallerOperator, Name: "ada", Tier: holdfast.TierOperator})
		if a.Inventory != nil {
			if _, err := a.Inventory(ctx, in); err != nil {
				return nil, err
			}
		}
		out, err := a.Run(ctx, in)
		text, _ := json.Marshal(out)
		var fields map[string]any
		if jsonErr := json.Unmarshal(text, &fields); jsonErr != nil {
			t.Fatal(jsonErr)
		}
		return fields, err
	}
	t.Fatalf("no action %s", name)
	return nil, nil
}

func TestLifeOfAKey(t *testing.T) {
	t.Parallel()
	storetest.Each(t, tables(), func(t *testing.T, s *store.Store) {
		f := open(t, s)
		made, err := f.do(t, "key.create", `{"name":"laptop"}`)
		if err != nil {
			t.Fatal(err)
		}
		token, _ := made["key"].(string)
		if !strings.HasPrefix(token, "sk-") || len(token) < 46 {
			t.Fatalf("made %v", made)
		}
		caller, ok := f.Key(t.Context(), token)
		if want := (holdfast.Caller{Kind: holdfast.CallerAgent, Name: "laptop", Tier: holdfast.TierTenantPeer, Key: "laptop"}); !ok || caller != want {
			t.Fatalf("%+v, %v", caller, ok)
		}
		for _, wrong := range []string{"", "sk-", token[:len(token)-1], token + "x", strings.ToUpper(token), strings.Repeat("x", 1<<20)} {
			if caller, ok := f.Key(t.Context(), wrong); ok || caller.Tier != holdfast.TierPublic {
				t.Errorf("a wrong key is %+v", caller)
			}
		}
		if _, err := f.do(t, "key.create", `{"name":"laptop"}`); err == nil {
			t.Error("two keys have one name")
		}
		f.restsOnlyAsHash(t, token)
		gone, err := f.do(t, "key.revoke", `{"name":"laptop"}`)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := f.Key(t.Context(), token); ok {
			t.Fatal("a revoked key is still known")
		}
		if _, err := f.trash.Restore(t.Context(), gone["trash"].(string)); err != nil {
			t.Fatal(err)
		}
		if caller, ok := f.Key(t.Context(), token); !ok || caller.Name != "laptop" {
			t.Errorf("the key did not come back: %+v", caller)
		}
	})
}

// restsOnlyAsHash looks for the key in everything that is stored of it.
func (f fixture) restsOnlyAsHash(t *testing.T, token string) {
	t.Helper()
	var hash, hint string
	err := f.store.Read(t.Context(), func(ctx context.Context, tx store.Tx) error {
		return tx.QueryRow(ctx, "SELECT hash, hint FROM api_keys").Scan(&hash, &hint)
	})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(hash, token) || strings.Contains(hint, token[3:12]) || len(hash) != 64 {
		t.Errorf("stored: %s %s", hash, hint)
	}
	list, err := f.do(t, "key.list", ``)
	text, _ := json.Marshal(list)
	if err != nil || strings.Contains(string(text), token) || !strings.Contains(string(text), `"name":"laptop"`) || !strings.Contains(string(text), "operator:ada") {
		t.Errorf("listed %s, %v", text, err)
	}
}

func TestKeysOfTheEnvironmentFile(t *testing.T) {
	t.Parallel()
	f := open(t, storetest.Open(t, storetest.Options(t, store.SQLite, tables())))
	secret, ok := f.env.Get(AgentKey)
	if !ok || !strings.HasPrefix(secret.Reveal(), "sk-") {
		t.Fatalf("no %s was made: %v", AgentKey, ok)
	}
	if err := f.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if again, _ := f.env.Get(AgentKey); again.Reveal() != secret.Reveal() {
		t.Error("a second start changed the key")
	}
	if caller, ok := f.Key(t.Context(), secret.Reveal()); !ok || caller.Kind != holdfast.CallerAgent || caller.Tier != holdfast.TierTenantPeer {
		t.Errorf("%+v", caller)
	}
	if _, ok := f.Key(t.Context(), ""); ok {
		t.Error("no token is the unset supervisor token")
	}
	if err := f.env.Set(t.Context(), SupervisorToken, holdfast.NewSecret("a-supervisor-token")); err != nil {
		t.Fatal(err)
	}
	if caller, ok := f.Key(t.Context(), "a-supervisor-token"); !ok || caller.Kind != holdfast.CallerOperator || caller.Tier != holdfast.TierOperator {
		t.Errorf("%+v", caller)
	}
	if err := f.env.Set(t.Context(), AgentKey, holdfast.NewSecret("sk-another")); err != nil {
		t.Fatal(err)
	}
	if _, ok := f.Key(t.Context(), secret.Reveal()); ok {
		t.Error("a key that was replaced is still known")
	}
	for _, name := range []string{AgentKey, SupervisorToken, "nobody"} {
		if _, err := f.do(t, "key.revoke", `{"name":"`+name+`"}`); err == nil {
			t.Errorf("%s was revoked", name)
		}
	}
	text, _ := json.Marshal(must(f.do(t, "key.list", ``)))
	if strings.Contains(string(text), "sk-another") || strings.Contains(string(text), "a-supervisor-token") {
		t.Errorf("listed %s", text)
	}
}

func must(fields map[string]any, err error) map[string]any {
	if err != nil {
		return map[string]any{"error": err.Error()}
	}
	return fields
}

func TestNames(t *testing.T) {
	t.Parallel()
	f := open(t, storetest.Open(t, storetest.Options(t, store.SQLite, tables())))
	for _, name := range []string{"", " ", "a b", "ä", "a/b", "'; DROP TABLE api_keys; --", strings.Repeat("x", 65)} {
		input, _ := json.Marshal(map[string]string{"name": name})
		_, err := f.do(t, "key.create", string(input))
		if wrong, ok := errors.AsType[*holdfast.Error](err); !ok || wrong.Code != holdfast.CodeBadInput {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestDeclarations(t *testing.T) {
	t.Parallel()
	for _, a := range New(Needs{}).Capability().Actions {
		switch a.Name {
		case "key.create":
			if !a.Reveals {
				t.Error("making a key is not journaled as a revealed secret")
			}
		case "key.revoke":
			if a.Effect != holdfast.EffectDestroy || a.Categories[0].Returns != holdfast.ReturnsFromTrash {
				t.Errorf("%+v", a.Categories)
			}
		}
		if a.Tier < holdfast.TierOperator {
			t.Errorf("%s needs only %s", a.Name, a.Tier)
		}
	}
}
