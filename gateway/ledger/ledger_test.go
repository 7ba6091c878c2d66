// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"errors"
	"fmt"
	"strings"
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
		if err := r.Durable(t.Context()); err != nil {
			t.Fatal(err)
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
	if got := summary(t, l); got.Today.Calls != 30 {
		t.Errorf("after a crash %+v", got.Today)
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
		m := &model{t: rt, ctx: t.Context(), s: s, dir: t.TempDir()}
		m.start()
		defer func() { _ = m.l.Stop(t.Context()) }()
		rt.Repeat(map[string]func(*rapid.T){
			"reserve": m.reserve, "extend": m.extend, "settle": m.settle, "restart": m.restart, "crash": m.crash, "look": m.look, "": m.check,
		})
	})
}

type model struct {
	t   *rapid.T
	ctx context.Context
	s   *store.Store
	dir string
	l   *Ledger

	under          []*Reservation
	settled, calls int64
}

func (m *model) start() {
	m.l = New(Needs{Store: m.s, Dir: m.dir, Node: "here", Gate: wide()})
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

// crash kills the ledger, in half the cases with all its settlements in the log alone.
func (m *model) crash(t *rapid.T) {
	if rapid.Bool().Draw(t, "written") {
		if _, err := m.l.Summary(m.ctx, 1); err != nil {
			t.Fatal(err)
		}
	}
	crash(m.l)
	m.orphan()
}

// look sees what another process sees, which looks while nothing is written yet.
func (m *model) look(t *rapid.T) {
	held := int64(0)
	for _, r := range m.under {
		held += r.Held()
	}
	stored, err := New(m.l.needs).Burn(m.ctx)
	if err != nil || stored.Hour != m.settled || stored.Reserved != held {
		t.Fatalf("another process sees %+v (%v), want %d and %d", stored, err, m.settled, held)
	}
	got, err := New(m.l.needs).Summary(m.ctx, 24)
	if err != nil || got.LastHour.Total != m.settled || got.LastHour.Calls != m.calls {
		t.Fatalf("another process sums up %+v (%v), want %d in %d calls", got.LastHour, err, m.settled, m.calls)
	}
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
	if rapid.IntRange(0, 2).Draw(t, "looked at") > 0 {
		return // so that settlements gather
	}
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
