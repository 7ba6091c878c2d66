// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"holdfast"
	"holdfast/core/store"
	"holdfast/core/store/storetest"
	"holdfast/gateway/price"
)

// flat prices every model but "dark" at a nano-dollar a token.
type flat struct{}

func (flat) Cost(_, model string, u holdfast.Usage) price.Cost {
	return price.Cost{Nano: u.Total(), Known: model != "dark"}
}

func (flat) Most(_, model string, input, output int64) price.Cost {
	return price.Cost{Nano: 2 * (input + output), Known: model != "dark"}
}

// purse counts what it is told.
type purse struct {
	mu             sync.Mutex
	held, spent    int64
	heldNano, nano int64
	refuse         error
}

func (p *purse) Reserve(c Claim) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refuse != nil {
		return p.refuse
	}
	p.held += c.Tokens
	p.heldNano += c.Cost.Nano
	return nil
}

func (p *purse) Settle(reserved, spent Claim, _ time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held -= reserved.Tokens
	p.heldNano -= reserved.Cost.Nano
	p.spent += spent.Tokens
	p.nano += spent.Cost.Nano
}

func openWith(t testing.TB, s *store.Store, p Purse) *Ledger {
	t.Helper()
	l := New(Needs{Store: s, Dir: t.TempDir(), Node: "here", Gate: wide(), Purse: p, Prices: flat{}})
	if err := l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Stop(context.WithoutCancel(t.Context())) })
	return l
}

func seen(key, response string, at time.Time, input, output int64) Observation {
	return Observation{
		Key: key, Source: "claude", Time: at, Session: "s1", Agent: "claude-code", Project: "/p", Provider: "anthropic", Model: "m",
		Usage: holdfast.Usage{Input: input, Output: output}, ResponseID: response,
	}
}

func observe(t testing.TB, l *Ledger, seen ...Observation) {
	t.Helper()
	if err := l.Observe(t.Context(), seen); err != nil {
		t.Fatal(err)
	}
}

// agree checks that rows, sums, minutes, memory and purse say the same.
func agree(t testing.TB, l *Ledger, s *store.Store, p *purse, want int64) {
	t.Helper()
	for _, table := range []string{"ledger_calls", "ledger_sums", "ledger_minutes"} {
		if got := rows(t, s, "SELECT "+adding(total)+" FROM "+table); got != want {
			t.Errorf("%s has %d tokens, want %d", table, got, want)
		}
	}
	if b, _ := l.Burn(t.Context()); b.Day != want {
		t.Errorf("the burn is %+v, want %d", b, want)
	}
	if p != nil && p.spent != want {
		t.Errorf("the purse spent %d, want %d", p.spent, want)
	}
}

func TestObserve(t *testing.T) {
	t.Parallel()
	storetest.Each(t, tables(), func(t *testing.T, s *store.Store) {
		p := &purse{}
		l := openWith(t, s, p)
		now := time.Now()
		observe(t, l, seen("a", "", now, 10, 5), seen("a", "", now, 10, 9), seen("b", "", now.Add(-time.Hour), 1, 1))
		agree(t, l, s, p, 21)
		observe(t, l, seen("a", "", now, 10, 4)) // smaller: it grew already
		agree(t, l, s, p, 21)
		observe(t, l, seen("a", "", now.Add(-2*time.Minute), 10, 20)) // larger, and at another time
		agree(t, l, s, p, 32)
		observe(t, l, seen("future", "", now.Add(100*time.Hour), 1, 0))
		agree(t, l, s, p, 33)
		if n := rows(t, s, "SELECT COUNT(*) FROM ledger_calls WHERE source = 'claude' AND session = 's1' AND project = '/p'"); n != 3 {
			t.Errorf("%d rows", n)
		}
		if got := rows(t, s, "SELECT "+adding("cost")+" FROM ledger_sums"); got != 33 || p.nano != 33 {
			t.Errorf("the sums cost %d, the purse %d", got, p.nano)
		}
		list, err := asked(l).sessions(t.Context(), sessionsInput{Since: "1d", Limit: 5})
		if err != nil || len(list.Sessions) != 1 || list.Sessions[0].Total != 33 || list.Sessions[0].Calls != 3 {
			t.Errorf("%+v, %v", list, err)
		}
	})
}

