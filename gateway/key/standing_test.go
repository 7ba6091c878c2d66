// SPDX-License-Identifier: Apache-2.0

package key

import (
	"context"
	"sync"
	"testing"
	"time"

	"holdfast"
	"holdfast/core/store"
	"holdfast/core/store/storetest"
)

// stands tells what lets the bearer of a token in.
func (f fixture) stands(t *testing.T, caller holdfast.Caller) string {
	t.Helper()
	word, err := f.Standing(t.Context(), caller)
	if err != nil {
		t.Fatal(err)
	}
	return word
}

func (f fixture) made(t *testing.T, action, input string) holdfast.Caller {
	t.Helper()
	out, err := f.do(t, action, input)
	if err != nil {
		t.Fatal(err)
	}
	caller, ok := f.Key(t.Context(), out["key"].(string))
	if !ok {
		t.Fatal("the key opens nothing")
	}
	return caller
}

func TestStandingOfAKey(t *testing.T) {
	t.Parallel()
	storetest.Each(t, tables(), func(t *testing.T, s *store.Store) {
		f := open(t, s)
		caller := f.made(t, "key.create", `{"name":"k","expires":"30d"}`)
		first := f.stands(t, caller)
		steps := []struct {
			name, action, input string
			later               time.Duration
			same, gone          bool
		}{
			{"limited", "key.update", `{"name":"k","rpm":5}`, 0, true, false},
			{"rotated", "key.rotate", `{"name":"k","overlap":"1h"}`, 0, true, false},
			{"the overlap is over", "", "", time.Hour, false, false},
			{"rotated at once", "key.rotate", `{"name":"k","overlap":"0"}`, 0, false, false},
			{"another's", "key.update", `{"name":"k","owner":"tenant:acme"}`, 0, false, true},
			{"its own again", "key.update", `{"name":"k","owner":"client:k"}`, 0, false, false},
			{"expired", "", "", 31 * 24 * time.Hour, false, true},
			{"renewed", "key.update", `{"name":"k","expires":"never"}`, 0, false, false},
			{"revoked", "key.revoke", `{"name":"k"}`, 0, false, true},
		}
		last := first
		for _, step := range steps {
			told := f.Changed()
			f.clock.Pass(step.later)
			if step.action != "" {
				if _, err := f.do(t, step.action, step.input); err != nil {
					t.Fatalf("%s: %v", step.name, err)
				}
			} else {
				f.refresh(t.Context()) // as each minute
			}
			select {
			case <-told:
			default:
				t.Errorf("%s: nobody is told", step.name)
			}
			now := f.stands(t, caller)
			if (now == "") != step.gone || step.same && now != last {
				t.Errorf("%s: the standing is %q after %q", step.name, now, last)
			}
			if now != "" && !step.same && last != "" && now == last {
				t.Errorf("%s: the standing is as it was", step.name)
			}
			last = now
		}
	})
}

func TestStandingOfTheKeysOfEnv(t *testing.T) {
	t.Parallel()
	storetest.Each(t, tables(), func(t *testing.T, s *store.Store) {
		f := open(t, s)
		ctx, cancel := context.WithCancel(t.Context())
		var life sync.WaitGroup
		life.Go(func() { _ = f.Run(ctx) })
		defer life.Wait()
		defer cancel()
		for _, name := range []string{AgentKey, SupervisorToken} {
			if err := f.env.Set(t.Context(), name, holdfast.NewSecret("sk-one")); err != nil {
				t.Fatal(err)
			}
			caller, ok := f.Key(t.Context(), "sk-one")
			if !ok {
				t.Fatalf("%s opens nothing", name)
			}
			was := f.stands(t, caller)
			await := func(change func() error, want func(word string) bool) {
				t.Helper()
				told := f.Changed()
				if err := change(); err != nil {
					t.Fatal(err)
				}
				if !want(f.stands(t, caller)) {
					t.Fatalf("%s: the standing is %q after %q", name, f.stands(t, caller), was)
				}
				select {
				case <-told:
				case <-time.After(time.Minute):
					t.Fatalf("%s: nobody is told", name)
				}
			}
			await(func() error { return f.env.Set(t.Context(), name, holdfast.NewSecret("sk-two")) }, func(word string) bool { return word != was && word != "" })
			await(func() error { return f.env.Delete(t.Context(), name) }, func(word string) bool { return word == "" })
		}
		if f.stands(t, holdfast.Caller{Kind: holdfast.CallerOwner, Name: "ada", Tier: holdfast.TierOperator}) == "" {
			t.Error("who came without a key is let in no more")
		}
	})
}
