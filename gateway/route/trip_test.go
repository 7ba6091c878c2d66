// SPDX-License-Identifier: Apache-2.0

package route

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

func chainOf(models ...string) Chain {
	c := Chain{Alias: "chat"}
	for _, m := range models {
		c.Targets = append(c.Targets, Target{"p", m})
	}
	return c
}

// ask makes one call whose targets behave as said: an empty text answers, any other fails.
func ask(ctx context.Context, r *Router, chain Chain, behave func(Target) Failure) (asked []string, err error) {
	trip := r.Trip(chain)
	defer trip.Left()
	for {
		step, err := trip.Next(ctx)
		if err != nil {
			return asked, err
		}
		asked = append(asked, step.Model)
		f := behave(step.Target)
		if f.Reason == "" {
			trip.Answered()
			return asked, nil
		}
		trip.Failed(f)
	}
}

func well(Target) Failure { return Failure{} }

// ill lets some models fail.
func ill(f Failure, models ...string) func(Target) Failure {
	return func(t Target) Failure {
		for _, m := range models {
			if t.Model == m {
				return f
			}
		}
		return Failure{}
	}
}

var down = Failure{Reason: "is down"}

func TestTable(t *testing.T) {
	t.Parallel()
	table := NewTable(map[string][]string{
		"chat": {"a/x", "fallback"}, "fallback": {"b/y", "a/x", "nobody/z", "b/"}, "ring": {"ring", "a/r"}, "empty": {"nobody/x"},
	}, []string{"a", "b"})
	for name, want := range map[string]string{
		"chat": "a/x b/y", "fallback": "b/y a/x", "ring": "a/r", "a/any/model": "a/any/model", "empty": "", "nobody/x": "", "a/": "", "a": "",
	} {
		chain, ok := table.Resolve(name)
		var got []string
		for _, one := range chain.Targets {
			got = append(got, one.String())
		}
		if strings.Join(got, " ") != want || ok != (want != "") {
			t.Errorf("%s: %v, %v", name, got, ok)
		}
	}
	if got := fmt.Sprint(table.Aliases(), table.Targets()); got != "[chat empty fallback ring] [a/r a/x b/y]" {
		t.Error(got)
	}
}

// TestLife follows one target through its states: an event a line, and what a call then meets.
func TestLife(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, chain := New(Options{}), chainOf("one", "two")
		told := func(d time.Duration) func(Target) Failure {
			return ill(Failure{RetryAfter: d, Reason: "limit", Limited: true}, "one")
		}
		for i, step := range []struct {
			after  time.Duration
			behave func(Target) Failure
			want   string
			rests  time.Duration // how long one then rests
		}{
			{0, well, "one", 0},
			{0, ill(down, "one"), "one two", 5 * time.Second},
			{4999 * time.Millisecond, well, "two", time.Millisecond},
			{time.Millisecond, ill(down, "one"), "one two", 10 * time.Second}, // the probe
			{10 * time.Second, ill(down, "one"), "one two", 20 * time.Second},
			{20 * time.Second, told(time.Minute), "one two", time.Minute},
			{59 * time.Second, well, "two", time.Second},
			{time.Second, well, "one", 0},
			{0, told(10 * time.Hour), "one two", MostTold},
			{MostTold, ill(down, "one"), "one two", 10 * time.Second},
			{forgetAfter + 11*time.Second, ill(down, "one"), "one two", 5 * time.Second},
		} {
			waitFor(step.after)
			asked, err := ask(t.Context(), r, chain, step.behave)
			if got := strings.Join(asked, " "); got != step.want || err != nil {
				t.Errorf("line %d: asked %q, want %q (%v)", i, got, step.want, err)
			}
			rests := time.Duration(0)
			for _, c := range r.Cooldowns() {
				rests = time.Until(c.Until)
			}
			if rests != step.rests {
				t.Errorf("line %d: rests %s, want %s", i, rests, step.rests)
			}
		}
	})
}

// waitFor lets a bubble's clock pass.
func waitFor(d time.Duration) { <-time.After(d) }

func TestGrowthEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, chain := New(Options{}), chainOf("one", "two")
		for range 20 {
			if _, err := ask(t.Context(), r, chain, ill(down, "one")); err != nil {
				t.Fatal(err)
			}
			waitFor(mostRest)
		}
		if c := r.Cooldowns(); len(c) != 1 || c[0].State != StateProbing || c[0].Failures != 20 {
			t.Errorf("%+v", c)
		}
	})
}

// TestNobodyIsLeft: a call waits for a chain that rests only if that may help.
func TestNobodyIsLeft(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		wait    time.Duration
		failure Failure
		takes   time.Duration
		left    time.Duration // 0: it was asked
	}{
		"no waiting":             {0, down, 0, 5 * time.Second},
		"it is worth it":         {5 * time.Second, down, 5 * time.Second, 0},
		"it would be in vain":    {4 * time.Second, down, 0, 5 * time.Second},
		"a limit":                {time.Minute, Failure{RetryAfter: 40 * time.Second, Reason: "limit", Limited: true}, 40 * time.Second, 0},
		"a limit that is longer": {time.Minute, Failure{RetryAfter: 61 * time.Second, Reason: "limit", Limited: true}, 0, 61 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			r, chain := New(Options{}), chainOf("one", "two")
			r.SetWait(c.wait)
			if asked, err := ask(t.Context(), r, chain, func(Target) Failure { return c.failure }); len(asked) != 2 || !errors.Is(err, ErrExhausted) {
				t.Fatalf("%s: %v %v", name, asked, err)
			}
			began := time.Now()
			asked, err := ask(t.Context(), r, chain, well)
			if took := time.Since(began); took != c.takes {
				t.Errorf("%s: took %s", name, took)
			}
			var resting *Resting
			if c.left == 0 && (err != nil || len(asked) != 1) {
				t.Errorf("%s: %v %v", name, asked, err)
			}
			if c.left > 0 && (!errors.As(err, &resting) || resting.For != c.left || resting.Limited != c.failure.Limited || resting.Others != 1) {
				t.Errorf("%s: %v %+v", name, asked, err)
			}
		})
	}
}

func TestWaitingEndsWithTheClient(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, chain := New(Options{}), chainOf("one")
		r.SetWait(time.Hour)
		_, _ = ask(t.Context(), r, chain, ill(down, "one"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if asked, err := ask(ctx, r, chain, well); !errors.Is(err, context.DeadlineExceeded) || len(asked) > 0 {
			t.Errorf("%v %v", asked, err)
		}
	})
}

// TestOneProbes: of 64 calls that come once the deadline is over, one asks, the others go on to the
// next; and where there is no next they wait for its verdict.
func TestOneProbes(t *testing.T) {
	t.Parallel()
	for _, chain := range []Chain{chainOf("one", "two"), chainOf("one")} {
		synctest.Test(t, func(t *testing.T) {
			r := New(Options{})
			r.SetWait(10 * time.Second)
			_, _ = ask(t.Context(), r, chain, ill(down, "one"))
			waitFor(5 * time.Second)
			var ones, most, under, wrong atomic.Int64
			var wg sync.WaitGroup
			for range 64 {
				wg.Go(func() {
					_, err := ask(t.Context(), r, chain, func(one Target) Failure {
						if one.Model != "one" {
							return Failure{}
						}
						ones.Add(1)
						most.Store(max(most.Load(), under.Add(1)))
						waitFor(time.Second)
						under.Add(-1)
						return down
					})
					if err != nil {
						wrong.Add(1)
					}
				})
			}
			wg.Wait()
			if most.Load() != 1 || ones.Load() != 1 {
				t.Errorf("%d asked, %d at once", ones.Load(), most.Load())
			}
			if want := int64(64 * (2 - len(chain.Targets))); wrong.Load() != want {
				t.Errorf("%d got no answer, want %d", wrong.Load(), want)
			}
		})
	}
}

