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

	"pgregory.net/rapid"

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
	l := New(Needs{Store: s, Node: "here", Gate: g})
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
		if n := rows(t, s, "SELECT COUNT(*) FROM ledger_reservations"); n != 1 {
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
		if whole != 1 || rows(t, s, "SELECT COUNT(*) FROM ledger_reservations") != 0 {
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
		if n := rows(t, s, "SELECT SUM(input + output) FROM ledger_reservations"); n != 1500 {
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
		if err := r.Extend(100); !errors.Is(err, errFull) {
			t.Errorf("the third hundred: %v", err)
		}
		summary(t, l) // everything is written
		if n := rows(t, s, "SELECT output FROM ledger_reservations"); n != 200 || r.Held() != 250 {
			t.Errorf("%d on disk, %d held", n, r.Held())
		}
	})
}

func TestOrphansAreSettledAsEstimates(t *testing.T) {
	t.Parallel()
	storetest.Each(t, tables(), func(t *testing.T, s *store.Store) {
		crashed := New(Needs{Store: s, Node: "here", Gate: wide()})
		if err := crashed.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		for i := range 70 {
			if _, err := crashed.Reserve(t.Context(), call(fmt.Sprint("agent", i%7)), 30, 12); err != nil {
				t.Fatal(err)
			}
		}
		elsewhere := New(Needs{Store: s, Node: "there", Gate: wide()})
		if err := elsewhere.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if b, _ := elsewhere.Burn(t.Context()); b.Hour != 0 {
			t.Fatalf("another node settled what is not its own: %+v", b)
		}
		if err := elsewhere.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		l := open(t, s, wide())
		got := summary(t, l)
		if got.Today.Calls != 70 || got.Today.Estimated != 70 || got.Today.Total != 70*42 || got.Burn.Hour != 70*42 || got.Burn.Reserved != 0 {
			t.Errorf("summary %+v, burn %+v", got.Today, got.Burn)
		}
		if n := rows(t, s, "SELECT COUNT(*) FROM ledger_calls WHERE status = 'orphan' AND agent LIKE 'agent%' AND provider = 'p'"); n != 70 {
			t.Errorf("%d rows are orphans", n)
		}
		_ = crashed.Stop(t.Context())
	})
}

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
		"CREATE TRIGGER full_reservations BEFORE INSERT ON ledger_reservations BEGIN SELECT RAISE(ABORT, 'disk full'); END")
	for _, r := range booked {
		r.Settle(done(7, 3))
	}
	if _, err := l.Reserve(t.Context(), call("a"), 10, 10); err == nil {
		t.Error("a call was admitted that is not on disk")
	}
	if b, _ := l.Burn(t.Context()); b.Hour != 50 || b.Reserved != 0 {
		t.Errorf("burn %+v", b)
	}
	if n := rows(t, s, "SELECT COUNT(*) FROM ledger_reservations"); n != 5 {
		t.Errorf("%d reservations stand in for the settlements", n)
	}
	fail("DROP TRIGGER full_calls", "DROP TRIGGER full_reservations")
	until(t, func() bool { return summary(t, l).Today.Calls == 5 })
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
		_, err := tx.Exec(ctx, "CREATE TRIGGER bad BEFORE INSERT ON ledger_reservations WHEN NEW.call LIKE '%mallory%' BEGIN SELECT RAISE(ABORT, 'no'); END")
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
			if (err == nil) != (agent == "alice") {
				t.Errorf("%s: %v", agent, err)
			}
			if err == nil {
				r.Settle(done(1, 1))
			}
		})
	}
	wg.Wait()
	if got := summary(t, l); got.Today.Calls != 30 || got.Burn.Reserved != 0 {
		t.Errorf("%+v, burn %+v", got.Today, got.Burn)
	}
}

// TestLostWordOfACommit: a settlement that is tried again although it is on disk is there once,
// and one whose id another node took gets a new one.
func TestLostWordOfACommit(t *testing.T) {
	t.Parallel()
	storetest.Each(t, tables(), func(t *testing.T, s *store.Store) {
		l := open(t, s, wide())
		row := func(id int64, request string) op {
			c := call("a")
			c.RequestID = request
			return op{settle: &callRow{id: id, node: "here", Call: c, Result: done(1, 1)}}
		}
		for _, o := range []op{row(7, "first"), row(7, "first"), row(7, "second")} {
			if failed := l.write.commit([]op{o}); len(failed) > 0 {
				if failed = l.write.commit(failed); len(failed) > 0 {
					t.Fatal("it is tried for ever")
				}
			}
		}
		if first, all := rows(t, s, "SELECT COUNT(*) FROM ledger_calls WHERE request_id = 'first'"), rows(t, s, "SELECT COUNT(*) FROM ledger_calls"); first != 1 || all != 2 {
			t.Errorf("%d rows, %d of the first", all, first)
		}
		for range 2 { // one without a request id that failed among others is written, and once
			if err := l.write.alone(row(8, "")); err != nil {
				t.Fatal(err)
			}
		}
		if nameless := rows(t, s, "SELECT COUNT(*) FROM ledger_calls WHERE request_id = ''"); nameless != 1 {
			t.Errorf("%d rows without a request id", nameless)
		}
	})
}

