// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast"
	"holdfast/core/config"
	"holdfast/core/home"
	"holdfast/core/home/disk"
	"holdfast/core/store"
	"holdfast/core/store/storetest"
)

func tables() []store.Migration { return []store.Migration{{Package: "journal", FS: Migrations()}} }

// aged is a journal with a clock to set.
type aged struct {
	*Journal
	t    *testing.T
	home home.Home
	mu   sync.Mutex
	at   time.Time
}

func newAged(t *testing.T, s *store.Store, node string, h home.Home) *aged {
	t.Helper()
	if err := h.Ensure(); err != nil {
		t.Fatal(err)
	}
	a := &aged{Journal: New(s, node), t: t, home: h}
	a.Use(Needs{Home: h})
	a.now = func() time.Time {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.at = a.at.Add(time.Second)
		return a.at
	}
	return a
}

func (a *aged) set(now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.at = now
}

// live appends a few entries in the middle of each month, from to to.
func (a *aged) live(from, to string) {
	a.t.Helper()
	for _, now := range monthly(from, to) {
		a.set(now)
		for i := range 5 {
			e := holdfast.Entry{Caller: "operator:ada", Tier: holdfast.TierOperator, Action: "flag.flip", Subject: fmt.Sprint(i), Outcome: holdfast.OutcomeDone}
			e.Detail = Detail(map[string]string{"note": "<ünï> & \u2028"})
			if _, err := a.Append(a.t.Context(), e); err != nil {
				a.t.Fatal(err)
			}
		}
	}
}

func (a *aged) archiveAll() []Archive {
	a.t.Helper()
	moved, err := a.archive.archive(a.t.Context())
	if err != nil {
		a.t.Fatal(err)
	}
	return moved
}

func (a *aged) holds() Verification {
	a.t.Helper()
	v, err := a.Verify(a.t.Context())
	if err != nil || v.Broken != nil {
		a.t.Fatalf("does not hold: %v, %v", v.Broken, err)
	}
	return v
}

// files are the archives in the home, by name, and whatever lies beside them.
func (a *aged) files() map[string]string {
	a.t.Helper()
	found := map[string]string{}
	entries, err := os.ReadDir(a.home.Var(folder))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		a.t.Fatal(err)
	}
	for _, e := range entries {
		text, err := os.ReadFile(a.home.Var(folder, e.Name()))
		if err != nil {
			a.t.Fatal(err)
		}
		found[e.Name()] = string(text)
	}
	return found
}

func eachAged(t *testing.T, test func(t *testing.T, s *store.Store, a *aged)) {
	storetest.Each(t, tables(), func(t *testing.T, s *store.Store) {
		test(t, s, newAged(t, s, "alpha", home.At(t.TempDir())))
	})
}

func TestOldMonthsMoveToFiles(t *testing.T) {
	eachAged(t, func(t *testing.T, _ *store.Store, a *aged) {
		a.live("2024-11-15", "2026-03-15")
		moved := a.archiveAll()
		var names []string
		for i, m := range moved {
			names = append(names, m.File)
			if m.First != int64(5*i+1) || m.Last != int64(5*i+5) || m.Node != "alpha" || len(m.SHA256) != 64 || month(m.From) != m.Month || month(m.Until) != m.Month {
				t.Errorf("archive %+v", m)
			}
			info, err := os.Stat(a.home.Path(m.File))
			if err != nil || info.Size() != m.Bytes || info.Mode().Perm() != 0o600 {
				t.Errorf("%v, %v", info, err)
			}
		}
		want := "var/journal/alpha-2024-11.jsonl.gz var/journal/alpha-2024-12.jsonl.gz var/journal/alpha-2025-01.jsonl.gz"
		if got := strings.Join(names, " "); got != want || len(a.files()) != 3 {
			t.Errorf("moved %s", got)
		}
		v := a.holds()
		if v.Archives != 3 || v.Archived != 15 || v.Entries != 14*5+3 { // the anchors are journaled
			t.Errorf("verification %+v", v)
		}
		shown, err := a.Show(t.Context(), Query{})
		if err != nil || shown[0].Sequence != 16 || shown[len(shown)-1].Subject != moved[2].File {
			t.Errorf("shown from %d, %v", shown[0].Sequence, err)
		}
		var export bytes.Buffer
		if err := a.Export(t.Context(), &export, Query{}); err != nil {
			t.Fatal(err)
		}
		if e, err := VerifyExport(&export); err != nil || e.Broken != nil || e.Entries != v.Entries {
			t.Errorf("export: %+v, %v", e, err)
		}
		if again := a.archiveAll(); len(again) != 0 {
			t.Errorf("moved again: %v", again)
		}
		a.live("2026-04-15", "2026-06-15") // the chain goes on, and later months follow
		if later := a.archiveAll(); len(later) != 3 || later[0].previous != moved[2].Hash {
			t.Errorf("later: %+v", later)
		}
		if v := a.holds(); v.Archives != 6 {
			t.Errorf("verification %+v", v)
		}
	})
}