// TestTheProbeIsHandedOn: a probe that says nothing lets the next call probe.
func TestTheProbeIsHandedOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, chain := New(Options{}), chainOf("one")
		r.SetWait(time.Minute)
		_, _ = ask(t.Context(), r, chain, ill(down, "one"))
		waitFor(5 * time.Second)
		trip := r.Trip(chain)
		if step, err := trip.Next(t.Context()); err != nil || !step.Probe {
			t.Fatalf("%+v %v", step, err)
		}
		done := make(chan []string)
		go func() {
			asked, _ := ask(t.Context(), r, chain, well)
			done <- asked
		}()
		synctest.Wait()
		waitFor(time.Second)
		trip.Left()
		trip.Failed(down) // too late
		if asked := <-done; len(asked) != 1 || len(r.Cooldowns()) != 0 {
			t.Errorf("%v, %+v", asked, r.Cooldowns())
		}
	})
}

// TestAWaitingCallYields: a call that waits for something else keeps nobody from probing, and what it
// says in the end counts.
func TestAWaitingCallYields(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, chain := New(Options{}), chainOf("one", "two")
		_, _ = ask(t.Context(), r, chain, ill(down, "one"))
		waitFor(5 * time.Second)
		trip := r.Trip(chain)
		if step, err := trip.Next(t.Context()); err != nil || !step.Probe {
			t.Fatalf("%+v %v", step, err)
		}
		trip.Yield()
		if asked, err := ask(t.Context(), r, chain, well); err != nil || asked[0] != "one" {
			t.Errorf("%v %v", asked, err)
		}
		trip.Failed(down)
		if c := r.Cooldowns(); len(c) != 1 {
			t.Errorf("%+v", c)
		}
	})
}

// TestADeadPrimaryCostsFew sends 200 calls, 64 at a time, at a target that fails in each of several
// ways and speeds.
func TestADeadPrimaryCostsFew(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		failure Failure
		takes   time.Duration
		pause   time.Duration // between two calls of one worker
	}{
		"refuses at once":         {down, 0, 0},
		"refuses soon":            {down, 30 * time.Millisecond, 0},
		"is limited":              {Failure{RetryAfter: time.Minute, Reason: "limit", Limited: true}, 50 * time.Millisecond, time.Second},
		"is silent a while":       {down, 900 * time.Millisecond, 0},
		"spread over ten seconds": {down, time.Millisecond, 3 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			r, chain := New(Options{}), chainOf("one", "two")
			var left, wasted, answered atomic.Int64
			left.Store(200)
			var wg sync.WaitGroup
			for range 64 {
				wg.Go(func() {
					for left.Add(-1) >= 0 {
						_, err := ask(t.Context(), r, chain, func(one Target) Failure {
							if one.Model == "two" {
								return Failure{}
							}
							wasted.Add(1)
							waitFor(c.takes)
							return c.failure
						})
						if err == nil {
							answered.Add(1)
						}
						waitFor(c.pause)
					}
				})
			}
			wg.Wait()
			if wasted.Load() > 5 || answered.Load() != 200 {
				t.Errorf("%s: %d of 200 were wasted, %d answered", name, wasted.Load(), answered.Load())
			}
		})
	}
}

