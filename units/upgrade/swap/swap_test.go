// SPDX-License-Identifier: Apache-2.0

package swap_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast"
	"holdfast/core/home"
	"holdfast/core/home/disk"
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

// a site is an installation of two programs that are exchanged, a third that is new, and a fourth
// that stays. Of an earlier upgrade all have a previous one.
type site struct {
	dir, from string
	place     home.Home
	*swap.Turn
	files []swap.File
}

// changed are the programs that are exchanged, in their order.
var changed = [...]string{"holdfast", "edge", "watch"}

func newSite(t *testing.T, dir string) *site {
	t.Helper()
	s := &site{dir: dir, from: t.TempDir(), place: home.At(t.TempDir())}
	if err := s.place.Ensure(); err != nil {
		t.Fatal(err)
	}
	for _, name := range changed {
		write(t, filepath.Join(s.from, name), "new "+name)
		write(t, filepath.Join(dir, name+".previous"), "older "+name)
		if name != "watch" {
			write(t, filepath.Join(dir, name), "old "+name)
		}
	}
	write(t, filepath.Join(dir, "other"), "present other")
	write(t, filepath.Join(dir, "other.previous"), "older other")
	return s
}

func (s *site) take(d disk.Disk) (err error) {
	if s.Turn, err = swap.Take(s.place); err == nil {
		s.On(d)
	}
	return err
}

func (s *site) record(state swap.State) swap.Record {
	return swap.Record{State: state, Since: time.Now(), From: "1", To: "2", Files: s.files}
}

func (s *site) stage() error {
	for _, name := range changed {
		s.files = append(s.files, swap.File{Path: filepath.Join(s.dir, name)})
		if err := s.Note(s.record(swap.Staging)); err != nil {
			return err
		}
		f, err := s.Stage(filepath.Join(s.from, name), filepath.Join(s.dir, name))
		if err != nil {
			return err
		}
		s.files[len(s.files)-1] = f
	}
	f, err := swap.Present(filepath.Join(s.dir, "other"))
	s.files = append(s.files, f)
	return err
}

// staged is a site whose programs are staged.
func staged(t *testing.T) *site {
	t.Helper()
	s := newSite(t, t.TempDir())
	if err := errors.Join(s.take(disk.Disk{}), s.stage()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.End)
	return s
}

func (s *site) is(t *testing.T, age string) {
	t.Helper()
	for _, name := range changed {
		want := age + " " + name
		if name == "watch" && age == "old" {
			want = ""
		}
		reads(t, filepath.Join(s.dir, name), want)
	}
	reads(t, filepath.Join(s.dir, "other"), "present other")
	for _, left := range s.left("next") {
		t.Errorf("left behind: %s", left)
	}
}

// previous wants the previous programs to be those of before this upgrade, or those that it replaced.
func (s *site) previous(t *testing.T, age string) {
	t.Helper()
	for _, name := range []string{"holdfast", "edge", "watch", "other"} {
		want := age + " " + name
		if age == "old" && (name == "watch" || name == "other") {
			want = "" // there was none, or none was replaced
		}
		reads(t, filepath.Join(s.dir, name+".previous"), want)
	}
	for _, left := range s.left("before") {
		t.Errorf("left behind: %s", left)
	}
}

func (s *site) left(end string) []string {
	left, _ := filepath.Glob(filepath.Join(s.dir, "*."+end))
	return left
}

