// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"holdfast"
	"holdfast/core/store"
	"holdfast/core/store/storetest"
	"holdfast/gateway/ledger/wal"
	"holdfast/gateway/price"
)

// reserved is what the log says of calls under way: how many, and how many tokens they hold.
func reserved(t testing.TB, l *Ledger) (calls, tokens int64) {
	t.Helper()
	var at position
	err := l.needs.Store.Read(t.Context(), func(ctx context.Context, tx store.Tx) (err error) {
		at, err = positionOf(ctx, tx, l.needs.Node)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	left, err := leftIn(l.needs.Dir, at)
	if err != nil || len(left.found.Damage) > 0 || left.strange > 0 {
		t.Fatalf("%+v, %v", left.found, err)
	}
	for _, row := range left.open {
		calls, tokens = calls+1, tokens+row.Usage.Total()
	}
	return calls, tokens
}

// crash ends a ledger as SIGKILL does: what is not written yet is in the log or nowhere.
func crash(l *Ledger) {
	l.mu.Lock()
	l.started = false
	l.mu.Unlock()
	l.write.mu.Lock()
	l.write.queue, l.write.closed = nil, true
	l.write.mu.Unlock()
	l.write.giveUp()
	<-l.write.gone
	_ = l.log.Close(false)
}

// copyOf copies the files of a log.
func copyOf(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

// busy makes calls of which some are settled and some are not.
func busy(t *testing.T, l *Ledger, n int) {
	t.Helper()
	for i := range n {
		c := call("a")
		c.RequestID = fmt.Sprint(i)
		r, err := l.Reserve(t.Context(), c, 10, 5)
		if err != nil {
			t.Fatal(err)
		}
		if i%3 > 0 {
			r.Settle(done(3, 4))
		}
	}
}

// TestLogIsReplayedOnce, also when the house was killed after the store had it and before its files
// were removed, and when it was killed with a part of it in the store.
func TestLogIsReplayedOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, tables(), func(t *testing.T, s *store.Store) {
		dir := t.TempDir()
		l := openIn(t, s, wide(), dir)
		busy(t, l, 30)
		summary(t, l) // a part is in the store
		busy(t, l, 30)
		before := copyOf(t, dir)
		crash(l)
		const want = 40*7 + 20*15
		for round := range 3 {
			l = openIn(t, s, wide(), copyOf(t, before))
			got := summary(t, l)
			if got.Today.Calls != 60 || got.Today.Total != want || got.Today.Estimated != 20 || got.Burn.Hour != want || got.Burn.Reserved != 0 {
				t.Fatalf("round %d: %+v, %+v", round, got.Today, got.Burn)
			}
			crash(l)
		}
	})
}

// TestDamagedLog loses what cannot be read, says so, and nothing else.
func TestDamagedLog(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.Options(t, store.SQLite, tables()))
	dir := t.TempDir()
	l := openIn(t, s, wide(), dir)
	busy(t, l, 30)
	crash(l)
	files, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	text[3000] ^= 0xff
	if err := os.WriteFile(files[0], text, 0o600); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	l = New(Needs{Store: s, Dir: dir, Node: "here", Gate: wide(), Log: slog.New(slog.NewTextHandler(&said, nil))})
	if err := l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Stop(context.WithoutCancel(t.Context())) })
	// Of a call whose settlement cannot be read its reservation stands; of one whose reservation cannot be
	// read the settlement.
	if got := summary(t, l).Today; got.Calls < 29 || got.Calls > 30 || got.Total < 20*7+9*15 {
		t.Errorf("%+v", got)
	}
	if !strings.Contains(said.String(), "cannot be read") || !strings.Contains(said.String(), filepath.Base(files[0])) {
		t.Errorf("it says %s", said.String())
	}
}

