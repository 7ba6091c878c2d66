// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"holdfast/core/store"
	"holdfast/core/store/storetest"
)

// occupy holds the store's one transaction until release, which first does something in it.
func occupy(t *testing.T, s *store.Store) (release func(words ...string)) {
	t.Helper()
	entered, leave, left := make(chan struct{}), make(chan []string, 1), make(chan error, 1)
	go func() {
		left <- s.Write(context.WithoutCancel(t.Context()), func(ctx context.Context, tx store.Tx) error {
			close(entered)
			for _, words := range <-leave {
				if _, err := tx.Exec(ctx, words); err != nil {
					return err
				}
			}
			return nil
		})
	}()
	<-entered
	t.Cleanup(func() { close(leave) }) // a test that failed before would wait for ever for its ledger to stop
	return func(words ...string) {
		t.Helper()
		leave <- words
		if err := <-left; err != nil {
			t.Error(err)
		}
	}
}

// fall has the store behind by as many settlements as are let, and gives how many calls were made.
func fall(t *testing.T, l *Ledger) (calls int64) {
	t.Helper()
	for l.write.behind.Load() < mostQueued {
		r, err := l.Reserve(t.Context(), call("a"), 1, 1)
		if err != nil {
			t.Fatal(err)
		}
		r.Settle(done(1, 1))
		if calls++; calls == 1 {
			until(t, func() bool { return l.write.behind.Load() == 0 }) // the writer is at the store, and takes no more
		}
	}
	return calls
}

// behind is a ledger whose store hangs until it is released, with as many settlements for it as are let.
func behind(t *testing.T) (s *store.Store, l *Ledger, release func(words ...string), calls int64) {
	t.Helper()
	s = storetest.Open(t, storetest.Options(t, store.SQLite, tables()))
	l = open(t, s, wide())
	release = occupy(t, s)
	return s, l, release, fall(t, l)
}

// waiting makes a call that waits for the store.
func waiting(ctx context.Context, t *testing.T, l *Ledger) <-chan error {
	t.Helper()
	answered := make(chan error, 1)
	go func() {
		r, err := l.Reserve(ctx, call("late"), 1, 1)
		if err == nil {
			r.Settle(done(1, 1))
		}
		answered <- err
	}()
	until(t, func() bool {
		l.write.mu.Lock()
		defer l.write.mu.Unlock()
		return l.write.less != nil
	})
	return answered
}

// closes tells that the ledger takes no further settlement into its store.
func closes(l *Ledger) bool {
	l.write.mu.Lock()
	defer l.write.mu.Unlock()
	return l.write.closed
}

// TestCallsWaitForAStoreThatIsFarBehind until it is not, or until the client hangs up.
func TestCallsWaitForAStoreThatIsFarBehind(t *testing.T) {
	t.Parallel()
	_, l, release, calls := behind(t)
	ctx, hangUp := context.WithCancel(t.Context())
	gone, waits := waiting(ctx, t, l), waiting(t.Context(), t, l)
	hangUp()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("the client that hung up: %v", err)
	}
	select {
	case err := <-waits:
		t.Errorf("the other did not wait: %v", err)
	default:
	}
	release()
	if err := <-waits; err != nil {
		t.Errorf("the store is there again: %v", err)
	}
	if got := summary(t, l); got.Today.Calls != calls+1 || got.Burn.Reserved != 0 {
		t.Errorf("%d calls of %d, %+v", got.Today.Calls, calls+1, got.Burn)
	}
}

// TestCallsDoNotWaitForAStoreThatTakesNothing: who waits is refused as the rest are.
func TestCallsDoNotWaitForAStoreThatTakesNothing(t *testing.T) {
	t.Parallel()
	s, l, release, calls := behind(t)
	waits := waiting(t.Context(), t, l)
	release("CREATE TRIGGER full_log BEFORE UPDATE ON ledger_log BEGIN SELECT RAISE(ABORT, 'disk full'); END")
	if err := <-waits; err == nil {
		t.Error("a call is made although the store takes nothing")
	}
	if err := l.flush(t.Context()); err != nil { // nor does who reads wait
		t.Error(err)
	}
	occupy(t, s)("DROP TRIGGER full_log")
	until(t, func() bool { return summary(t, l).Today.Calls == calls })
}

