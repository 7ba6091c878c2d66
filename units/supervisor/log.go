// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"holdfast"
	"holdfast/core/config"
	"holdfast/core/home"
)

const (
	// lineMost bounds one line as shown; the file keeps it whole.
	lineMost = 64 << 10
	// block is how much of a log is read at once, from its end backward.
	block = 64 << 10
)

type logIn struct {
	Unit  string `json:"unit" pos:"1" required:"true" help:"name of the unit"`
	Lines int    `json:"lines" default:"100" min:"1" max:"10000" help:"how many lines, the last ones"`
	Since string `json:"since" help:"only lines from this time on: a span (15m, 2d) or a time (2026-01-31T12:00:00Z)"`
	Grep  string `json:"grep" help:"only lines that match this regular expression"`
}

type logOut struct {
	Unit  string   `json:"unit" help:"name of the unit"`
	File  string   `json:"file" help:"log file, relative to the home"`
	Lines []string `json:"lines" help:"lines, oldest first"`
}

// A LogLine is one event of the stream log.show.
type LogLine struct {
	Unit string `json:"unit"`
	Line string `json:"line"`
}

func logSubject(input any) string {
	in, ok := input.(logIn)
	if !ok {
		return ""
	}
	return in.Unit
}

// A filter picks the lines that were asked for.
type filter struct {
	match *regexp.Regexp
	since time.Time
}

func (in logIn) filter(now time.Time) (filter, error) {
	var f filter
	var problems []holdfast.Problem
	if in.Grep != "" {
		match, err := regexp.Compile(in.Grep)
		if err != nil {
			problems = append(problems, holdfast.Problem{Field: "grep", Message: err.Error(), Remedy: "give a regular expression"})
		}
		f.match = match
	}
	if in.Since != "" {
		since, err := parseSince(in.Since, now)
		if err != nil {
			problems = append(problems, holdfast.Problem{Field: "since", Message: err.Error(), Remedy: "give a span (15m, 2d) or a time (2026-01-31T12:00:00Z)"})
		}
		f.since = since
	}
	if len(problems) > 0 {
		return f, holdfast.BadInput("cannot show the log", problems...)
	}
	return f, nil
}

func parseSince(text string, now time.Time) (time.Time, error) {
	if span, err := config.ParseDuration(text); err == nil {
		return now.Add(-span.Std()), nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	return time.Time{}, fmt.Errorf("%q is neither a span nor a time", text)
}

// logs reads what units wrote.
type logs struct {
	home home.Home
	// file finds the log of a unit that is declared, relative to the home.
	file func(unit string) (string, error)
}

func (l logs) show(_ context.Context, in logIn) (logOut, error) {
	f, err := in.filter(time.Now())
	if err != nil {
		return logOut{}, err
	}
	relative, err := l.file(in.Unit)
	if err != nil {
		return logOut{}, err
	}
	out := logOut{Unit: in.Unit, File: relative, Lines: []string{}}
	file, err := os.Open(l.home.Path(relative))
	if errors.Is(err, fs.ErrNotExist) {
		return out, nil // it never started
	}
	if err != nil {
		return logOut{}, fmt.Errorf("cannot read log: %w", err)
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return logOut{}, fmt.Errorf("cannot read log: %w", err)
	}
	out.Lines, err = lastLines(file, info.Size(), in.Lines, f)
	return out, err
}

// lastLines reads the last lines of the first size bytes that pass the filter, oldest first.
func lastLines(file io.ReaderAt, size int64, most int, f filter) ([]string, error) {
	t := &tail{filter: f, most: most, lines: []string{}}
	if err := t.read(file, size); err != nil {
		return nil, err
	}
	if !f.since.IsZero() && !t.stamped && t.seen > 0 {
		return nil, holdfast.BadInput("cannot show the log", holdfast.Problem{
			Field: "since", Message: "the lines of this log carry no times", Remedy: "leave it out",
		})
	}
	slices.Reverse(t.lines)
	return t.lines, nil
}

// wholeSize is how much of a log is whole lines.
func wholeSize(file io.ReaderAt, size int64) (int64, error) {
	buffer := make([]byte, block)
	for at := size; at > 0; {
		n := min(at, block)
		at -= n
		if _, err := file.ReadAt(buffer[:n], at); err != nil && !errors.Is(err, io.EOF) {
			return 0, fmt.Errorf("cannot read log: %w", err)
		}
		if i := bytes.LastIndexByte(buffer[:n], '\n'); i >= 0 {
			return at + int64(i) + 1, nil
		}
	}
	return 0, nil
}

// A tail gathers lines from the end of a log backward.
type tail struct {
	filter
	most    int
	lines   []string // newest first
	waiting []string // lines without a time of their own, that belong to the stamped line before them
	seen    int
	stamped bool
	done    bool
}

// read goes through the first size bytes from their end until enough is found.
func (t *tail) read(file io.ReaderAt, size int64) error {
	var rest []byte // a line whose beginning is not read yet
	for at := size; at > 0 && !t.done; {
		n := min(at, block)
		at -= n
		buffer := make([]byte, n, int(n)+len(rest))
		if _, err := file.ReadAt(buffer, at); err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("cannot read log: %w", err)
		}
		if rest == nil {
			buffer = bytes.TrimSuffix(buffer, []byte{'\n'}) // it ends the last line and begins none
		}
		rest = t.split(append(buffer, rest...))
		rest = rest[:min(len(rest), lineMost+1)] // the end of an overlong line is not shown
		if at == 0 {
			t.take(string(rest))
		}
	}
	return nil
}

