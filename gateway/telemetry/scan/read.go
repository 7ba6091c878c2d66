// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A worker reads one file after the other.
type worker struct {
	lines lineReader
	names map[string]string
}

// longestName bounds what a log may call a session, a model or a provider.
const longestName = 256

// named is a name as it is kept: of an absurdly long one its beginning and a mark of the whole.
func named(name []byte) string {
	if len(name) <= longestName {
		return string(name)
	}
	return strings.ToValidUTF8(string(name[:longestName-32]), "") + "…" + strconv.FormatUint(hash("name", name), 36)
}

// intern keeps one copy of names that come again and again.
func (w *worker) intern(name []byte) string {
	if len(name) > longestName {
		return named(name)
	}
	if s, ok := w.names[string(name)]; ok {
		return s
	}
	if w.names == nil {
		w.names = map[string]string{}
	}
	s := string(name)
	w.names[s] = s
	return s
}

// open opens a log and nothing else: what was a file when it was looked at may be a pipe by now, which
// would be waited for.
func open(path string) (*os.File, error) {
	in, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := in.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errNoFile
	}
	if err != nil {
		return nil, errors.Join(err, in.Close())
	}
	return in, nil
}

const (
	tailBytes = 64
	maxWhole  = 64 << 20 // a larger JSON file is passed over
)

// read reads what is new in a file, and leaves in f how far it came.
func (w *worker) read(f *file, parents *parents) (list []found, err error) {
	in, err := open(f.path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = in.Close() }()
	emit := func(r found) { list = append(list, r) }
	f.read, f.form.Wrong = f.stamp, ""
	defer func() {
		if err == nil {
			f.judge()
		}
	}()
	if strings.HasSuffix(f.path, ".json") {
		return list, w.readWhole(in, f, &list, emit)
	}
	if !f.continues(in) {
		f.offset, f.codex, f.gemini, f.form, f.good = 0, codexState{}, geminiState{}, form{}, false
	}
	if _, err := in.Seek(f.offset, io.SeekStart); err != nil {
		return nil, err
	}
	switch f.source {
	case Codex:
		err = w.readCodex(in, f, parents, emit)
	case Gemini:
		f.offset, err = w.lines.read(in, f.offset, func(line []byte, _ int64) bool {
			f.form.sees(line)
			w.geminiMessage(line, &f.gemini, f, emit)
			return true
		}, func(tail []byte, _ int64) {
			state := f.gemini // the line is read again when it has its end
			w.geminiMessage(tail, &state, f, emit)
		})
	default:
		f.offset, err = w.lines.read(in, f.offset, func(line []byte, at int64) bool {
			f.form.sees(line)
			w.claudeCalls(line, at, f, emit)
			return true
		}, func(tail []byte, at int64) { w.claudeCalls(tail, at, f, emit) })
	}
	f.tail = tailSum(in, f.offset)
	return list, err
}

func (w *worker) readWhole(in *os.File, f *file, list *[]found, emit func(found)) error {
	f.form, f.good = form{}, false
	if f.stamp.Size > maxWhole {
		w.lines.passed++
		f.form.Wrong = fmt.Sprintf("it is larger than %d MiB", maxWhole>>20)
		return nil
	}
	var text bytes.Buffer
	text.Grow(int(f.stamp.Size) + bytes.MinRead)
	if _, err := text.ReadFrom(io.LimitReader(in, maxWhole)); err != nil {
		return err
	}
	f.offset = int64(text.Len())
	if f.source == Gemini {
		w.geminiFile(text.Bytes(), f, emit)
	} else {
		w.openCodeFile(text.Bytes(), f, emit)
	}
	if len(*list) == 0 && !finished(text.Bytes()) {
		if time.Since(time.Unix(0, f.stamp.Written)).Abs() < racy {
			f.read = stamp{} // it is being written: look again, whatever its stamp
		} else {
			f.form.Wrong = "it is not one JSON object"
		}
	}
	return nil
}

func finished(text []byte) bool { return members(bytes.TrimSpace(text), func(_, _ []byte) {}) }

// continues tells whether the file still holds what was read of it: it was not cut, nor is it
// another of the same name, nor one that was given the same inode.
func (f *file) continues(in *os.File) bool {
	return f.offset == 0 || f.offset <= f.stamp.Size && tailSum(in, f.offset) == f.tail
}

// tailSum sums up the last bytes before offset.
func tailSum(in *os.File, offset int64) uint64 {
	buf := make([]byte, min(offset, tailBytes))
	if n, err := in.ReadAt(buf, offset-int64(len(buf))); n < len(buf) && err != nil {
		return 0
	}
	return hash("tail", buf)
}

