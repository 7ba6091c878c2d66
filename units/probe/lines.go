// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"time"

	"holdfast/units/logkeeper"
)

const (
	// lineMost is how much of one line is matched.
	lineMost = 64 << 10
	// lookMost is how much of a log is read at one look; the next goes on.
	lookMost = 32 << 20
	block    = 64 << 10
)

// A lines waits for a line of a unit's log. It reads what is written from its making on, through
// rotations: a file that was renamed is read to its end before the new one is begun.
type lines struct {
	patience
	path  string
	match *regexp.Regexp

	closed  bool
	file    *os.File
	offset  int64
	partial []byte            // the beginning of a line that is not ended yet
	heads   map[string][]byte // by stream, of lines that the log keeper wrote in parts
	buffer  []byte
}

func newLines(path string, match *regexp.Regexp, after time.Duration) *lines {
	l := &lines{
		path: path, match: match,
		patience: patience{sign: fmt.Sprintf("line like %q", match), after: after, began: time.Now()},
	}
	if file, err := os.Open(path); err == nil {
		l.file = file
		l.offset, _ = file.Seek(0, io.SeekEnd)
	}
	return l
}

func (l *lines) close() {
	l.closed = true
	if l.file != nil {
		_ = l.file.Close()
		l.file = nil
	}
}

func (l *lines) ask(ctx context.Context, now time.Time) error {
	found, err := l.look(ctx)
	if found {
		l.saw(now)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot read the log: %w", err)
	}
	return l.judge(now)
}

// look reads what is new and tells whether a line of it matches.
func (l *lines) look(ctx context.Context) (found bool, err error) {
	for left := int64(lookMost); left > 0 && ctx.Err() == nil && !l.closed; {
		if l.file == nil {
			if err := l.open(l.path); err != nil {
				return found, err
			}
		}
		there, gone := os.Stat(l.path) // before the reading, so that what was written until then is read
		n, hit, err := l.drain(left)
		found, left = found || hit, left-n
		if err != nil || left <= 0 {
			return found, err
		}
		own, err := l.file.Stat()
		switch {
		case err != nil:
			return found, err
		case gone == nil && os.SameFile(own, there) && own.Size() < l.offset:
			l.offset, l.partial = 0, nil // it was truncated
		case gone == nil && os.SameFile(own, there):
			return found, nil
		default:
			hit, more, err := l.turn(own)
			found = found || hit
			if err != nil || !more {
				return found, err
			}
		}
	}
	return found, nil
}

func (l *lines) open(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	l.file, l.offset, l.partial = file, 0, nil
	return nil
}

// turn goes on from a file that was rotated away to the next one: another that was rotated since, or
// the log itself; more is false when there is none yet.
func (l *lines) turn(own os.FileInfo) (found, more bool, err error) {
	archives, err := logkeeper.Archives(l.path)
	if err != nil {
		return false, false, err
	}
	at := slices.IndexFunc(archives, func(a logkeeper.Archive) bool {
		info, err := os.Stat(a.Path)
		return err == nil && os.SameFile(info, own)
	})
	next := l.path
	for _, a := range archives[at+1:] {
		if at < 0 {
			break // it was packed or removed meanwhile, and nobody tells which came after it
		}
		if !a.Packed {
			next = a.Path
			break
		}
		hit, err := l.unpack(a.Path)
		if found = found || hit; err != nil {
			return found, false, err
		}
	}
	before := l.file
	if err := l.open(next); err != nil {
		l.file = before // to be asked again
		return found, false, ignoreMissing(err)
	}
	_ = before.Close()
	return found, true, nil
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// unpack reads a compressed file whole.
func (l *lines) unpack(path string) (found bool, err error) {
	file, err := os.Open(path)
	if err != nil {
		return false, ignoreMissing(err)
	}
	defer func() { _ = file.Close() }()
	text, err := gzip.NewReader(file)
	if err != nil {
		return false, err
	}
	l.partial = nil
	buffer := make([]byte, block)
	for {
		n, err := text.Read(buffer)
		found = l.take(buffer[:n]) || found
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return found, err
		}
	}
}

// drain reads the file on to its end, at most so many bytes.
func (l *lines) drain(most int64) (read int64, found bool, err error) {
	if l.buffer == nil {
		l.buffer = make([]byte, block)
	}
	defer func() { l.buffer = nil }() // a unit is asked seldom, and there are many
	for read < most {
		n, err := l.file.ReadAt(l.buffer, l.offset)
		l.offset += int64(n)
		read += int64(n)
		if n > 0 && l.take(l.buffer[:n]) {
			found = true
		}
		if errors.Is(err, io.EOF) {
			return read, found, nil
		}
		if err != nil {
			return read, found, err
		}
	}
	return read, found, nil
}

// take cuts bytes into lines and tells whether one matches.
func (l *lines) take(data []byte) (found bool) {
	for {
		i := bytes.IndexByte(data, '\n')
		if i < 0 {
			if room := lineMost - len(l.partial); room > 0 {
				l.partial = append(l.partial, data[:min(room, len(data))]...)
			}
			return found
		}
		line := data[:i]
		if len(l.partial) > 0 {
			line = append(l.partial, line[:min(len(line), max(lineMost-len(l.partial), 0))]...)
		}
		l.partial = nil
		data = data[i+1:]
		found = l.whole(line) || found
	}
}

// whole takes a line of the file and tells whether it ends a line of the unit that matches.
func (l *lines) whole(line []byte) bool {
	text, stream, part := unstamped(line)
	if head := l.heads[stream]; len(head) > 0 {
		text = append(head, text[:min(len(text), lineMost-len(head))]...)
		delete(l.heads, stream)
	}
	if part {
		if l.heads == nil {
			l.heads = map[string][]byte{}
		}
		l.heads[stream] = bytes.Clone(text[:min(len(text), lineMost)])
		return false
	}
	return l.match.Match(bytes.TrimSuffix(text, []byte{'\r'}))
}

// unstamped takes the stamp off a line of the log keeper's (`TIME stdout|stderr F|P text`); part
// tells that the line goes on in the next of the same stream.
func unstamped(line []byte) (text []byte, stream string, part bool) {
	at, rest, ok := bytes.Cut(line, []byte{' '})
	if !ok || len(at) < len("2006-01-02T15:04:05Z") || at[4] != '-' || at[len(at)-1] != 'Z' {
		return line, "", false
	}
	from, rest, ok := bytes.Cut(rest, []byte{' '})
	if !ok || string(from) != "stdout" && string(from) != "stderr" {
		return line, "", false
	}
	flag, text, ok := bytes.Cut(rest, []byte{' '})
	flag, _, _ = bytes.Cut(flag, []byte{':'}) // :C is for who reads backward
	if !ok || string(flag) != "F" && string(flag) != "P" {
		return line, "", false
	}
	return text, string(from), string(flag) == "P"
}