// TestASlowTargetIsNotTakenForIll: a primary that takes its time answers those who asked it; where it
// has not answered lately the others of a crowd wait for that, at most longest, and go on to the next.
// It does not rest for it.
func TestASlowTargetIsNotTakenForIll(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ takes, most time.Duration }{
		"a little":   {800 * time.Millisecond, 1600 * time.Millisecond},
		"a while":    {4 * time.Second, 8 * time.Second},
		"a long one": {20 * time.Second, 21 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			r, chain := New(Options{}), chainOf("one", "two")
			var ones, twos atomic.Int64
			crowd := func(takes time.Duration) (took time.Duration) {
				began := time.Now()
				var wg sync.WaitGroup
				for range 64 {
					wg.Go(func() {
						asked, err := ask(t.Context(), r, chain, func(one Target) Failure {
							if one.Model == "one" {
								ones.Add(1)
								waitFor(takes)
							} else {
								twos.Add(1)
							}
							return Failure{}
						})
						if err != nil || len(asked) != 1 {
							t.Errorf("%s: %v %v", name, asked, err)
						}
					})
				}
				wg.Wait()
				return time.Since(began)
			}
			if took := crowd(c.takes); took > c.most || len(r.Cooldowns()) > 0 {
				t.Errorf("%s: took %s, %v", name, took, r.Cooldowns())
			}
			if c.takes < longest && ones.Load() != 64 || c.takes > longest && ones.Load() != mostSlow {
				t.Errorf("%s: %d were answered by it, %d by the next", name, ones.Load(), twos.Load())
			}
			ones.Store(0)
			if took := crowd(time.Second); took != time.Second || ones.Load() != 64 { // it is trusted now
				t.Errorf("%s: trusted, it took %s and answered %d", name, took, ones.Load())
			}
		})
	}
}

// TestASilentPrimaryCostsFew: of 64 at once against one that never says a word, and of those that come
// while it is silent, at most five ask it; the others are answered by the next, those who come later
// without waiting.
func TestASilentPrimaryCostsFew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, chain := New(Options{}), chainOf("one", "two")
		silence, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		var wasted, answered atomic.Int64
		call := func() (waited time.Duration) {
			began := time.Now()
			_, err := ask(t.Context(), r, chain, func(one Target) Failure {
				if one.Model == "two" {
					return Failure{}
				}
				wasted.Add(1)
				<-silence.Done()
				return Failure{Reason: "was silent"}
			})
			if err == nil {
				answered.Add(1)
			}
			return time.Since(began)
		}
		var wg sync.WaitGroup
		for range 64 {
			wg.Go(func() {
				if waited := call(); waited > longest && waited != 2*time.Minute {
					t.Errorf("a call waited %s", waited)
				}
			})
		}
		waitFor(longest)
		synctest.Wait()
		for range 136 {
			wg.Go(func() {
				if waited := call(); waited > 0 {
					t.Errorf("a call that came later waited %s", waited)
				}
			})
			waitFor(100 * time.Millisecond)
		}
		wg.Wait()
		if wasted.Load() > 5 || answered.Load() != 200 {
			t.Errorf("%d of 200 were wasted, %d answered", wasted.Load(), answered.Load())
		}
		if c := r.Cooldowns(); len(c) != 1 || c[0].Failures != 1 {
			t.Errorf("%+v", c)
		}
	})
}

// TestLateVerdicts: 64 calls that fail together are one failure, and one that began before the
// failure and answers does not undo it.
func TestLateVerdicts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, chain := New(Options{}), chainOf("one")
		trips := make([]Trip, 66)
		for i := range trips {
			trips[i] = r.Trip(chain)
			if _, err := trips[i].Next(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 64 {
			trips[i].Failed(down)
		}
		trips[64].Answered()
		if c := r.Cooldowns(); len(c) != 1 || c[0].Failures != 1 || time.Until(c[0].Until) != firstRest {
			t.Errorf("%+v", c)
		}
		trips[65].Failed(Failure{RetryAfter: time.Minute, Reason: "limit"}) // what its provider said counts
		if c := r.Cooldowns(); len(c) != 1 || c[0].Failures != 1 || time.Until(c[0].Until) != time.Minute {
			t.Errorf("%+v", c)
		}
	})
}

func TestClear(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, chain := New(Options{}), chainOf("one", "two", "three")
		early := r.Trip(chainOf("one"))
		_, _ = early.Next(t.Context())
		_, _ = ask(t.Context(), r, chain, ill(down, "one", "two", "three"))
		if got := r.Clear(func(t Target) bool { return t.Model != "two" }); len(got) != 2 || got[0].Model != "one" {
			t.Errorf("cleared %v", got)
		}
		early.Failed(down) // it began before
		if asked, err := ask(t.Context(), r, chain, well); err != nil || asked[0] != "one" {
			t.Errorf("%v %v", asked, err)
		}
		if c := r.Cooldowns(); len(c) != 1 || c[0].Target.Model != "two" {
			t.Errorf("%+v", c)
		}
	})
}