func (w *worker) readCodex(in *os.File, f *file, parents *parents, emit func(found)) (err error) {
	var told []codexUsage // by the parent
	asked := false
	parent := func() []codexUsage {
		if !asked {
			told, asked = parents.upTo(f.codex.Parent, f.path, f.codex.Forked), true
		}
		return told
	}
	take := func(line []byte, at int64) bool {
		before := f.codex
		f.form.sees(line)
		event, ok := f.codex.codexLine(line, w.intern)
		if f.codex.told != toldNothing {
			f.answer(f.codex.told == toldKnown)
		}
		if !ok {
			return true
		}
		tooSoon := false
		mine := f.codex.mine(event, parent,
			func() (time.Time, bool) {
				first, burst, alone := firstBurst(f.path)
				tooSoon = alone && time.Since(time.Unix(0, f.stamp.Written)).Abs() < 2*codexBurst
				return first, burst
			})
		if tooSoon { // one event cannot be told from the first of a burst
			f.codex, f.read = before, stamp{}
			return false
		}
		if mine {
			emit(event.record(&f.codex, f, w))
		}
		return true
	}
	f.offset, err = w.lines.read(in, f.offset, take, func(tail []byte, at int64) {
		before := f.codex
		if members(tail, func(_, _ []byte) {}) {
			take(tail, at)
		}
		f.codex = before // the line is read again when it has its end
	})
	return err
}

// codexEvents calls f with each event of a log that spent tokens, until f says no.
func codexEvents(path string, f func(codexEvent) bool) {
	in, err := open(path)
	if err != nil {
		return
	}
	defer func() { _ = in.Close() }()
	var lines lineReader
	var state codexState
	take := func(line []byte, _ int64) bool {
		event, ok := state.codexLine(line, func(b []byte) string { return string(b) })
		return !ok || f(event)
	}
	_, _ = lines.read(in, 0, take, func(tail []byte, at int64) { take(tail, at) })
}

// firstBurst tells whether the first two events of a log were written at one go, and whether there
// is but one.
func firstBurst(path string) (first time.Time, burst, alone bool) {
	n := 0
	codexEvents(path, func(e codexEvent) bool {
		if n++; n == 1 {
			first = e.time
			return true
		}
		pause := e.time.Sub(first)
		burst = pause >= 0 && pause <= codexBurst
		return false
	})
	return first, burst, n == 1
}

// parents finds the logs of sessions that others were forked from, and reads each at most once a
// tick. It may be used by several workers.
type parents struct {
	mu    sync.Mutex
	paths map[string]string // by session; of several, as archives make them, the longest
	sizes map[string]int64
	known map[string]func() []codexEvent
}

func newParents(files []*file) *parents {
	p := &parents{paths: map[string]string{}, sizes: map[string]int64{}, known: map[string]func() []codexEvent{}}
	for _, f := range files {
		if f.source == Codex && f.codex.Session != "" {
			p.name(f.codex.Session, f)
		}
	}
	return p
}

func (p *parents) name(session string, f *file) {
	old, ok := p.paths[session]
	if size := p.sizes[session]; !ok || f.stamp.Size > size || f.stamp.Size == size && f.path < old {
		p.paths[session], p.sizes[session] = f.path, f.stamp.Size
	}
}

// add reads who the new logs are, before any of them is read.
func (p *parents) add(files []*file) {
	for _, f := range files {
		if f.source == Codex && f.codex.Session == "" {
			var s codexState
			if s.begin(firstLine(f.path)) && s.Session != "" {
				p.name(s.Session, f)
			}
		}
	}
}

func firstLine(path string) []byte {
	in, err := open(path)
	if err != nil {
		return nil
	}
	defer func() { _ = in.Close() }()
	for size := int64(8 << 10); ; size *= 8 {
		buf := make([]byte, size)
		n, err := in.ReadAt(buf, 0)
		if end := bytes.IndexByte(buf[:n], '\n'); end >= 0 {
			return buf[:end]
		}
		if err != nil || size > 1<<20 {
			return nil
		}
	}
}

// upTo are the events that a session had spent when it was forked; none when its log is gone.
func (p *parents) upTo(session, child string, forked time.Time) []codexUsage {
	p.mu.Lock()
	path, ok := p.paths[session]
	if !ok || path == child {
		p.mu.Unlock()
		return nil
	}
	events := p.known[path]
	if events == nil {
		events = sync.OnceValue(func() (all []codexEvent) {
			codexEvents(path, func(e codexEvent) bool { all = append(all, e); return true })
			return all
		})
		p.known[path] = events
	}
	p.mu.Unlock()
	var used []codexUsage
	for _, e := range events() {
		if !forked.IsZero() && e.time.After(forked) {
			break
		}
		used = append(used, e.used)
	}
	return used
}
