// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"errors"
	"io"

	"holdfast/gateway/dialect"
)

// MaxEvent bounds one event of a stream.
const MaxEvent = 16 << 20

// ErrHugeEvent reports an event past MaxEvent.
var ErrHugeEvent = errors.New("an event of the stream is larger than 16 MiB")

// An Event is one server-sent event as it came.
type Event struct {
	// Raw is the event with the empty line that ends it.
	Raw []byte
	// Data is its data field; nil for a comment.
	Data []byte
}

// Events splits a stream into events.
type Events struct {
	from io.Reader
	buf  []byte
	// buf[:start] was handed out, buf[start:end] was read; the line that begins at line has no end
	// before searched, so that a long one is searched once.
	start, line, searched, end int
}

// NewEvents reads events from a body; buf is its first buffer and may be nil.
func NewEvents(from io.Reader, buf []byte) *Events {
	if cap(buf) < 4096 {
		buf = make([]byte, 8192)
	}
	return &Events{from: from, buf: buf[:cap(buf)]}
}

// Next returns the next event that is already read; false when there is none. An event's bytes
// hold until the next Fill.
func (e *Events) Next() (Event, bool) {
	for {
		nl := bytes.IndexByte(e.buf[e.searched:e.end], '\n')
		if nl < 0 {
			e.searched = e.end
			return Event{}, false
		}
		line := e.buf[e.line : e.searched+nl]
		e.searched += nl + 1
		e.line = e.searched
		if len(line) == 0 || (len(line) == 1 && line[0] == '\r') {
			raw := e.buf[e.start:e.line]
			e.start = e.line
			return Event{Raw: raw, Data: dataOf(raw)}, true
		}
	}
}

// Fill reads once more from the stream.
func (e *Events) Fill() error {
	if e.start > 0 {
		e.end = copy(e.buf, e.buf[e.start:e.end])
		e.line, e.searched, e.start = e.line-e.start, e.searched-e.start, 0
	}
	if e.end == len(e.buf) {
		if len(e.buf) >= MaxEvent {
			return ErrHugeEvent
		}
		e.buf = append(e.buf, make([]byte, len(e.buf))...)
	}
	n, err := e.from.Read(e.buf[e.end:])
	e.end += n
	if n > 0 && errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// Rest is what came after the last whole event.
func (e *Events) Rest() []byte { return e.buf[e.start:e.end] }

// Buffer gives the buffer back for another stream.
func (e *Events) Buffer() []byte { return e.buf }

// dataOf joins the data lines of an event; a single one, which is the rule, is not copied.
func dataOf(raw []byte) []byte {
	var data []byte
	lines := 0
	for len(raw) > 0 {
		line, rest, _ := bytes.Cut(raw, []byte{'\n'})
		raw = rest
		value, ok := bytes.CutPrefix(bytes.TrimSuffix(line, []byte{'\r'}), []byte("data:"))
		if !ok {
			continue
		}
		value = bytes.TrimPrefix(value, []byte{' '})
		if lines++; lines == 1 {
			data = value[:len(value):len(value)]
			continue
		}
		data = append(append(data, '\n'), value...)
	}
	return data
}

// KindOf judges an event of OpenAI's dialects by its outside alone; false where it has to be read.
func KindOf(data []byte) (kind dialect.Kind, judged bool) {
	switch {
	case data == nil:
		return dialect.KindComment, true
	case string(data) == "[DONE]":
		return dialect.KindDone, true
	case len(data) < 2 || data[0] != '{' || data[len(data)-1] != '}':
		return dialect.KindGarbage, true
	}
	return dialect.KindChunk, false
}