// TestOneObservationStandsForAnother: a smaller one may, and what it stands for never comes back.
func TestOneObservationStandsForAnother(t *testing.T) {
	t.Parallel()
	storetest.Each(t, tables(), func(t *testing.T, s *store.Store) {
		p := &purse{}
		l := openWith(t, s, p)
		now := time.Now()
		instead := func(o Observation, key string) Observation { o.Instead = key; return o }
		observe(t, l, seen("replay", "", now, 900, 5), seen("other", "", now, 1, 0))
		observe(t, l, instead(seen("own", "", now, 4, 0), "replay"))
		agree(t, l, s, p, 5)
		observe(t, l, seen("replay", "", now, 900, 5), seen("own", "", now, 6, 0))
		agree(t, l, s, p, 7)
		observe(t, l, instead(seen("own", "", now, 2, 0), "own"), instead(seen("new", "", now, 3, 0), "never seen"))
		agree(t, l, s, p, 6)
		// All at once.
		observe(t, l, seen("replay2", "", now, 900, 5), instead(seen("own2", "", now, 1, 0), "replay2"),
			seen("grown", "", now, 50, 0), instead(seen("grown", "", now, 1, 0), "grown"))
		agree(t, l, s, p, 8)
	})
}

// TestCallsAreCountedOnce: what the gateway relayed and a log tells of too is the gateway's,
// whichever came first.
func TestCallsAreCountedOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, tables(), func(t *testing.T, s *store.Store) {
		p := &purse{}
		l := openWith(t, s, p)
		relay := func(id string) {
			r, err := l.Reserve(t.Context(), call("ada"), 10, 10)
			if err != nil {
				t.Fatal(err)
			}
			truth := done(7, 3)
			truth.ResponseID = id
			r.Settle(truth)
			summary(t, l)
		}
		now := time.Now()
		relay("msg_1")
		observe(t, l, seen("first", "msg_1", now, 7, 3))
		agree(t, l, s, p, 10)
		observe(t, l, seen("second", "msg_2", now, 7, 1), seen("other", "msg_3", now, 1, 0))
		agree(t, l, s, p, 19)
		relay("msg_2")
		agree(t, l, s, p, 21)
		observe(t, l, seen("second", "msg_2", now, 7, 30)) // it grows in the log: still the gateway's
		agree(t, l, s, p, 21)
		// A restart forgets nothing of it.
		if err := l.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		l = openWith(t, s, nil)
		relay("msg_3")
		observe(t, l, seen("first", "msg_1", now, 70, 3))
		agree(t, l, s, nil, 30)
	})
}

// TestTwinsWithoutAName: a log that does not name its answers tells of the gateway's calls too.
func TestTwinsWithoutAName(t *testing.T) {
	t.Parallel()
	storetest.Each(t, tables(), func(t *testing.T, s *store.Store) {
		p := &purse{}
		l := openWith(t, s, p)
		now := time.Now()
		for range 2 {
			r, err := l.Reserve(t.Context(), call("codex"), 10, 10)
			if err != nil {
				t.Fatal(err)
			}
			r.Settle(Result{Provider: "p", Model: "gpt", Status: StatusOK, Usage: holdfast.Usage{Input: 300, CachedRead: 1000, Output: 7}})
		}
		summary(t, l)
		log := func(key, model string, at time.Time, output int64) Observation {
			o := seen(key, "", at, 300, output)
			o.Model, o.Usage.CachedRead = model, 1000
			return o
		}
		observe(t, l, log("1", "gpt", now, 7), log("2", "chat", now, 7)) // by its model, by its alias
		agree(t, l, s, p, 2*1307)
		observe(t, l, log("1", "gpt", now, 7), log("3", "gpt", now, 7)) // a third call was not relayed
		agree(t, l, s, p, 3*1307)
		observe(t, l, log("4", "other", now, 7), log("5", "gpt", now.Add(-time.Hour), 7), log("6", "gpt", now, 8))
		agree(t, l, s, p, 6*1307+1)
		small := seen("7", "", now, 3, 4)
		small.Model = "gpt"
		l.Book(call("codex"), Result{Provider: "p", Model: "gpt", Status: StatusOK, Usage: holdfast.Usage{Input: 3, Output: 4}}, 0)
		observe(t, l, small)
		agree(t, l, s, p, 6*1307+1+14)
	})
}

