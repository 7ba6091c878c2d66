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
	"time"
)

// lookEvery is how often a followed log is looked at: the cost is one stat.
const lookEvery = 100 * time.Millisecond

// follow sends the last lines of a log and then every new one, until ctx ends. It goes on when
// the file is truncated or another takes its place.
func (l logs) follow(ctx context.Context, input any, send func(any) error) error {
	in, ok := input.(logIn)
	if !ok {
		return fmt.Errorf("cannot follow a log by %T", input)
	}
	f, err := in.filter(time.Now())
	if err != nil {
		return err
	}
	relative, err := l.file(in.Unit)
	if err != nil {
		return err
	}
	w := &follower{unit: in.Unit, path: l.home.Path(relative), filter: f, send: send}
	defer w.close()
	if err := w.begin(in.Lines); err != nil {
		return err
	}
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		if err := w.look(); err != nil {
			return err
		}
	}
}

// A follower reads one log as it grows.
type follower struct {
	unit string
	path string
	filter
	send func(any) error

	file    *os.File
	offset  int64
	partial []byte // a line that is not ended yet
	cut     bool   // the line under way was too long and its rest is left out
}

// begin sends the last lines of what is there.
func (w *follower) begin(most int) error {
	file, err := os.Open(w.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot read log: %w", err)
	}
	w.file = file
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("cannot read log: %w", err)
	}
	if w.offset, err = wholeSize(file, info.Size()); err != nil {
		return err
	}
	lines, err := lastLines(file, w.offset, most, w.filter)
	if err != nil {
		return err
	}
	for _, line := range lines {
		if err := w.send(LogLine{Unit: w.unit, Line: line}); err != nil {
			return err
		}
	}
	return nil
}

// look sends what is new. A file that was replaced is read to its end before the new one is begun.
func (w *follower) look() error {
	there, err := os.Stat(w.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot read log: %w", err)
	}
	if w.file != nil {
		if err := w.drain(); err != nil {
			return err
		}
	}
	if err != nil || w.holds(there) {
		return nil
	}
	if err := w.flush(); err != nil {
		return err
	}
	w.close()
	file, err := os.Open(w.path)
	if err != nil {
		return nil //nolint:nilerr // it went away again; the next look sees what comes
	}
	w.file, w.offset = file, 0
	return w.drain()
}

func (w *follower) holds(there os.FileInfo) bool {
	if w.file == nil {
		return false
	}
	mine, err := w.file.Stat()
	return err == nil && os.SameFile(mine, there)
}

func (w *follower) drain() error {
	info, err := w.file.Stat()
	if err != nil {
		return fmt.Errorf("cannot read log: %w", err)
	}
	if info.Size() < w.offset { // truncated: begin anew
		w.offset, w.partial, w.cut = 0, nil, false
	}
	buffer := make([]byte, block)
	for {
		n, err := w.file.ReadAt(buffer, w.offset)
		w.offset += int64(n)
		if fail := w.lines(buffer[:n]); fail != nil {
			return fail
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("cannot read log: %w", err)
		}
	}
}

// lines sends every line that is ended.
func (w *follower) lines(data []byte) error {
	for len(data) > 0 {
		i := bytes.IndexByte(data, '\n')
		if i < 0 {
			w.add(data)
			return nil
		}
		w.add(data[:i])
		data = data[i+1:]
		if err := w.flushLine(); err != nil {
			return err
		}
	}
	return nil
}

func (w *follower) add(data []byte) {
	if room := lineMost - len(w.partial); len(data) > room {
		data, w.cut = data[:max(room, 0)], true
	}
	w.partial = append(w.partial, data...)
}

func (w *follower) flush() error {
	if len(w.partial) == 0 {
		return nil
	}
	return w.flushLine()
}

func (w *follower) flushLine() error {
	line := presentable(string(w.partial), w.cut)
	w.partial, w.cut = w.partial[:0], false
	if w.match != nil && !w.match.MatchString(line) {
		return nil
	}
	return w.send(LogLine{Unit: w.unit, Line: line})
}

func (w *follower) close() {
	if w.file != nil {
		_ = w.file.Close()
		w.file = nil
	}
}