// split takes the lines whose beginning is there, and returns the rest.
func (t *tail) split(data []byte) []byte {
	for {
		i := bytes.LastIndexByte(data, '\n')
		if i < 0 {
			return data
		}
		t.take(string(data[i+1:]))
		data = data[:i]
	}
}

// take looks at the next older line.
func (t *tail) take(line string) {
	if t.done {
		return
	}
	t.seen++
	at, stamped := stampOf(line)
	line = presentable(line, false)
	switch {
	case t.since.IsZero():
		t.keep(line)
	case !stamped:
		if len(t.waiting) < t.most {
			t.waiting = append(t.waiting, line)
		}
	case at.Before(t.since):
		t.stamped, t.done = true, true
	default:
		t.stamped = true
		for _, w := range t.waiting {
			t.keep(w)
		}
		t.waiting = nil
		t.keep(line)
	}
}

func (t *tail) keep(line string) {
	if len(t.lines) >= t.most {
		t.done = true
		return
	}
	if t.match == nil || t.match.MatchString(line) {
		t.lines = append(t.lines, line)
	}
}

// presentable makes any bytes a line that can be shown.
func presentable(line string, cut bool) string {
	line = strings.TrimSuffix(line, "\r")
	if len(line) > lineMost {
		line, cut = line[:lineMost], true
	}
	line = strings.ToValidUTF8(line, "�")
	if cut {
		line += " …"
	}
	return line
}

// stampOf reads the time that a line begins with, or that slog's text and JSON forms carry.
func stampOf(line string) (time.Time, bool) {
	for _, lead := range []string{"", "time=", `{"time":"`, "["} {
		rest, ok := strings.CutPrefix(line, lead)
		if !ok {
			continue
		}
		if at, ok := leadingTime(rest); ok {
			return at, true
		}
	}
	return time.Time{}, false
}

func leadingTime(text string) (time.Time, bool) {
	if len(text) < len("2006-01-02 15:04:05") || text[4] != '-' || text[7] != '-' {
		return time.Time{}, false
	}
	word := text[:min(len(text), 40)]
	if i := strings.IndexAny(word[10:], "\" ]\t"); i > 0 {
		word = word[:10+i]
	}
	if at, err := time.Parse(time.RFC3339Nano, word); err == nil {
		return at, true
	}
	plain := strings.Replace(text[:19], "T", " ", 1)
	at, err := time.ParseInLocation(time.DateTime, plain, time.Local)
	return at, err == nil
}
