// SPDX-License-Identifier: Apache-2.0

package anthropic

import (
	"bytes"
	"encoding/json"

	"holdfast"
	"holdfast/gateway/dialect"
	"holdfast/gateway/dialect/wire"
)

// tap listens at the side of one stream.
type tap struct {
	id       string
	text     int64 // bytes of generated text
	chunks   int64
	finished bool
	counted  counted
	stated   bool // the usage at the end was told, not that at the beginning alone
}

// See judges one event and counts it.
func (t *tap) See(data []byte) dialect.Kind {
	if data == nil {
		return dialect.KindComment
	}
	data = bytes.TrimSpace(data)
	if len(data) < 2 || data[0] != '{' || data[len(data)-1] != '}' {
		return dialect.KindGarbage
	}
	if bytes.HasPrefix(data, []byte(`{"type":"content_block_delta"`)) {
		if n := deltaBytes(data); n > 0 {
			t.text += n
			t.chunks++
			return dialect.KindChunk
		}
	}
	return t.seeWhole(data)
}

// deltaBytes measures the generated text of a delta without decoding it. A quote inside a string is
// always escaped, so a match that a colon follows is a key.
func deltaBytes(data []byte) int64 {
	for _, key := range [...]string{`"text"`, `"partial_json"`, `"thinking"`} {
		for rest := data; ; {
			at := bytes.Index(rest, []byte(key))
			if at < 0 {
				break
			}
			rest = bytes.TrimLeft(rest[at+len(key):], " \t")
			value, isKey := bytes.CutPrefix(rest, []byte{':'})
			value = bytes.TrimLeft(value, " \t")
			if isKey && len(value) > 0 && value[0] == '"' {
				s := wire.Scanner{B: value}
				return wire.Size(s.Str())
			}
		}
	}
	return 0
}

// event is one event of a stream, taken apart.
type event struct {
	kind                                         string
	message, block, delta, usage, failure, index []byte
}

func readEvent(data []byte) (event, bool) {
	var e event
	if !json.Valid(data) {
		return e, false
	}
	eachMember(data, func(key, value []byte) {
		switch string(key) {
		case "type":
			e.kind = knownEvent(value)
		case "message":
			e.message = value
		case "content_block":
			e.block = value
		case "delta":
			e.delta = value
		case "usage":
			e.usage = value
		case "index":
			e.index = value
		case "error":
			e.failure = value
		}
	})
	if e.kind == "" && len(e.failure) > 0 {
		e.kind = "error"
	}
	return e, e.kind != ""
}

// knownEvent reads the type of an event, without a copy where it is a known one.
func knownEvent(value []byte) string {
	switch string(value) {
	case `"content_block_delta"`:
		return "content_block_delta"
	case `"content_block_start"`:
		return "content_block_start"
	case `"content_block_stop"`:
		return "content_block_stop"
	}
	return textOf(value)
}

// textOf reads a string; empty for anything else.
func textOf(value []byte) string {
	text, err := wire.Value{Raw: value}.Text()
	if err != nil {
		return ""
	}
	return text
}

func (t *tap) seeWhole(data []byte) dialect.Kind {
	e, ok := readEvent(data)
	if !ok {
		return dialect.KindGarbage
	}
	t.chunks++
	switch e.kind {
	case "ping":
		t.chunks--
		return dialect.KindComment
	case "error":
		return dialect.KindError
	case "message_stop":
		return dialect.KindDone
	case "message_start":
		t.begin(e.message)
	case "content_block_start":
		return t.spoken(blockBytes(e.block))
	case "content_block_delta":
		return t.spoken(deltaBytes(e.delta), false)
	case "message_delta":
		return t.ending(e)
	}
	return dialect.KindSilent // an event of a kind that came later than this program
}

func (t *tap) begin(message []byte) {
	eachMember(message, func(key, value []byte) {
		switch string(key) {
		case "id":
			t.id = textOf(value)
		case "usage":
			t.counted.take(value)
		}
	})
}

func (t *tap) spoken(n int64, speaks bool) dialect.Kind {
	t.text += n
	if n > 0 || speaks {
		return dialect.KindChunk
	}
	return dialect.KindSilent
}

// blockBytes measures a block as it begins. One that is no text says something by being there, also
// thinking: where it is not shown, its beginning is all that comes for minutes.
func blockBytes(block []byte) (n int64, speaks bool) {
	eachMember(block, func(key, value []byte) {
		switch string(key) {
		case "type":
			speaks = textOf(value) != "text"
		case "text", "thinking":
			n += int64(len(textOf(value)))
		case "input":
			if !wire.Blank(value) {
				n += int64(len(value))
			}
		}
	})
	return n, speaks
}

func (t *tap) ending(e event) dialect.Kind {
	if len(e.usage) > 0 && e.usage[0] == '{' {
		t.counted.take(e.usage)
		t.stated = true
	}
	reason := stopReason(e.delta)
	t.finished = t.finished || reason != ""
	if reason == "" || reason == "end_turn" {
		return dialect.KindSilent
	}
	return dialect.KindChunk
}

func stopReason(raw []byte) string {
	reason := ""
	eachMember(raw, func(key, value []byte) {
		if string(key) == "stop_reason" {
			reason = textOf(value)
		}
	})
	return reason
}

// Usage is what the stream stated. Before its end that is all of the input and the first token of the
// output; a stream that ended without stating more has stated nothing of its output.
func (t *tap) Usage() (holdfast.Usage, bool) {
	u, ok := t.counted.usage()
	return u, ok && (t.stated || !t.finished)
}

// Seen is what was counted so far.
func (t *tap) Seen() dialect.Seen {
	return dialect.Seen{ID: t.id, Output: (t.text + 3) / 4, Finished: t.finished, Chunks: t.chunks}
}

// readAnswer reads a plain answer as far as the gateway needs it.
func readAnswer(body []byte) (dialect.Said, bool) {
	var said dialect.Said
	if !json.Valid(body) {
		return said, false
	}
	var content []byte
	kind, reason, spoke := "", "", false
	eachMember(body, func(key, value []byte) {
		switch string(key) {
		case "id":
			said.ID = textOf(value)
		case "type":
			kind = textOf(value)
		case "stop_reason":
			reason = textOf(value)
		case "content":
			content = value
		case "usage":
			var c counted
			c.take(value)
			said.Usage, said.HasUsage = c.usage()
		}
	})
	s := wire.Scanner{B: content}
	s.Elements(func(block []byte) {
		n, speaks := blockBytes(block)
		said.Output += (n + 3) / 4
		spoke = spoke || speaks || n > 0
	})
	said.Empty = !spoke && (reason == "" || reason == "end_turn")
	return said, (kind == "message" || kind == "") && len(content) > 0 && content[0] == '['
}
