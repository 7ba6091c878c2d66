// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/core/store/storetest"
	"holdfast/gateway/ledger"
	"holdfast/gateway/price"
)

// parking is the budgets of a house whose calls wait for approval, in a bubble of time.
func parking(t *testing.T, test func(t *testing.T, f *fixture)) {
	t.Helper()
	t.Parallel()
	c := limits("house", Limit{TokensPerDay: new(int64(100)), AtLimit: atLimitPark})
	c.Park.Most = 3
	f := open(t, storetest.SQLite(t, schema()), c)
	synctest.Test(t, func(t *testing.T) {
		f.clock.Set(time.Now())
		f.needs.Now = time.Now
		f.mustSpend(90, price.Cost{})
		test(t, f)
	})
}

// ask begins a call that needs 50 tokens.
func (f *fixture) ask(ctx context.Context) (ledger.Claim, <-chan error) {
	c := f.claim(50, price.Cost{})
	answer := make(chan error, 1)
	go func() {
		answer <- f.Patiently(ctx, func() error {
			now := c
			now.At = time.Now()
			return f.Reserve(now)
		})
	}()
	synctest.Wait()
	return c, answer
}

// end ends every wait.
func (f *fixture) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.queue.end()
}

func (f *fixture) waits(t *testing.T, n int) {
	t.Helper()
	synctest.Wait()
	if got := f.parked(); len(got) != n {
		t.Fatalf("%d calls wait, want %d", len(got), n)
	}
}

func TestApprovalIsForOneCall(t *testing.T) {
	parking(t, func(t *testing.T, f *fixture) {
		first, one := f.ask(t.Context())
		_, two := f.ask(t.Context())
		f.waits(t, 2)
		if got := f.firing(t); len(got) != 3 || got[1].Name == got[0].Name && got[0].Subject == "" {
			t.Errorf("%v", got)
		}
		// A call that fits is not held up by those that wait.
		f.mustSpend(10, price.Cost{})
		call, ok := f.decide(first.RequestID, answer{allowed: true})
		if !ok || call.Tokens != 50 || call.Setting != "budgets.limits.house.tokens_per_day in holdfast.yaml" {
			t.Fatalf("%+v", call)
		}
		if err := <-one; err != nil {
			t.Fatal(err)
		}
		if _, again := f.decide(first.RequestID, answer{allowed: true}); again {
			t.Error("a call was approved twice")
		}
		// What the approved call needs more passes too; the other one still waits.
		more := first
		more.Tokens = 25
		if err := f.Reserve(more); err != nil {
			t.Error(err)
		}
		f.waits(t, 1)
		held := first
		held.Tokens = 75
		f.settle(held, held)
		if err := f.Reserve(more); err == nil {
			t.Error("the approval outlived its call")
		}
		if len(f.queue.granted) != 0 {
			t.Errorf("%v", f.queue.granted)
		}
		f.end()
		<-two
	})
}

func TestDenial(t *testing.T) {
	parking(t, func(t *testing.T, f *fixture) {
		c, one := f.ask(t.Context())
		if _, ok := f.decide(c.RequestID, answer{denied: "denied by operator:ada: too dear"}); !ok {
			t.Fatal("it does not wait")
		}
		if e := exceeded(t, <-one); e.Park || !strings.HasSuffix(e.Error(), "denied by operator:ada: too dear") {
			t.Errorf("%s", e)
		}
		f.waits(t, 0)
	})
}

func TestWaitingIsBounded(t *testing.T) {
	parking(t, func(t *testing.T, f *fixture) {
		began := time.Now()
		_, one := f.ask(t.Context())
		_, two := f.ask(t.Context())
		_, three := f.ask(t.Context())
		_, four := f.ask(t.Context())
		f.waits(t, 3)
		if e := exceeded(t, <-four); !strings.Contains(e.Verdict, "already as may: 3 (budgets.park.most)") {
			t.Errorf("%s", e)
		}
		for _, answer := range []<-chan error{one, two, three} {
			if e := exceeded(t, <-answer); !strings.Contains(e.Verdict, "within 10m0s") || time.Since(began) != 10*time.Minute {
				t.Errorf("%s after %s", e, time.Since(began))
			}
		}
		f.waits(t, 0)
	})
}

