// SPDX-License-Identifier: Apache-2.0

package key

import (
	"errors"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"holdfast"
	"holdfast/core/store"
	"holdfast/core/store/storetest"
)

// make makes a key and returns it.
func (f fixture) make(t *testing.T, input string) string {
	t.Helper()
	made, err := f.do(t, "key.create", input)
	if err != nil {
		t.Fatal(err)
	}
	return made["key"].(string)
}

func (f fixture) bearer(t *testing.T, token string) holdfast.Caller {
	t.Helper()
	caller, ok := f.Key(t.Context(), token)
	if !ok {
		t.Fatal("the key is not known")
	}
	return caller
}

func (f fixture) mustDo(t *testing.T, name, input string) map[string]any {
	t.Helper()
	out, err := f.do(t, name, input)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return out
}

func TestAKeyIsItsOwners(t *testing.T) {
	t.Parallel()
	f := open(t, storetest.SQLite(t, tables()))
	for owner, want := range map[string]holdfast.Caller{
		``:                            {Kind: holdfast.CallerAgent, Name: "k"},
		`,"owner":"client:cli"`:       {Kind: holdfast.CallerAgent, Name: "cli"},
		`,"owner":"agent:companion"`:  {Kind: holdfast.CallerAgent, Name: "companion"},
		`,"owner":"extension:notes"`:  {Kind: holdfast.CallerAgent, Name: "notes"},
		`,"owner":"tenant:acme"`:      {Kind: holdfast.CallerTenant, Name: "acme", Tenant: "acme"},
		`,"tenant":"acme"`:            {Kind: holdfast.CallerAgent, Name: "k", Tenant: "acme"},
		`,"expires":"30d","rpm":1000`: {Kind: holdfast.CallerAgent, Name: "k"},
	} {
		token := f.make(t, `{"name":"k"`+owner+`}`)
		want.Key, want.Tier = "k", holdfast.TierTenantPeer
		if got := f.bearer(t, token); got != want {
			t.Errorf("%s: %+v", owner, got)
		}
		f.mustDo(t, "key.revoke", `{"name":"k"}`)
	}
	for _, wrong := range []string{
		`"owner":"robot:x"`, `"owner":"agent"`, `"owner":"agent:"`, `"owner":"tenant:a","tenant":"b"`, `"tenant":"a b"`, `"models":["a b"]`,
		`"models":["a*b"]`, `"models":[""]`, `"expires":"soon"`, `"expires":"2020-01-01T00:00:00Z"`, `"rpm":-1`, `"tpm":-1`, `"rpm":1000000000`,
	} {
		_, err := f.do(t, "key.create", `{"name":"k",`+wrong+`}`)
		if bad, ok := errors.AsType[*holdfast.Error](err); !ok || bad.Code != holdfast.CodeBadInput {
			t.Errorf("%s: %v", wrong, err)
		}
	}
	if _, err := f.do(t, "key.create", `{"name":"AGENT_API_KEY"}`); err == nil {
		t.Error("a key has the name of one in .env")
	}
}

func TestModelsOfAKey(t *testing.T) {
	t.Parallel()
	f := open(t, storetest.SQLite(t, tables()))
	caller := f.bearer(t, f.make(t, `{"name":"k","models":["chat","openrouter/*"]}`))
	for model, allowed := range map[string]bool{"chat": true, "openrouter/a/b": true, "chatty": false, "openai/gpt": false, "": false} {
		err := f.Allow(t.Context(), caller, model, 1)
		refusal, refused := errors.AsType[*NotAllowed](err)
		if (err == nil) != allowed || refused == allowed || f.May(t.Context(), caller, model) != allowed {
			t.Errorf("%q: %v", model, err)
		}
		if refused && !strings.Contains(refusal.Error(), "chat, openrouter/*") {
			t.Errorf("%s", refusal)
		}
	}
	f.mustDo(t, "key.update", `{"name":"k","models":["fast"]}`)
	if f.Allow(t.Context(), caller, "chat", 1) == nil || f.Allow(t.Context(), caller, "fast", 1) != nil {
		t.Error("the update is not in force")
	}
	if _, err := f.do(t, "key.update", `{"name":"k","models":[]}`); err == nil || f.Allow(t.Context(), caller, "chat", 1) == nil {
		t.Errorf("a list of no models is taken for all of them: %v", err)
	}
	f.mustDo(t, "key.update", `{"name":"k","models":["*"]}`)
	if err := f.Allow(t.Context(), caller, "chat", 1); err != nil {
		t.Error(err)
	}
	f.mustDo(t, "key.revoke", `{"name":"k"}`)
	if _, gone := errors.AsType[*NotAllowed](f.Allow(t.Context(), caller, "chat", 1)); !gone {
		t.Error("a key that was revoked meanwhile is for something")
	}
	if err := f.Allow(t.Context(), holdfast.Caller{Kind: holdfast.CallerOperator, Name: "ada"}, "chat", 1<<40); err != nil {
		t.Error(err)
	}
}

