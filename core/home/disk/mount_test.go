// SPDX-License-Identifier: Apache-2.0

//go:build linux

package disk_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"holdfast/core/home/disk"
)

// mount gives a small file system of our own, or says why there is none.
func mount(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("cannot mount a tmpfs: %v", err)
		}
		t.Skipf("needs to mount a tmpfs, which takes root: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Errorf("cannot unmount: %v", err)
		}
	})
	return dir
}

func TestDiskFull(t *testing.T) {
	dir := mount(t, "64k")
	path := filepath.Join(dir, "f")
	if err := (disk.Disk{}).WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := disk.Disk{}.WriteFile(path, bytes.Repeat([]byte("x"), 1<<20), 0o600)
	if !errors.Is(err, unix.ENOSPC) || !strings.Contains(err.Error(), "the disk is full") || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v", err)
	}
	if read(t, path) != "old" || len(names(t, dir)) != 1 {
		t.Errorf("there is %q among %v", read(t, path), names(t, dir))
	}
	if err := (disk.Disk{}).WriteFile(path, []byte("new"), 0o600); err != nil || read(t, path) != "new" {
		t.Errorf("the disk stays full: %v", err)
	}
}

func TestReadOnly(t *testing.T) {
	dir := mount(t, "64k")
	path := filepath.Join(dir, "f")
	if err := (disk.Disk{}).WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"write": disk.Disk{}.WriteFile(path, []byte("new"), 0o600),
		"move":  disk.Disk{}.Rename(path, path+"2"),
		"mkdir": disk.Disk{}.MkdirAll(filepath.Join(dir, "d"), 0o700),
	} {
		if !errors.Is(err, unix.EROFS) || !strings.Contains(err.Error(), "read-only") || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: got %v", what, err)
		}
	}
	if read(t, path) != "old" {
		t.Errorf("there is %q", read(t, path))
	}
}
