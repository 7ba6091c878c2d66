// SPDX-License-Identifier: Apache-2.0

package test

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// version VERSION FOLDER builds holdfast as that version, with the siblings of the others beside it.
func buildVersion(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: version VERSION FOLDER")
	}
	folder := ts.MkAbs(args[1])
	ts.Check(os.MkdirAll(folder, 0o755))
	build := exec.Command("go", "build", "-ldflags", "-X holdfast/app.version="+args[0], "-o", filepath.Join(folder, "holdfast"), "./cmd/holdfast")
	build.Dir, build.Env = ts.Getenv("ROOT"), append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		ts.Fatalf("cannot build version %s: %v\n%s", args[0], err, out)
	}
	for _, name := range []string{"holdfast-edge", "holdfast-watch"} {
		if program, err := lookup(ts.Getenv("BIN"), name); err == nil {
			ts.Check(os.Link(program, filepath.Join(folder, name)))
		}
	}
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
