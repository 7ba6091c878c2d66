// SPDX-License-Identifier: Apache-2.0

package wal

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"holdfast/core/home/disk"
)

// A recorder remembers all that is done to the files of a log, in order.
type recorder struct {
	mu     sync.Mutex
	events []event
}

// event is one write, sync, rename or removal, or the word that somebody heard that a record is safe.
type event struct {
	file int
	kind string
	at   int64
	data []byte
	from string
	to   string
}

func (r *recorder) add(e event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

// recorded is a file whose writes and syncs are remembered.
type recorded struct {
	File
	r  *recorder
	id int
}

func (f *recorded) WriteAt(b []byte, at int64) (int, error) {
	f.r.add(event{kind: "write", file: f.id, at: at, data: slices.Clone(b)})
	return f.File.WriteAt(b, at)
}

// Datasync is remembered at its end, with the number of events that stood at its beginning.
func (f *recorded) Datasync() error {
	f.r.mu.Lock()
	at := int64(len(f.r.events))
	f.r.mu.Unlock()
	err := f.File.Datasync()
	f.r.add(event{kind: "sync", file: f.id, at: at})
	return err
}

// lose puts into dir what a disk holds when the power goes after so many events: what was synced; of
// the rest each sector may be written or not. Names change with their folder's sync, which each change
// of a name here ends with, so that only the last may be lost.
func lose(t *testing.T, events []event, dir string, luck *rand.Rand) (safe []string) {
	t.Helper()
	synced := map[int]int64{} // the events of a file before that are certain
	for _, e := range events {
		if e.kind == "sync" {
			synced[e.file] = max(synced[e.file], e.at)
		}
	}
	content, names := map[int][]byte{}, map[string]int{}
	for i, e := range events {
		switch e.kind {
		case "create":
			names[e.to] = e.file
		case "rename":
			names[e.to] = names[e.from]
			delete(names, e.from)
		case "remove":
			delete(names, e.from)
		case "safe":
			safe = append(safe, string(e.data))
		case "write":
			grown := max(len(content[e.file]), int(e.at)+len(e.data))
			text := append(content[e.file], make([]byte, grown-len(content[e.file]))...)
			for from := 0; from < len(e.data); {
				upTo := min(len(e.data), from+sector-(int(e.at)+from)%sector)
				if int64(i) < synced[e.file] || luck.IntN(2) == 0 {
					copy(text[int(e.at)+from:], e.data[from:upTo])
				}
				from = upTo
			}
			content[e.file] = text
		}
	}
	for name, file := range names {
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(name)), content[file], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return safe
}

const sector = 512

// TestPowerLoss cuts the power at many places of a log's life, with files used again: whoever heard
// that a record is safe finds it, whatever is read was written, and its order is kept.
func TestPowerLoss(t *testing.T) {
	t.Parallel()
	r := &recorder{}
	dir, files := t.TempDir(), 0
	watch := func(e disk.Event) error {
		if e.Done && e.Op == disk.OpRename {
			r.add(event{kind: "rename", from: e.Path, to: e.To})
		}
		if e.Done && e.Op == disk.OpRemove {
			r.add(event{kind: "remove", from: e.Path})
		}
		return nil
	}
	l := New(Options{Dir: dir, Segment: 2048, Disk: disk.Disk{Watch: watch}, Create: func(path string) (File, error) {
		f, err := create(path)
		r.mu.Lock()
		defer r.mu.Unlock()
		files++
		r.events = append(r.events, event{kind: "create", file: files, to: path})
		return &recorded{f, r, files}, err
	}})
	const records = 300
	floors := map[string]int64{}
	for i := range records {
		from, to := add(t, l, text(i), 0)
		floors[text(i)] = from
		if i%3 == 0 {
			l.Sync()
			if err := l.Wait(t.Context(), to); err != nil {
				t.Fatal(err)
			}
			r.add(event{kind: "safe", data: []byte(text(i))})
		}
		if i%40 == 39 {
			l.Release(floors[text(i-20)])
			r.add(event{kind: "floor", data: []byte(text(i - 20))})
		}
	}
	if err := l.Close(false); err != nil {
		t.Fatal(err)
	}
	cutAnywhere(t, r.events, records, floors)
}

func cutAnywhere(t *testing.T, events []event, records int, floors map[string]int64) {
	t.Helper()
	luck := rand.New(rand.NewPCG(20261121, 4))
	for range 400 {
		at := luck.IntN(len(events) + 1)
		dir, first := t.TempDir(), text(0)
		for _, e := range events[:at] {
			if e.kind == "floor" {
				first = string(e.data)
			}
		}
		safe := lose(t, events[:at], dir, luck)
		got, _ := read(t, dir, floors[first])
		number := 0
		for _, record := range got {
			for number < records && text(number) != record {
				number++
			}
			if number == records {
				t.Fatalf("cut at event %d: %q was not written, or not in that place", at, record)
			}
		}
		for _, record := range safe {
			if floors[record] >= floors[first] && !slices.Contains(got, record) {
				t.Fatalf("cut at event %d: %q was said to be safe, and is gone; %d records are there", at, record, len(got))
			}
		}
	}
}