func TestExpiry(t *testing.T) {
	t.Parallel()
	storetest.Each(t, tables(), func(t *testing.T, s *store.Store) {
		f := open(t, s)
		token := f.make(t, `{"name":"k","expires":"1h"}`)
		caller := f.bearer(t, token)
		f.clock.Pass(time.Hour - 1)
		f.bearer(t, token)
		f.clock.Pass(1)
		if _, ok := f.Key(t.Context(), token); ok {
			t.Error("an expired key opens")
		}
		if _, gone := errors.AsType[*NotAllowed](f.Allow(t.Context(), caller, "chat", 1)); !gone {
			t.Error("an expired key is for something")
		}
		if got := f.mustDo(t, "key.show", `{"name":"k"}`); got["state"] != "expired" {
			t.Errorf("%v", got)
		}
		f.mustDo(t, "key.update", `{"name":"k","expires":"never"}`)
		f.bearer(t, token)
	})
}

func TestRotation(t *testing.T) {
	t.Parallel()
	storetest.Each(t, tables(), func(t *testing.T, s *store.Store) {
		f := open(t, s)
		first := f.make(t, `{"name":"k","models":["chat"],"expires":"2d"}`)
		f.bearer(t, first)
		second := f.mustDo(t, "key.rotate", `{"name":"k","overlap":"1h"}`)["key"].(string)
		for _, token := range []string{first, second} {
			if got := f.bearer(t, token); got.Key != "k" || f.May(t.Context(), got, "fast") {
				t.Errorf("%+v", got)
			}
		}
		f.clock.Pass(time.Hour)
		if _, ok := f.Key(t.Context(), first); ok {
			t.Error("the old key opens after the overlap")
		}
		f.bearer(t, second)
		third := f.mustDo(t, "key.rotate", `{"name":"k","overlap":"0"}`)["key"].(string)
		if _, ok := f.Key(t.Context(), second); ok {
			t.Error("the old key opens although there is no overlap")
		}
		f.bearer(t, third)
		f.mustDo(t, "key.rotate", `{"name":"k","overlap":"90d"}`)
		f.clock.Pass(48 * time.Hour)
		if _, ok := f.Key(t.Context(), third); ok {
			t.Error("an old key outlives the key's expiry")
		}
		if _, err := f.do(t, "key.rotate", `{"name":"nobody"}`); err == nil {
			t.Error("nobody was rotated")
		}
	})
}

func TestLastUseIsWrittenDown(t *testing.T) {
	t.Parallel()
	f := open(t, storetest.SQLite(t, tables()))
	token := f.make(t, `{"name":"k"}`)
	if got := f.mustDo(t, "key.show", `{"name":"k"}`); got["used"] != nil {
		t.Errorf("%v", got)
	}
	f.bearer(t, token)
	want := f.clock.Now().UTC().Format(time.RFC3339)
	for range 3 {
		f.mustDo(t, "key.update", `{"name":"k","rpm":5}`)
		if got := f.mustDo(t, "key.show", `{"name":"k"}`); got["used"] != want {
			t.Errorf("%v, want %s", got, want)
		}
		f.refresh(t.Context())
	}
}