// TestRecordsOfAnotherVersion are left out, and told of.
func TestRecordsOfAnotherVersion(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	log := wal.New(wal.Options{Dir: dir})
	for _, record := range [][]byte{{99, 1, 2}, {recordSettled}, {recordReserved, 200}, {recordSettled, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1}} {
		if _, _, err := log.Append(record, 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := log.Close(false); err != nil {
		t.Fatal(err)
	}
	left, err := leftIn(dir, position{})
	if err != nil || left.strange != 4 || len(left.open)+len(left.settled) > 0 {
		t.Errorf("%+v, %v", left, err)
	}
}

// TestRecordsSayWhatTheyWereTold, whatever it is.
func TestRecordsSayWhatTheyWereTold(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		word := func(name string) string { return rapid.String().Draw(t, name) }
		number := func(name string) int64 { return rapid.Int64().Draw(t, name) }
		c := Call{
			Caller: word("caller"), Key: word("key"), Tenant: word("tenant"), Agent: word("agent"), Unit: word("unit"), Session: word("session"),
			Alias: word("alias"), Provider: word("provider"), Model: word("model"), Dialect: word("dialect"), RequestID: word("request"),
		}
		row := &callRow{
			id: number("id"), reservation: number("reservation"), time: number("time"), latency: number("latency"), source: SourceGateway, Call: c,
			Result: Result{
				Provider: word("by"), Model: word("its"), Fallback: int(rapid.Int32().Draw(t, "fallback")), Status: word("status"), ResponseID: word("response"),
				Estimated: rapid.Bool().Draw(t, "estimated"), FirstToken: time.Duration(number("first")),
				Usage: holdfast.Usage{Input: number("in"), CachedRead: number("cached"), CacheWrite5m: number("5m"), CacheWrite1h: number("1h"), Output: number("out"), Reasoning: number("reasoning")},
			},
		}
		if rapid.Bool().Draw(t, "priced") {
			row.cost = price.Cost{Nano: number("cost"), Known: true}
		}
		record := (&recorder{}).settled(row)
		got, settled, err := (&teller{b: record}).row()
		for _, text := range []*string{
			&row.Caller, &row.Key, &row.Tenant, &row.Agent, &row.Unit, &row.Session, &row.Alias, &row.Call.Provider, &row.Call.Model, &row.Dialect, &row.RequestID,
			&row.Result.Provider, &row.Result.Model, &row.Status, &row.ResponseID,
		} {
			*text = short(*text)
		}
		if err != nil || !settled || !reflect.DeepEqual(got, row) || len(record) > settledRoom-100 {
			t.Fatalf("%+v, %v; told %+v, in %d bytes", got, err, row, len(record))
		}
	})
}

// TestALongCallHoldsNoLogBack: it is written again, so that the log stays small, and still is an
// estimate after a crash, as large as it was last.
func TestALongCallHoldsNoLogBack(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.Options(t, store.SQLite, tables()))
	l := openIn(t, s, wide(), t.TempDir())
	long, err := l.Reserve(t.Context(), call("long"), 100, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := long.Extend(10); err != nil {
		t.Fatal(err)
	}
	for end := l.log.End() + 3*mostBehind; l.log.End() < end; {
		c := call("a")
		c.Session = strings.Repeat("s", longest)
		c.Tenant, c.Unit, c.Caller = c.Session, c.Session, c.Session
		r, err := l.Reserve(t.Context(), c, 1, 1)
		if err != nil {
			t.Fatal(err)
		}
		r.Settle(done(1, 1))
	}
	summary(t, l)
	files, err := filepath.Glob(filepath.Join(l.needs.Dir, "*.log"))
	if err != nil || len(files) > 2*mostBehind/wal.DefaultSegment {
		t.Errorf("%d files, %v", len(files), err)
	}
	crash(l)
	l = openIn(t, s, wide(), l.needs.Dir)
	if n := rows(t, s, "SELECT input + output FROM ledger_calls WHERE agent = 'long' AND status = 'orphan'"); n != 111 || summary(t, l).Today.Estimated != 1 {
		t.Errorf("the long call is an estimate of %d tokens", n)
	}
}