func TestWhoHangsUpLeavesTheQueue(t *testing.T) {
	parking(t, func(t *testing.T, f *fixture) {
		ctx, hangUp := context.WithCancel(t.Context())
		c, one := f.ask(ctx)
		f.waits(t, 1)
		hangUp()
		if err := <-one; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		f.waits(t, 0)
		if _, ok := f.decide(c.RequestID, answer{allowed: true}); ok {
			t.Error("a call that is gone was approved")
		}
		if last := f.news[len(f.news)-1]; last.Event != eventLeft || last.Call != c.RequestID {
			t.Errorf("%+v", last)
		}
	})
}

func TestRoomEndsTheWait(t *testing.T) {
	parking(t, func(t *testing.T, f *fixture) {
		_, one := f.ask(t.Context())
		c := f.book.config
		c.Limits = map[string]Limit{"house": {TokensPerDay: new(int64(120)), AtLimit: atLimitPark}}
		f.Apply(c) // not enough
		f.waits(t, 1)
		c.Limits = map[string]Limit{"house": {TokensPerDay: new(int64(200)), AtLimit: atLimitPark}}
		f.Apply(c)
		if err := <-one; err != nil {
			t.Error(err)
		}
		f.waits(t, 0)
	})
}

func TestTheNextDayEndsTheWait(t *testing.T) {
	parking(t, func(t *testing.T, f *fixture) {
		timer := time.NewTimer(24*time.Hour - 5*time.Minute)
		<-timer.C
		f.clock.Set(time.Now())
		began := time.Now()
		_, one := f.ask(t.Context())
		f.waits(t, 1)
		if err := <-one; err != nil || time.Since(began) != 5*time.Minute {
			t.Errorf("%v after %s", err, time.Since(began))
		}
	})
}

func TestTheEndOfTheHouseEndsTheWait(t *testing.T) {
	parking(t, func(t *testing.T, f *fixture) {
		_, one := f.ask(t.Context())
		f.mu.Lock()
		f.started = false
		f.mu.Unlock()
		f.end()
		if e := exceeded(t, <-one); !strings.Contains(e.Verdict, "the house ended") {
			t.Errorf("%s", e)
		}
	})
}

// TestABudgetThatRefusesIsNotApproved: of two budgets that a call does not fit into, the one that
// refuses decides, and an approval of the other does not open it.
func TestABudgetThatRefusesIsNotApproved(t *testing.T) {
	parking(t, func(t *testing.T, f *fixture) {
		c, one := f.ask(t.Context())
		f.mu.Lock()
		f.book.config.Limits = map[string]Limit{
			"house": f.book.config.Limits["house"], "agent:companion": {TokensPerMonth: new(int64(100)), AtLimit: atLimitRefuse},
		}
		f.book.bind()
		f.mu.Unlock()
		if _, ok := f.decide(c.RequestID, answer{allowed: true}); !ok {
			t.Fatal("it does not wait")
		}
		if e := exceeded(t, <-one); e.Scope != "agent:companion" {
			t.Errorf("%s", e)
		}
		if len(f.queue.granted) != 0 {
			t.Error("the approval of a call that was not made is kept")
		}
	})
}

// TestWaitingHoldsNoLock: while one call waits, others are reserved and settled.
func TestWaitingHoldsNoLock(t *testing.T) {
	parking(t, func(t *testing.T, f *fixture) {
		_, one := f.ask(t.Context())
		var made atomic.Int64
		for range 10 {
			c := f.claim(1, price.Cost{})
			go func() {
				if f.Reserve(c) == nil {
					made.Add(1)
				}
			}()
		}
		synctest.Wait()
		if made.Load() != 10 {
			t.Errorf("%d calls were made", made.Load())
		}
		f.end()
		<-one
	})
}
