// SPDX-License-Identifier: Apache-2.0

package home_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"holdfast/core/home"
	"holdfast/holdfasttest/need"
)

func ownerOf(t *testing.T, path string) uint32 {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Uid
}

// TestRootGivesBackWhatItMade works as root in another's home, in which traps are laid.
func TestRootGivesBackWhatItMade(t *testing.T) {
	if os.Geteuid() != 0 {
		need.Missing(t, "working in another's home needs root")
	}
	const nobody = 65534
	place, outside := home.At(filepath.Join(t.TempDir(), "home")), filepath.Join(t.TempDir(), "shadow")
	if err := os.WriteFile(outside, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := place.Ensure(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(place.Dir(), nobody, nobody); err != nil {
		t.Fatal(err)
	}
	lock, err := place.Lock("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lock.Unlock() })
	if err := os.Symlink(outside, place.Var("soft")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Dir(outside), place.Var("folder")); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(outside, place.Var("hard")); err != nil {
		t.Logf("no second name is given here: %v", err)
	}
	if err := home.GiveBack(place); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{place.Var(), place.Var("run"), place.Var("run", "house.lock"), place.Var("logs")} {
		if uid := ownerOf(t, path); uid != nobody {
			t.Errorf("%s belongs to %d", path, uid)
		}
	}
	if uid := ownerOf(t, outside); uid != 0 {
		t.Errorf("a file outside was given away to %d", uid)
	}
	if uid, _, ours := home.Owner(place); uid != nobody || ours {
		t.Errorf("the home belongs to %d, ours %v", uid, ours)
	}
}
