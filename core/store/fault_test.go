// SPDX-License-Identifier: Apache-2.0

//go:build linux

package store_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"holdfast"
	"holdfast/core/store"
	"holdfast/core/store/storetest"
	"holdfast/holdfasttest/need"
)

// mountSmall mounts a tmpfs of so many bytes, or skips.
func mountSmall(t *testing.T, bytes int) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", bytes)); err != nil {
		need.Missing(t, "cannot mount a tmpfs: "+err.Error())
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("cannot unmount %s: %v", dir, err)
		}
	})
	return dir
}

func wantUnavailable(t *testing.T, err error, text string) {
	t.Helper()
	told, ok := errors.AsType[*holdfast.Error](err)
	if !ok || told.Code != holdfast.CodeUnavailable || !strings.Contains(err.Error(), text) {
		t.Errorf("error = %v, want one that says %q", err, text)
	}
}

func TestAFullDiskIsSaidAndLosesNothing(t *testing.T) {
	dir := mountSmall(t, 1<<20)
	opt := store.Options{Path: filepath.Join(dir, "house.db"), Backups: filepath.Join(dir, "backups"), Migrations: notes()}
	s := storetest.Open(t, opt)
	var acknowledged []int
	var err error
	for id := 0; err == nil; id++ {
		if err = s.Write(t.Context(), insert(id, strings.Repeat("x", 10_000))); err == nil {
			acknowledged = append(acknowledged, id)
		}
	}
	wantUnavailable(t, err, "the disk is full")
	if got := ids(t, s); fmt.Sprint(got) != fmt.Sprint(acknowledged) {
		t.Errorf("%d rows, %d acknowledged", len(got), len(acknowledged))
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=4194304"); err != nil {
		t.Fatal(err)
	}
	if err := s.Write(t.Context(), insert(1_000_000, "x")); err != nil {
		t.Errorf("with space again: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again := storetest.Open(t, opt)
	if got := ids(t, again); len(got) != len(acknowledged)+1 {
		t.Errorf("%d rows after reopening, want %d", len(got), len(acknowledged)+1)
	}
}

func TestAMigrationOnAFullDiskChangesNothing(t *testing.T) {
	dir := mountSmall(t, 1<<20)
	opt := store.Options{Path: filepath.Join(dir, "house.db"), Migrations: notes(first)}
	opened(t, opt, func(s *store.Store) {
		for id := range 20 {
			write(t, insert(id, strings.Repeat("x", 10_000)))(s)
		}
	})
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 600_000), 0o600); err != nil {
		t.Fatal(err)
	}
	more := opt
	more.Migrations = notes(first, second)
	err := store.New(opt.Path).Open(t.Context(), more)
	wantUnavailable(t, err, "the disk is full")
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	opened(t, opt, func(s *store.Store) {
		if got := ids(t, s); len(got) != 20 {
			t.Errorf("%d rows", len(got))
		}
	})
	if left, _ := filepath.Glob(opt.Path + ".before*"); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestAReadOnlyFileSystemIsSaid(t *testing.T) {
	dir := mountSmall(t, 1<<20)
	opt := store.Options{Path: filepath.Join(dir, "house.db"), Migrations: notes()}
	s := storetest.Open(t, opt)
	if err := s.Write(t.Context(), insert(1, "x")); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	wantUnavailable(t, store.New(opt.Path).Open(t.Context(), opt), "read-only")
	fresh := store.Options{Path: filepath.Join(dir, "new.db"), Migrations: notes()}
	wantUnavailable(t, store.New(fresh.Path).Open(t.Context(), fresh), "read-only")
}

func TestWhatWasAcknowledgedSurvivesAKill(t *testing.T) {
	opt := storetest.Options(t, store.SQLite, notes())
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), "STORE_TEST_WRITE="+opt.Path)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	acknowledged := map[int]bool{}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var id int
		if _, err := fmt.Sscan(lines.Text(), &id); err != nil {
			continue // cut off by the kill
		}
		acknowledged[id] = true
		if len(acknowledged) == 1000 {
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = child.Wait()
	there := map[int]bool{}
	for _, id := range ids(t, storetest.Open(t, opt)) {
		there[id] = true
	}
	for id := range acknowledged {
		if !there[id] {
			t.Errorf("%d was acknowledged and is lost", id)
		}
	}
}

// TestAnUnrelatedCloseDropsNoLock opens and closes the database by hand, as a careless program
// would, and sees that another process still cannot write beside a write under way.
func TestAnUnrelatedCloseDropsNoLock(t *testing.T) {
	opt := storetest.Options(t, store.SQLite, notes())
	s := storetest.Open(t, opt)
	file, err := os.Open(opt.Path)
	if err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	locks, err := os.ReadFile("/proc/locks")
	if err != nil {
		t.Skip(err)
	}
	info, err := os.Stat(opt.Path)
	if err != nil {
		t.Fatal(err)
	}
	inode := fmt.Sprintf(":%d ", info.Sys().(*syscall.Stat_t).Ino)
	if err := s.Write(t.Context(), insert(1, "x")); err != nil {
		t.Fatal(err)
	}
	held := false
	for line := range strings.Lines(string(locks)) {
		held = held || strings.Contains(line, "OFDLCK") && strings.Contains(line, inode)
	}
	if !held {
		t.Errorf("no file-description lock is held on inode %s:\n%s", inode, locks)
	}
}
