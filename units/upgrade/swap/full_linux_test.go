// SPDX-License-Identifier: Apache-2.0

package swap_test

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"holdfast/core/home"
	"holdfast/core/home/disk"
	"holdfast/core/home/disk/disktest"
	"holdfast/units/upgrade/swap"
)

func TestAFullDiskLeavesNothing(t *testing.T) {
	from := filepath.Join(t.TempDir(), "holdfast")
	write(t, from, strings.Repeat("x", 300<<10))
	dir := disktest.Mount(t, "128k")
	to := filepath.Join(dir, "holdfast")
	write(t, to, "old")
	place := home.At(t.TempDir())
	if err := place.Ensure(); err != nil {
		t.Fatal(err)
	}
	turn, err := swap.Take(place)
	if err != nil {
		t.Fatal(err)
	}
	defer turn.End()
	_, err = turn.Stage(from, to)
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "the disk is full; nothing was changed") {
		t.Errorf("got %v", err)
	}
	reads(t, to, "old")
	reads(t, to+".next", "")
}

// TestAFolderThatBecomesReadOnly makes the folder of the programs read-only at each step: the upgrade
// fails, and once the folder can be written again, all are of one upgrade.
func TestAFolderThatBecomesReadOnly(t *testing.T) {
	for name, way := range map[string]func(*site) error{"forth": (*site).forth, "back": (*site).back} {
		t.Run(name, func(t *testing.T) {
			dir := disktest.Mount(t, "1m")
			step := 1
			for at := 1; at <= step; at++ {
				folder := filepath.Join(dir, strconv.Itoa(at))
				if err := os.Mkdir(folder, 0o755); err != nil {
					t.Fatal(err)
				}
				s := newSite(t, folder)
				step = 0
				err := s.take(disk.Disk{Watch: func(disk.Event) error {
					if step++; step == at {
						disktest.ReadOnly(t, dir)
					}
					return nil
				}})
				if err != nil {
					t.Fatal(err)
				}
				err = way(s)
				s.End()
				if err := unix.Mount("", dir, "", unix.MS_REMOUNT, ""); err != nil {
					t.Fatal(err)
				}
				s.mended(t)
				if t.Failed() {
					t.Fatalf("at step %d: %v", at, err)
				}
			}
		})
	}
}
