// SPDX-License-Identifier: Apache-2.0

package openai

import (
	"errors"
	"strconv"

	"holdfast/gateway/dialect"
	"holdfast/gateway/dialect/wire"
)

var (
	errGarbage = errors.New("an event of the stream is no chunk of a chat completion")
	errMingled = errors.New("the stream goes on with a tool call that another one followed")
)

// A decoder reads one stream. At most one part is open; a piece of another kind, or of another call,
// ends it.
//
//	idle ──first chunk──▶ started ──piece──▶ part open ──other piece──▶ part open
//	started/part open ──finish_reason──▶ finished ──[DONE]──▶ done
type decoder struct {
	id      string
	started bool
	open    dialect.PartKind
	isOpen  bool
	index   int // of the open part, or of the next one

	callAt   int64  // the open call's place among the calls, as the server counts
	callID   string // and its id, if the server named it
	called   int
	finished bool
	done     bool
	events   []dialect.Event
}

func newDecoder() dialect.Decoder { return &decoder{} }

// Decode reads one event's data. The steps hold until the next call.
func (d *decoder) Decode(data []byte) ([]dialect.Event, error) {
	d.events = d.events[:0]
	switch {
	case d.done || len(data) == 0:
		return nil, nil
	case string(data) == "[DONE]":
		d.finish("")
		d.done = true
		d.add(dialect.Event{Kind: dialect.EventDone})
		return d.events, nil
	}
	v, err := wire.Check(data)
	if err != nil {
		return nil, errGarbage
	}
	if failure, failed := streamFailure(v); failed {
		d.done = true
		d.add(dialect.Event{Kind: dialect.EventFailure, Failure: &failure})
		return d.events, nil
	}
	c := readChunk(v)
	d.start(c)
	if err := d.take(c); err != nil {
		return nil, err
	}
	return d.events, nil
}

func (d *decoder) add(e dialect.Event) { d.events = append(d.events, e) }

// streamFailure reads an error that came amid a stream.
func streamFailure(v wire.Value) (dialect.Failure, bool) {
	failed := false
	s := wire.Scanner{B: v.Raw}
	s.Members(func(m wire.Member) bool {
		failed = string(m.Key) == "error" && !wire.Blank(v.Raw[m.Start:m.End])
		return !failed
	})
	if !failed {
		return dialect.Failure{}, false
	}
	f, ok := readError(502, v.Raw)
	if !ok {
		f.Message = "the provider reported an error"
	}
	return f, true
}

func (d *decoder) start(c chunk) {
	if d.started {
		return
	}
	d.started, d.id = true, c.id
	d.add(dialect.Event{Kind: dialect.EventStart, ID: c.id, Model: c.model, Created: c.created})
}

func (d *decoder) take(c chunk) error {
	d.think(c)
	d.say(dialect.PartText, c.text)
	d.say(dialect.PartRefusal, c.refusal)
	for _, call := range c.calls {
		if err := d.call(call); err != nil {
			return err
		}
	}
	if c.finish != "" {
		d.finish(c.finish)
	}
	if usage, ok := ParseUsage(c.usage); ok {
		d.add(dialect.Event{Kind: dialect.EventUsage, Usage: usage})
	}
	return nil
}

// say passes on text of one kind.
func (d *decoder) say(kind dialect.PartKind, text string) {
	if text == "" || d.finished {
		return
	}
	if !d.isOpen || d.open != kind {
		part := dialect.Part{Kind: kind}
		if kind == dialect.PartThinking {
			part.Thinking = &dialect.Thinking{}
		}
		d.begin(part)
	}
	d.add(dialect.Event{Kind: dialect.EventDelta, Index: d.index, Text: text})
}

func (d *decoder) begin(part dialect.Part) {
	d.end()
	d.open, d.isOpen = part.Kind, true
	d.add(dialect.Event{Kind: dialect.EventBegin, Index: d.index, Part: part})
}

func (d *decoder) end() {
	if !d.isOpen {
		return
	}
	d.add(dialect.Event{Kind: dialect.EventEnd, Index: d.index})
	d.isOpen = false
	d.index++
}

// think passes on thinking, by its details where there are any.
func (d *decoder) think(c chunk) {
	told := false
	for _, detail := range c.details {
		t := detail.thinking()
		if t.Text != "" {
			d.say(dialect.PartThinking, t.Text)
			told = true
		}
		switch {
		case d.finished:
		case t.Redacted != "":
			d.begin(dialect.Part{Kind: dialect.PartThinking, Thinking: &t})
			d.end()
		case t.Signature != "":
			d.sign(t.Signature)
		}
	}
	if !told {
		d.say(dialect.PartThinking, c.thinking)
	}
}

// sign passes on the signature of the open thinking, and closes it: what follows is another piece.
func (d *decoder) sign(signature string) {
	if !d.isOpen || d.open != dialect.PartThinking {
		d.begin(dialect.Part{Kind: dialect.PartThinking, Thinking: &dialect.Thinking{}})
	}
	d.add(dialect.Event{Kind: dialect.EventSigned, Index: d.index, Text: signature})
	d.end()
}