// TestVoidBeforeWritten: what is given up while it waits to be written is never written.
func TestVoidBeforeWritten(t *testing.T) {
	t.Parallel()
	w := &writer{wake: make(chan struct{}, 1)}
	for id := range int64(3) {
		w.push(op{reserve: &reservationRow{id: id}, after: true})
	}
	w.void(1)
	if len(w.urgent) != 2 || w.urgent[0].reserve.id != 0 || w.urgent[1].reserve.id != 2 || len(w.lazy) != 0 {
		t.Errorf("%d to be written, %d to be taken away", len(w.urgent), len(w.lazy))
	}
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
	l := New(Needs{Store: s, Node: "here", Gate: wide()})
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
	first := New(Needs{Store: s, Node: "here", Gate: wide()})
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

// TestSumsAreNeverLost drives a ledger at random, restarts and crashes included, and compares it
// with plain arithmetic after every step.
func TestSumsAreNeverLost(t *testing.T) {
	t.Parallel()
	options := storetest.Options(t, store.SQLite, tables())
	options.Synchronous = "OFF" // what is crashed here is the ledger, not the machine
	rapid.Check(t, func(rt *rapid.T) {
		options.Path = t.TempDir() + "/ledger.db"
		s := store.New(options.Path)
		if err := s.Open(t.Context(), options); err != nil {
			rt.Fatal(err)
		}
		defer func() { _ = s.Close() }()
		m := &model{t: rt, ctx: t.Context(), s: s}
		m.start()
		defer func() { _ = m.l.Stop(t.Context()) }()
		rt.Repeat(map[string]func(*rapid.T){
			"reserve": m.reserve, "extend": m.extend, "settle": m.settle, "restart": m.restart, "crash": m.crash, "": m.check,
		})
	})
}

type model struct {
	t   *rapid.T
	ctx context.Context
	s   *store.Store
	l   *Ledger

	under          []*Reservation
	settled, calls int64
}

func (m *model) start() {
	m.l = New(Needs{Store: m.s, Node: "here", Gate: wide()})
	if err := m.l.Start(m.ctx); err != nil {
		m.t.Fatal(err)
	}
}

func (m *model) reserve(t *rapid.T) {
	r, err := m.l.Reserve(m.ctx, call("a"), rapid.Int64Range(0, 500).Draw(t, "input"), rapid.Int64Range(0, 500).Draw(t, "output"))
	if err != nil {
		t.Fatal(err)
	}
	m.under = append(m.under, r)
}

func (m *model) extend(t *rapid.T) {
	if len(m.under) == 0 {
		t.Skip("nothing under way")
	}
	if err := rapid.SampledFrom(m.under).Draw(t, "which").Extend(rapid.Int64Range(1, 100).Draw(t, "more")); err != nil {
		t.Fatal(err)
	}
}

func (m *model) settle(t *rapid.T) {
	if len(m.under) == 0 {
		t.Skip("nothing under way")
	}
	i := rapid.IntRange(0, len(m.under)-1).Draw(t, "which")
	truth := done(rapid.Int64Range(0, 500).Draw(t, "input"), rapid.Int64Range(0, 500).Draw(t, "output"))
	m.under[i].Settle(truth)
	m.under = append(m.under[:i], m.under[i+1:]...)
	m.settled += truth.Usage.Total()
	m.calls++
}

// restart ends the house in order; what was under way becomes an estimate at the next start.
func (m *model) restart(t *rapid.T) {
	if err := m.l.Stop(m.ctx); err != nil {
		t.Fatal(err)
	}
	m.orphan()
}

// crash leaves the old ledger behind once its settlements are on disk or still reserved: here
// they are made to be on disk, for which of the two it is would be chance.
func (m *model) crash(t *rapid.T) {
	if _, err := m.l.Summary(m.ctx, 1); err != nil {
		t.Fatal(err)
	}
	old := m.l
	m.orphan()
	_ = old.Stop(m.ctx)
}

func (m *model) orphan() {
	for _, r := range m.under {
		m.settled += r.Held()
		m.calls++
	}
	m.under = nil
	m.start()
}

func (m *model) check(t *rapid.T) {
	held := int64(0)
	for _, r := range m.under {
		held += r.Held()
	}
	got, err := m.l.Summary(m.ctx, 24)
	if err != nil {
		t.Fatal(err)
	}
	if got.Burn.Hour != m.settled || got.Burn.Day != m.settled || got.Burn.Reserved != held {
		t.Fatalf("burn %+v, want %d and %d", got.Burn, m.settled, held)
	}
	sum := Sum{}
	for _, h := range got.ByHour {
		sum.Calls, sum.Total = sum.Calls+h.Calls, sum.Total+h.Total
	}
	if sum.Total != m.settled || sum.Calls != m.calls || got.LastHour.Total != m.settled {
		t.Fatalf("rows say %d tokens in %d calls, want %d in %d", sum.Total, sum.Calls, m.settled, m.calls)
	}
	stored, err := New(Needs{Store: m.s, Node: "here", Gate: wide()}).Burn(m.ctx)
	if err != nil || stored.Hour != m.settled || stored.Reserved != held {
		t.Fatalf("another process sees %+v (%v), want %d and %d", stored, err, m.settled, held)
	}
}

// until asks again until a deadline.
func until(t *testing.T, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatal("it did not come to pass")
		case <-again.C:
		}
	}
}