func TestPurse(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.Options(t, store.SQLite, tables()))
	p := &purse{}
	l := openWith(t, s, p)
	r, err := l.Reserve(t.Context(), call("ada"), 10, 20)
	if err != nil || p.held != 30 || p.heldNano != 60 {
		t.Fatalf("held %d for %d, %v", p.held, p.heldNano, err)
	}
	if err := r.Extend(5); err != nil || p.held != 35 || p.heldNano != 70 {
		t.Fatalf("held %d for %d, %v", p.held, p.heldNano, err)
	}
	p.refuse = errFull
	if err := r.Extend(5); err == nil {
		t.Error("an empty purse was extended")
	}
	if _, err := l.Reserve(t.Context(), call("ada"), 1, 1); err == nil {
		t.Error("an empty purse admitted a call")
	}
	if b, _ := l.Burn(t.Context()); b.Reserved != 35 {
		t.Errorf("reserved %d", b.Reserved)
	}
	l.Book(call("ada"), done(1, 1), time.Second)
	r.Settle(done(3, 4))
	if p.held != 0 || p.heldNano != 0 || p.spent != 9 || p.nano != 9 {
		t.Errorf("held %d for %d, spent %d for %d", p.held, p.heldNano, p.spent, p.nano)
	}
	summary(t, l)
	for by, name := range map[string]string{"house": "", "tenant": "t", "agent": "ada", "key": ""} {
		sums, err := l.Spent(t.Context(), by, time.Now().Add(-time.Hour))
		if err != nil || sums[name] != (Spent{Calls: 2, Tokens: 9, Nano: 9}) {
			t.Errorf("by %s: %+v, %v", by, sums, err)
		}
	}
	minutes, err := l.Minutes(t.Context(), time.Now().Add(-time.Hour))
	if err != nil || len(minutes) == 0 || minutes[0].Tenant != "t" {
		t.Errorf("%+v, %v", minutes, err)
	}
}

// TestOrphansKeepTheirCost, an unknown one too.
func TestOrphansKeepTheirCost(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.Options(t, store.SQLite, tables()))
	crashed := New(Needs{Store: s, Dir: t.TempDir(), Node: "here", Gate: wide(), Prices: flat{}})
	if err := crashed.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	dark := call("b")
	dark.Model = "dark"
	for _, c := range []Call{call("a"), dark} {
		r, err := crashed.Reserve(t.Context(), c, 10, 10)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Extend(5); err != nil {
			t.Fatal(err)
		}
	}
	crash(crashed)
	l := openIn(t, s, wide(), crashed.needs.Dir)
	got := summary(t, l).Today
	if got.Calls != 2 || got.Total != 50 || got.CostNano != 50 || got.Unpriced != 1 {
		t.Errorf("%+v", got)
	}
	if n := rows(t, s, "SELECT COUNT(*) FROM ledger_calls WHERE cost IS NULL"); n != 1 {
		t.Errorf("%d rows cost an unknown amount", n)
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	storetest.Each(t, tables(), func(t *testing.T, s *store.Store) {
		l := openWith(t, s, nil)
		kathmandu := time.FixedZone("+0545", 5*3600+45*60)
		l.needs.Location = func() *time.Location { return kathmandu }
		midnight := time.Date(2026, 3, 2, 0, 0, 0, 0, kathmandu)
		observe(t, l, seen("before", "", midnight.Add(-time.Minute), 1, 0), seen("after", "", midnight.Add(time.Minute), 2, 0), seen("noon", "", midnight.Add(12*time.Hour), 4, 0))
		got, err := asked(l).usage(t.Context(), usageInput{By: "day", Since: "2026-03-01"})
		if err != nil || len(got.Rows) != 2 || got.Rows[0].Name != "2026-03-01" || got.Rows[0].Total != 1 || got.Rows[1].Total != 6 || got.Sum.Total != 7 {
			t.Errorf("days %+v, %v", got, err)
		}
		for _, by := range []string{"agent", "model", "provider", "hour", "session", "key", "tenant", "source", "project"} {
			got, err := asked(l).usage(t.Context(), usageInput{By: by, Since: "2026-03-01", Until: "2026-03-03"})
			if err != nil || got.Sum.Total != 7 || got.Sum.CostNano != 7 || got.Sum.Cost != "$0.000000007" {
				t.Errorf("by %s: %+v, %v", by, got, err)
			}
		}
		got, err = asked(l).usage(t.Context(), usageInput{By: "hour", Since: "2026-03-02", who: who{Session: "s1", Agent: "claude-code"}})
		if err != nil || len(got.Rows) != 2 || got.Sum.Total != 6 {
			t.Errorf("of a session %+v, %v", got, err)
		}
		blocks, err := asked(l).blocks(t.Context(), blocksInput{Since: "2026-03-01"})
		if err != nil || len(blocks.Blocks) != 2 || blocks.Blocks[0].Total != 3 || blocks.Blocks[1].Active || blocks.Blocks[1].Projected != 4 {
			t.Errorf("blocks %+v, %v", blocks, err)
		}
		calls, err := asked(l).calls(t.Context(), callsInput{Since: "2026-03-01", Limit: 2, who: who{Source: "claude"}})
		if err != nil || len(calls.Calls) != 2 || calls.Calls[0].Total != 4 || *calls.Calls[0].CostNano != 4 {
			t.Errorf("calls %+v, %v", calls, err)
		}
		if _, err := asked(l).usage(t.Context(), usageInput{By: "day", Since: "yesterweek"}); err == nil {
			t.Error("nonsense is a time")
		}
	})
}

