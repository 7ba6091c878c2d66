// SPDX-License-Identifier: Apache-2.0

package swap_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast"
	"holdfast/core/home"
	"holdfast/units/upgrade/swap"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

func reads(t *testing.T, path, want string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if want == "" {
		if !os.IsNotExist(err) {
			t.Errorf("%s is there: %q, %v", filepath.Base(path), text, err)
		}
		return
	}
	if err != nil || string(text) != want {
		t.Errorf("%s holds %q, want %q (%v)", filepath.Base(path), text, want, err)
	}
}

// a site is an installation of two programs, a third that is new, and their new versions.
type site struct {
	dir   string
	files []swap.File
}

func stage(t *testing.T) site {
	t.Helper()
	s := site{dir: t.TempDir()}
	from := t.TempDir()
	for _, name := range []string{"holdfast", "edge", "watch"} {
		write(t, filepath.Join(from, name), "new "+name)
		if name != "watch" {
			write(t, filepath.Join(s.dir, name), "old "+name)
			write(t, filepath.Join(s.dir, name+".previous"), "older "+name)
		}
		f, err := swap.Stage(filepath.Join(from, name), filepath.Join(s.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		s.files = append(s.files, f)
	}
	return s
}

func (s site) is(t *testing.T, age string) {
	t.Helper()
	for _, name := range []string{"holdfast", "edge"} {
		reads(t, filepath.Join(s.dir, name), age+" "+name)
	}
	watch := "new watch"
	if age == "old" {
		watch = ""
	}
	reads(t, filepath.Join(s.dir, "watch"), watch)
	left, _ := filepath.Glob(filepath.Join(s.dir, "*.next"))
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestSwapAndBack(t *testing.T) {
	s := stage(t)
	info, err := os.Stat(s.files[0].Next())
	if err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("the staged program: %v, %v", info, err)
	}
	for range 2 { // again does no harm
		if err := swap.Swap(s.files); err != nil {
			t.Fatal(err)
		}
		s.is(t, "new")
		reads(t, s.files[0].Previous(), "old holdfast")
	}
	for range 2 {
		if err := swap.Back(s.files); err != nil {
			t.Fatal(err)
		}
		s.is(t, "old")
	}
}

// TestKilledAnywhere undoes an upgrade that was killed after each of its steps.
func TestKilledAnywhere(t *testing.T) {
	for name, cut := range map[string]func(s site){
		"staged":           func(site) {},
		"half staged":      func(s site) { _ = os.Truncate(s.files[1].Next(), 2) },
		"not all staged":   func(s site) { _ = os.Remove(s.files[1].Next()) },
		"second name made": func(s site) { _ = os.Link(s.files[0].Path, s.files[0].Previous()+".new") },
		"previous kept": func(s site) {
			_ = os.Remove(s.files[0].Previous())
			_ = os.Link(s.files[0].Path, s.files[0].Previous())
		},
		"one of three exchanged": func(s site) { _ = swap.Swap(s.files[:1]) },
		"two of three exchanged": func(s site) { _ = swap.Swap(s.files[:2]) },
		"all exchanged":          func(s site) { _ = swap.Swap(s.files) },
		"half gone back":         func(s site) { _ = swap.Swap(s.files); _ = swap.Back(s.files[:1]) },
	} {
		t.Run(name, func(t *testing.T) {
			place := home.At(t.TempDir())
			if err := place.Ensure(); err != nil {
				t.Fatal(err)
			}
			s := stage(t)
			turn, err := swap.Take(place)
			if err != nil {
				t.Fatal(err)
			}
			if err := turn.Note(swap.Record{State: swap.Swapped, Since: time.Now(), From: "1", To: "2", Files: s.files}); err != nil {
				t.Fatal(err)
			}
			cut(s)
			if r, err := swap.Undo(place); r != nil || err != nil {
				t.Fatalf("while it lives it was undone: %v, %v", r, err)
			}
			turn.End() // as the kernel does it for the dead
			r, err := swap.Undo(place)
			if err != nil || r == nil || r.From != "1" || r.To != "2" {
				t.Fatalf("undone: %v, %v", r, err)
			}
			s.is(t, "old")
			if r, err := swap.Undo(place); r != nil || err != nil {
				t.Errorf("undone twice: %v, %v", r, err)
			}
		})
	}
}

// A program that somebody else put there since is not touched.
func TestAStrangersProgramStays(t *testing.T) {
	s := stage(t)
	if err := swap.Swap(s.files); err != nil {
		t.Fatal(err)
	}
	write(t, s.files[0].Path, "by hand")
	if err := swap.Back(s.files); err != nil {
		t.Fatal(err)
	}
	reads(t, s.files[0].Path, "by hand")
}

func TestAWrongPreviousIsNotPutBack(t *testing.T) {
	s := stage(t)
	if err := swap.Swap(s.files); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(s.files[0].Previous()); err != nil {
		t.Fatal(err)
	}
	write(t, s.files[0].Previous(), "something else")
	if err := swap.Back(s.files); err == nil || !strings.Contains(err.Error(), "is not what stood there before") {
		t.Errorf("got %v", err)
	}
	reads(t, s.files[0].Path, "new holdfast")
}

// TestAWholeProgramAlwaysStandsThere reads the path all the while.
func TestAWholeProgramAlwaysStandsThere(t *testing.T) {
	s := stage(t)
	done := make(chan struct{})
	seen := make(chan string, 1)
	go func() {
		defer close(seen)
		for {
			select {
			case <-done:
				return
			default:
			}
			text, err := os.ReadFile(s.files[0].Path)
			if err != nil || string(text) != "old holdfast" && string(text) != "new holdfast" {
				seen <- string(text)
				return
			}
		}
	}()
	for range 200 {
		write(t, s.files[0].Next(), "new holdfast")
		if err := errors.Join(swap.Swap(s.files[:1]), swap.Back(s.files[:1])); err != nil {
			t.Fatal(err)
		}
	}
	close(done)
	if text, wrong := <-seen; wrong {
		t.Errorf("seen there: %q", text)
	}
}

func TestTwoAtOnce(t *testing.T) {
	place := home.At(t.TempDir())
	if err := place.Ensure(); err != nil {
		t.Fatal(err)
	}
	turn, err := swap.Take(place)
	if err != nil {
		t.Fatal(err)
	}
	_, err = swap.Take(place)
	if refusal, ok := errors.AsType[*holdfast.Refusal](err); !ok || refusal.Guard != "single" {
		t.Errorf("the second: %v", err)
	}
	if !swap.Busy(place) {
		t.Error("nobody seems to have the turn")
	}
	turn.End()
	if swap.Busy(place) {
		t.Error("the turn did not end")
	}
}