// call passes on a piece of a tool call. A new name under the same place is a new call: some servers
// count every call as the first.
func (d *decoder) call(c callDelta) error {
	if d.finished {
		return nil
	}
	same := d.isOpen && d.open == dialect.PartToolCall && c.at == d.callAt
	if same && c.id != "" && c.name != "" && c.id != d.callID {
		same = false
	}
	if !same {
		if c.name == "" {
			return errMingled
		}
		part := dialect.Part{Kind: dialect.PartToolCall, Call: &dialect.ToolCall{ID: orName(c.id, d.id, d.called), Name: c.name}}
		d.begin(part)
		d.callAt, d.callID = c.at, c.id
		d.called++
	}
	if c.arguments != "" {
		d.add(dialect.Event{Kind: dialect.EventDelta, Index: d.index, Text: c.arguments})
	}
	return nil
}

func (d *decoder) finish(reason string) {
	if d.finished {
		return
	}
	d.end()
	d.finished = true
	d.add(dialect.Event{Kind: dialect.EventStop, Stop: stopOf(reason, d.called > 0)})
}

// A chunk is what an event of a stream says of the first choice.
type chunk struct {
	id, model               string
	created                 int64
	text, refusal, thinking string
	finish                  string
	details                 []detailed
	calls                   []callDelta
	usage                   []byte
}

func readChunk(v wire.Value) chunk {
	var c chunk
	s := wire.Scanner{B: v.Raw}
	s.Members(func(m wire.Member) bool {
		v := wire.Value{Raw: v.Raw[m.Start:m.End]}
		switch string(m.Key) {
		case "id":
			_ = v.Into(&c.id)
		case "model":
			_ = v.Into(&c.model)
		case "created":
			c.created = moment(v)
		case "usage":
			c.usage = v.Raw
		case "choices":
			list := wire.Scanner{B: v.Raw}
			list.Elements(func(raw []byte) { c.takeChoice(raw) })
		}
		return true
	})
	return c
}

func (c *chunk) takeChoice(raw []byte) {
	var delta wire.Value
	finish, first := "", true
	s := wire.Scanner{B: raw}
	s.Members(func(m wire.Member) bool {
		v := wire.Value{Raw: raw[m.Start:m.End]}
		switch string(m.Key) {
		case "index":
			first = string(v.Raw) == "0" || v.IsNull()
		case "delta", "message":
			delta = v
		case "finish_reason":
			_ = v.Into(&finish)
		}
		return true
	})
	if !first {
		return
	}
	c.finish = finish
	inner := wire.Scanner{B: delta.Raw}
	inner.Members(func(m wire.Member) bool {
		c.takeDelta(string(m.Key), wire.Value{Raw: delta.Raw[m.Start:m.End]})
		return true
	})
}

func (c *chunk) takeDelta(key string, v wire.Value) {
	switch key {
	case "content":
		if v.IsText() {
			c.text, _ = v.Text()
			return
		}
		list := wire.Scanner{B: v.Raw}
		list.Elements(func(raw []byte) {
			text, thinking := readPiece(wire.Value{Raw: raw})
			c.text += text
			c.thinking += thinking
		})
	case "refusal":
		_ = v.Into(&c.refusal)
	case "reasoning_content":
		_ = v.Into(&c.thinking)
	case "reasoning":
		if c.thinking == "" {
			_ = v.Into(&c.thinking)
		}
	case "reasoning_details":
		list := wire.Scanner{B: v.Raw}
		list.Elements(func(raw []byte) {
			if detail, err := readDetail(wire.Value{Raw: raw}); err == nil {
				c.details = append(c.details, detail)
			}
		})
	case "tool_calls":
		list := wire.Scanner{B: v.Raw}
		list.Elements(func(raw []byte) { c.calls = append(c.calls, readCallDelta(wire.Value{Raw: raw})) })
	}
}

// A callDelta is a piece of a tool call.
type callDelta struct {
	at                  int64
	id, name, arguments string
}

func readCallDelta(v wire.Value) callDelta {
	var c callDelta
	s := wire.Scanner{B: v.Raw}
	s.Members(func(m wire.Member) bool {
		v := wire.Value{Raw: v.Raw[m.Start:m.End]}
		switch string(m.Key) {
		case "index":
			c.at, _ = strconv.ParseInt(string(v.Raw), 10, 32)
		case "id":
			_ = v.Into(&c.id)
		case "function":
			inner := wire.Scanner{B: v.Raw}
			inner.Members(func(m wire.Member) bool {
				v := wire.Value{Raw: v.Raw[m.Start:m.End]}
				switch string(m.Key) {
				case "name":
					_ = v.Into(&c.name)
				case "arguments":
					c.arguments = argumentText(v)
				}
				return true
			})
		}
		return true
	})
	return c
}

// argumentText reads arguments, which some servers send as an object instead of its text.
func argumentText(v wire.Value) string {
	if v.IsObject() {
		return string(v.Raw)
	}
	text := ""
	_ = v.Into(&text)
	return text
}
