// SPDX-License-Identifier: Apache-2.0

package process

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strconv"
	"sync"
	"time"
)

// maxEnviron bounds what is read of another process's environment.
const maxEnviron = 4 << 20

// emptyLooks and emptyPause bound how long an empty environment is taken for that of a process
// between two programs.
const (
	emptyLooks = 8
	emptyPause = 250 * time.Microsecond
)

// environPatience is how long an environment may take to be read. It lies in the memory of the other
// process, and that can make whoever reads it wait as long as it lives: by a page that a file system
// of its own gives, or by a thread that hangs while it changes its memory.
const environPatience = time.Second

// mostHeld bounds the threads that are left behind; the runtime ends a program that has 10,000.
const mostHeld = 1000

var errHeldUp = errors.New("cannot read an environment: its process holds up who reads it")

// environMark reads the mark of one process from its environment; it does not look at ancestors.
func environMark(pid int) (Mark, bool, error) {
	environ, err := settledEnviron(pid, emptyLooks)
	if err != nil {
		return Mark{}, false, err
	}
	mark, found := findMark(environ)
	return mark, found, nil
}

// settledEnviron reads an environment. A process that executes another program just now shows none
// for a moment: an empty one is looked at again.
func settledEnviron(pid, looks int) ([]byte, error) {
	environ, err := readEnviron(pid)
	for ; err == nil && len(environ) == 0 && looks > 0; looks-- {
		if s, err := readStat(pid); err != nil || s.dead() {
			return nil, err
		}
		time.Sleep(emptyPause)
		environ, err = readEnviron(pid)
	}
	return environ, err
}

// environs are the readings that take too long: one list for this program, as its threads are.
var environs = sync.OnceValue(func() *readings { return &readings{held: map[int]bool{}} })

// readEnviron reads as much of an environment as holds the mark, within environPatience.
func readEnviron(pid int) ([]byte, error) {
	return environs().of(pid, func() ([]byte, error) { return loadEnviron(pid) })
}

// Readings are those of the memory of other processes, and the pids of those that hold up who reads.
type readings struct {
	mu   sync.Mutex
	held map[int]bool
}

// of reads in a thread that may be left behind. Who holds up one is not read again until that reading
// has ended, as it does with the process.
func (r *readings) of(pid int, read func() ([]byte, error)) ([]byte, error) {
	if r.holds(pid) {
		return nil, errHeldUp
	}
	type result struct {
		data []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		data, err := read()
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.held, pid)
		done <- result{data, err}
	}()
	patience := time.NewTimer(environPatience)
	defer patience.Stop()
	select {
	case got := <-done:
		return got.data, got.err
	case <-patience.C:
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case got := <-done:
		return got.data, got.err
	default:
		r.held[pid] = true
		return nil, errHeldUp
	}
}

func (r *readings) holds(pid int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.held[pid] || len(r.held) >= mostHeld
}

// loadEnviron finds the mark with one small read nearly always, for the house puts it first.
func loadEnviron(pid int) ([]byte, error) {
	file, err := os.Open("/proc/" + strconv.Itoa(pid) + "/environ")
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	first := make([]byte, 1024)
	n, err := file.Read(first)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	first = first[:n]
	if end := bytes.LastIndexByte(first, 0); end >= 0 {
		if _, found := findMark(first[:end]); found {
			return first[:end], nil
		}
	}
	rest, err := io.ReadAll(io.LimitReader(file, maxEnviron))
	return append(first, rest...), err
}

func findMark(environ []byte) (Mark, bool) {
	prefix := []byte(MarkVariable + "=")
	for entry := range bytes.SplitSeq(environ, []byte{0}) {
		if value, ok := bytes.CutPrefix(entry, prefix); ok {
			if mark, ok := ParseMark(string(value)); ok {
				return mark, true
			}
			return UnreadableMark(), true
		}
	}
	return Mark{}, false
}
