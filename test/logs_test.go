// SPDX-License-Identifier: Apache-2.0

package test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"holdfast/holdfasttest/timing"
	"holdfast/units/logkeeper"
)

// wholelog UNIT LEAST wants the lines "out N" and "err N" that the unit wrote to each of its streams
// in its log, over all its files: in order, none twice, none missing, none split, and at least so
// many of each.
func wholelog(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: wholelog UNIT LEAST")
	}
	least, err := strconv.Atoi(args[1])
	ts.Check(err)
	path := filepath.Join(ts.Getenv("HOLDFAST_HOME"), "var", "logs", args[0]+".log")
	archives, err := logkeeper.Archives(path)
	ts.Check(err)
	files := make([]string, 0, len(archives)+1)
	for _, a := range archives {
		files = append(files, a.Path)
	}
	next := map[string]int{}
	texts := map[string]string{} // of lines that are open, by stream
	for _, file := range append(files, path) {
		for line := range bytes.Lines(readLog(ts, file)) {
			r, ok := logkeeper.ParseRecord(bytes.TrimSuffix(line, []byte{'\n'}))
			if !ok {
				ts.Fatalf("%s: %q is no record", file, line)
			}
			texts[r.Stream] += string(r.Text)
			if r.Part {
				continue
			}
			if want := fmt.Sprintf("%s %d", strings.TrimPrefix(r.Stream, "std"), next[r.Stream]); texts[r.Stream] != want {
				ts.Fatalf("%s: %q, want %q", filepath.Base(file), texts[r.Stream], want)
			}
			delete(texts, r.Stream)
			next[r.Stream]++
		}
	}
	ts.Logf("%d and %d lines in %d files", next["stdout"], next["stderr"], len(files)+1)
	if next["stdout"] < least || next["stderr"] < least {
		ts.Fatalf("%d and %d lines, want %d", next["stdout"], next["stderr"], least)
	}
}

func readLog(ts *testscript.TestScript, path string) []byte {
	data, err := os.ReadFile(path)
	ts.Check(err)
	if !strings.HasSuffix(path, ".gz") {
		return data
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	ts.Check(err)
	data, err = io.ReadAll(z)
	ts.Check(err)
	return data
}

// followed FILE wants the lines "out N" in a file without a gap.
func followed(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: followed FILE")
	}
	last := -1
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		_, text, ok := strings.Cut(strings.TrimSpace(line), "out ")
		if !ok {
			continue
		}
		n, err := strconv.Atoi(text)
		ts.Check(err)
		if last >= 0 && n != last+1 {
			ts.Fatalf("%d follows %d", n, last)
		}
		last = n
	}
	if last < 0 {
		ts.Fatalf("no line was followed")
	}
}

// replaced SIGNAL logkeeper|watch sends it a signal and waits until another is at work.
func replaced(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: replaced SIGNAL logkeeper|watch")
	}
	old := saysItIs(ts, args[1])
	disturb(ts, false, args)
	if !timing.Within(time.Minute, func() bool { return saysItIs(ts, args[1]) != old }) {
		ts.Fatalf("no other %s came", args[1])
	}
}
