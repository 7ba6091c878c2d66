// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Package disktest gives tests a small disk of their own to fill or to make read-only.
//
// It needs root to mount; without it the test is skipped with that reason, in CI it fails. As root,
// permissions alone never make a folder read-only, hence the mount. It is for tests only.
package disktest

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// Mount gives the folder of an empty tmpfs of a size ("64k"), gone at the end of the test.
func Mount(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("cannot mount a tmpfs: %v", err)
		}
		t.Skipf("needs to mount a tmpfs, which takes root: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Errorf("cannot unmount: %v", err)
		}
	})
	return dir
}

// ReadOnly makes what Mount gave read-only.
func ReadOnly(t *testing.T, dir string) {
	t.Helper()
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatalf("cannot make the file system read-only: %v", err)
	}
}

// Fill takes all room that is left on what Mount gave, and returns what gives it back.
func Fill(t *testing.T, dir string) (free func()) {
	t.Helper()
	path := filepath.Join(dir, "filler")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	block := make([]byte, 4096)
	for err == nil {
		_, err = f.Write(block)
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Error(err)
		}
	}
}
