// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"holdfast"
	"holdfast/core/store"
	"holdfast/core/store/storetest"
	"holdfast/gateway/breaker/judge"
)

// gate admits by thresholds, as the breaker does, and counts what it hears.
type gate struct {
	limits judge.Thresholds
	heard  atomic.Int64
	last   atomic.Int64
}

var errFull = errors.New("full")

func (g *gate) Admit(c Claim, b judge.Burn) error {
	if judge.Admit(b, c.Tokens, g.limits) != nil {
		return errFull
	}
	return nil
}

func (g *gate) Booked(_ Claim, b judge.Burn) {
	g.heard.Add(1)
	g.last.Store(b.Hour)
}

func wide() *gate { return &gate{limits: judge.Defaults()} }

func tables() []store.Migration {
	return []store.Migration{{Package: "ledger", FS: Migrations()}}
}

// open starts a ledger that is stopped when the test ends.
func open(t testing.TB, s *store.Store, g Gate) *Ledger {
	t.Helper()
	return openIn(t, s, g, t.TempDir())
}

// openIn opens the books whose log is in that folder.
func openIn(t testing.TB, s *store.Store, g Gate, dir string) *Ledger {
	t.Helper()
	l := New(Needs{Store: s, Dir: dir, Node: "here", Gate: g})
	if err := l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return l
}

func call(agent string) Call {
	return Call{
		Caller: "agent:key", Tenant: "t", Agent: agent, Unit: "u", Alias: "chat", Provider: "p", Model: "m/x",
		Dialect: "openai.chat", RequestID: "hf-1",
	}
}

func done(input, output int64) Result {
	return Result{Provider: "p", Model: "m/x", Usage: holdfast.Usage{Input: input, Output: output}, Status: StatusOK}
}

