// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"holdfast"
	"holdfast/core/home"
	"holdfast/core/store"
	"holdfast/core/store/storetest"
)

// noted appends entries of a subject, each a second after the one before.
func (a *aged) noted(subject string, n int) {
	a.t.Helper()
	for range n {
		if _, err := a.Append(a.t.Context(), holdfast.Entry{Action: "unit.state", Subject: subject, Outcome: holdfast.OutcomeNoted}); err != nil {
			a.t.Fatal(err)
		}
	}
}

// shown are the entries that a query chooses, as node and sequence.
func (a *aged) shown(q Query) string {
	a.t.Helper()
	entries, err := a.Show(a.t.Context(), q)
	if err != nil {
		a.t.Fatal(err)
	}
	return places(entries)
}

func places(entries []holdfast.Entry) string {
	var out []string
	for _, e := range entries {
		out = append(out, fmt.Sprintf("%s%d", e.Node, e.Sequence))
	}
	return strings.Join(out, " ")
}

func exportedPlaces(t *testing.T, j *Journal, q Query) string {
	t.Helper()
	var text bytes.Buffer
	if err := j.Export(t.Context(), &text, q); err != nil {
		t.Fatal(err)
	}
	var entries []holdfast.Entry
	for line := range strings.Lines(text.String()) {
		var one struct{ Entry holdfast.Entry }
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatal(err)
		}
		entries = append(entries, one.Entry)
	}
	return places(entries)
}

func TestNothingHidesBehindAClockThatWentBack(t *testing.T) {
	storetest.Each(t, tables(), func(t *testing.T, s *store.Store) {
		a := newAged(t, s, "a", home.At(t.TempDir()))
		noon := at("2026-03-15")
		a.set(noon)
		a.noted("x", 3) // 12:00:01 to 12:00:03
		a.set(noon.Add(-time.Hour))
		a.noted("x", 2) // 11:00:01, 11:00:02
		a.noted("y", 1)
		for _, c := range []struct {
			name string
			q    Query
			want string
		}{
			{"all", Query{}, "a1 a2 a3 a4 a5 a6"},
			{"the newest", Query{Limit: 1}, "a6"},
			{"the newest three", Query{Limit: 3}, "a4 a5 a6"},
			{"of the node", Query{Node: "a", Limit: 4}, "a3 a4 a5 a6"},
			{"what is newer than the jump", Query{After: 3, Limit: 2}, "a5 a6"},
			{"history of a unit", Query{Action: "unit.state", Subject: "x", Limit: 2}, "a4 a5"},
			{"since before the jump", Query{Since: noon.Add(2 * time.Second)}, "a2 a3 a4 a5 a6"},
			{"since before the jump, the newest", Query{Since: noon.Add(2 * time.Second), Limit: 2}, "a5 a6"},
			{"since after the jump", Query{Since: noon.Add(2*time.Second - time.Hour)}, "a1 a2 a3 a5 a6"},
			{"since the hour that came twice", Query{Since: noon.Add(-2 * time.Hour)}, "a1 a2 a3 a4 a5 a6"},
			{"since a time that no entry reached", Query{Since: noon.Add(time.Minute)}, ""},
		} {
			if got := a.shown(c.q); got != c.want {
				t.Errorf("%s: %s, want %s", c.name, got, c.want)
			}
		}
		if got := exportedPlaces(t, a.Journal, Query{Since: noon.Add(3 * time.Second)}); got != "a3 a4 a5 a6" {
			t.Errorf("exported %s", got)
		}
	})
}

