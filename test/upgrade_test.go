// SPDX-License-Identifier: Apache-2.0

package test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"holdfast/holdfasttest/need"
)

// versions are the house's program as other versions of itself, each built once.
type versions struct {
	dir string

	mu   sync.Mutex
	made map[string]func() error
}

func newVersions(t *testing.T) *versions {
	return &versions{dir: t.TempDir(), made: map[string]func() error{}}
}

// install puts a version into a folder, with the siblings of the others beside it.
func (v *versions) install(number, folder, siblings string) error {
	v.mu.Lock()
	path := filepath.Join(v.dir, number)
	built := v.made[number]
	if built == nil {
		built = sync.OnceValue(func() error {
			return need.Build(context.Background(), path, "holdfast/cmd/holdfast", "holdfast/app.version="+number)
		})
		v.made[number] = built
	}
	v.mu.Unlock()
	err := errors.Join(built(), os.MkdirAll(folder, 0o755))
	for name, from := range map[string]string{
		"holdfast": path, "holdfast-edge": filepath.Join(siblings, "holdfast-edge"), "holdfast-watch": filepath.Join(siblings, "holdfast-watch"),
	} {
		if err == nil {
			err = copied(from, filepath.Join(folder, name))
		}
	}
	return err
}

func copied(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o755)
}

// command is version VERSION FOLDER, which puts that version of holdfast there.
func (v *versions) command(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: version VERSION FOLDER")
	}
	ts.Check(v.install(args[0], ts.MkAbs(args[1]), ts.Getenv("BIN")))
}

// counts LOG wants every number after the word count in a log, in order, none twice and none
// missing, and at least one more than when it was last asked.
func counts(ts *testscript.TestScript, _ bool, args []string) {
	next := 0
	for _, m := range regexp.MustCompile(`(?m)\bcount (\d+)$`).FindAllStringSubmatch(ts.ReadFile(args[0]), -1) {
		n, err := strconv.Atoi(m[1])
		ts.Check(err)
		if n != next {
			ts.Fatalf("%s goes on with %d after %d", args[0], n, next-1)
		}
		next++
	}
	before, _ := strconv.Atoi(ts.Getenv("COUNTED"))
	if next <= before {
		ts.Fatalf("%s stands still at %d", args[0], next)
	}
	ts.Setenv("COUNTED", strconv.Itoa(next))
}

// foreign FILE makes an executable of another processor.
func foreign(ts *testscript.TestScript, _ bool, args []string) {
	self, err := os.ReadFile("/proc/self/exe")
	ts.Check(err)
	header := bytes.Clone(self[:4096])
	binary.LittleEndian.PutUint16(header[18:], 8) // MIPS
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), header, 0o755))
}

// killcommand PATTERN sends SIGKILL to the one process of this script whose command line matches.
func killCommand(ts *testscript.TestScript, _ bool, args []string) {
	pattern := regexp.MustCompile(args[0])
	for _, pid := range within(ts.Getenv("WORK")) {
		line, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
		if pattern.Match(bytes.ReplaceAll(line, []byte{0}, []byte{' '})) {
			ts.Check(syscall.Kill(pid, syscall.SIGKILL))
			awaitGone(ts, func() []int {
				if alive(pid) {
					return []int{pid}
				}
				return nil
			})
			return
		}
	}
	ts.Fatalf("no process matches %q", args[0])
}

// absent FILE… waits until files are gone.
func absent(ts *testscript.TestScript, _ bool, args []string) {
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		left := ""
		for _, name := range args {
			if _, err := os.Lstat(ts.MkAbs(name)); err == nil {
				left = name
			}
		}
		if left == "" {
			return
		}
		select {
		case <-deadline.C:
			ts.Fatalf("%s is still there", left)
		case <-tick.C:
		}
	}
}
