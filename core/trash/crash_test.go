// SPDX-License-Identifier: Apache-2.0

package trash

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/core/home/disk"
	"holdfast/core/store/storetest"
)

var errCrash = errors.New("the process is gone")

// dying stops the process, as it were, at the n-th step on the disk: that step and all that
// follow do not happen. Even n stop before a step, odd n right after it.
type dying struct {
	n    int
	seen int
	site string
}

func (d *dying) watch(e disk.Event) error {
	d.seen++
	if d.seen <= d.n {
		return nil
	}
	if d.site == "" {
		d.site = fmt.Sprintf("%s done=%v", e.Op, e.Done)
	}
	return errCrash
}

// TestCrashWhileKeeping ends the process at every step of keeping. Afterwards the next start finds
// everything in its place, or everything in the trash from where it comes back whole.
func TestCrashWhileKeeping(t *testing.T) {
	s := storetest.SQLite(t, tablesForTest())
	outcomes := map[string]int{}
	sites := 0
	for n := 0; ; n++ {
		tr := newTrash(t, s)
		entry := plant(t, tr)
		before := world(t, tr)
		death := &dying{n: n}
		tr.disk.Watch = death.watch
		_, err := tr.Keep(t.Context(), entry)
		if death.site == "" {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
		sites++
		next := New(tr.home, s)
		if err := next.Recover(t.Context()); err != nil {
			t.Fatalf("%d %s: %v", n, death.site, err)
		}
		list, err := next.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == 0 {
			outcomes["undone"]++
			if now := world(t, next); now != before {
				t.Errorf("%d %s: undone to\n%s", n, death.site, now)
			}
			continue
		}
		outcomes["kept"]++
		if now := world(t, next); list[0].State != stateKept || strings.Contains(now, "notes") || strings.Contains(now, "fern") {
			t.Errorf("%d %s: kept as %s, and still there is\n%s", n, death.site, list[0].State, now)
		}
		if _, err := next.Restore(t.Context(), list[0].ID); err != nil {
			t.Errorf("%d %s: %v", n, death.site, err)
		}
		if now := world(t, next); now != before {
			t.Errorf("%d %s: came back as\n%s", n, death.site, now)
		}
	}
	t.Logf("%d sites: %v", sites, outcomes)
	if sites < 40 || outcomes["undone"] == 0 || outcomes["kept"] == 0 {
		t.Errorf("too few sites or only one outcome: %d, %v", sites, outcomes)
	}
}

// TestCrashWhileRestoring ends the process at every step of a restore: the next start has
// everything back, or the trash still holds all of it.
func TestCrashWhileRestoring(t *testing.T) {
	s := storetest.SQLite(t, tablesForTest())
	sites := 0
	for n := 0; ; n++ {
		tr := newTrash(t, s)
		entry := plant(t, tr)
		before := world(t, tr)
		id, err := tr.Keep(t.Context(), entry)
		if err != nil {
			t.Fatal(err)
		}
		death := &dying{n: n}
		tr.disk.Watch = death.watch
		_, err = tr.Restore(t.Context(), id)
		if death.site == "" {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
		sites++
		next := New(tr.home, s)
		if err := next.Recover(t.Context()); err != nil {
			t.Fatalf("%d %s: %v", n, death.site, err)
		}
		if left, _ := filepath.Glob(next.folder("*", ".*"+disk.Suffix)); len(left) != 0 {
			t.Errorf("%d %s: left behind: %v", n, death.site, left)
		}
		if list, _ := next.List(t.Context()); len(list) == 1 && list[0].State == stateKept {
			if _, err := next.Restore(t.Context(), id); err != nil {
				t.Errorf("%d %s: %v", n, death.site, err)
			}
		}
		if now := world(t, next); now != before {
			t.Errorf("%d %s: came back as\n%s", n, death.site, now)
		}
		if list, _ := next.List(t.Context()); len(list) != 0 {
			t.Errorf("%d %s: still in the trash: %+v", n, death.site, list)
		}
	}
	t.Logf("%d sites", sites)
	if sites < 20 {
		t.Errorf("only %d sites", sites)
	}
}

// TestCrashWhileEmptying ends the process at every step of emptying: an entry is there whole or
// gone whole.
func TestCrashWhileEmptying(t *testing.T) {
	s := storetest.SQLite(t, tablesForTest())
	for n := 0; ; n++ {
		tr := newTrash(t, s)
		entry := plant(t, tr)
		before := world(t, tr)
		id, err := tr.Keep(t.Context(), entry)
		if err != nil {
			t.Fatal(err)
		}
		death := &dying{n: n}
		tr.disk.Watch = death.watch
		_, err = tr.Empty(t.Context(), id)
		if death.site == "" {
			if err != nil {
				t.Fatal(err)
			}
			return
		}
		next := New(tr.home, s)
		if err := next.Recover(t.Context()); err != nil {
			t.Fatalf("%d %s: %v", n, death.site, err)
		}
		if list, _ := next.List(t.Context()); len(list) == 0 {
			continue
		}
		if _, err := next.Restore(t.Context(), id); err != nil {
			t.Errorf("%d %s: %v", n, death.site, err)
		}
		if now := world(t, next); now != before {
			t.Errorf("%d %s: came back as\n%s", n, death.site, now)
		}
	}
}

// TestFailureWhileKeeping has one step fail and the house live on: everything is where it was, at
// once.
func TestFailureWhileKeeping(t *testing.T) {
	s := storetest.SQLite(t, tablesForTest())
	for n := 0; ; n++ {
		tr := newTrash(t, s)
		entry := plant(t, tr)
		before := world(t, tr)
		seen, failed := 0, disk.Op("")
		tr.disk.Watch = func(e disk.Event) error {
			if e.Done {
				return nil
			}
			seen++
			if seen == n+1 {
				failed = e.Op
				return errCrash
			}
			return nil
		}
		_, err := tr.Keep(t.Context(), entry)
		if failed == "" {
			return
		}
		tr.disk.Watch = nil
		if now := world(t, tr); err == nil && strings.Contains(now, "notes") || err != nil && now != before {
			t.Errorf("%d %s: told %v, and there is\n%s", n, failed, err, now)
		}
		if err != nil && !errors.Is(err, errCrash) {
			t.Fatalf("%d %s: got %v", n, failed, err)
		}
		if err := tr.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		list, _ := tr.List(t.Context())
		if len(list) == 1 {
			if _, err := tr.Restore(t.Context(), list[0].ID); err != nil {
				t.Errorf("%d %s: %v", n, failed, err)
			}
		}
		if now := world(t, tr); now != before {
			t.Errorf("%d %s: became\n%s", n, failed, now)
		}
	}
}

// TestRecoverMakesCertainWhatItSees ends the process between a move and its sync. The next start
// sees the move, and may not build on it before it lasts.
func TestRecoverMakesCertainWhatItSees(t *testing.T) {
	tr := newTrash(t, storetest.SQLite(t, tablesForTest()))
	entry := plant(t, tr)
	moved := ""
	tr.disk.Watch = func(e disk.Event) error {
		if moved != "" {
			return errCrash
		}
		if e.Op == disk.OpRename && e.Done && strings.Contains(e.To, "files") {
			moved = filepath.Dir(e.Path)
		}
		return nil
	}
	if _, err := tr.Keep(t.Context(), entry); !errors.Is(err, errCrash) {
		t.Fatal(err)
	}
	next := New(tr.home, tr.store)
	lasts := false
	next.disk.Watch = func(e disk.Event) error {
		lasts = lasts || e.Op == disk.OpSyncDir && e.Done && e.Path == moved
		if (e.Op == disk.OpWrite || e.Op == disk.OpRename) && !lasts {
			t.Errorf("%s of %s while the move is not certain", e.Op, e.Path)
		}
		return nil
	}
	if err := next.Recover(t.Context()); err != nil || !lasts {
		t.Errorf("settled on a move that may not last (%v)", err)
	}
}