// TestSinceWhateverTheClockSays: what a clock lost or invented hides nothing and shows nothing more.
func TestSinceWhateverTheClockSays(t *testing.T) {
	storetest.Each(t, tables(), func(t *testing.T, s *store.Store) {
		a := newAged(t, s, "a", home.At(t.TempDir()))
		for _, day := range []string{"2026-03-14", "2099-01-01", "2026-03-15", "2026-03-16", "1970-01-01", "2026-03-17"} {
			a.set(at(day))
			a.noted("x", 1)
		}
		for _, c := range []struct{ now, since, want string }{
			{"2026-03-17", "2026-03-16", "a2 a4 a5 a6"}, // what came after the future began nothing
			{"2026-03-18", "2026-03-18", "a2"},
			{"2026-03-17", "2099-01-01", "a2 a3 a4 a5 a6"},
			{"1970-01-02", "1970-01-01", "a1 a2 a3 a4 a5 a6"},
			{"1970-01-02", "2026-03-17", "a2 a6"}, // a clock that is lost now does not empty the journal
		} {
			a.set(at(c.now))
			if got := a.shown(Query{Since: at(c.since)}); got != c.want {
				t.Errorf("now %s, since %s: %s, want %s", c.now, c.since, got, c.want)
			}
		}
	})
}

func TestTimeDecidesBetweenNodesAndNeverWithinOne(t *testing.T) {
	storetest.Each(t, tables(), func(t *testing.T, s *store.Store) {
		a, b := newAged(t, s, "a", home.At(t.TempDir())), newAged(t, s, "b", home.At(t.TempDir()))
		for _, step := range []struct {
			of *aged
			at string
		}{
			{a, "2026-03-01"},
			{b, "2026-03-02"},
			{a, "2026-03-03"},
			{b, "2026-03-04"},
			{a, "1970-01-01"},
			{a, "1970-01-02"},
			{b, "2099-01-01"},
			{a, "2026-03-06"},
			{b, "2026-03-05"},
			{b, "2026-03-07"},
			{a, "1970-01-03"},
		} {
			step.of.set(at(step.at))
			step.of.noted("x", 1)
		}
		a.set(at("2026-03-10"))
		const all = "a1 b1 a2 a3 a4 b2 b3 b4 a5 a6 b5"
		if got := a.shown(Query{}); got != all {
			t.Errorf("all: %s, want %s", got, all)
		}
		order := strings.Fields(all)
		for limit := 1; limit <= len(order); limit++ {
			if got, want := a.shown(Query{Limit: limit}), strings.Join(order[len(order)-limit:], " "); got != want {
				t.Errorf("the newest %d: %s, want %s", limit, got, want)
			}
		}
		if got := a.shown(Query{Since: at("2026-03-04")}); got != "b2 b3 b4 a5 a6 b5" {
			t.Errorf("since: %s", got)
		}
		if got := exportedPlaces(t, a.Journal, Query{}); got != "a1 a2 a3 a4 a5 a6 b1 b2 b3 b4 b5" {
			t.Errorf("exported %s", got)
		}
	})
}

// TestMergedKeepsEachChain: whatever the clocks did, chains stay in their order, and the newest few
// are the end of all.
func TestMergedKeepsEachChain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var chains []chain
		total := 0
		for n := range rapid.IntRange(1, 4).Draw(t, "nodes") {
			c := chain{top: rapid.Int64Range(0, 100).Draw(t, "top"), reached: rapid.Int64Range(-1, 50).Draw(t, "reached")}
			for i := range rapid.IntRange(0, 12).Draw(t, "entries") {
				at := time.Unix(0, rapid.Int64Range(0, 120).Draw(t, "at"))
				c.entries = append(c.entries, holdfast.Entry{Node: fmt.Sprint(n), Sequence: int64(i + 1), Time: at})
			}
			total += len(c.entries)
			chains = append(chains, c)
		}
		got := merged(chains)
		if len(got) != total {
			t.Fatalf("%d of %d", len(got), total)
		}
		last := map[string]int64{}
		for _, e := range got {
			if e.Sequence != last[e.Node]+1 {
				t.Fatalf("entry %d of node %s comes after %d", e.Sequence, e.Node, last[e.Node])
			}
			last[e.Node] = e.Sequence
		}
	})
}

