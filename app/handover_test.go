// SPDX-License-Identifier: Apache-2.0

package app

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"holdfast/core/home"
	"holdfast/units/upgrade/swap"
)

// TestAHouseIsBetterThanNone starts where an upgrade was killed with its house: the old programs are
// put back first, and when they cannot be, the house comes up all the same.
func TestAHouseIsBetterThanNone(t *testing.T) {
	for name, lost := range map[string]bool{"the old one is there": false, "the old one is lost": true} {
		t.Run(name, func(t *testing.T) {
			place := home.At(t.TempDir())
			if err := place.Ensure(); err != nil {
				t.Fatal(err)
			}
			program, fresh := filepath.Join(t.TempDir(), "holdfast"), filepath.Join(t.TempDir(), "holdfast")
			if err := errors.Join(os.WriteFile(program, []byte("old"), 0o755), os.WriteFile(fresh, []byte("new"), 0o755)); err != nil {
				t.Fatal(err)
			}
			turn, err := swap.Take(place)
			if err != nil {
				t.Fatal(err)
			}
			f, err := turn.Stage(fresh, program)
			files := []swap.File{f}
			err = errors.Join(err, turn.Swap(files), turn.Note(swap.Record{State: swap.HandingOver, From: version, To: "2", Files: files}))
			turn.End()
			if lost {
				err = errors.Join(err, os.Remove(f.Before()))
			}
			if err != nil {
				t.Fatal(err)
			}
			h, err := New(place, &Options{})
			if err != nil {
				t.Fatal(err)
			}
			lock, err := place.Lock("")
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = lock.Unlock() }()
			if err := h.succeed(lock); err != nil || !h.next.house.Load() {
				t.Errorf("no house comes up: %v", err)
			}
			want := "old"
			if lost {
				want = "new"
			}
			if text, err := os.ReadFile(program); err != nil || string(text) != want {
				t.Errorf("the program is the %q one, %v", text, err)
			}
			if r, err := swap.Read(place); err != nil || r == nil || r.State.Ended() == lost {
				t.Errorf("the record is %+v, %v", r, err)
			}
		})
	}
}
