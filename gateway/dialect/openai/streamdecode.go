// SPDX-License-Identifier: Apache-2.0

package openai

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"holdfast/gateway/dialect"
	"holdfast/gateway/dialect/wire"
)

var (
	errGarbage = errors.New("an event of the stream is no chunk of a chat completion")
	errMingled = errors.New("the stream goes on with a tool call that never began, or was whole")
	errLate    = errors.New("the stream goes on after it gave a finish reason")
	errHeld    = errors.New("the stream's tool calls are larger than 16 MiB")
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

	calls    []growing
	live     int // which call is open, or was last
	held     int // bytes of arguments
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
	if d.finished && c.speaks() {
		return errLate
	}
	d.think(c)
	d.say(dialect.PartText, c.text)
	d.say(dialect.PartRefusal, c.refusal)
	if !d.finished {
		for _, call := range c.calls {
			if err := d.call(call); err != nil {
				return err
			}
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
	if text == "" {
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
	if part.Kind != dialect.PartToolCall {
		d.release()
	}
	d.open, d.isOpen = part.Kind, true
	d.add(dialect.Event{Kind: dialect.EventBegin, Index: d.index, Part: part})
}

func (d *decoder) end() {
	if !d.isOpen {
		return
	}
	d.add(dialect.Event{Kind: dialect.EventEnd, Index: d.index})
	if d.open == dialect.PartToolCall {
		d.calls[d.live].state = callOver
	}
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

// A call's state: told as it comes, held back while another is told, or over.
type callState int

const (
	callOpen callState = iota
	callHeld
	callOver
)

// A growing call is one of the stream's, with its arguments so far.
type growing struct {
	at        int64 // its place among the calls, as the server counts
	id, name  string
	arguments []byte
	state     callState
}

// mostHeld bounds the arguments that are kept of all calls together.
const mostHeld = 16 << 20

// call passes on a piece of a tool call. Calls are told one after another: the next one begins when
// the arguments of the open one are whole, else it is held back until they are known to be.
func (d *decoder) call(c callDelta) error {
	at := d.find(c)
	if at < 0 {
		if c.name == "" {
			return errMingled
		}
		at = len(d.calls)
		d.calls = append(d.calls, growing{at: c.at, id: c.id, name: c.name, state: callHeld})
		d.makeRoom(at)
	}
	g := &d.calls[at]
	if d.held += len(c.arguments); d.held > mostHeld {
		return errHeld
	}
	g.arguments = append(g.arguments, c.arguments...)
	switch {
	case c.arguments == "" || g.state == callHeld:
	case g.state == callOpen:
		d.add(dialect.Event{Kind: dialect.EventDelta, Index: d.index, Text: c.arguments})
	case strings.TrimSpace(c.arguments) != "":
		return errMingled
	}
	return nil
}

// find looks for the call that a piece belongs to. Some servers count every call as the first: a new
// id, or a name after whole arguments, is a new call.
func (d *decoder) find(c callDelta) int {
	for i := len(d.calls) - 1; i >= 0; i-- {
		g := d.calls[i]
		if g.at != c.at {
			continue
		}
		if c.name != "" && ((c.id != "" && c.id != g.id) || (c.id == "" && json.Valid(g.arguments))) {
			return -1
		}
		return i
	}
	return -1
}

// makeRoom opens a new call unless another one is open and not whole.
func (d *decoder) makeRoom(at int) {
	if d.isOpen && d.open == dialect.PartToolCall {
		if !json.Valid(d.calls[d.live].arguments) {
			return
		}
		d.end()
	}
	d.begin(dialect.Part{Kind: dialect.PartToolCall, Call: d.named(at)})
	d.live = at
	d.calls[at].state = callOpen
}

func (d *decoder) named(at int) *dialect.ToolCall {
	return &dialect.ToolCall{ID: orName(d.calls[at].id, d.id, at), Name: d.calls[at].name}
}

// release tells the calls that were held back; none grows any more.
func (d *decoder) release() {
	for i := range d.calls {
		g := &d.calls[i]
		if g.state == callHeld {
			d.begin(dialect.Part{Kind: dialect.PartToolCall, Call: d.named(i)})
			d.live = i
			if len(g.arguments) > 0 {
				d.add(dialect.Event{Kind: dialect.EventDelta, Index: d.index, Text: string(g.arguments)})
			}
		}
		d.end()
		g.state = callOver
	}
}

func (d *decoder) finish(reason string) {
	if d.finished {
		return
	}
	d.end()
	d.release()
	d.finished = true
	d.add(dialect.Event{Kind: dialect.EventStop, Stop: stopOf(reason, len(d.calls) > 0)})
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

// speaks tells whether the chunk is part of the answer.
func (c *chunk) speaks() bool {
	for _, call := range c.calls {
		if call.name != "" || strings.TrimSpace(call.arguments) != "" {
			return true
		}
	}
	for _, detail := range c.details {
		if detail.thinking() != (dialect.Thinking{}) {
			return true
		}
	}
	return c.text != "" || c.refusal != "" || c.thinking != ""
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
			c.created = v.Moment()
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