// TestStopWhileTheStoreHangs ends when it is told to, those who wait are refused, and the next start has
// what was settled.
func TestStopWhileTheStoreHangs(t *testing.T) {
	t.Parallel()
	s, l, release, calls := behind(t)
	waits := waiting(t.Context(), t, l)
	ctx, end := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- l.Stop(ctx) }()
	until(t, func() bool { return closes(l) })
	end()
	if err := <-stopped; !errors.Is(err, context.Canceled) {
		t.Errorf("it stopped with %v", err)
	}
	if err := <-waits; !errors.Is(err, ErrClosed) {
		t.Errorf("who waited hears %v", err)
	}
	release()
	l = openIn(t, s, wide(), l.needs.Dir)
	if got := summary(t, l); got.Today.Calls != calls || got.Today.Estimated != 0 || got.Today.Total != 2*calls {
		t.Errorf("%d calls: %+v", calls, got.Today)
	}
}

// TestSettledWhileItStops: what is settled after the last that the store takes is in the log, which is
// kept for it.
func TestSettledWhileItStops(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.Options(t, store.SQLite, tables()))
	l := open(t, s, wide())
	release := occupy(t, s)
	var under []*Reservation
	for range 2 {
		r, err := l.Reserve(t.Context(), call("a"), 10, 10)
		if err != nil {
			t.Fatal(err)
		}
		under = append(under, r)
	}
	under[0].Settle(done(1, 2))
	stopped := make(chan error, 1)
	go func() { stopped <- l.Stop(t.Context()) }()
	until(t, func() bool { return closes(l) })
	under[1].Settle(done(3, 4))
	l.Book(call("a"), done(50, 0), 0) // which comes too late
	release()
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	l = openIn(t, s, wide(), l.needs.Dir)
	if got := summary(t, l).Today; got.Calls != 2 || got.Total != 10 || got.Estimated != 0 {
		t.Errorf("%+v", got)
	}
}

// TestTooManyBadRows: settlements that the store does not take pile up no further than a batch.
func TestTooManyBadRows(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.Options(t, store.SQLite, tables()))
	l := open(t, s, wide())
	occupy(t, s)("CREATE TRIGGER bad BEFORE INSERT ON ledger_calls BEGIN SELECT RAISE(ABORT, 'no'); END")
	calls := int64(0)
	until(t, func() bool {
		for range mostTogether {
			r, err := l.Reserve(t.Context(), call("a"), 1, 1)
			if err != nil {
				return true
			}
			r.Settle(done(1, 1))
			calls++
		}
		return false
	})
	if calls > 2*mostQueued {
		t.Errorf("%d calls were made", calls)
	}
	occupy(t, s)("DROP TRIGGER bad")
	until(t, func() bool {
		r, err := l.Reserve(t.Context(), call("a"), 1, 1)
		if err == nil {
			r.Settle(done(1, 1))
			calls++
		}
		return err == nil
	})
	if got := summary(t, l).Today; got.Calls != calls || got.Estimated != 0 {
		t.Errorf("%d calls of %d", got.Calls, calls)
	}
}

// TestWhoWaitsIsToldOnce, also when it has given up and reads no answer.
func TestWhoWaitsIsToldOnce(t *testing.T) {
	t.Parallel()
	w := &writer{log: slog.New(slog.DiscardHandler)}
	waits := make(chan error, 1)
	w.rest = []op{{done: waits}}
	if w.later(batch{ops: []op{}}, errFull) {
		t.Error("it is not tried again")
	}
	answer(w.failed, nil)
	if err := <-waits; err != nil || len(waits) > 0 {
		t.Errorf("who waits hears %v, and then %d more", err, len(waits))
	}
}
