// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/core/store"
	"holdfast/core/store/storetest"
)

// TestSettlementsOutliveAFailingDisk fails every insert for a while: nothing is lost, and new
// calls are refused rather than made uncounted.
func TestSettlementsOutliveAFailingDisk(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.Options(t, store.SQLite, tables()))
	l := open(t, s, wide())
	var booked []*Reservation
	for range 5 {
		r, err := l.Reserve(t.Context(), call("a"), 10, 10)
		if err != nil {
			t.Fatal(err)
		}
		booked = append(booked, r)
	}
	fail := func(words ...string) {
		t.Helper()
		err := s.Write(t.Context(), func(ctx context.Context, tx store.Tx) error {
			for _, w := range words {
				if _, err := tx.Exec(ctx, w); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	fail("CREATE TRIGGER full_calls BEFORE INSERT ON ledger_calls BEGIN SELECT RAISE(ABORT, 'disk full'); END",
		"CREATE TRIGGER full_log BEFORE UPDATE ON ledger_log BEGIN SELECT RAISE(ABORT, 'disk full'); END")
	for _, r := range booked {
		r.Settle(done(7, 3))
	}
	until(t, func() bool {
		r, err := l.Reserve(t.Context(), call("a"), 10, 10)
		if err == nil {
			r.Settle(Result{Provider: "p", Model: "m/x", Status: StatusOK})
			booked = append(booked, r)
		}
		return err != nil
	})
	if b, _ := l.Burn(t.Context()); b.Hour != 50 || b.Reserved != 0 {
		t.Errorf("burn %+v", b)
	}
	if got := summary(t, New(l.needs)); got.Today.Calls != 0 || got.Burn.Hour != 0 {
		t.Errorf("another process, for which nothing can be written either, sees %+v", got.Today)
	}
	fail("DROP TRIGGER full_calls", "DROP TRIGGER full_log")
	if got := summary(t, New(l.needs)); got.Today.Calls != int64(len(booked)) || got.Burn.Hour != 50 {
		t.Errorf("another process sees %+v, %+v", got.Today, got.Burn)
	}
	until(t, func() bool { return summary(t, l).Today.Calls == int64(len(booked)) })
	r, err := l.Reserve(t.Context(), call("a"), 10, 10)
	if err != nil {
		t.Fatal(err)
	}
	r.Settle(Result{Provider: "p", Model: "m/x", Status: StatusOK})
	if got := summary(t, l).Today; got.Total != 50 || got.Estimated != 0 {
		t.Errorf("today %+v", got)
	}
}

// TestOneBadRowSpoilsNoOther fails the rows of one agent alone.
func TestOneBadRowSpoilsNoOther(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.Options(t, store.SQLite, tables()))
	l := open(t, s, wide())
	err := s.Write(t.Context(), func(ctx context.Context, tx store.Tx) error {
		_, err := tx.Exec(ctx, "CREATE TRIGGER bad BEFORE INSERT ON ledger_calls WHEN NEW.agent = 'mallory' BEGIN SELECT RAISE(ABORT, 'no'); END")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 40 {
		agent := "alice"
		if i%4 == 0 {
			agent = "mallory"
		}
		wg.Go(func() {
			r, err := l.Reserve(t.Context(), call(agent), 1, 1)
			if err != nil {
				t.Errorf("%s: %v", agent, err)
				return
			}
			r.Settle(done(1, 1))
		})
	}
	wg.Wait()
	if got := summary(t, l); got.Today.Calls != 30 || got.Burn.Reserved != 0 || got.Burn.Hour != 80 {
		t.Errorf("%+v, burn %+v", got.Today, got.Burn)
	}
	crash(l)
	l = openIn(t, s, wide(), l.needs.Dir) // which keeps in the log what the store does not take
	if got := summary(t, l); got.Today.Calls != 30 || got.Burn.Hour != 80 {
		t.Errorf("after a crash %+v, burn %+v", got.Today, got.Burn)
	}
	err = s.Write(t.Context(), func(ctx context.Context, tx store.Tx) error {
		_, err := tx.Exec(ctx, "DROP TRIGGER bad")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	until(t, func() bool { return summary(t, l).Today.Calls == 40 })
}

// TestLostWordOfACommit: a batch that is tried again although the store has it is there once, and the
// burn hears of what it changed, once.
func TestLostWordOfACommit(t *testing.T) {
	t.Parallel()
	storetest.Each(t, tables(), func(t *testing.T, s *store.Store) {
		p := &purse{}
		l := openWith(t, s, p)
		observe(t, l, seen("first", "msg_1", time.Now(), 50, 0))
		truth := done(30, 4)
		truth.ResponseID = "msg_1"
		c := call("a")
		b := l.write.batchOf([]op{
			{settle: &callRow{id: 1 << 60, time: time.Now().UnixNano(), node: "here", source: SourceGateway, Call: c, Result: truth}},
			{observe: []*observedRow{rowOf(l.needs, seen("second", "", time.Now(), 7, 0), time.Now())}},
		})
		err := s.Write(t.Context(), func(ctx context.Context, tx store.Tx) error { // whose word is lost
			if _, err := advance(ctx, tx, "here", l.write.at.batch, b.position); err != nil {
				return err
			}
			return l.write.scratch.write(ctx, tx, b.ops)
		})
		if err != nil {
			t.Fatal(err)
		}
		if !l.write.commit(b) {
			t.Fatal("it is tried for ever")
		}
		if n := rows(t, s, "SELECT COUNT(*) FROM ledger_calls"); n != 2 {
			t.Errorf("%d rows", n)
		}
		if sum := rows(t, s, "SELECT "+adding(total)+" FROM ledger_sums"); sum != 41 {
			t.Errorf("the sums have %d tokens", sum)
		}
		if burn, _ := l.Burn(t.Context()); burn.Day != 7 || p.spent != 7 { // the settlement itself was told when it was made
			t.Errorf("burn %+v, spent %d", burn, p.spent)
		}
	})
}

// TestIDThatAnotherNodeTook is given up for another.
func TestIDThatAnotherNodeTook(t *testing.T) {
	t.Parallel()
	storetest.Each(t, tables(), func(t *testing.T, s *store.Store) {
		l := open(t, s, wide())
		row := func(request string) op {
			c := call("a")
			c.RequestID = request
			return op{settle: &callRow{id: 7, node: "here", Call: c, Result: done(1, 1)}}
		}
		for _, request := range []string{"first", "second", ""} {
			if !l.write.commit(l.write.batchOf([]op{row(request)})) {
				t.Fatal("it is tried for ever")
			}
		}
		if n := rows(t, s, "SELECT COUNT(*) FROM ledger_calls WHERE request_id IN ('first', 'second', '')"); n != 3 {
			t.Errorf("%d rows of 3", n)
		}
	})
}

// TestTwoHousesOfOneName in one database: the second to write is refused and says why.
func TestTwoHousesOfOneName(t *testing.T) {
	t.Parallel()
	storetest.Each(t, tables(), func(t *testing.T, s *store.Store) {
		one, other := open(t, s, wide()), open(t, s, wide())
		other.Book(call("b"), done(1, 1), 0)
		summary(t, other)
		if definite, err := one.write.try(one.write.batchOf([]op{})); definite || err == nil || !strings.Contains(err.Error(), "two houses") {
			t.Errorf("%v, %v", definite, err)
		}
	})
}
