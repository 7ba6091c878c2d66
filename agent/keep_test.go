// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"holdfast"
	"holdfast/core/store"
	"holdfast/core/store/storetest"
)

func (t *traces) add(n int, agent string) {
	for range n {
		t.begin(holdfast.Caller{Kind: holdfast.CallerAgent, Name: "key"}, "m", "a", agent).end(nil, usage{})
	}
}

func TestTracesOutliveTheHouse(t *testing.T) {
	storetest.Each(t, allMigrations(), func(t *testing.T, s *store.Store) {
		first := newTraces(s, time.Now, slog.New(slog.DiscardHandler))
		first.add(450, "one")
		running := first.begin(holdfast.Caller{}, "m", "a", "two")
		if list, err := first.newest(t.Context(), 500, "", ""); err != nil || len(list) != 451 || list[0].State != "running" {
			t.Errorf("%d are listed before they are stored, %v", len(list), err)
		}
		running.tool(call("c1", "add", ""), json.RawMessage(`{"a":1}`))("done", "added", time.Second)
		running.end(errTokens, usage{})
		running.end(nil, usage{}) // the one after the end
		if err := first.stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		again := newTraces(s, time.Now, slog.New(slog.DiscardHandler))
		list, err := again.newest(t.Context(), 500, "", "")
		if err != nil || len(list) != 451 {
			t.Fatalf("%d are left, %v", len(list), err)
		}
		if list, err := again.newest(t.Context(), 500, "two", "stopped"); err != nil || len(list) != 1 || list[0].ID != running.id() {
			t.Errorf("the filter finds %+v, %v", list, err)
		}
		if list, _ := again.newest(t.Context(), 500, "two", "done"); len(list) != 0 {
			t.Errorf("the filter finds %+v", list)
		}
		one, err := again.find(t.Context(), running.id())
		if err != nil || one.State != "stopped" || len(one.Tools) != 1 || string(one.Tools[0].Arguments) != `{"a":1}` {
			t.Errorf("found %+v, %v", one, err)
		}
	})
}