func TestImport(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.Options(t, store.SQLite, tables()))
	l := openWith(t, s, nil)
	m, err := parseMapping([]string{"time=at", "model=request.model", `provider="openai"`, "input=usage.in", "output=usage.out", "key=id"})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().Add(-time.Minute)
	line := func(id string, at any, in any) string {
		return fmt.Sprintf(`{"id":%q,"at":%v,"request":{"model":"m"},"usage":{"in":%v,"out":2},"cost":0.5}`, id, at, in)
	}
	file := strings.Join([]string{
		line("1", now.Unix(), 5), line("2", now.UnixMilli(), 5), line("3", `"`+now.Format(time.RFC3339)+`"`, 5), line("1", now.Unix(), 5),
		"", "{broken", "[]", line("4", now.Unix(), -5), line("5", now.Unix(), "1e30"), line("6", `"soon"`, 1), `"text"`, "\x00\xff",
	}, "\n")
	for range 2 {
		got, err := asked(l).importLines(t.Context(), strings.NewReader(file), m)
		if err != nil || got.Lines != 12 || got.Calls != 4 || got.Skipped != 7 || len(got.Problems) != 7 || !strings.HasPrefix(got.Problems[0], "line 6: ") {
			t.Fatalf("%+v, %v", got, err)
		}
		agree(t, l, s, nil, 21)
	}
	if got := summary(t, l).Today; got.CostNano != 1_500_000_000 {
		t.Errorf("%+v", got)
	}
	for _, bad := range []string{"time", "nothing=x", "time="} {
		if _, err := parseMapping([]string{bad}); err == nil {
			t.Errorf("%q is a mapping", bad)
		}
	}
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"relative", "", "/dev/zero", "/", pipe, pipe + "/deeper", filepath.Join(t.TempDir(), "nowhere"), "/a\x00b"} {
		_, err := asked(l).importFile(t.Context(), importInput{File: path})
		if bad, ok := errors.AsType[*holdfast.Error](err); !ok || bad.Code != holdfast.CodeBadInput {
			t.Errorf("%q was opened: %v", path, err)
		}
	}
}

// TestImportOfOneMoment: a file that tells the day of its calls and no more.
func TestImportOfOneMoment(t *testing.T) {
	t.Parallel()
	l := openWith(t, storetest.Open(t, storetest.Options(t, store.SQLite, tables())), nil)
	m, err := parseMapping(nil)
	if err != nil {
		t.Fatal(err)
	}
	const calls = 8192
	var file strings.Builder
	for i := range calls {
		fmt.Fprintf(&file, `{"time":"2026-01-31T00:00:00Z","key":"%d","model":"m","input":1}`+"\n", i)
	}
	if got, err := asked(l).importLines(t.Context(), strings.NewReader(file.String()), m); err != nil || got.Calls != calls {
		t.Errorf("%+v, %v", got, err)
	}
}

