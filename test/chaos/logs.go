// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"holdfast/test/outside"
)

// A launchLog is what was found of one launch of a counter: the last number of each stream. The
// numbers of a stream must come one after the other; a gap is a loss, a repeat a double.
type launchLog struct {
	last [2]uint64 // by n%2: stderr, stdout
	torn [2]bool   // the last line of the stream was cut off by a kill
}

// A ledger reads the logs of counters as they grow and holds them against what was acknowledged.
type ledger struct {
	place
	launches map[string]*launchLog // unit and id
	offsets  map[string]int64      // bytes done of each log's newest file
	done     map[string]bool       // rotated files that were read
	parts    map[string][]byte     // a line that goes on, by log and stream
	lines    uint64
	tornAll  int
}

func newLedger(p place) *ledger {
	return &ledger{place: p, launches: map[string]*launchLog{}, offsets: map[string]int64{}, done: map[string]bool{}, parts: map[string][]byte{}}
}

// acknowledged reads up to which number each launch's writes had returned.
func (l *ledger) acknowledged() map[string]uint64 {
	files, _ := filepath.Glob(filepath.Join(l.acks(), "ack.*"))
	all := map[string]uint64{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err == nil && len(data) >= 8 {
			name := strings.TrimPrefix(filepath.Base(file), "ack.")
			at := strings.LastIndexByte(name, '.')
			all[name[:at]+" "+name[at+1:]] = binary.NativeEndian.Uint64(data)
		}
	}
	return all
}

