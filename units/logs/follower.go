// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"holdfast/units/logkeeper"
)

// freshMost bounds how much text one look brings at most; the next goes on.
const freshMost = 4 << 20

// A follower reads one log as it grows, over rotations, truncations and replacements.
type follower struct {
	log
	file   *os.File
	live   bool // it was opened under the log's own name
	offset int64
	// since is when the newest of the old files was rotated away at the time the file was opened:
	// of those that come after it, the first is the file, and the others were never seen.
	since time.Time
	// missed are files that came and were rotated away between two looks, oldest first.
	missed []logkeeper.Archive

	partial []byte // a line of the file that is not ended yet
	heads   map[string]head
	fresh   []Entry
	size    int
}

// A head is the beginning of a line that was written in parts.
type head struct {
	at   time.Time
	text []byte
	seen time.Time
}

func newFollower(l log) *follower { return &follower{log: l, heads: map[string]head{}} }

// begin takes the log as it stands; what is there is not followed but shown. The file of the sight
// is the follower's from then on.
func (f *follower) begin() (sight, error) {
	s, err := see(f.path)
	if err != nil {
		return s, err
	}
	f.since = newest(s.archives)
	if s.file == nil {
		return s, nil
	}
	f.file, f.live = s.file, true
	f.offset, err = wholeSize(s.file, s.size)
	return s, err
}

// take gives the entries that are new.
func (f *follower) take() []Entry {
	fresh := f.fresh
	f.fresh, f.size = nil, 0
	return fresh
}

// look reads what is new. A file that was replaced is read to its end before the next is begun.
func (f *follower) look() error {
	there, err := os.Stat(f.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot read log: %w", err)
	}
	if f.file != nil {
		if done, err := f.drain(); err != nil || !done {
			return err
		}
	}
	f.speak()
	if err != nil || f.holds(there) {
		return nil
	}
	return f.next()
}

func (f *follower) holds(there os.FileInfo) bool {
	if f.file == nil {
		return false
	}
	mine, err := f.file.Stat()
	return err == nil && os.SameFile(mine, there)
}

// next goes on with the file that comes after the one that is read.
func (f *follower) next() error {
	f.endLine()
	if len(f.missed) == 0 {
		s, err := see(f.path)
		if err != nil || s.file == nil {
			return err
		}
		f.missed = after(s.archives, f.since, f.live)
		if len(f.missed) == 0 {
			f.close()
			f.file, f.live, f.offset, f.since = s.file, true, 0, newest(s.archives)
			_, err = f.drain()
			return err
		}
		s.close()
	}
	a := f.missed[0]
	f.missed = f.missed[1:]
	f.since, f.live = a.At, false
	f.close()
	file, _, err := openArchive(a)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	f.file, f.offset = file, 0
	_, err = f.drain()
	return err
}

// after are the old files that were rotated away after a time, without the first when that is the
// one that was read.
func after(list []logkeeper.Archive, since time.Time, read bool) []logkeeper.Archive {
	var some []logkeeper.Archive
	for _, a := range list {
		if a.At.After(since) {
			some = append(some, a)
		}
	}
	if read && len(some) > 0 {
		return some[1:]
	}
	return some
}

// drain reads the file to its end; false when that is a lot, for the next look to go on.
func (f *follower) drain() (bool, error) {
	info, err := f.file.Stat()
	if err != nil {
		return false, fmt.Errorf("cannot read log: %w", err)
	}
	if info.Size() < f.offset { // truncated: begin anew
		f.offset, f.partial = 0, nil
	}
	buffer := make([]byte, block)
	for f.size < freshMost {
		n, err := f.file.ReadAt(buffer, f.offset)
		f.offset += int64(n)
		f.lines(buffer[:n])
		if errors.Is(err, io.EOF) {
			return true, nil
		}
		if err != nil {
			return false, fmt.Errorf("cannot read log: %w", err)
		}
	}
	return false, nil
}

// lines takes every line that is ended.
func (f *follower) lines(data []byte) {
	for len(data) > 0 {
		i := bytes.IndexByte(data, '\n')
		if i < 0 {
			f.add(data)
			return
		}
		f.add(data[:i])
		data = data[i+1:]
		f.line()
	}
}

func (f *follower) add(data []byte) {
	f.partial = append(f.partial, data[:min(len(data), max(rawMost-len(f.partial), 0))]...)
}

// endLine takes a line that the file ends in without its end.
func (f *follower) endLine() {
	if len(f.partial) > 0 {
		f.line()
	}
}

func (f *follower) line() {
	line := f.partial
	f.partial = f.partial[:0]
	r, ok := logkeeper.ParseRecord(line)
	if !ok {
		text := presentable(line)
		at, _ := stampOf(text)
		f.give(Entry{At: at, Unit: f.unit, Text: text})
		return
	}
	h, open := f.heads[r.Stream]
	if open && r.Continues {
		r.At, r.Text = h.at, append(h.text, r.Text[:min(len(r.Text), max(lineMost+1-len(h.text), 0))]...)
		delete(f.heads, r.Stream)
	}
	if r.Part {
		f.heads[r.Stream] = head{at: r.At, text: bytes.Clone(r.Text), seen: time.Now()}
		return
	}
	if r.Continues && !open && len(r.Text) == 0 {
		return // the end of a line that was given already
	}
	f.give(Entry{At: r.At, Unit: f.unit, Stream: r.Stream, Text: presentable(r.Text)})
}

// speak gives the beginnings of lines whose rest does not come: a prompt is seen.
func (f *follower) speak() {
	for stream, h := range f.heads {
		if time.Since(h.seen) >= openMost {
			f.give(Entry{At: h.at, Unit: f.unit, Stream: stream, Text: presentable(h.text)})
			delete(f.heads, stream)
		}
	}
}

func (f *follower) give(e Entry) {
	f.size += len(e.Text) + 64
	f.fresh = append(f.fresh, e)
}

func (f *follower) close() {
	if f.file != nil {
		_ = f.file.Close()
		f.file = nil
	}
}
