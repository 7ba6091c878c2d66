// SPDX-License-Identifier: Apache-2.0

package openai

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"holdfast"
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

// A Kind says what an event is to the gateway.
type Kind int

// The kinds of event.
const (
	KindChunk   Kind = iota // part of the answer
	KindSilent              // a chunk that says nothing yet: a role, an empty text
	KindComment             // no data: a sign of life
	KindUsage               // usage alone, without choices
	KindError               // an error of the upstream
	KindDone                // [DONE]
	KindGarbage             // no JSON object
)

// A Tap watches the events of one stream pass and keeps count.
type Tap struct {
	// Text is the estimated size of what was generated so far, in bytes of text.
	Text int64
	// Finished tells that a finish reason was seen.
	Finished bool
	// Chunks counts the events that were part of the answer.
	Chunks int64

	usage []byte
}

// See judges one event and counts it.
func (t *Tap) See(data []byte) Kind {
	switch {
	case data == nil:
		return KindComment
	case string(data) == "[DONE]":
		return KindDone
	case len(data) < 2 || data[0] != '{' || data[len(data)-1] != '}':
		return KindGarbage
	}
	t.Chunks++
	before := t.Text
	t.Text += textBytes(data)
	if usage := objectAfter(data, `"usage"`); usage {
		t.usage = append(t.usage[:0], data...)
		if !bytes.Contains(data, []byte(`"delta"`)) && withoutChoices(data) {
			return KindUsage
		}
	}
	if t.Text > before {
		t.Finished = t.Finished || finishes(data)
		return KindChunk
	}
	return t.judgeSilent(data)
}

// judgeSilent tells apart the chunks without text: tool calls and endings speak, errors end.
func (t *Tap) judgeSilent(data []byte) Kind {
	if !json.Valid(data) {
		return KindGarbage
	}
	t.Finished = t.Finished || finishes(data)
	kind := KindSilent
	s := scanner{b: data}
	s.members(func(m member) bool {
		value := data[m.start:m.end]
		switch {
		case string(m.key) == "error" && !blank(value):
			kind = KindError
			return false
		case string(m.key) == "choices":
			inner := scanner{b: value}
			inner.elements(func(choice []byte) {
				if _, said := readChoice(choice); said {
					kind = KindChunk
				}
			})
		}
		return true
	})
	return kind
}

// Usage is the last usage that the stream stated.
func (t *Tap) Usage() (holdfast.Usage, bool) {
	if t.usage == nil {
		return holdfast.Usage{}, false
	}
	var chunk struct {
		Usage json.RawMessage `json:"usage"`
	}
	if json.Unmarshal(t.usage, &chunk) != nil {
		return holdfast.Usage{}, false
	}
	return ParseUsage(chunk.Usage)
}

// Output estimates the tokens generated so far.
func (t *Tap) Output() int64 { return (t.Text + 3) / 4 }

// textKeys are the members of a delta whose strings are generated tokens.
var textKeys = [...][]byte{
	[]byte(`"content"`), []byte(`"arguments"`), []byte(`"reasoning_content"`), []byte(`"reasoning"`), []byte(`"refusal"`),
}

// textBytes sums the generated text in a chunk without decoding it. A quote inside a string is
// always escaped, so a match is a key.
func textBytes(data []byte) int64 {
	total := int64(0)
	for _, key := range textKeys {
		for rest := data; ; {
			at := bytes.Index(rest, key)
			if at < 0 {
				break
			}
			rest = bytes.TrimLeft(rest[at+len(key):], " \t:")
			if len(rest) == 0 || rest[0] != '"' {
				continue
			}
			s := scanner{b: rest}
			total += int64(len(s.str()))
			rest = rest[s.i:]
		}
	}
	return total
}

// finishes tells whether a chunk carries a finish reason.
func finishes(data []byte) bool {
	key := []byte(`"finish_reason"`)
	for rest := data; ; {
		at := bytes.Index(rest, key)
		if at < 0 {
			return false
		}
		rest = bytes.TrimLeft(rest[at+len(key):], " \t:")
		if len(rest) > 0 && rest[0] == '"' {
			return true
		}
	}
}

// objectAfter tells whether a key has an object as its value.
func objectAfter(data []byte, key string) bool {
	at := bytes.LastIndex(data, []byte(key))
	if at < 0 {
		return false
	}
	rest := bytes.TrimLeft(data[at+len(key):], " \t:")
	return len(rest) > 0 && rest[0] == '{'
}

// withoutChoices tells whether a chunk has an empty list of choices, or none.
func withoutChoices(data []byte) bool {
	at := bytes.Index(data, []byte(`"choices"`))
	if at < 0 {
		return true
	}
	rest := bytes.TrimLeft(data[at+len(`"choices"`):], " \t:")
	return len(rest) > 1 && rest[0] == '[' && bytes.TrimLeft(rest[1:], " \t")[0] == ']'
}