// read takes in what the log of a unit gained, rotated files first.
func (l *ledger) read(unit string) error {
	path := filepath.Join(l.logs(), unit+".log")
	for {
		if err := l.readRotated(unit, path); err != nil {
			return err
		}
		data, err := outside.Log(path)
		fresh, failed := l.rotated(path)
		if failed != nil {
			return failed
		}
		if len(fresh) > 0 {
			continue // rotated meanwhile: what was read may be the next file, whose lines come later
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil {
			l.offsets[path], err = l.take(unit, path, data, l.offsets[path], false)
		}
		return err
	}
}

// readRotated takes in the rotated files that were not read yet.
func (l *ledger) readRotated(unit, path string) error {
	rotated, err := l.rotated(path)
	if err != nil {
		return err
	}
	for _, name := range rotated {
		data, err := outside.Log(name)
		if errors.Is(err, fs.ErrNotExist) { // packed since it was listed
			data, err = outside.Log(name + ".gz")
		}
		if err != nil {
			return err
		}
		// The first one is what was the newest file when it was last read, up to there.
		if _, err := l.take(unit, name, data, l.offsets[path], true); err != nil {
			return err
		}
		l.done[strings.TrimSuffix(name, ".gz")], l.offsets[path] = true, 0
	}
	return nil
}

// rotated lists the rotated files of a log that were not read yet, oldest first.
func (l *ledger) rotated(path string) ([]string, error) {
	all, err := filepath.Glob(path + ".*")
	if err != nil {
		return nil, err
	}
	var list []string
	for _, name := range all {
		plain := strings.TrimSuffix(name, ".gz")
		// Of a file that stands there packed and not, one is read.
		if !stampName.MatchString(plain) || l.done[plain] || (name != plain && slices.Contains(all, plain)) {
			continue
		}
		list = append(list, name)
	}
	slices.Sort(list)
	return list, nil
}

var stampName = regexp.MustCompile(`\.log\.\d{8}T\d{9}Z$`)

// take takes in the whole lines of a file from an offset on, and tells where they end.
func (l *ledger) take(unit, file string, data []byte, from int64, whole bool) (int64, error) {
	if int64(len(data)) < from {
		return from, fmt.Errorf("%s shrank from %d to %d bytes: whole lines went away", file, from, len(data))
	}
	data = data[from:]
	end := bytes.LastIndexByte(data, '\n') + 1
	if whole && end != len(data) {
		return from, fmt.Errorf("%s was rotated within a line: …%q", file, data[end:min(len(data), end+80)])
	}
	at := from
	for line := range bytes.Lines(data[:end]) {
		if err := l.record(unit, line[:len(line)-1]); err != nil {
			return at, fmt.Errorf("%s, byte %d: %w", file, at, err)
		}
		at += int64(len(line))
	}
	return from + int64(end), nil
}

var record = regexp.MustCompile(`^(\d{4}-\d\d-\d\dT[0-9:.]+Z) (stdout|stderr) ([FP])(:C)? `)

// record takes one line of a file: a record of the log keeper's, or, without one, the line itself.
func (l *ledger) record(unit string, line []byte) error {
	m := record.FindSubmatchIndex(line)
	if m == nil {
		return l.line(unit, line)
	}
	if _, err := time.Parse(time.RFC3339Nano, string(line[m[2]:m[3]])); err != nil {
		return fmt.Errorf("a record with no time: %q", line[:min(len(line), 80)])
	}
	key := unit + " " + string(line[m[4]:m[5]])
	text := append(l.parts[key], line[m[1]:]...)
	if line[m[6]] == 'P' {
		l.parts[key] = text
		return nil
	}
	delete(l.parts, key)
	return l.line(unit, text)
}

// line takes one line that a counter wrote.
func (l *ledger) line(unit string, text []byte) error {
	if !bytes.HasPrefix(text, []byte("C ")) {
		return nil // another program's, or the house's own notice
	}
	f := strings.SplitN(string(text), " ", 5)
	if len(f) < 5 {
		return l.fragment(unit, text, f)
	}
	n, err := strconv.ParseUint(f[3], 10, 64)
	if err != nil || f[1] != unit {
		return fmt.Errorf("a crooked line of %s: %q", unit, text[:min(len(text), 120)])
	}
	key := f[1] + " " + f[2]
	launch := l.launch(key)
	want := letters(n)
	switch {
	case f[4] == want:
		return launch.take(n, key, &l.lines)
	case strings.HasPrefix(want, f[4]):
		return l.cut(launch, n, key)
	}
	return fmt.Errorf("line %d of %s is not what was written: %s", n, key, differ(want, f[4]))
}

func (l *ledger) launch(key string) *launchLog {
	if l.launches[key] == nil {
		l.launches[key] = &launchLog{}
	}
	return l.launches[key]
}

// fragment is a line that a kill cut off before its number: it says nothing, and must be a last one.
func (l *ledger) fragment(_ string, text []byte, f []string) error {
	if len(text) > 80 || len(f) > 4 {
		return fmt.Errorf("a crooked line: %q", text[:min(len(text), 120)])
	}
	l.tornAll++
	return nil
}

// cut takes the beginning of a line whose launch was killed while it wrote: nothing may follow it.
func (l *ledger) cut(launch *launchLog, n uint64, key string) error {
	if launch.torn[n%2] || (launch.last[n%2] != 0 && n != launch.last[n%2]+2) {
		return fmt.Errorf("line %d of %s is cut off, and is not the last", n, key)
	}
	launch.torn[n%2] = true
	l.tornAll++
	return nil
}

func (g *launchLog) take(n uint64, key string, lines *uint64) error {
	want := g.last[n%2] + 2
	if g.last[n%2] == 0 {
		want = 2 - n%2 // 1 for odd numbers, 2 for even ones
	}
	switch {
	case g.torn[n%2]:
		return fmt.Errorf("line %d of %s was cut off, and line %d follows", want, key, n)
	case n > want:
		return fmt.Errorf("lines of %s are lost: %d follows %d", key, n, g.last[n%2])
	case n < want:
		return fmt.Errorf("line %d of %s is there twice (the last was %d)", n, key, g.last[n%2])
	}
	g.last[n%2] = n
	*lines++
	return nil
}

// letters is the text that a counter writes behind a number.
func letters(n uint64) string {
	size := 20 + n*7%100
	switch {
	case n%1000 == 999:
		size = 100_000
	case n%50 == 49:
		size = 6000
	}
	return strings.Repeat(string(rune('a'+n%26)), int(size)) + "."
}

func differ(want, got string) string {
	at := 0
	for at < len(want) && at < len(got) && want[at] == got[at] {
		at++
	}
	return fmt.Sprintf("%d letters instead of %d, the first difference at %d: %.60q", len(got), len(want), at, got[at:])
}

// missing tells which acknowledged lines are in no log.
func (l *ledger) missing(acknowledged map[string]uint64) []string {
	var list []string
	for key, n := range acknowledged {
		found := launchLog{}
		if g := l.launches[key]; g != nil {
			found = *g
		}
		for _, stream := range []uint64{0, 1} {
			last := n - (n+stream)%2 // the largest acknowledged number of this stream
			if n == 0 || last == 0 || found.last[stream] >= last {
				continue
			}
			list = append(list, fmt.Sprintf("launch %s: acknowledged up to %d, in the log up to %d", key, last, found.last[stream]))
		}
	}
	slices.Sort(list)
	return list
}