func TestSwapAndBack(t *testing.T) {
	s := staged(t)
	info, err := os.Stat(s.files[0].Next())
	if err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("the staged program: %v, %v", info, err)
	}
	for range 2 { // again does no harm
		if err := s.Swap(s.files); err != nil {
			t.Fatal(err)
		}
		s.is(t, "new")
		reads(t, s.files[0].Before(), "old holdfast")
		reads(t, s.files[0].Previous(), "older holdfast")
	}
	if stands := swap.Stands(s.record(swap.Swapped)); !strings.Contains(stands, "holdfast is that of 2, ") || !strings.Contains(stands, "other is as it was") {
		t.Errorf("it says %s", stands)
	}
	for range 2 {
		if err := s.Back(s.files); err != nil {
			t.Fatal(err)
		}
		s.is(t, "old")
		s.previous(t, "older")
	}
	if stands := swap.Stands(s.record(swap.Restored)); !strings.Contains(stands, "holdfast is that of 1, ") || !strings.Contains(stands, "watch is missing") {
		t.Errorf("it says %s", stands)
	}
}

func TestTheReplacedAreThePrevious(t *testing.T) {
	s := staged(t)
	if err := s.Swap(s.files); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Keep(s.files); err != nil {
			t.Fatal(err)
		}
		s.is(t, "new")
		s.previous(t, "old")
	}
	if err := s.Back(s.files); err != nil { // what is kept as previous is still to be had
		t.Fatal(err)
	}
	s.is(t, "old")
}

// A file system without second names keeps a copy.
func TestWithoutSecondNames(t *testing.T) {
	s := staged(t)
	s.On(disk.Disk{Watch: func(e disk.Event) error {
		if e.Op == disk.OpLink {
			return syscall.EPERM
		}
		return nil
	}})
	if err := os.Chmod(s.files[0].Path, 0o711); err != nil {
		t.Fatal(err)
	}
	if err := s.Swap(s.files); err != nil {
		t.Fatal(err)
	}
	if err := s.Back(s.files); err != nil {
		t.Fatal(err)
	}
	s.is(t, "old")
	s.previous(t, "older")
	if info, err := os.Stat(s.files[0].Path); err != nil || info.Mode().Perm() != 0o711 {
		t.Errorf("the copy: %v, %v", info, err)
	}
}

// A program that somebody else put there since is not touched.
func TestAStrangersProgramStays(t *testing.T) {
	s := staged(t)
	if err := s.Swap(s.files); err != nil {
		t.Fatal(err)
	}
	write(t, s.files[0].Path, "by hand")
	if err := s.Back(s.files); err != nil {
		t.Fatal(err)
	}
	reads(t, s.files[0].Path, "by hand")
	if err := os.Remove(s.files[0].Before()); err != nil {
		t.Fatal(err)
	}
	if err := s.Swap(s.files); err == nil || !strings.Contains(err.Error(), "was changed by somebody else") {
		t.Errorf("got %v", err)
	}
	reads(t, s.files[0].Path, "by hand")
}

// When one cannot be put back, none is: two of one version and one of another are no installation.
func TestAWrongOldOneIsNotPutBack(t *testing.T) {
	s := staged(t)
	if err := s.Swap(s.files); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(s.files[1].Before()); err != nil {
		t.Fatal(err)
	}
	write(t, s.files[1].Before(), "something else")
	if err := s.Back(s.files); err == nil || !strings.Contains(err.Error(), "is not what stood there before") {
		t.Errorf("got %v", err)
	}
	s.is(t, "new")
	reads(t, s.files[0].Before(), "old holdfast")
}

// What is proved, or is put back already, is not taken back.
func TestAnEndedUpgradeIsNotUndone(t *testing.T) {
	for _, state := range []swap.State{swap.Proved, swap.Keeping, swap.Restored} {
		s := staged(t)
		if err := errors.Join(s.Swap(s.files), s.Note(s.record(state))); err != nil {
			t.Fatal(err)
		}
		s.End()
		if r, err := swap.Undo(s.place); r != nil || err != nil {
			t.Errorf("%s was undone: %v, %v", state, r, err)
		}
		s.is(t, "new")
	}
}

// TestAWholeProgramAlwaysStandsThere reads the path all the while.
func TestAWholeProgramAlwaysStandsThere(t *testing.T) {
	s := staged(t)
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
		if err := errors.Join(s.Swap(s.files[:1]), s.Back(s.files[:1])); err != nil {
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
