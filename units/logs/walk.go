// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"time"

	"holdfast/units/logkeeper"
)

// lookUp is after how many lines a walk asks whether anybody still wants them.
const lookUp = 4096

// A walk goes through the entries of one log from the newest to the oldest, over its old files.
type walk struct {
	filter
	unit     string
	lines    *backward
	open     *os.File // of lines, when the walk opened it
	archives []logkeeper.Archive
	// tails are the ends of lines whose beginnings are further back, by stream.
	tails map[string]tail
	// waiting are entries without a time, newest first, which have that of the entry before them.
	waiting []Entry
	ready   []Entry // oldest first, to be given from the end
	key     time.Time
	stamped bool // some line had a time
	seen    int
}

// A tail is the end of a line that was written in parts.
type tail struct {
	text  []byte
	there bool
}

func newWalk(l log, s sight, size int64, f filter) *walk {
	w := &walk{filter: f, unit: l.unit, archives: s.archives, tails: map[string]tail{}, key: s.changed}
	if s.file != nil {
		w.lines = newBackward(s.file, size)
	}
	return w
}

func (w *walk) close() {
	if w.open != nil {
		_ = w.open.Close()
		w.open = nil
	}
}

// next gives the next older entry that fits, and by which time it is merged with others.
func (w *walk) next(ctx context.Context) (Entry, time.Time, bool, error) {
	for {
		if n := len(w.ready); n > 0 {
			e := w.ready[n-1]
			w.ready = w.ready[:n-1]
			return e, w.key, true, nil
		}
		line, ok, err := w.line(ctx)
		if err == nil && !ok && w.headless() {
			continue
		}
		if err != nil || !ok {
			return Entry{}, time.Time{}, false, err
		}
		if !w.take(line) {
			w.archives, w.lines = nil, nil // all before is too old
		}
	}
}

// headless gives the ends of lines whose beginnings are not there any more.
func (w *walk) headless() bool {
	for stream, end := range w.tails {
		if w.since.IsZero() {
			w.keep(Entry{Unit: w.unit, Stream: stream, Text: presentable(end.text)})
		}
		delete(w.tails, stream)
	}
	return len(w.ready) > 0
}

// line gives the next older line of the file, or of the file before.
func (w *walk) line(ctx context.Context) ([]byte, bool, error) {
	for {
		if w.seen++; w.seen%lookUp == 0 && ctx.Err() != nil {
			return nil, false, ctx.Err()
		}
		if w.lines != nil {
			line, ok, err := w.lines.next()
			if ok || err != nil {
				return line, ok, err
			}
		}
		w.close()
		n := len(w.archives)
		if n == 0 || !w.since.IsZero() && w.archives[n-1].At.Before(w.since) {
			w.lines = nil
			return nil, false, nil
		}
		a := w.archives[n-1]
		w.archives = w.archives[:n-1]
		file, size, err := openArchive(a)
		if errors.Is(err, fs.ErrNotExist) {
			continue // it was removed for its age
		}
		if err != nil {
			return nil, false, err
		}
		w.open, w.lines = file, newBackward(file, size)
	}
}

// take reads one line; false when it is older than what is wanted.
func (w *walk) take(line []byte) bool {
	r, ok := logkeeper.ParseRecord(line)
	if !ok {
		return w.takePlain(presentable(line))
	}
	end := w.tails[r.Stream]
	switch {
	case r.Continues:
		text := slices.Concat(r.Text, end.text)
		w.tails[r.Stream] = tail{text: text[:min(len(text), lineMost+1)], there: true}
		return true
	case end.there && r.Part:
		delete(w.tails, r.Stream)
		r.Text = slices.Concat(r.Text, end.text)
	}
	return w.give(Entry{At: r.At, Unit: w.unit, Stream: r.Stream, Text: presentable(r.Text)})
}

// takePlain takes a line that the keeper did not write; it may begin with a time of its own.
func (w *walk) takePlain(text string) bool {
	e := Entry{Unit: w.unit, Text: text}
	at, ok := stampOf(text)
	if ok {
		e.At = at
		return w.give(e)
	}
	if w.since.IsZero() {
		w.keep(e)
		return true
	}
	if len(w.waiting) < waitingMost {
		w.waiting = append(w.waiting, e)
	}
	return true
}

// waitingMost bounds how many lines without a time belong to the one before them.
const waitingMost = 10_000

// give takes an entry with a time; false when it is older than what is wanted.
func (w *walk) give(e Entry) bool {
	w.stamped = true
	if e.At.Before(w.since) {
		w.waiting = nil
		return false
	}
	if w.key.IsZero() || e.At.Before(w.key) {
		w.key = e.At
	}
	w.keep(e)
	for i := len(w.waiting) - 1; i >= 0; i-- {
		w.keep(w.waiting[i])
	}
	w.waiting = nil
	return true
}

func (w *walk) keep(e Entry) {
	if w.takes(e) {
		w.ready = append(w.ready, e)
	}
}
