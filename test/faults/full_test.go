// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package faults

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"holdfast"
	"holdfast/core/config"
	"holdfast/core/home/disk/disktest"
	"holdfast/core/store"
	"holdfast/core/trash"
)

// told collects what a house in this process says.
type told struct {
	mu    sync.Mutex
	calls []call
}

func (w *told) say(words ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls = append(w.calls, call{said: strings.TrimSpace(fmt.Sprintln(words...))})
}

func (w *told) history() history {
	w.mu.Lock()
	defer w.mu.Unlock()
	return historyOf(w.calls)
}

// TestFullDisk does each act of the workload on a disk with little room left: it does it, or fails
// with words that say so and where; with room again it does it, and every promise is kept.
func TestFullDisk(t *testing.T) {
	room := []int{0, 20 << 10, 100 << 10}
	if long() {
		room = []int{0, 4 << 10, 8 << 10, 12 << 10, 16 << 10, 24 << 10, 32 << 10, 48 << 10, 64 << 10, 96 << 10, 128 << 10, 256 << 10}
	}
	for _, dialect := range []string{store.SQLite, store.Postgres} {
		for _, left := range room {
			t.Run(fmt.Sprintf("%s %d", dialect, left), func(t *testing.T) { liveInRoom(t, dialect, left) })
		}
	}
}

func liveInRoom(t *testing.T, dialect string, left int) {
	dir := disktest.Mount(t, "16m")
	p := plan{dir: filepath.Join(dir, "home"), url: stores()[dialect](t), schema: 1}
	if err := plant(p.dir); err != nil {
		t.Fatal(err)
	}
	var said told
	h, err := assemble(p, discard(), said.say)
	if err != nil {
		t.Fatal(err)
	}
	failed := 0
	for _, a := range acts() {
		said.say("begin", a.name)
		if err := starved(t, dir, left, func(ctx context.Context) error { return a.do(h, ctx) }); err != nil {
			failed++
			clearly(t, a.name, err, p.dir, "full")
			if err := a.do(h, t.Context()); err != nil {
				t.Fatalf("%s does not go on with room again: %v", a.name, err)
			}
		}
	}
	t.Logf("%d of %d acts failed for want of room", failed, len(acts()))
	for _, problem := range check(t.Context(), p, said.history()) {
		t.Error(problem)
	}
}

// starved does an act on a disk with so much room left, and gives the room back when the act has
// ended, or waits for room as an operation that must record its undo does.
func starved(t *testing.T, dir string, left int, do func(context.Context) error) error {
	t.Helper()
	free := fillBut(t, dir, left)
	ended := make(chan error, 1)
	go func() { ended <- do(t.Context()) }()
	patience := time.NewTimer(time.Second)
	defer patience.Stop()
	select {
	case err := <-ended:
		free()
		return err
	case <-patience.C:
	}
	free()
	return <-ended
}

func fillBut(t *testing.T, dir string, left int) (free func()) {
	t.Helper()
	reserve := filepath.Join(dir, "reserve")
	if err := os.WriteFile(reserve, make([]byte, left), 0o600); err != nil {
		t.Fatal(err)
	}
	free = disktest.Fill(t, dir)
	if err := os.Remove(reserve); err != nil {
		t.Fatal(err)
	}
	return free
}

// clearly checks that an error names what and where, and why.
func clearly(t *testing.T, what string, err error, dir, why string) {
	t.Helper()
	text := err.Error()
	if !strings.Contains(text, why) || !strings.Contains(text, dir) || strings.Contains(text, "panic") {
		t.Errorf("%s: the error does not name what, where and why: %v", what, err)
	}
}

// TestStartOnFullDisk starts a house where nothing can be written.
func TestStartOnFullDisk(t *testing.T) {
	dir := disktest.Mount(t, "16m")
	p := plan{dir: filepath.Join(dir, "home"), url: store.SQLite, schema: 1}
	if err := plant(p.dir); err != nil {
		t.Fatal(err)
	}
	h, err := assemble(p, discard(), func(...any) {})
	if err != nil {
		t.Fatal(err)
	}
	for _, left := range []int{0, 4 << 10, 16 << 10, 40 << 10, 64 << 10, 128 << 10} {
		if err := starved(t, dir, left, h.open); err != nil {
			clearly(t, "start", err, p.dir, "full")
			continue
		}
		if err := h.close(); err != nil {
			t.Error(err)
		}
	}
	for _, problem := range check(t.Context(), p, history{}) {
		t.Error(problem)
	}
}

// TestReadOnlyFileSystem tries everything on a home that became read-only while no house ran.
func TestReadOnlyFileSystem(t *testing.T) {
	dir := disktest.Mount(t, "16m")
	p := plan{dir: filepath.Join(dir, "home"), url: store.SQLite, schema: 1}
	if err := plant(p.dir); err != nil {
		t.Fatal(err)
	}
	var said told
	h, err := assemble(p, discard(), said.say)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range acts()[:19] {
		said.say("begin", a.name)
		if err := a.do(h, t.Context()); err != nil {
			t.Fatalf("%s: %v", a.name, err)
		}
	}
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	disktest.ReadOnly(t, dir)
	for what, do := range map[string]func() error{
		"start":   func() error { return h.open(t.Context()) },
		"store":   func() error { return h.openStore(t.Context()) },
		"keys":    func() error { return h.keys.Set(t.Context(), "A", holdfast.NewSecret("b")) },
		"restore": func() error { return h.restoreMoved(t.Context()) },
		"master": func() error {
			return h.master.Update(t.Context(), func(d *config.Document) error { return d.Set("x", "public_domain") })
		},
		"trash": func() error {
			_, err := h.trash.Keep(t.Context(), trash.Entry{Action: "a.b", Subject: "failed", Paths: []string{"extensions/failed"}})
			return err
		},
	} {
		err := do()
		if err == nil {
			t.Errorf("%s: did something on a read-only file system", what)
			continue
		}
		clearly(t, what, err, p.dir, "read-only")
	}
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT, ""); err != nil {
		t.Fatal(err)
	}
	for _, problem := range check(t.Context(), p, said.history()) {
		t.Error(problem)
	}
}
