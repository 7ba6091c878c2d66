// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

// Package faults kills, starves and cuts off a real house and looks whether it kept its promises:
// what was acknowledged is there, nothing is half done, the journal's chain verifies.
//
// It is for what only a fault at an exact place shows: a process killed before any of its system
// calls (SQLite's own included), a disk that lost power, is full or read-only. It is not for what
// a user sees (test), nor for single packages, whose tests stand beside them. The victim is this
// test program itself, run again under a tracer; docs/faults.md tells how.
package faults

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestMain lets this test program be the victim, or one of many that want a home.
func TestMain(m *testing.M) {
	play, dir := victim, os.Getenv("FAULTS_HOME")
	if wanted := os.Getenv("FAULTS_RACE"); wanted != "" {
		play, dir = racer, wanted
	}
	if dir == "" {
		os.Exit(m.Run())
	}
	if err := play(dir); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func long() bool { return os.Getenv("HOLDFAST_LONG") != "" }

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// scratch is a folder in memory where there is one: these tests wait for no disk, since a kill
// keeps what the kernel has, and a loss of power is played.
func scratch(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "holdfast-faults-") //nolint:usetesting // in memory, where there is such a folder
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// planted is a new home as an operator would have it before the first start.
func planted(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(scratch(t), "home")
	if err := plant(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// filesOf is a picture of all files but the database's own, whose rows are looked at instead, and
// the lock, which names a process.
func filesOf(dir string) (string, error) {
	var out strings.Builder
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		fmt.Fprintf(&out, "%s %s", name, info.Mode())
		if info.Mode().IsRegular() && !strings.HasPrefix(name, "var/house.db") && name != "var/run/house.lock" {
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			fmt.Fprintf(&out, " %x", sha256.Sum256(text))
		}
		out.WriteByte('\n')
		return nil
	})
	return out.String(), err
}

// difference shows the lines that only one of two pictures has.
func difference(a, b string) string {
	var out strings.Builder
	for _, pair := range [][3]string{{a, b, "- "}, {b, a, "+ "}} {
		for line := range strings.Lines(pair[0]) {
			if !strings.Contains(pair[1], line) {
				out.WriteString(pair[2] + line)
			}
		}
	}
	return out.String()
}
