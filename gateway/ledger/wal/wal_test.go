// SPDX-License-Identifier: Apache-2.0

package wal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/core/home/disk"
	"holdfast/core/home/disk/disktest"
)

const small = 512 // bytes a file, so that tests cross many

func text(n int) string { return fmt.Sprintf("record %d %s", n, strings.Repeat("x", n%29)) }

// read gives the records from a position on.
func read(t testing.TB, dir string, from int64) ([]string, Found) {
	t.Helper()
	var list []string
	found, err := Read(dir, from, func(at, end int64, record []byte) error {
		if at < from || end <= at {
			t.Errorf("a record from %d to %d", at, end)
		}
		list = append(list, string(record))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list, found
}

func add(t testing.TB, l *Log, record string, hold int64) (from, to int64) {
	t.Helper()
	from, to, err := l.Append([]byte(record), hold)
	if err != nil {
		t.Fatal(err)
	}
	return from, to
}

func TestWhatIsAppendedIsRead(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "ledger")
	l := New(Options{Dir: dir, Segment: small, Base: 77})
	var want []string
	var froms []int64
	for i := range 200 {
		from, to := add(t, l, text(i), 0)
		l.Sync()
		if i%7 == 0 {
			if err := l.Wait(t.Context(), to); err != nil {
				t.Fatal(err)
			}
		}
		want, froms = append(want, text(i)), append(froms, from)
	}
	end := l.End()
	got, found := read(t, dir, 77)
	if !slices.Equal(got, want) || found.End != end || found.Torn != 0 || len(found.Damage) > 0 {
		t.Errorf("%d records, %+v, want %d until %d", len(got), found, len(want), end)
	}
	if got, _ := read(t, dir, froms[150]); !slices.Equal(got, want[150:]) {
		t.Errorf("%d records from the 150th on", len(got))
	}
	l.Release(froms[150])
	if err := l.Close(false); err != nil {
		t.Fatal(err)
	}
	if got, found := read(t, dir, froms[150]); !slices.Equal(got, want[150:]) || len(found.Damage) > 0 {
		t.Errorf("%d records from the 150th on after the files before went: %+v", len(got), found)
	}
	if _, _, err := l.Append([]byte("late"), 0); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

// TestFilesAreUsedAgain: a log whose records are let go of stays small, and what a file held before is
// never read again.
func TestFilesAreUsedAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := New(Options{Dir: dir, Segment: small})
	for i := range 3000 {
		from, to := add(t, l, text(i), 0)
		l.Sync()
		if err := l.Wait(t.Context(), to); err != nil {
			t.Fatal(err)
		}
		if i%50 == 0 {
			l.Release(from)
		}
		if i%500 == 499 {
			got, found := read(t, dir, from)
			if len(got) != 1 || got[0] != text(i) || len(found.Damage) > 0 || found.End != to {
				t.Fatalf("after %d: %q, %+v", i, got, found)
			}
		}
	}
	files, err := segments(dir)
	if err != nil || len(files) > 12 {
		t.Errorf("%d files, %v", len(files), err)
	}
	if err := l.Close(true); err != nil {
		t.Fatal(err)
	}
	if files, _ := segments(dir); len(files) > 0 {
		t.Errorf("%d files are left", len(files))
	}
}

// TestTornAtEveryByte cuts a log at every byte, and writes garbage over the rest: all whole records
// before are read, and nothing else.
func TestTornAtEveryByte(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const base = 0x01020304
	l := New(Options{Dir: dir, Segment: small, Base: base})
	var want []string
	var ends []int64 // in the file
	for i := 0; l.End() < base+small-64; i++ {
		_, to := add(t, l, text(i), 0)
		want, ends = append(want, text(i)), append(ends, to-base)
	}
	if err := l.Close(false); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(l.path(base))
	if err != nil {
		t.Fatal(err)
	}
	scratch := t.TempDir()
	for cut := range whole {
		for _, tail := range [][]byte{nil, make([]byte, len(whole)-cut), bytes.Repeat([]byte{0x57}, len(whole)-cut)} {
			torn := append(slices.Clone(whole[:cut]), tail...)
			if err := os.WriteFile(filepath.Join(scratch, filepath.Base(l.path(base))), torn, 0o600); err != nil {
				t.Fatal(err)
			}
			n := 0
			for n < len(ends) && ends[n] <= int64(cut) {
				n++
			}
			got, found := read(t, scratch, base)
			if len(got) > n && tail != nil && bytes.Equal(torn, whole) {
				n = len(got)
			}
			if !slices.Equal(got, want[:n]) || len(found.Damage) > 0 || n > 0 && found.End < base+ends[n-1] {
				t.Fatalf("cut at %d: %d records, want %d; %+v", cut, len(got), n, found)
			}
			start := 0
			if n > 0 {
				start = int(ends[n-1])
			}
			if n < len(ends) && (cut == start && found.Torn > 0 || cut >= start+headSize && found.Torn == 0) {
				t.Fatalf("cut at %d: %d bytes are torn", cut, found.Torn)
			}
		}
	}
}

// TestDamageAtEveryByte turns one byte after the other of a log of several files: at most the record
// that has it is lost, it is told where, and all behind it are read.
func TestDamageAtEveryByte(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := New(Options{Dir: dir, Segment: small})
	var want []string
	var froms []int64
	for i := range 40 {
		from, _ := add(t, l, text(i), 0)
		want, froms = append(want, text(i)), append(froms, from)
	}
	if err := l.Close(false); err != nil {
		t.Fatal(err)
	}
	files, err := segments(dir)
	if err != nil || len(files) < 3 {
		t.Fatal(len(files), err)
	}
	for _, s := range files[:2] {
		whole, err := os.ReadFile(s.path)
		if err != nil {
			t.Fatal(err)
		}
		for at := range whole {
			spoiled := slices.Clone(whole)
			spoiled[at] ^= 0x41
			if err := os.WriteFile(s.path, spoiled, 0o600); err != nil {
				t.Fatal(err)
			}
			hit := -1
			for i, from := range froms {
				if from <= s.base+int64(at) && s.base+int64(at) < from+headSize+int64(len(want[i])) {
					hit = i
				}
			}
			rest := slices.Clone(want)
			if hit >= 0 {
				rest = slices.Delete(rest, hit, hit+1)
			}
			got, found := read(t, dir, 0)
			if !slices.Equal(got, rest) || hit >= 0 && len(found.Damage) != 1 {
				t.Fatalf("%s, byte %d: %d records, want %d; %+v", s.path, at, len(got), len(rest), found)
			}
		}
		if err := os.WriteFile(s.path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(files[1].path); err != nil {
		t.Fatal(err)
	}
	if got, found := read(t, dir, 0); len(found.Damage) != 1 || len(got) >= len(want) || got[len(got)-1] != want[len(want)-1] {
		t.Errorf("a file is missing: %d records, %+v", len(got), found)
	}
}

// TestRoomThatIsHeldIsThere on a full disk; what is not held is refused.
func TestRoomThatIsHeldIsThere(t *testing.T) {
	t.Parallel()
	dir := disktest.Mount(t, "1m")
	l := New(Options{Dir: filepath.Join(dir, "ledger"), Segment: 64 << 10})
	defer func() {
		if err := l.Close(true); err != nil {
			t.Error(err)
		}
	}()
	add(t, l, "first", 0)
	free := disktest.Fill(t, dir)
	const room = 2000
	held := 0
	for {
		_, _, err := l.Append([]byte(text(held)), room)
		if err != nil {
			if !strings.Contains(err.Error(), "disk is full") {
				t.Fatal(err)
			}
			break
		}
		held++
	}
	if held < 10 || held > 200 {
		t.Errorf("%d records held room", held)
	}
	for i := range held {
		if _, _, err := l.Append(bytes.Repeat([]byte{'y'}, room-headSize), -room); err != nil {
			t.Fatalf("the room of record %d of %d is gone: %v", i, held, err)
		}
	}
	free()
	add(t, l, "again", room)
	if got, found := read(t, filepath.Join(dir, "ledger"), 0); len(got) != 2*held+2 || len(found.Damage) > 0 {
		t.Errorf("%d records, %+v", len(got), found)
	}
}

// faulty is a file whose syncs fail while told to, and then forget what was not written, as kernels do.
type faulty struct {
	File
	mu     *sync.Mutex
	broken *bool
	path   string
	dirty  map[string][]byte
	disk   map[string][]byte
}

var errBroken = errors.New("the disk is broken")

func (f *faulty) WriteAt(b []byte, at int64) (int, error) {
	f.mu.Lock()
	f.dirty[fmt.Sprint(f.path, at)] = slices.Clone(b)
	f.mu.Unlock()
	return f.File.WriteAt(b, at)
}

func (f *faulty) Datasync() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	defer clear(f.dirty)
	if *f.broken {
		return errBroken
	}
	for at, b := range f.dirty {
		f.disk[at] = b
	}
	return nil
}

// TestSyncThatFails refuses records that hold room and says so to who waits; once the disk is well
// again, what the kernel forgot is written again before anybody is told that it is there.
func TestSyncThatFails(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	broken, written := false, map[string][]byte{}
	l := New(Options{Dir: t.TempDir(), Create: func(path string) (File, error) {
		f, err := create(path)
		return &faulty{File: f, mu: &mu, broken: &broken, path: path, dirty: map[string][]byte{}, disk: written}, err
	}})
	set := func(to bool) {
		mu.Lock()
		defer mu.Unlock()
		broken = to
	}
	_, to := add(t, l, "first", 10)
	l.Sync()
	if err := l.Wait(t.Context(), to); err != nil {
		t.Fatal(err)
	}
	set(true)
	_, to = add(t, l, "second", 10)
	l.Sync()
	if err := l.Wait(t.Context(), to); !errors.Is(err, errBroken) {
		t.Fatalf("who waits hears %v", err)
	}
	if _, _, err := l.Append([]byte("third"), 10); !errors.Is(err, errBroken) {
		t.Errorf("a record that holds room: %v", err)
	}
	add(t, l, "fourth", -10)
	set(false)
	deadline, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for l.Wait(deadline, to) != nil {
		if deadline.Err() != nil {
			t.Fatal("it is never synced again")
		}
		l.Sync()
	}
	mu.Lock()
	all := ""
	for _, b := range written {
		if len(b) < 1000 {
			all += string(b)
		}
	}
	mu.Unlock()
	for _, word := range []string{"first", "second", "fourth"} {
		if !strings.Contains(all, word) {
			t.Errorf("%s is not on the disk", word)
		}
	}
	if err := l.Close(true); err != nil {
		t.Fatal(err)
	}
}

// TestManyAtOnce appends, syncs, waits and lets go from many sides.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := New(Options{Dir: dir, Segment: 4096})
	var mu sync.Mutex
	var order []int64
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			for i := range 200 {
				mu.Lock()
				from, to, err := l.Append(fmt.Appendf(nil, "%d-%d", worker, i), 300)
				order = append(order, from)
				mu.Unlock()
				l.Sync()
				if err = errors.Join(err, l.Wait(t.Context(), to)); err != nil {
					t.Error(err)
					return
				}
				if _, _, err := l.Append([]byte("end"), -300); err != nil {
					t.Error(err)
				}
				l.Release(to - 20_000)
			}
		})
	}
	group.Wait()
	if !slices.IsSorted(order) {
		t.Error("positions go back")
	}
	if err := l.Close(false); err != nil {
		t.Fatal(err)
	}
	last := order[len(order)-1]
	if got, found := read(t, dir, last); len(got) == 0 || len(found.Damage) > 0 {
		t.Errorf("%q %+v", got, found)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(appendFrame(nil, 0, []byte("one")))
	f.Add(appendFrame(appendFrame(nil, 0, []byte("one")), 15, nil))
	f.Fuzz(func(t *testing.T, text []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "0000000000000000.log"), text, 0o600); err != nil {
			t.Fatal(err)
		}
		last := int64(0)
		found, err := Read(dir, 0, func(at, end int64, record []byte) error {
			if at < last || end != at+headSize+int64(len(record)) || end > int64(len(text)) {
				t.Errorf("a record from %d to %d after %d", at, end, last)
			}
			last = end
			return nil
		})
		if err != nil || found.End < last || found.End > int64(len(text)) {
			t.Errorf("%+v %v", found, err)
		}
	})
}

func TestNamesThatAreNoSegments(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"a.log", "0000000000000000.txt", "00000000000000000.log", "-000000000000001.log"} {
		if err := os.WriteFile(filepath.Join(dir, name), appendFrame(nil, 0, []byte("x")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got, _ := read(t, dir, 0); len(got) > 0 {
		t.Errorf("%q", got)
	}
	if err := Clear(dir, disk.Disk{}); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 4 {
		t.Errorf("%d files are left of 4", len(left))
	}
}
