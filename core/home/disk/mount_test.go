// SPDX-License-Identifier: Apache-2.0

//go:build linux

package disk_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"holdfast/core/home/disk"
	"holdfast/core/home/disk/disktest"
)

func TestDiskFull(t *testing.T) {
	dir := disktest.Mount(t, "64k")
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
	dir := disktest.Mount(t, "64k")
	path := filepath.Join(dir, "f")
	if err := (disk.Disk{}).WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	disktest.ReadOnly(t, dir)
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