// TestAFailureAnywhereLosesNothing fails at each step in turn, in the middle of the transaction too;
// the next attempt goes on and makes byte for byte the same files.
func TestAFailureAnywhereLosesNothing(t *testing.T) {
	eachAged(t, func(t *testing.T, s *store.Store, _ *aged) {
		for n := 0; ; n++ {
			fresh := storetest.Open(t, storetest.Options(t, s.Dialect(), tables()))
			a := newAged(t, fresh, "alpha", home.At(t.TempDir()))
			a.live("2024-12-15", "2026-03-15")
			steps, failed := 0, ""
			a.archive.trace = func(step string) error {
				if steps++; steps <= n {
					return nil
				}
				failed = cmp.Or(failed, step)
				return errors.New("no")
			}
			_, err := a.archive.archive(t.Context())
			if (err != nil) != (failed != "") {
				t.Fatalf("failed at %q: %v", failed, err)
			}
			a.holds()
			before := a.files()
			a.archive.trace = func(string) error { return nil }
			a.archiveAll()
			after := a.files()
			if v := a.holds(); v.Archives < 2 || len(after) != 2 {
				t.Errorf("after a failure at %s: %+v, %v", failed, v, slices.Collect(maps.Keys(after)))
			}
			for name, text := range before {
				if !strings.HasSuffix(name, disk.Suffix) && after[name] != text {
					t.Errorf("after a failure at %s: %s is another", failed, name)
				}
			}
			if failed == "" {
				if n < 14 {
					t.Errorf("only %d steps", n)
				}
				return
			}
		}
	})
}

// archivedTwo archives two months of five entries.
func archivedTwo(a *aged) []Archive {
	a.t.Helper()
	a.live("2024-12-15", "2026-03-15")
	moved := a.archiveAll()
	if len(moved) != 2 {
		a.t.Fatalf("moved %v", moved)
	}
	return moved
}

func TestVerifyNamesAMissingOrAlteredArchive(t *testing.T) {
	eachAged(t, func(t *testing.T, _ *store.Store, a *aged) {
		moved := archivedTwo(a)
		second := a.home.Path(moved[1].File)
		whole, other := a.files()[filepath.Base(second)], a.files()[filepath.Base(moved[0].File)]
		write := func(text string) func() error {
			return func() error { return os.WriteFile(second, []byte(text), 0o600) }
		}
		flipped := []byte(whole)
		flipped[len(flipped)/2] ^= 1
		for _, c := range []struct {
			name   string
			harm   func() error
			reason string
		}{
			{"missing", func() error { return os.Remove(second) }, "is missing"},
			{"empty", write(""), "was altered"},
			{"no archive", write("hello"), "was altered"},
			{"a bit", write(string(flipped)), "was altered"},
			{"the end", write(whole[:len(whole)-9]), "was altered"},
			{"something behind", write(whole + "\x00"), "was altered"},
			{"twice", write(whole + whole), "was altered"},
			{"another compression", func() error { return recompress(second, whole, nil) }, "SHA-256"},
			{"an entry", func() error { return recompress(second, whole, []string{"operator:ada", "operator:eve"}) }, "was altered"},
			{"another month", write(other), "was altered"},
			{"a folder", func() error { return errors.Join(os.Remove(second), os.Mkdir(second, 0o700)) }, "is a directory"},
		} {
			if err := c.harm(); err != nil {
				t.Fatal(err)
			}
			v, err := a.Verify(t.Context())
			if err != nil || v.Broken == nil || v.Broken.File != moved[1].File || !strings.Contains(v.Broken.Reason, c.reason) {
				t.Errorf("%s: %+v, %v", c.name, v.Broken, err)
			}
			if err := errors.Join(os.RemoveAll(second), write(whole)()); err != nil {
				t.Fatal(err)
			}
			a.holds()
		}
	})
}