// TestARehearsalLeavesNothing: what a drill brings about ends with it, and a true cooldown under it
// is as it was.
func TestARehearsalLeavesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, chain := New(Options{}), chainOf("one", "two")
		_, _ = ask(t.Context(), r, chain, ill(Failure{RetryAfter: 10 * time.Minute, Reason: "limit"}, "one", "two"))
		before := r.Cooldowns()
		r.Rehearse(chain.Targets[:1], time.Now().Add(2*time.Minute))
		asked, _ := ask(t.Context(), r, chain, ill(Failure{RetryAfter: time.Hour, Reason: "rehearsed"}, "one", "two"))
		if len(asked) != 1 { // two truly rests
			t.Errorf("asked %v", asked)
		}
		if c := r.Cooldowns(); len(c) != 2 || !c[0].Rehearsed || c[1].Rehearsed {
			t.Errorf("%+v", c)
		}
		waitFor(2 * time.Minute)
		if c := r.Cooldowns(); len(c) != 2 || c[0].Rehearsed || c[0].Until != before[0].Until {
			t.Errorf("%+v after %+v", c, before)
		}
		r.Rehearse(chain.Targets, time.Now().Add(time.Hour))
		if asked, err := ask(t.Context(), r, chain, well); err != nil || asked[0] != "one" {
			t.Errorf("%v %v", asked, err)
		}
		if _, known := r.Last("chat"); known {
			t.Error("a rehearsed answer counts as one")
		}
		r.EndRehearsal(chain.Targets)
		if _, ok := r.First(chain); ok {
			t.Error("what rests is free")
		}
	})
}

// TestDeadlinesNeverShorten draws failures, answers of others, waits and restarts: as long as
// nobody answers and nobody clears, a deadline only grows.
func TestDeadlinesNeverShorten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(draw *rapid.T) {
		now := time.Unix(1_700_000_000, 0)
		options := Options{Now: func() time.Time { return now }}
		r, chain := New(options), chainOf("one")
		var trips []Trip
		until := time.Time{}
		for range rapid.IntRange(1, 40).Draw(draw, "events") {
			switch rapid.IntRange(0, 3).Draw(draw, "event") {
			case 0:
				trip := r.Trip(chain)
				if _, err := trip.Next(context.Background()); err == nil {
					trips = append(trips, trip)
				} else if !now.Before(until) && len(trips) == 0 {
					draw.Fatalf("nobody asks, and yet it may not be asked: %v", err)
				}
			case 1:
				if len(trips) > 0 {
					told := time.Duration(rapid.IntRange(0, 4000).Draw(draw, "told")) * time.Second
					trips[0].Failed(Failure{RetryAfter: told, Reason: "x"})
					trips = trips[1:]
				}
			case 2:
				now = now.Add(time.Duration(rapid.IntRange(0, 120).Draw(draw, "pass")) * time.Second)
			case 3:
				was := r.snapshot()
				r = New(options)
				r.take(was)
				trips = nil
			}
			for _, c := range r.Cooldowns() {
				if c.Until.Before(until) {
					draw.Fatalf("until %s, it was %s", c.Until, until)
				}
				if c.Until.Sub(now) > MostTold {
					draw.Fatalf("%s are left", c.Until.Sub(now))
				}
				until = c.Until
			}
		}
	})
}

// BenchmarkTrip is what choosing costs a call that the first of its chain answers.
func BenchmarkTrip(b *testing.B) {
	r, table := New(Options{}), NewTable(map[string][]string{"chat": {"p/one", "p/two"}}, []string{"p"})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			chain, _ := table.Resolve("chat")
			trip := r.Trip(chain)
			if _, err := trip.Next(b.Context()); err != nil {
				b.Error(err)
			}
			trip.Answered()
			trip.Left()
		}
	})
}