func rows(t testing.TB, s *store.Store, query string, args ...any) int64 {
	t.Helper()
	var n int64
	err := s.Read(t.Context(), func(ctx context.Context, tx store.Tx) error {
		return tx.QueryRow(ctx, query, args...).Scan(&n)
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func summary(t testing.TB, l *Ledger) Summary {
	t.Helper()
	s, err := l.Summary(t.Context(), 24)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestReserveThenSettle(t *testing.T) {
	t.Parallel()
	storetest.Each(t, tables(), func(t *testing.T, s *store.Store) {
		g := wide()
		l := open(t, s, g)
		r, err := l.Reserve(t.Context(), call("alice"), 100, 50)
		if err != nil {
			t.Fatal(err)
		}
		if n, _ := reserved(t, l); n != 1 {
			t.Fatalf("%d reservations are on disk before the call", n)
		}
		if b, _ := l.Burn(t.Context()); b.Reserved != 150 || b.Hour != 0 {
			t.Errorf("burn %+v", b)
		}
		truth := Result{
			Provider: "q", Model: "n", Fallback: 1, Status: StatusOK, FirstToken: 7,
			Usage: holdfast.Usage{Input: 1, CachedRead: 2, CacheWrite5m: 3, CacheWrite1h: 4, Output: 5, Reasoning: 2},
		}
		r.Settle(truth)
		r.Settle(done(1000, 1000)) // only the first counts
		if b, _ := l.Burn(t.Context()); b.Reserved != 0 || b.Hour != 15 || b.Day != 15 || b.Recent != 15 {
			t.Errorf("burn %+v", b)
		}
		got := summary(t, l)
		want := Sum{Calls: 1, Input: 1, CachedRead: 2, CacheWrite: 7, Output: 5, Reasoning: 2, Total: 15, Cost: "?", Unpriced: 1}
		if got.Today != want || got.LastHour != want || got.ByAgent[0] != (Share{"alice", want}) || got.ByModel[0] != (Share{"q/n", want}) {
			t.Errorf("summary %+v", got)
		}
		if last := got.ByHour[len(got.ByHour)-1]; len(got.ByHour) != 24 || last.Sum != want {
			t.Errorf("hours %+v", got.ByHour)
		}
		if g.heard.Load() != 1 || g.last.Load() != 15 {
			t.Errorf("the gate heard %d times, last of %d", g.heard.Load(), g.last.Load())
		}
		whole := rows(t, s, "SELECT COUNT(*) FROM ledger_calls WHERE node = 'here' AND tenant = 't' AND caller = 'agent:key' AND unit = 'u' "+
			"AND alias = 'chat' AND dialect = 'openai.chat' AND fallback = 1 AND first_token_ns = 7 AND estimated = 0 AND request_id = 'hf-1' AND latency_ns > 0")
		if left, _ := reserved(t, l); whole != 1 || left != 0 {
			t.Error("the row is not as it was booked, or the reservation stayed")
		}
	})
}

// TestConcurrentCallsAgainstACap is the promise that others break: 64 calls at once against a cap
// for ten admit ten.
func TestConcurrentCallsAgainstACap(t *testing.T) {
	t.Parallel()
	storetest.Each(t, tables(), func(t *testing.T, s *store.Store) {
		g := wide()
		g.limits.HardCapPerHour = 1500
		l := open(t, s, g)
		var admitted, refused atomic.Int64
		var wg sync.WaitGroup
		for range 64 {
			wg.Go(func() {
				_, err := l.Reserve(t.Context(), call("a"), 50, 100)
				switch {
				case err == nil:
					admitted.Add(1)
				case errors.Is(err, errFull):
					refused.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if admitted.Load() != 10 || refused.Load() != 54 {
			t.Errorf("admitted %d, refused %d", admitted.Load(), refused.Load())
		}
		if _, n := reserved(t, l); n != 1500 {
			t.Errorf("%d tokens are reserved on disk", n)
		}
	})
}

func TestExtend(t *testing.T) {
	t.Parallel()
	storetest.Each(t, tables(), func(t *testing.T, s *store.Store) {
		g := wide()
		g.limits.HardCapPerHour = 300
		l := open(t, s, g)
		r, err := l.Reserve(t.Context(), call("a"), 50, 100)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Extend(100); err != nil {
			t.Fatal(err)
		}
		if !l.log.Durable(r.to) {
			t.Error("more was reserved, and a loss of power would forget it")
		}
		if err := r.Extend(100); !errors.Is(err, errFull) {
			t.Errorf("the third hundred: %v", err)
		}
		if _, n := reserved(t, l); n != 250 || r.Held() != 250 {
			t.Errorf("%d on disk, %d held", n, r.Held())
		}
	})
}

func TestOrphansAreSettledAsEstimates(t *testing.T) {
	t.Parallel()
	storetest.Each(t, tables(), func(t *testing.T, s *store.Store) {
		dir := t.TempDir()
		crashed := openIn(t, s, wide(), dir)
		for i := range 70 {
			if _, err := crashed.Reserve(t.Context(), call(fmt.Sprint("agent", i%7)), 30, 12); err != nil {
				t.Fatal(err)
			}
		}
		crash(crashed)
		elsewhere := New(Needs{Store: s, Dir: t.TempDir(), Node: "there", Gate: wide()})
		if err := elsewhere.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if b, _ := elsewhere.Burn(t.Context()); b.Hour != 0 {
			t.Fatalf("another node settled what is not its own: %+v", b)
		}
		if err := elsewhere.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		l := openIn(t, s, wide(), dir)
		got := summary(t, l)
		if got.Today.Calls != 70 || got.Today.Estimated != 70 || got.Today.Total != 70*42 || got.Burn.Hour != 70*42 || got.Burn.Reserved != 0 {
			t.Errorf("summary %+v, burn %+v", got.Today, got.Burn)
		}
		if n := rows(t, s, "SELECT COUNT(*) FROM ledger_calls WHERE status = 'orphan' AND agent LIKE 'agent%' AND provider = 'p'"); n != 70 {
			t.Errorf("%d rows are orphans", n)
		}
	})
}

// TestIDsNeverGoBack, whatever the clock does.
func TestIDsNeverGoBack(t *testing.T) {
	t.Parallel()
	l, now, last := New(Needs{}), time.Unix(1_700_000_000, 0), int64(0)
	for i := range 10_000 {
		at := now.Add(time.Duration(i%7-3) * time.Second)
		id := l.nextID(at)
		if id <= last || id < firstID(at) {
			t.Fatalf("%d after %d", id, last)
		}
		last = id
	}
}

func TestHostileNames(t *testing.T) {
	t.Parallel()
	storetest.Each(t, tables(), func(t *testing.T, s *store.Store) {
		l := open(t, s, wide())
		name := "x\x00\xff'); DROP TABLE ledger_calls; --灯"
		r, err := l.Reserve(t.Context(), call(name), 1, 1)
		if err != nil {
			t.Fatal(err)
		}
		r.Settle(Result{Provider: name, Model: name, Status: StatusOK, Usage: holdfast.Usage{Output: 1}})
		if got := summary(t, l); got.Today.Calls != 1 {
			t.Errorf("%+v", got)
		}
	})
}

func TestClosedLedgerRefuses(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.Options(t, store.SQLite, tables()))
	l := New(Needs{Store: s, Dir: t.TempDir(), Node: "here", Gate: wide()})
	if _, err := l.Reserve(t.Context(), call("a"), 1, 1); !errors.Is(err, ErrClosed) {
		t.Errorf("before start: %v", err)
	}
	if got := summary(t, l); got.Today.Calls != 0 {
		t.Errorf("a summary without a running house: %+v", got)
	}
	if err := errors.Join(l.Start(t.Context()), l.Stop(t.Context()), l.Stop(t.Context())); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Reserve(t.Context(), call("a"), 1, 1); !errors.Is(err, ErrClosed) {
		t.Errorf("after stop: %v", err)
	}
}

func TestExpectedOutput(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.Options(t, store.SQLite, tables()))
	first := New(Needs{Store: s, Dir: t.TempDir(), Node: "here", Gate: wide()})
	if err := first.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		if want := first.Expect("p", "m/x"); i < seenEnough && want != DefaultOutput {
			t.Fatalf("after %d answers %d is expected", i, want)
		}
		r, err := first.Reserve(t.Context(), call("a"), 1, 1)
		if err != nil {
			t.Fatal(err)
		}
		r.Settle(done(1, int64(i+1)))
	}
	if got := first.Expect("p", "m/x"); got < 90 || got > 100 {
		t.Errorf("expected %d of 1 to 100", got)
	}
	if err := first.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := open(t, s, wide()).Expect("p", "m/x"); got < 90 || got > 100 {
		t.Errorf("after a restart %d is expected", got)
	}
}