// recompress writes the content of an archive anew, with a text in it replaced.
func recompress(path, whole string, replace []string) error {
	zip, err := gzip.NewReader(strings.NewReader(whole))
	if err != nil {
		return err
	}
	text, err := io.ReadAll(zip)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	fast, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	if err != nil {
		return err
	}
	_, err = strings.NewReplacer(replace...).WriteString(fast, string(text))
	return errors.Join(err, fast.Close(), os.WriteFile(path, out.Bytes(), 0o600))
}

// meddle changes tables behind the journal's back.
func meddle(t *testing.T, s *store.Store, statements ...string) {
	t.Helper()
	open := []string{"DROP TRIGGER journal_stays", "DROP TRIGGER journal_archives_keep", "DROP TRIGGER journal_archives_stay"}
	if s.Dialect() == store.Postgres {
		open = []string{
			"DROP TRIGGER journal_stays ON journal", "DROP TRIGGER journal_leaves ON journal",
			"DROP TRIGGER journal_archives_stay ON journal_archives",
		}
	}
	for _, statement := range append(open, statements...) {
		err := s.Write(t.Context(), func(ctx context.Context, tx store.Tx) error {
			_, err := tx.Exec(ctx, statement)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestVerifyNamesATamperedAnchor(t *testing.T) {
	const (
		ahead = `INSERT INTO journal_archives SELECT node, 20, (SELECT hash FROM journal WHERE sequence = 20), 11, hash, '2025-02', 'var/journal/alpha-2025-02.jsonl.gz',
			sha256, bytes, from_ns, until_ns, archived_ns FROM journal_archives WHERE last_sequence = 10`
		put = `INSERT INTO journal SELECT node, 10, time_ns, caller, action, outcome, entry, hash FROM journal WHERE sequence = 11`
	)
	for _, c := range []struct {
		name       string
		statements []string
		sequence   int64
		reason     string
	}{
		{"gone", []string{"DELETE FROM journal_archives"}, 1, "missing"},
		{"the newest gone", []string{"DELETE FROM journal_archives WHERE last_sequence = 10"}, 6, "missing"},
		{"the oldest gone", []string{"DELETE FROM journal_archives WHERE last_sequence = 5"}, 6, "does not follow"},
		{"hash", []string{"UPDATE journal_archives SET hash = 'ff' WHERE last_sequence = 10"}, 6, "was altered"},
		{"sum", []string{"UPDATE journal_archives SET sha256 = 'ff' WHERE last_sequence = 10"}, 6, "SHA-256"},
		{"moved ahead", []string{ahead, "DELETE FROM journal WHERE sequence <= 20"}, 11, "is missing"},
		{"entries put back", []string{put}, 10, "put back"},
		{"the next entry taken out", []string{"DELETE FROM journal WHERE sequence = 11"}, 11, "missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			eachAged(t, func(t *testing.T, s *store.Store, a *aged) {
				archivedTwo(a)
				meddle(t, s, c.statements...)
				v, err := a.Verify(t.Context())
				if err != nil || v.Broken == nil || v.Broken.Sequence != c.sequence || !strings.Contains(v.Broken.Reason, c.reason) {
					t.Errorf("%+v, %v", v.Broken, err)
				}
			})
		})
	}
}

func TestWhatIsArchivedOnlyMayLeaveTheTable(t *testing.T) {
	eachAged(t, func(t *testing.T, s *store.Store, a *aged) {
		archivedTwo(a)
		for _, statement := range []string{
			"DELETE FROM journal WHERE sequence = 11", "DELETE FROM journal", "UPDATE journal SET caller = 'x'",
			"DELETE FROM journal_archives", "UPDATE journal_archives SET last_sequence = 50 WHERE last_sequence = 10",
		} {
			err := s.Write(t.Context(), func(ctx context.Context, tx store.Tx) error {
				_, err := tx.Exec(ctx, statement)
				return err
			})
			if err == nil || !strings.Contains(err.Error(), "append-only") {
				t.Errorf("%s: %v", statement, err)
			}
		}
	})
}

func TestAFileInTheWayIsNeverReplaced(t *testing.T) {
	eachAged(t, func(t *testing.T, _ *store.Store, a *aged) {
		a.live("2024-12-15", "2026-03-15")
		mine := a.home.Var(folder, "alpha-2024-12.jsonl.gz")
		left := disk.TemporaryName(a.home.Var(folder, "alpha-1999-01.jsonl.gz")) // by a kill, long ago
		if err := errors.Join(os.Mkdir(a.home.Var(folder), 0o700), os.WriteFile(left, nil, 0o600), os.WriteFile(mine, []byte("something of mine"), 0o600)); err != nil {
			t.Fatal(err)
		}
		_, err := a.archive.archive(t.Context())
		if told, ok := errors.AsType[*holdfast.Error](err); !ok || told.Code != holdfast.CodeConflict || !strings.Contains(err.Error(), "alpha-2024-12.jsonl.gz") {
			t.Errorf("error = %v", err)
		}
		if text, _ := os.ReadFile(mine); string(text) != "something of mine" {
			t.Errorf("it is now %q", text)
		}
		if v := a.holds(); v.Archived != 0 || v.Entries != 16*5 {
			t.Errorf("verification %+v", v)
		}
		if err := os.Rename(mine, mine+".mine"); err != nil {
			t.Fatal(err)
		}
		a.archiveAll()
		a.holds()
		if files := a.files(); len(files) != 3 {
			t.Errorf("there are %v", slices.Collect(maps.Keys(files)))
		}
	})
}

// TestNothingLeavesBeforeItsFileLasts: the folder is synced before each transaction, also when the
// file is there from an attempt that was killed before it synced.
func TestNothingLeavesBeforeItsFileLasts(t *testing.T) {
	a := newAged(t, storetest.SQLite(t, tables()), "alpha", home.At(t.TempDir()))
	a.live("2025-01-15", "2026-03-15")
	for _, stop := range []string{"sync", "none"} {
		synced := false
		a.archive.disk.Watch = func(e disk.Event) error {
			synced = synced || e.Op == disk.OpSyncDir && e.Done && e.Path == a.home.Var(folder)
			return nil
		}
		a.archive.trace = func(step string) error {
			if step == stop {
				return errors.New("killed")
			}
			if step == "sync" {
				synced = false
			}
			if step == "commit" && !synced {
				t.Error("rows would leave before their file lasts")
			}
			return nil
		}
		if _, err := a.archive.archive(t.Context()); (err != nil) != (stop == "sync") {
			t.Fatal(err)
		}
	}
	a.holds()
}

func TestABrokenChainIsNotArchived(t *testing.T) {
	eachAged(t, func(t *testing.T, s *store.Store, a *aged) {
		a.live("2024-12-15", "2026-03-15")
		meddle(t, s, "DROP TRIGGER IF EXISTS journal_keeps"+map[string]string{store.Postgres: " ON journal"}[s.Dialect()],
			"UPDATE journal SET caller = 'operator:eve' WHERE sequence = 7")
		moved, err := a.archive.archive(t.Context())
		if err == nil || !strings.Contains(err.Error(), "entry 7 of node alpha") || len(moved) != 1 {
			t.Errorf("moved %d, %v", len(moved), err)
		}
		if v, err := a.Verify(t.Context()); err != nil || v.Broken == nil || v.Broken.Sequence != 7 || v.Archives != 1 {
			t.Errorf("%+v, %v", v, err)
		}
		if files := a.files(); len(files) != 1 {
			t.Errorf("left behind: %v", slices.Collect(maps.Keys(files)))
		}
	})
}

func TestAMonthOfVeryManyEntriesMakesSeveralFiles(t *testing.T) {
	eachAged(t, func(t *testing.T, _ *store.Store, a *aged) {
		for most, want := range map[int64]string{1: "1 1 1 1 1", 2: "2 2 1", 4: "4 1", 5: "5", 6: "5"} {
			var sizes []string
			for _, s := range parts([]span{{month: "2026-01", first: 1, last: 5}}, most) {
				sizes = append(sizes, fmt.Sprint(s.last-s.first+1))
			}
			if got := strings.Join(sizes, " "); got != want {
				t.Errorf("%d in a file: %s, want %s", most, got, want)
			}
		}
		a.archive.most = 2
		a.live("2024-12-15", "2026-03-15")
		var names []string
		for _, m := range a.archiveAll() {
			names = append(names, strings.TrimPrefix(m.File, "var/journal/alpha-"))
		}
		want := "2024-12.jsonl.gz 2024-12-3.jsonl.gz 2024-12-5.jsonl.gz 2025-01.jsonl.gz 2025-01-8.jsonl.gz 2025-01-10.jsonl.gz"
		if v := a.holds(); strings.Join(names, " ") != want || v.Archived != 10 {
			t.Errorf("%v, %+v", names, v)
		}
	})
}

func TestTheSameMonthTwiceMakesTwoFiles(t *testing.T) {
	eachAged(t, func(t *testing.T, _ *store.Store, a *aged) {
		a.archive.config.Keep = config.Duration(31 * day)
		a.live("2030-01-15", "2030-04-15") // a clock that runs years ahead
		if moved := a.archiveAll(); len(moved) != 2 {
			t.Fatalf("moved %+v", moved)
		}
		a.live("2026-01-15", "2026-03-15") // and is right again
		if moved := a.archiveAll(); len(moved) != 1 || moved[0].Month != "2026-01" || moved[0].First != 11 {
			t.Fatalf("moved %+v", moved)
		}
		a.live("2030-01-15", "2030-04-15") // years later
		var names []string
		for _, m := range a.archiveAll() {
			names = append(names, fmt.Sprintf("%s %t", filepath.Base(m.File), strings.HasSuffix(m.File, fmt.Sprintf("-%d.jsonl.gz", m.First))))
		}
		want := "alpha-2026-02.jsonl.gz false alpha-2026-03.jsonl.gz false alpha-2030-01-39.jsonl.gz true alpha-2030-02-44.jsonl.gz true"
		if v := a.holds(); v.Archives != 7 || strings.Join(names, " ") != want {
			t.Errorf("%v, %+v", names, v)
		}
	})
}

func TestEachNodeArchivesItsOwn(t *testing.T) {
	eachAged(t, func(t *testing.T, s *store.Store, a *aged) {
		b := newAged(t, s, "beta", home.At(t.TempDir()))
		a.live("2024-12-15", "2026-03-15")
		b.live("2024-12-15", "2026-03-15")
		mine, want := a.archiveAll(), 2
		if s.Dialect() == store.SQLite {
			want = 4 // the file is one node's, also what it was called before
		}
		if len(mine) != want {
			t.Errorf("moved %d", len(mine))
		}
		b.archiveAll()
		v := a.holds()
		if s.Dialect() == store.Postgres && (v.Archives != 2 || v.Elsewhere != 2) || v.Chains != 2 {
			t.Errorf("verification %+v", v)
		}
		if s.Dialect() == store.Postgres {
			b.holds()
		}
	})
}

func TestArchivingDisturbsNobody(t *testing.T) {
	eachAged(t, func(t *testing.T, _ *store.Store, a *aged) {
		a.live("2024-12-15", "2026-03-15")
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 20 {
					if _, err := a.Append(t.Context(), holdfast.Entry{Action: "a.b", Outcome: holdfast.OutcomeDone}); err != nil {
						t.Error(err)
					}
					if v, err := a.Verify(t.Context()); err != nil || v.Broken != nil {
						t.Errorf("%v, %v", v.Broken, err)
					}
				}
			})
			wg.Go(func() { _, _ = a.archive.archive(t.Context()) })
		}
		wg.Wait()
		if v := a.holds(); v.Archives != 2 || v.Entries != 14*5+2+80 {
			t.Errorf("verification %+v", v)
		}
	})
}