// TestTheKeysOfEnvAreUsedToo: their last use is shown at once, written down, and known to the next house.
func TestTheKeysOfEnvAreUsedToo(t *testing.T) {
	t.Parallel()
	f := open(t, storetest.SQLite(t, tables()))
	if err := f.env.Set(t.Context(), SupervisorToken, holdfast.NewSecret("a-supervisor-token")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{AgentKey, SupervisorToken} {
		input := `{"name":"` + name + `"}`
		if got := f.mustDo(t, "key.show", input); got["used"] != nil {
			t.Errorf("%s: %v before its first use", name, got)
		}
		secret, _ := f.env.Get(name)
		f.clock.Pass(time.Hour)
		for range 2 {
			f.bearer(t, secret.Reveal())
			want := f.clock.Now().UTC().Format(time.RFC3339)
			if got := f.mustDo(t, "key.show", input); got["used"] != want {
				t.Errorf("%s: %v, want %s", name, got, want)
			}
			f.refresh(t.Context())
			next := fixture{Keys: New(Needs{Store: f.store, Keys: f.env, Trash: f.trash, Now: f.clock.Now})}
			if got := next.mustDo(t, "key.show", input); got["used"] != want || got["source"] != ".env" || got["state"] != "valid" || got["created"] != nil {
				t.Errorf("%s: the next house knows %v, want %s", name, got, want)
			}
			f.clock.Pass(time.Minute)
		}
	}
	if list := f.mustDo(t, "key.list", ``)["keys"].([]any); len(list) != 2 {
		t.Errorf("%v", list)
	}
}

// TestARevokedKeyIsForgotten once nothing of its rate counts; a key that only rests is not.
func TestARevokedKeyIsForgotten(t *testing.T) {
	t.Parallel()
	f := open(t, storetest.SQLite(t, tables()))
	for _, name := range []string{"gone", "rests"} {
		f.make(t, `{"name":"`+name+`","rpm":2}`)
		if err := f.Allow(t.Context(), holdfast.Caller{Kind: holdfast.CallerAgent, Key: name}, "chat", 1); err != nil {
			t.Fatal(err)
		}
	}
	f.mustDo(t, "key.revoke", `{"name":"gone"}`)
	if f.refresh(t.Context()); len(f.meters) != 2 {
		t.Errorf("%d are remembered within the minute", len(f.meters))
	}
	f.clock.Pass(2 * time.Minute)
	if f.refresh(t.Context()); len(f.meters) != 1 || f.meters["rests"] == nil {
		t.Errorf("%d are remembered two minutes later", len(f.meters))
	}
}

func TestTheAgentKeyCanBeLimited(t *testing.T) {
	t.Parallel()
	f := open(t, storetest.SQLite(t, tables()))
	secret, _ := f.env.Get(AgentKey)
	caller := f.bearer(t, secret.Reveal())
	for range 5 {
		if err := f.Allow(t.Context(), caller, "chat", 1); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.do(t, "key.update", `{"name":"AGENT_API_KEY"}`); err == nil || !strings.Contains(err.Error(), "changes nothing") {
		t.Errorf("changed nothing: %v", err)
	}
	f.mustDo(t, "key.update", `{"name":"AGENT_API_KEY","rpm":1}`)
	f.mustDo(t, "key.update", `{"name":"AGENT_API_KEY","models":["chat"]}`)
	if f.Allow(t.Context(), caller, "fast", 1) == nil || f.Allow(t.Context(), caller, "chat", 1) != nil || f.Allow(t.Context(), caller, "chat", 1) == nil {
		t.Error("the limits are not in force")
	}
	list := f.mustDo(t, "key.list", ``)["keys"].([]any)
	if one := list[0].(map[string]any); len(list) != 1 || one["rpm"] != 1.0 || one["source"] != ".env" {
		t.Errorf("%v", list)
	}
	if _, err := f.do(t, "key.rotate", `{"name":"AGENT_API_KEY"}`); err == nil {
		t.Error("a key of .env was rotated")
	}
}

func TestRatesAreExactUnderConcurrency(t *testing.T) {
	t.Parallel()
	f := open(t, storetest.SQLite(t, tables()))
	caller := f.bearer(t, f.make(t, `{"name":"k","rpm":10,"tpm":100000}`))
	var admitted atomic.Int64
	rush := func() {
		var wg sync.WaitGroup
		for range 64 {
			wg.Go(func() {
				err := f.Allow(t.Context(), caller, "chat", 1)
				limited, refused := errors.AsType[*Limited](err)
				if err == nil {
					admitted.Add(1)
				} else if !refused || limited.Wait <= 0 || limited.Wait > time.Minute {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
	rush()
	f.clock.Pass(time.Minute - 1)
	rush()
	if admitted.Load() != 10 {
		t.Fatalf("%d were admitted", admitted.Load())
	}
	f.clock.Pass(1)
	rush()
	if admitted.Load() != 20 {
		t.Errorf("%d were admitted", admitted.Load())
	}
}

func TestTokensAMinute(t *testing.T) {
	t.Parallel()
	f := open(t, storetest.SQLite(t, tables()))
	caller := f.bearer(t, f.make(t, `{"name":"k","tpm":1000}`))
	limited := func(tokens int64) *Limited {
		t.Helper()
		err := f.Allow(t.Context(), caller, "chat", tokens)
		if err == nil {
			return nil
		}
		e, ok := errors.AsType[*Limited](err)
		if !ok || e.Setting != "tpm" || e.Key != "k" {
			t.Fatal(err)
		}
		return e
	}
	if e := limited(1001); e == nil || e.Wait != 0 {
		t.Errorf("%v", e)
	}
	began := f.clock.Now()
	if e := limited(800); e != nil {
		t.Error(e)
	}
	if left, all := f.Left(t.Context(), caller), f.Left(t.Context(), holdfast.Caller{Name: "k"}); left != 200 || all != math.MaxInt64 {
		t.Errorf("%d tokens are left of 200, %d without a key", left, all)
	}
	f.clock.Pass(2 * time.Second)
	if e := limited(300); e == nil || e.Wait != 59*time.Second {
		t.Errorf("%+v", e)
	}
	f.refresh(t.Context())            // every minute: what was counted stays, and is corrected
	f.Settle(caller, began, 800, 500) // it spent less than it might have
	if e := limited(500); e != nil {
		t.Error(e)
	}
	if e := limited(1); e == nil {
		t.Error("it fits")
	}
	f.clock.Pass(59 * time.Second)
	if e := limited(500); e != nil {
		t.Error(e)
	}
	f.Settle(caller, began, 500, 600) // long out of the window; what it spent more counts now
	f.clock.Pass(2 * time.Second)
	if e := limited(401); e == nil {
		t.Error("it fits")
	}
}

// TestNoWindowHoldsMore compares the meter with every window of a minute that its admissions span.
func TestNoWindowHoldsMore(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rpm, tpm := rapid.Int64Range(1, 20).Draw(t, "rpm"), rapid.Int64Range(50, 1000).Draw(t, "tpm")
		type admission struct {
			at     time.Duration
			tokens int64
		}
		var m meter
		var all []admission
		take := func(now time.Duration, tokens int64) *Limited {
			calls, sum := int64(0), int64(0)
			for _, a := range all {
				if now-a.at < time.Minute {
					calls, sum = calls+1, sum+a.tokens
				}
			}
			limited := m.take(now, rpm, tpm, tokens)
			switch {
			case limited == nil && (calls+1 > rpm || sum+tokens > tpm):
				t.Fatalf("%d calls and %d tokens in one minute", calls+1, sum+tokens)
			case limited == nil:
				all = append(all, admission{now, tokens})
			case limited.Setting == settingRPM && calls < rpm:
				t.Fatalf("refused the %dth call of %d", calls+1, rpm)
			}
			return limited
		}
		now := time.Duration(0)
		for range rapid.IntRange(1, 150).Draw(t, "calls") {
			now += time.Duration(rapid.Int64Range(0, int64(20*time.Second)).Draw(t, "later"))
			tokens := rapid.Int64Range(0, 200).Draw(t, "tokens")
			limited := take(now, tokens)
			if limited == nil || limited.Wait == 0 {
				continue
			}
			now += limited.Wait
			if again := take(now, tokens); again != nil && again.Setting == limited.Setting {
				t.Fatalf("%s still refuses after %s", limited.Setting, limited.Wait)
			}
		}
	})
}

func BenchmarkAllow(b *testing.B) {
	k := New(Needs{})
	k.named["k"] = &grant{terms: terms{Name: "k", RPM: 1e6, TPM: 1e12, Models: []string{"chat"}}, meter: &meter{}}
	caller := holdfast.Caller{Key: "k"}
	b.ReportAllocs()
	for b.Loop() {
		if err := k.Allow(b.Context(), caller, "chat", 1); err != nil {
			k.named["k"].meter.calls = ring{}
		}
	}
}

func TestARefusalCountsInWords(t *testing.T) {
	t.Parallel()
	for most, want := range map[int64]string{1: "the key k may spend 1 request a minute", 2: "the key k may spend 2 requests a minute"} {
		if e := (&Limited{Key: "k", Setting: settingRPM, Most: most, Wait: time.Second}); !strings.HasPrefix(e.Error(), want+" (rpm") {
			t.Errorf("%s", e)
		}
	}
}