func FuzzImport(f *testing.F) {
	m, _ := parseMapping([]string{"model=a.b"})
	for _, seed := range []string{`{"time":1700000000,"a":{"b":"m"},"input":1}`, `{"time":"2026-01-01T00:00:00Z","a":{"b":3},"output":-1}`, `{"cost":"NaN"}`, "[", `{"time":1e300}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		o, err := m.read(line)
		if err != nil {
			return
		}
		u := o.Usage
		if u.Input < 0 || u.Output < 0 || u.CachedRead < 0 || u.CacheWrite5m < 0 || u.CacheWrite1h < 0 || u.Total() <= 0 || o.Cost.Nano < 0 || o.Time.IsZero() {
			t.Errorf("%q was read as %+v", line, o)
		}
	})
}

// TestRowsGo: reports do not change when rows go, and what was observed is not counted again.
func TestRowsGo(t *testing.T) {
	t.Parallel()
	storetest.Each(t, tables(), func(t *testing.T, s *store.Store) {
		l := openWith(t, s, nil)
		now := time.Now()
		old := seen("old", "", now.Add(-100*24*time.Hour), 3, 0)
		observe(t, l, old, seen("new", "", now, 4, 0))
		if err := l.keeper().tidy(t.Context(), now); err != nil || rows(t, s, "SELECT COUNT(*) FROM ledger_calls") != 2 {
			t.Fatalf("rows went by default: %v", err)
		}
		l.Apply(Config{Keep: 90 * 24 * 3600 * 1e9})
		if err := l.keeper().tidy(t.Context(), now); err != nil || rows(t, s, "SELECT COUNT(*) FROM ledger_calls") != 1 {
			t.Fatalf("old rows stayed: %v", err)
		}
		old.Usage.Input = 30
		observe(t, l, old)
		got, err := asked(l).usage(t.Context(), usageInput{By: "day", Since: "200d"})
		if err != nil || got.Sum.Total != 7 || len(got.Rows) != 2 {
			t.Errorf("%+v, %v", got, err)
		}
		if wrong := (Config{Keep: 1}).Check(); len(wrong) != 1 {
			t.Error("rows may go at once")
		}
	})
}

// TestAbsurdNames: names of any length and content are booked, on PostgreSQL too, whose keys are
// short, and what is taken back is found in the sums again.
func TestAbsurdNames(t *testing.T) {
	t.Parallel()
	storetest.Each(t, tables(), func(t *testing.T, s *store.Store) {
		p := &purse{}
		l := openWith(t, s, p)
		long := func(end string) string { return strings.Repeat("\xff\x00灯'", 50_000) + end }
		c := call(long("a"))
		c.Key, c.Tenant, c.Caller, c.Unit, c.Session, c.Alias, c.RequestID = long("k"), long("t"), long("c"), long("u"), long("s"), long("l"), long("r")
		r, err := l.Reserve(t.Context(), c, 1, 1)
		if err != nil {
			t.Fatal(err)
		}
		truth := done(2, 3)
		truth.Provider, truth.Model, truth.ResponseID = long("p"), long("m"), long("x")
		r.Settle(truth)
		summary(t, l)
		o := seen(long("key"), long("x"), time.Now(), 1, 1)
		o.Session, o.Agent, o.Project, o.Provider, o.Model = long("s"), long("a"), long("j"), long("p"), long("m")
		other := o
		other.Key, other.ResponseID = long("other"), long("y")
		observe(t, l, o, other, other) // the first is the gateway's
		agree(t, l, s, p, 7)
		other.Usage.Output = 9
		observe(t, l, other)
		agree(t, l, s, p, 15)
		if name := short(long("z")); len(name) > longest || short(name) != name || clean(name) != name || name == short(long("y")) {
			t.Errorf("%d bytes: %q", len(name), name)
		}
		if got, err := asked(l).usage(t.Context(), usageInput{By: "project", Since: "1d"}); err != nil || len(got.Rows) != 2 || got.Sum.Total != 15 {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

// TestAbsurdNumbers: what a mad log claims is booked as far as it can be added up, again and again.
func TestAbsurdNumbers(t *testing.T) {
	t.Parallel()
	storetest.Each(t, tables(), func(t *testing.T, s *store.Store) {
		l := openWith(t, s, nil)
		for i := range 20 {
			mad := seen(fmt.Sprint(i), "", time.Date(1+i, 1, 1, 0, 0, 0, 0, time.UTC), 1<<62, -(1 << 62))
			mad.Usage.CachedRead, mad.Cost = 1<<62, price.Cost{Nano: 1 << 62, Known: true}
			observe(t, l, mad)
		}
		want := int64(20 * 2 * mostTokens)
		agree(t, l, s, nil, want)
		if got := summary(t, l).Today; got.Total != want || got.CostNano != 20*mostNano {
			t.Errorf("%+v", got)
		}
	})
}

// TestObservationsOnAFailingDisk are refused, and count nowhere.
func TestObservationsOnAFailingDisk(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.Options(t, store.SQLite, tables()))
	p := &purse{}
	l := openWith(t, s, p)
	run := func(text string) {
		t.Helper()
		err := s.Write(t.Context(), func(ctx context.Context, tx store.Tx) error {
			_, err := tx.Exec(ctx, text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	now := time.Now()
	observe(t, l, seen("a", "", now, 1, 0))
	run("CREATE TRIGGER full BEFORE INSERT ON ledger_sums BEGIN SELECT RAISE(ABORT, 'disk full'); END")
	if err := l.Observe(t.Context(), []Observation{seen("a", "", now, 5, 0), seen("b", "", now, 1, 0)}); err == nil {
		t.Error("an observation was booked on a full disk")
	}
	agree(t, l, s, p, 1)
	run("DROP TRIGGER full")
	observe(t, l, seen("a", "", now, 5, 0), seen("b", "", now, 1, 0))
	agree(t, l, s, p, 6)
}

func asked(l *Ledger) answers { return answers{l} }
