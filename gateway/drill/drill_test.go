// SPDX-License-Identifier: Apache-2.0

package drill

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/gateway/provider"
	"holdfast/gateway/route"
)

func target(model string) route.Target { return route.Target{Provider: "p", Model: model} }

// TestFaults acts every fault out, streamed and not.
func TestFaults(t *testing.T) {
	t.Parallel()
	const ask = `{"model":"m","messages":[{"role":"user","content":"hi"}]`
	for fault, want := range map[string]struct {
		status int
		err    error
		takes  time.Duration
		says   bool
	}{
		"429":     {429, nil, 0, true},
		"500":     {500, nil, 0, true},
		"timeout": {0, context.DeadlineExceeded, time.Minute, false},
		"slow":    {200, nil, slowness, true},
		"cut":     {200, io.ErrUnexpectedEOF, 0, true},
		"empty":   {200, nil, 0, true},
	} {
		for _, stream := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				var d Drills
				now := time.Now()
				if err := d.Begin(Drill{Fault: fault, Targets: []route.Target{target("one")}, Since: now, Until: now.Add(time.Hour)}, 7*time.Second); err != nil {
					t.Fatal(err)
				}
				via, ok := d.Front(target("one"))
				if _, other := d.Front(target("two")); !ok || other {
					t.Fatal("it is not in front of its model, or of another one too")
				}
				body := ask + "}"
				if stream {
					body = ask + `,"stream":true}`
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				began := time.Now()
				answer, err := via.Do(ctx, provider.Call{Model: "m", Dialect: via.Speaks()[0], Body: []byte(body), Stream: stream})
				said := []byte(nil)
				status := 0
				took := time.Since(began)
				if err == nil {
					status = answer.Status
					said, err = io.ReadAll(answer.Body)
				}
				if status != want.status || !errors.Is(err, want.err) || took != want.takes || (len(said) > 0) != want.says {
					t.Errorf("%s, stream %v: status %d, %v after %s: %s", fault, stream, status, err, took, said)
				}
				if fault == "429" && answer.Header.Get("Retry-After") != "7" {
					t.Errorf("headers %v", answer.Header)
				}
				if list := d.List(); len(list) != 1 || list[0].Calls != 1 {
					t.Errorf("%+v", list)
				}
			})
		}
	}
	var d Drills
	if err := d.Begin(Drill{Fault: "flood"}, 0); err == nil || !strings.Contains(err.Error(), "timeout") {
		t.Errorf("a fault that is none: %v", err)
	}
}

// TestEmbeddings: a model that embeds fails in the same ways.
func TestEmbeddings(t *testing.T) {
	t.Parallel()
	for fault, want := range map[string]struct {
		status int
		err    error
		says   string
	}{
		"429": {429, nil, "429"}, "500": {500, nil, "500"}, "timeout": {0, context.DeadlineExceeded, ""},
		"slow": {200, nil, "prompt_tokens"}, "cut": {200, io.ErrUnexpectedEOF, `"embedding"`}, "empty": {200, nil, `"data":[]`},
	} {
		synctest.Test(t, func(t *testing.T) {
			var d Drills
			if err := d.Begin(Drill{Fault: fault, Targets: []route.Target{target("one")}, Until: time.Now().Add(time.Hour)}, 0); err != nil {
				t.Fatal(err)
			}
			via, _ := d.Front(target("one"))
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			answer, err := via.Do(ctx, provider.Call{Model: "m", Dialect: provider.Embeddings, Body: []byte(`{"model":"m","input":"hi"}`)})
			status, said := 0, []byte(nil)
			if err == nil {
				status = answer.Status
				said, err = io.ReadAll(answer.Body)
			}
			if status != want.status || !errors.Is(err, want.err) || !strings.Contains(string(said), want.says) {
				t.Errorf("%s: status %d, %v: %.200s", fault, status, err, said)
			}
		})
	}
}

// TestItEndsByItself: when its time is over nobody stands in front, and a call that is held comes free.
func TestItEndsByItself(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var d Drills
		now := time.Now()
		_ = d.Begin(Drill{Fault: "429", Targets: []route.Target{target("one")}, Until: now.Add(time.Hour)}, 0)
		_ = d.Begin(Drill{Fault: "timeout", Targets: []route.Target{target("one")}, Until: now.Add(time.Minute)}, 0) // instead
		if list := d.List(); len(list) != 1 || list[0].Fault != "timeout" {
			t.Errorf("%+v", list)
		}
		via, _ := d.Front(target("one"))
		if _, err := via.Do(t.Context(), provider.Call{}); !errors.Is(err, provider.ErrTimeout) || time.Since(now) != time.Minute {
			t.Errorf("%v after %s", err, time.Since(now))
		}
		if _, on := d.Front(target("one")); on || len(d.List()) != 0 {
			t.Error("it is still on")
		}
		if ended := d.Expire(); len(ended) != 1 || len(d.Expire()) != 0 {
			t.Errorf("%+v", ended)
		}
	})
}

func TestHowLong(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for _, d := range []time.Duration{0, -time.Second, 2 * time.Hour} {
		if _, err := Until(now, d); err == nil {
			t.Errorf("%s is accepted", d)
		}
	}
}
