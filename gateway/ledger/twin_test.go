// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"testing"
	"time"

	"holdfast"
	"holdfast/core/store"
	"holdfast/core/store/storetest"
)

// TestTwinsToldFirst: a log may tell of a call before the gateway settles it, by its model or its
// alias; each log's word is given to one call, and each call takes one.
func TestTwinsToldFirst(t *testing.T) {
	t.Parallel()
	storetest.Each(t, tables(), func(t *testing.T, s *store.Store) {
		p := &purse{}
		l := openWith(t, s, p)
		now := time.Now()
		usage := holdfast.Usage{Input: 300, CachedRead: 1000, Output: 7}
		log := func(key, model string, at time.Time) Observation {
			o := seen(key, "", at, usage.Input, usage.Output)
			o.Model, o.Usage = model, usage
			return o
		}
		settle := func(model string) {
			t.Helper()
			r, err := l.Reserve(t.Context(), call("codex"), 10, 10)
			if err != nil {
				t.Fatal(err)
			}
			r.Settle(Result{Provider: "p", Model: model, Status: StatusOK, Usage: usage})
			summary(t, l)
		}
		observe(t, l, log("1", "gpt", now), log("2", "chat", now), log("3", "gpt", now.Add(-time.Hour)))
		agree(t, l, s, p, 3*1307)
		settle("gpt")
		settle("gpt") // whose alias is chat
		agree(t, l, s, p, 3*1307)
		settle("gpt") // which no log told of
		agree(t, l, s, p, 4*1307)
		observe(t, l, log("1", "gpt", now), log("2", "chat", now)) // read again
		agree(t, l, s, p, 4*1307)
		observe(t, l, log("4", "gpt", now)) // the third one's, told later
		agree(t, l, s, p, 4*1307)
		settle("other")
		agree(t, l, s, p, 5*1307)
	})
}

// TestTwinsInOneBreath: settled and told at the same time, in whichever order they are written.
func TestTwinsInOneBreath(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.Options(t, store.SQLite, tables()))
	p := &purse{}
	l := openWith(t, s, p)
	for n := range int64(20) {
		r, err := l.Reserve(t.Context(), call("codex"), 10, 10)
		if err != nil {
			t.Fatal(err)
		}
		o := seen(string(rune('a'+n)), "", time.Now(), 1000+n, 5)
		o.Model = "gpt"
		told := make(chan error, 1)
		go func() { told <- l.Observe(t.Context(), []Observation{o}) }()
		r.Settle(Result{Provider: "p", Model: "gpt", Status: StatusOK, Usage: o.Usage})
		if err := <-told; err != nil {
			t.Fatal(err)
		}
	}
	summary(t, l)
	agree(t, l, s, p, 20*1000+190+20*5)
}