// TestAUnitsHistoryIsNotShortened: what only looks like the subject does not count to the limit.
func TestAUnitsHistoryIsNotShortened(t *testing.T) {
	storetest.Each(t, tables(), func(t *testing.T, s *store.Store) {
		a := newAged(t, s, "a", home.At(t.TempDir()))
		a.noted("web", 3)
		a.noted("WEB", 5) // SQLite's patterns leave case aside
		for range 5 {
			e := holdfast.Entry{Action: "unit.state", Subject: "db", Outcome: holdfast.OutcomeNoted, Detail: Detail(map[string]string{"subject": "web"})}
			if _, err := a.Append(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
		if got := a.shown(Query{Subject: "web", Limit: 2}); got != "a2 a3" {
			t.Errorf("the last two: %s", got)
		}
		if got := a.shown(Query{Subject: "web", Limit: 9}); got != "a1 a2 a3" {
			t.Errorf("all: %s", got)
		}
	})
}

func TestTheStreamGoesOnWhenTheClockGoesBack(t *testing.T) {
	storetest.Each(t, tables(), func(t *testing.T, s *store.Store) {
		a := newAged(t, s, "a", home.At(t.TempDir()))
		a.set(at("2026-03-15"))
		a.noted("x", 2)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		got, ended := make(chan int64), make(chan error, 1)
		go func() {
			ended <- desk{a.Journal}.stream(ctx, showInput{Since: "10m", Limit: 50}, func(event any) error {
				got <- event.(holdfast.Entry).Sequence
				return nil
			})
		}()
		seen := []int64{<-got, <-got}
		a.set(at("2026-03-15").Add(-time.Hour))
		a.noted("x", 2)
		for len(seen) < 4 {
			select {
			case n := <-got:
				seen = append(seen, n)
			case <-time.After(20 * time.Second):
				t.Fatalf("nothing came after %v", seen)
			}
		}
		cancel()
		if err := <-ended; err != nil || !slices.Equal(seen, []int64{1, 2, 3, 4}) {
			t.Errorf("seen %v, %v", seen, err)
		}
		if err := (desk{a.Journal}).stream(t.Context(), showInput{Node: "b"}, nil); err == nil || !strings.Contains(err.Error(), "another node") {
			t.Errorf("another node's chain: %v", err)
		}
	})
}

// TestReadingUsesTheIndexes: the table only grows.
func TestReadingUsesTheIndexes(t *testing.T) {
	s := storetest.SQLite(t, tables())
	type asked struct {
		query string
		args  []any
		want  string
	}
	all := []asked{
		{reachQuery, []any{9, 9, "a", 1}, "COVERING INDEX journal_chain_time (node=? AND time_ns>?)"},
		{reachedQuery, []any{"a", 9, 9}, "COVERING INDEX journal_chain_time (node=? AND time_ns<?)"},
		{endsQuery, []any{"a", "a"}, "PRIMARY KEY (node=?)"},
	}
	a := newAged(t, s, "a", home.At(t.TempDir()))
	a.set(at("2026-03-15"))
	a.noted("x", 2)
	for _, q := range []Query{{}, {Since: at("2026-03-15")}, {After: 1}, {Action: "unit.state", Subject: "x"}} {
		err := s.Read(t.Context(), func(ctx context.Context, tx store.Tx) error {
			where, args, found, err := q.conditions(ctx, tx, "a", at("2026-03-16").UnixNano())
			if !found {
				t.Errorf("nothing fits %+v", q)
			}
			all = append(all, asked{"SELECT entry FROM journal" + where + newestFirst + " LIMIT 50", append(args, 9), "PRIMARY KEY (node=? AND sequence"})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range all {
		var plan []string
		err := s.Read(t.Context(), func(ctx context.Context, tx store.Tx) error {
			rows, err := tx.Query(ctx, "EXPLAIN QUERY PLAN "+c.query, c.args...)
			if err != nil {
				return err
			}
			defer func() { _ = rows.Close() }()
			for rows.Next() {
				var id, parent, unused int
				var detail string
				if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
					return err
				}
				plan = append(plan, detail)
			}
			return rows.Err()
		})
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Join(plan, "\n")
		if !strings.Contains(text, c.want) || strings.Contains(text, "SCAN journal") || strings.Contains(text, "TEMP B-TREE") {
			t.Errorf("%s:\n%s\nwant %s", c.query, text, c.want)
		}
	}
}