// TestATraceOutlivesAHouseThatIsKilled: nothing is ended nor stopped before the next house starts.
func TestATraceOutlivesAHouseThatIsKilled(t *testing.T) {
	storetest.Each(t, allMigrations(), func(t *testing.T, s *store.Store) {
		first := newTraces(s, time.Now, slog.New(slog.DiscardHandler))
		r := first.begin(holdfast.Caller{}, "m", "a", "two")
		select {
		case <-first.wake:
		default:
			t.Error("its beginning wakes nobody who would write it")
		}
		for range 2 { // the second changes what is stored
			r.tool(call("c1", "add", ""), json.RawMessage(`{"a":1}`))("done", "added", time.Second)
			r.tool(call("c2", "list", ""), nil)
			if err := first.flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if left := first.drafts(traceBatch); len(left) != 0 {
			t.Errorf("written again though nothing changed: %+v", left)
		}
		if list, err := first.newest(t.Context(), 9, "", ""); err != nil || len(list) != 1 || list[0].State != runRunning {
			t.Errorf("while it runs the list is %+v, %v", list, err)
		}
		again := newTraces(s, time.Now, slog.New(slog.DiscardHandler))
		if err := again.start(t.Context()); err != nil {
			t.Fatal(err)
		}
		one, err := again.find(t.Context(), r.id())
		if err != nil || one.State != "failed" || one.Error != endedAmid || len(one.Tools) != 4 {
			t.Fatalf("found %+v, %v", one, err)
		}
		if whole, cut := one.Tools[2], one.Tools[3]; whole.Status != "done" || cut.Status != "failed" || cut.Result != calledAmid {
			t.Errorf("its calls are %+v", one.Tools)
		}
		if list, err := again.newest(t.Context(), 9, "two", "failed"); err != nil || len(list) != 1 {
			t.Errorf("the filter finds %+v, %v", list, err)
		}
	})
}

// Of several nodes with one store, none ends what runs in another.
func TestAHouseThatStartsLeavesTheTracesOfOtherNodes(t *testing.T) {
	storetest.Each(t, allMigrations(), func(t *testing.T, s *store.Store) {
		of := func(node string) *traces {
			tr := newTraces(s, time.Now, slog.New(slog.DiscardHandler))
			tr.node = func() string { return node }
			return tr
		}
		one, other := of("one"), of("other")
		mine, theirs := one.begin(holdfast.Caller{}, "m", "a", "x"), other.begin(holdfast.Caller{}, "m", "a", "x")
		if err := errors.Join(one.flush(t.Context()), other.flush(t.Context()), of("one").start(t.Context())); err != nil {
			t.Fatal(err)
		}
		want := map[string]string{mine.id(): "failed", theirs.id(): runRunning}
		if s.Dialect() == store.SQLite { // is one node's, which was called otherwise before
			want[theirs.id()] = "failed"
		}
		for id, state := range want {
			if got, err := of("third").find(t.Context(), id); err != nil || got.State != state {
				t.Errorf("%s stands as %q, %v, want %q", id, got.State, err, state)
			}
		}
	})
}

func TestAHouseThatStartsEndsTheTracesOfTheOneBefore(t *testing.T) {
	b := newBench(t)
	r := b.traces.begin(person(), "m", "a", Name)
	if err := b.traces.flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, next := b.house()
	told, err := desk{next}.trace(t.Context(), traceInput{ID: r.id()})
	if err != nil || told.Traces[0].State != "failed" || told.Traces[0].Error != endedAmid {
		t.Errorf("the next house tells %+v, %v", told, err)
	}
}

func TestTheEndOfATraceReplacesItsDraft(t *testing.T) {
	s := storetest.SQLite(t, allMigrations())
	tr := newTraces(s, time.Now, slog.New(slog.DiscardHandler))
	r := tr.begin(holdfast.Caller{}, "m", "a", "x")
	for range 2 {
		if err := tr.flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.end(nil, usage{})
	}
	again := newTraces(s, time.Now, slog.New(slog.DiscardHandler))
	if list, err := again.newest(t.Context(), 9, "", ""); err != nil || len(list) != 1 || list[0].State != "done" {
		t.Errorf("the store has %+v, %v", list, err)
	}
}

func TestTracesAreBounded(t *testing.T) {
	s := storetest.SQLite(t, allMigrations())
	ahead := time.Duration(0)
	now := func() time.Time { return time.Now().Add(ahead) }
	kept := func(tr *traces) (n int) {
		if err := tr.flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		err := s.Read(t.Context(), func(ctx context.Context, tx store.Tx) error {
			return tx.QueryRow(ctx, `SELECT count(*) FROM agent_traces`).Scan(&n)
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	tr := newTraces(s, now, slog.New(slog.DiscardHandler))
	for range 3 {
		tr.add(900, "x")
		if n := kept(tr); n > manyTraces {
			t.Errorf("%d are kept", n)
		}
	}
	// A clock that jumps while the house runs makes nothing old.
	ahead = 365 * 24 * time.Hour
	tr.add(1, "after the jump")
	if n := kept(tr); n != manyTraces {
		t.Errorf("%d are kept after the clock jumped", n)
	}
	// Two weeks later in another life, all are.
	ahead = 15 * 24 * time.Hour
	later := newTraces(s, now, slog.New(slog.DiscardHandler))
	later.add(1, "later")
	if n := kept(later); n != 2 { // the one of the future, and this
		t.Errorf("%d are kept after two weeks", n)
	}
}

func TestAStoreThatRefusesTracesLosesNoneAtOnce(t *testing.T) {
	path := storetest.SQLite(t, allMigrations())
	tr := newTraces(path, time.Now, slog.New(slog.DiscardHandler))
	closed := store.New("unused")
	tr.store = closed
	tr.add(30, "x")
	if tr.flush(t.Context()) == nil {
		t.Fatal("a closed store took them")
	}
	tr.add(3, "x")
	tr.store = path
	if err := tr.stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if list, err := tr.newest(t.Context(), 100, "", ""); err != nil || len(list) != 33 || len(tr.ended) != 0 {
		t.Errorf("%d are kept, %d wait, %v", len(list), len(tr.ended), err)
	}
	tr.store = closed
	tr.add(manyTraces+5, "x")
	if len(tr.ended) != manyTraces || tr.lost != 5 {
		t.Errorf("%d wait in memory, %d are lost", len(tr.ended), tr.lost)
	}
}

func TestALongTraceIsCut(t *testing.T) {
	one := Trace{ID: "x"}
	for i := range maxToolRuns {
		one.Tools = append(one.Tools, ToolRun{ID: fmt.Sprint(i), Arguments: encode(strings.Repeat("a", 4<<10)), Result: strings.Repeat("r", maxExcerpt)})
	}
	var back Trace
	if body := one.body(); len(body) > 2*maxTrace || json.Unmarshal(body, &back) != nil || len(back.Tools) != maxToolRuns {
		t.Errorf("its body is %d bytes", len(body))
	}
	if len(one.Tools[0].Arguments) == 0 {
		t.Error("the trace itself was changed")
	}
}
