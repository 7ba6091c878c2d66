// SPDX-License-Identifier: Apache-2.0

//go:build linux

package trash

import (
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"holdfast/core/home"
	"holdfast/core/home/disk/disktest"
	"holdfast/core/store/storetest"
)

func TestFullAndReadOnlyDisk(t *testing.T) {
	dir := disktest.Mount(t, "256k")
	tr := New(home.At(dir), storetest.SQLite(t, tablesForTest()))
	if err := tr.home.Ensure(); err != nil {
		t.Fatal(err)
	}
	entry := plant(t, tr)
	before := world(t, tr)
	check := func(cause error) {
		t.Helper()
		if _, err := tr.Keep(t.Context(), entry); !errors.Is(err, cause) {
			t.Errorf("got %v", err)
		}
		if now := world(t, tr); now != before {
			t.Errorf("became\n%s", now)
		}
	}
	free := disktest.Fill(t, dir)
	check(unix.ENOSPC)
	free()
	left, err := os.ReadDir(tr.folder())
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	disktest.ReadOnly(t, dir)
	check(unix.EROFS)
}

// TestKeepAcrossFileSystems refuses what rename cannot move, and leaves it.
func TestKeepAcrossFileSystems(t *testing.T) {
	dir := disktest.Mount(t, "64k")
	path := dir + "/elsewhere"
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	tr := newTrash(t, storetest.SQLite(t, tablesForTest()))
	if _, err := tr.Keep(t.Context(), Entry{Action: "a.b", Paths: []string{path}}); !errors.Is(err, unix.EXDEV) {
		t.Errorf("got %v", err)
	}
	if left, _ := os.ReadDir(tr.folder()); len(left) != 0 || !exists(path) {
		t.Errorf("left behind: %v", left)
	}
}
