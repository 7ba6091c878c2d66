// SPDX-License-Identifier: Apache-2.0

package disk_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"holdfast/core/home/disk"
)

var errStop = errors.New("stopped here")

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

func TestWriteFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	for _, mode := range []fs.FileMode{0o600, 0o644} {
		if err := (disk.Disk{}).WriteFile(path, []byte(mode.String()), mode); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode() != mode || read(t, path) != mode.String() {
			t.Errorf("got %v %q, %v", info.Mode(), read(t, path), err)
		}
	}
	if got := names(t, filepath.Dir(path)); len(got) != 1 {
		t.Errorf("left behind %v", got)
	}
}

func TestWriteFileReplacesALinkAndFollowsNone(t *testing.T) {
	dir := t.TempDir()
	path, victim := filepath.Join(dir, "f"), filepath.Join(dir, "victim")
	for _, link := range []string{path, disk.TemporaryName(path)} {
		if err := os.WriteFile(victim, []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(victim, link); err != nil {
			t.Fatal(err)
		}
		err := disk.Disk{}.WriteFile(path, []byte("new"), 0o600)
		if read(t, victim) != "mine" {
			t.Errorf("wrote through the link %s (%v)", link, err)
		}
	}
}

// TestWriteFileStoppedAnywhere stops a write before and after each of its steps. The file has the
// old content or the new, whole, and the next write succeeds and leaves nothing beside it.
func TestWriteFileStoppedAnywhere(t *testing.T) {
	old, fresh := strings.Repeat("old ", 3000), strings.Repeat("fresh ", 5000)
	var seenOld, seenFresh bool
	for n := 0; ; n++ {
		dir := t.TempDir()
		path := filepath.Join(dir, "f")
		if err := os.WriteFile(path, []byte(old), 0o600); err != nil {
			t.Fatal(err)
		}
		seen, stopped := 0, false
		d := disk.Disk{Watch: func(disk.Event) error {
			if seen++; seen > n {
				stopped = true
				return errStop
			}
			return nil
		}}
		err := d.WriteFile(path, []byte(fresh), 0o600)
		if !stopped {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
		if !errors.Is(err, errStop) {
			t.Errorf("step %d: got %v", n, err)
		}
		switch got := read(t, path); got {
		case old:
			seenOld = true
		case fresh:
			seenFresh = true
		default:
			t.Errorf("step %d: the file is torn: %d bytes", n, len(got))
		}
		if err := (disk.Disk{}).WriteFile(path, []byte("next"), 0o600); err != nil || read(t, path) != "next" {
			t.Errorf("step %d: the next write gave %v, %q", n, err, read(t, path))
		}
		if got := names(t, dir); len(got) != 1 {
			t.Errorf("step %d: left behind %v", n, got)
		}
	}
	if !seenOld || !seenFresh {
		t.Error("no stop before, or none after the change")
	}
}

// TestPowerLoss keeps only what was synced: file contents at their last fsync, names at the last
// fsync of their folder. An acknowledged write survives; an interrupted one leaves old or new.
func TestPowerLoss(t *testing.T) {
	for n := 0; ; n++ {
		dir := t.TempDir()
		path := filepath.Join(dir, "f")
		platter := newPlatter()
		if err := (disk.Disk{Watch: platter.watch}).WriteFile(path, []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
		seen, cut := 0, false
		d := disk.Disk{Watch: func(e disk.Event) error {
			if seen++; seen > n {
				cut = true
				return errStop
			}
			return platter.watch(e)
		}}
		err := d.WriteFile(path, []byte("fresh"), 0o600)
		got, there := platter.after(path)
		switch {
		case !there || got != "old" && got != "fresh":
			t.Errorf("step %d: after the loss there is %q (%v)", n, got, there)
		case err == nil && got != "fresh":
			t.Errorf("step %d: acknowledged and lost", n)
		}
		if !cut {
			return
		}
	}
}

// A platter is what a disk holds when the power goes: nothing that was not synced.
type platter struct {
	content map[uint64]string            // by inode
	names   map[string]map[string]uint64 // by folder
}

func newPlatter() *platter {
	return &platter{content: map[uint64]string{}, names: map[string]map[string]uint64{}}
}

func inode(path string) uint64 {
	var st unix.Stat_t
	if unix.Lstat(path, &st) != nil {
		return 0
	}
	return st.Ino
}

func (p *platter) watch(e disk.Event) error {
	if !e.Done {
		return nil
	}
	switch e.Op {
	case disk.OpSync:
		text, err := os.ReadFile(e.Path)
		if err != nil {
			return err
		}
		p.content[inode(e.Path)] = string(text)
	case disk.OpSyncDir:
		entries, err := os.ReadDir(e.Path)
		if err != nil {
			return err
		}
		p.names[e.Path] = map[string]uint64{}
		for _, entry := range entries {
			p.names[e.Path][entry.Name()] = inode(filepath.Join(e.Path, entry.Name()))
		}
	case disk.OpCreate, disk.OpWrite, disk.OpRename, disk.OpLink, disk.OpMkdir, disk.OpRemove:
	}
	return nil
}

func (p *platter) after(path string) (string, bool) {
	ino, ok := p.names[filepath.Dir(path)][filepath.Base(path)]
	return p.content[ino], ok
}

func TestWritersOfOnePathTakeTurns(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	var writers sync.WaitGroup
	for w := range 8 {
		writers.Go(func() {
			text := bytes.Repeat([]byte{byte('a' + w)}, 64<<10)
			for range 10 {
				if err := (disk.Disk{}).WriteFile(path, text, 0o600); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	got := read(t, path)
	if len(got) != 64<<10 || strings.Trim(got, got[:1]) != "" {
		t.Errorf("the file is mixed: %d bytes", len(got))
	}
	if left := names(t, filepath.Dir(path)); len(left) != 1 {
		t.Errorf("left behind %v", left)
	}
}

func TestSweepTakesOnlyWhatNobodyHolds(t *testing.T) {
	dir := t.TempDir()
	dead, living := disk.TemporaryName(filepath.Join(dir, "dead")), disk.TemporaryName(filepath.Join(dir, "living"))
	for _, name := range []string{dead, living, filepath.Join(dir, "other.tmp")} {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.Open(living)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if err := (disk.Disk{}).Sweep(dir); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(names(t, dir), " "); got != ".living"+disk.Suffix+" other.tmp" {
		t.Errorf("left: %s", got)
	}
}

func TestRenameReplacesNothing(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	for _, name := range []string{a, b} {
		if err := os.WriteFile(name, []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := (disk.Disk{}).Rename(a, b); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v", err)
	}
	if read(t, b) != b {
		t.Error("replaced")
	}
}

func TestReplaceAndLink(t *testing.T) {
	dir := t.TempDir()
	old, fresh, kept := filepath.Join(dir, "old"), filepath.Join(dir, "fresh"), filepath.Join(dir, "kept")
	for _, path := range []string{old, fresh} {
		if err := os.WriteFile(path, []byte(filepath.Base(path)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var d disk.Disk
	if err := d.Link(old, kept); err != nil {
		t.Fatal(err)
	}
	if err := d.Link(fresh, kept); !errors.Is(err, os.ErrExist) {
		t.Errorf("a name in use: %v", err)
	}
	if err := d.Replace(fresh, old); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{old: "fresh", kept: "old", fresh: ""} {
		if text, err := os.ReadFile(path); string(text) != want || (want == "") != os.IsNotExist(err) {
			t.Errorf("%s holds %q, %v", path, text, err)
		}
	}
}
