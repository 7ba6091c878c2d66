// SPDX-License-Identifier: Apache-2.0

package trash

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"holdfast"
	"holdfast/core/config"
	"holdfast/core/home"
	"holdfast/core/journal/journaltest"
	"holdfast/core/store"
	"holdfast/core/store/storetest"
)

const plantsSQL = `-- +goose Up
CREATE TABLE plants (id BIGINT PRIMARY KEY, name TEXT NOT NULL, height DOUBLE PRECISION, note TEXT);
-- +goose Down
DROP TABLE plants;
`

func tablesForTest() []store.Migration {
	return []store.Migration{
		{Package: "trash", FS: Migrations()},
		{Package: "plants", FS: fstest.MapFS{"00001_plants.sql": {Data: []byte(plantsSQL)}}},
	}
}

func newTrash(t *testing.T, s *store.Store) *Trash {
	t.Helper()
	h := home.At(t.TempDir())
	if err := h.Ensure(); err != nil {
		t.Fatal(err)
	}
	return New(h, s)
}

// plant fills tables and folders with what the tests destroy.
func plant(t *testing.T, tr *Trash) Entry {
	t.Helper()
	err := tr.store.Write(t.Context(), func(ctx context.Context, tx store.Tx) error {
		if _, err := tx.Exec(ctx, "DELETE FROM plants"); err != nil {
			return err
		}
		for i, name := range []string{"fern", "oak", "moss"} {
			if _, err := tx.Exec(ctx, "INSERT INTO plants (id, name, height, note) VALUES (?, ?, ?, ?)",
				int64(9007199254740993+i), name, 1.5*float64(i), nil); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	dir := tr.home.Path("extensions", "notes")
	for _, step := range []error{
		os.MkdirAll(filepath.Join(dir, "ui"), 0o750),
		os.WriteFile(filepath.Join(dir, "ui", "start.sh"), []byte("#!/bin/sh\n"), 0o755),
		os.Symlink("ui/start.sh", filepath.Join(dir, "link")),
		os.WriteFile(tr.home.Path("single.txt"), []byte("one"), 0o640),
		os.Chtimes(filepath.Join(dir, "ui", "start.sh"), time.Unix(1, 0), time.Unix(1_000_000, 0)),
	} {
		if step != nil {
			t.Fatal(step)
		}
	}
	return plantEntry(tr)
}

// plantEntry is the act that destroys what plant made.
func plantEntry(tr *Trash) Entry {
	return Entry{
		Action: "extension.delete", Subject: "notes",
		Paths: []string{tr.home.Path("extensions", "notes"), "single.txt", "not-there"},
		Rows:  []Rows{{Table: "plants", Where: "name <> ?", Args: []any{"moss"}}},
	}
}

// state is everything that an entry of plant touches, as text.
func world(t *testing.T, tr *Trash) string {
	t.Helper()
	var b strings.Builder
	for _, root := range []string{"extensions", "single.txt"} {
		err := filepath.WalkDir(tr.home.Path(root), func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			relative, _ := filepath.Rel(tr.home.Dir(), path)
			b.WriteString(relative + " " + info.Mode().String())
			if info.Mode().IsRegular() {
				b.WriteString(" " + info.ModTime().UTC().Format("2006"))
			}
			b.WriteString("\n")
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	rows, err := tr.readRows(t.Context(), []Rows{{Table: "plants"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range rows {
		for _, row := range table.Rows {
			for _, v := range row {
				b.Write(v)
				b.WriteByte(' ')
			}
			b.WriteByte('\n')
		}
	}
	return b.String()
}

func TestKeepAndRestore(t *testing.T) {
	storetest.Each(t, tablesForTest(), func(t *testing.T, s *store.Store) {
		tr := newTrash(t, s)
		entry := plant(t, tr)
		before := world(t, tr)
		id, err := tr.Keep(holdfast.WithCaller(t.Context(), holdfast.Caller{Kind: holdfast.CallerOperator, Name: "ann"}), entry)
		if err != nil {
			t.Fatal(err)
		}
		gone := world(t, tr)
		if strings.Contains(gone, "notes") || strings.Contains(gone, "fern") || !strings.Contains(gone, "moss") {
			t.Errorf("after keeping there is still\n%s", gone)
		}
		list, err := tr.List(t.Context())
		if err != nil || len(list) != 1 {
			t.Fatal(list, err)
		}
		got := list[0]
		if got.ID != id || got.Caller != "operator:ann" || got.Tables[0].Rows != 2 || !slices.Equal(got.Paths, []string{"extensions/notes", "single.txt"}) || got.Bytes == 0 {
			t.Errorf("listed as %+v", got)
		}
		if _, err := tr.Restore(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if after := world(t, tr); after != before {
			t.Errorf("before\n%s\nafter\n%s", before, after)
		}
		if list, err := tr.List(t.Context()); err != nil || len(list) != 0 {
			t.Error(list, err)
		}
		if _, err := tr.Restore(t.Context(), id); err == nil {
			t.Error("restored twice")
		}
	})
}

func TestRestoreReplacesNothing(t *testing.T) {
	tr := newTrash(t, storetest.SQLite(t, tablesForTest()))
	id, err := tr.Keep(t.Context(), plant(t, tr))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(tr.home.Path("single.txt"), []byte("newer"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = tr.Restore(t.Context(), id)
	conflict, ok := errors.AsType[*holdfast.Error](err)
	if !ok || conflict.Code != holdfast.CodeConflict || conflict.Problems[0].Field != "single.txt" {
		t.Fatalf("got %v", err)
	}
	if text, _ := os.ReadFile(tr.home.Path("single.txt")); string(text) != "newer" {
		t.Error("the newer file was replaced")
	}
	if exists(tr.home.Path("extensions", "notes")) {
		t.Error("a refused restore moved something")
	}
}

func TestRestoreOfTakenRowsGoesBack(t *testing.T) {
	storetest.Each(t, tablesForTest(), func(t *testing.T, s *store.Store) {
		tr := newTrash(t, s)
		id, err := tr.Keep(t.Context(), plant(t, tr))
		if err != nil {
			t.Fatal(err)
		}
		err = s.Write(t.Context(), func(ctx context.Context, tx store.Tx) error {
			_, err := tx.Exec(ctx, "INSERT INTO plants (id, name) VALUES (?, ?)", int64(9007199254740993), "weed")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		kept := world(t, tr)
		if _, err := tr.Restore(t.Context(), id); err == nil {
			t.Fatal("restored over a row")
		}
		if now := world(t, tr); now != kept {
			t.Errorf("a refused restore changed\n%s\nto\n%s", kept, now)
		}
		list, _ := tr.List(t.Context())
		if len(list) != 1 || list[0].State != stateKept {
			t.Errorf("the entry is %+v", list)
		}
	})
}

func TestEmptyAndSweep(t *testing.T) {
	tr := newTrash(t, storetest.SQLite(t, tablesForTest()))
	journal := &journaltest.Journal{}
	tr.Use(Needs{Journal: journal})
	old := time.Now().Add(-31 * 24 * time.Hour)
	tr.now = func() time.Time { return old }
	first, err := tr.Keep(t.Context(), plant(t, tr))
	if err != nil {
		t.Fatal(err)
	}
	tr.now = time.Now
	second, err := tr.Keep(t.Context(), plant(t, tr))
	if err != nil {
		t.Fatal(err)
	}
	if err := tr.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	list, _ := tr.List(t.Context())
	if told := journal.Entries(); len(list) != 1 || list[0].ID != second || len(told) != 1 || told[0].Subject != first {
		t.Errorf("after the sweep: %+v, journaled %+v", list, told)
	}
	if _, err := tr.Empty(t.Context(), "nope"); err == nil {
		t.Error("emptied what is not there")
	}
	if gone, err := tr.Empty(t.Context()); err != nil || !slices.Equal(gone, []string{second}) {
		t.Error(gone, err)
	}
	left, _ := os.ReadDir(tr.folder())
	if len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestKeepRefuses(t *testing.T) {
	tr := newTrash(t, storetest.SQLite(t, tablesForTest()))
	for name, e := range map[string]Entry{
		"nothing":        {Action: "a.b", Paths: []string{"not-there"}},
		"the home":       {Paths: []string{tr.home.Dir()}},
		"the trash":      {Paths: []string{tr.folder()}},
		"in the trash":   {Paths: []string{tr.folder("x")}},
		"a bad table":    {Rows: []Rows{{Table: `plants"; DROP TABLE plants; --`}}},
		"no such table":  {Rows: []Rows{{Table: "animals"}}},
		"broken request": {Rows: []Rows{{Table: "plants", Where: "name ="}}},
	} {
		if id, err := tr.Keep(t.Context(), e); err == nil {
			t.Errorf("%s was kept as %s", name, id)
		}
	}
	if left, _ := os.ReadDir(tr.folder()); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestReadRefusesForeignNames(t *testing.T) {
	tr := newTrash(t, storetest.SQLite(t, tablesForTest()))
	for _, id := range []string{"", ".", "..", "../../etc", "a/b", "x.gone"} {
		if _, err := tr.Restore(t.Context(), id); err == nil {
			t.Errorf("%q was restored", id)
		}
	}
}

func TestConfigCheck(t *testing.T) {
	c := Config{Keep: config.Duration(time.Hour)}
	if len(c.Check()) != 1 {
		t.Error("an hour is accepted")
	}
}
