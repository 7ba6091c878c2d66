// SPDX-License-Identifier: Apache-2.0

package responses

import (
	"errors"
	"slices"
	"strings"

	"holdfast/gateway/dialect"
	"holdfast/gateway/dialect/wire"
)

var (
	errGarbage = errors.New("an event of the stream is none of a response")
	errMingled = errors.New("the stream goes on with an item that another one followed")
)

// A decoder reads one stream. At most one part is open: that of the item at output_index, and for a
// message that of its content_index.
type decoder struct {
	started, done bool
	isOpen        bool
	kind          dialect.PartKind
	item, content int64 // where the open part stands
	spoke         bool  // the open part has text
	summary       int64 // the piece of the summary that was told last
	index         int
	called        bool
	events        []dialect.Event
}

// Decode reads one event's data. The steps hold until the next call.
func (d *decoder) Decode(data []byte) ([]dialect.Event, error) {
	d.events = d.events[:0]
	if d.done || len(data) == 0 || string(data) == "[DONE]" {
		return nil, nil
	}
	if _, err := wire.Check(data); err != nil {
		return nil, errGarbage
	}
	e := readEvent(data)
	if err := d.take(e); err != nil {
		return nil, err
	}
	return d.events, nil
}

func (d *decoder) add(e dialect.Event) { d.events = append(d.events, e) }

func (d *decoder) take(e event) error {
	switch e.kind {
	case "response.created", "response.in_progress", "response.queued":
		d.start(e.response)
		return nil
	case "response.completed", "response.incomplete":
		return d.finish(e)
	case "response.failed", "response.cancelled", "error":
		d.fail(e)
		return nil
	}
	if e.failed {
		d.fail(e)
		return nil
	}
	d.start(nil)
	switch e.kind {
	case "response.output_item.added":
		d.added(e)
	case "response.output_item.done":
		return d.itemDone(e)
	case "response.content_part.done":
		d.end()
	case "response.reasoning_summary_part.added":
		d.nextSummary(e)
	default:
		return d.text(e)
	}
	return nil
}

func (d *decoder) start(response []byte) {
	if d.started {
		return
	}
	d.started = true
	d.add(dialect.Event{
		Kind: dialect.EventStart, ID: idOf(response), Model: textOf(response, "model"), Created: member(response, "created_at").Moment(),
	})
}

// text reads what grows a part, and what tells its whole text once it is done.
func (d *decoder) text(e event) error {
	kind, whole := dialect.PartText, false
	switch e.kind {
	case "response.output_text.delta":
	case "response.output_text.done":
		whole = true
	case "response.refusal.delta":
		kind = dialect.PartRefusal
	case "response.refusal.done":
		kind, whole = dialect.PartRefusal, true
	case "response.reasoning_summary_text.delta", "response.reasoning_text.delta":
		kind, e.content = dialect.PartThinking, 0
	case "response.reasoning_summary_text.done", "response.reasoning_text.done":
		kind, whole, e.content = dialect.PartThinking, true, 0
	case "response.function_call_arguments.delta":
		return d.arguments(e, false)
	case "response.function_call_arguments.done":
		return d.arguments(e, true)
	default:
		return nil // of annotations and the server's own tools
	}
	text := wire.Unquote(e.delta)
	if whole {
		text = ""
		_ = wire.Value{Raw: e.text}.Into(&text)
	}
	here := d.at(e, kind)
	switch {
	case text == "", whole && here && d.spoke, whole && !here && !d.isNew(e):
		return nil
	case !here && e.output < d.item:
		return errMingled
	case !here:
		d.begin(e, kind)
	}
	d.grow(text)
	return nil
}

// isNew tells whether no part was opened yet where e stands.
func (d *decoder) isNew(e event) bool {
	opened := d.isOpen || d.index > 0
	return !opened || e.output > d.item || (e.output == d.item && e.content > d.content)
}

func (d *decoder) grow(text string) {
	d.spoke = true
	d.add(dialect.Event{Kind: dialect.EventDelta, Index: d.index, Text: text})
}

// at tells whether the open part is the one that e speaks of.
func (d *decoder) at(e event, kind dialect.PartKind) bool {
	return d.isOpen && d.kind == kind && d.item == e.output && d.content == e.content
}

func (d *decoder) begin(e event, kind dialect.PartKind) {
	part := dialect.Part{Kind: kind}
	if kind == dialect.PartThinking {
		part.Thinking = &dialect.Thinking{}
	}
	d.open(e, part)
}

func (d *decoder) open(e event, part dialect.Part) {
	d.end()
	d.isOpen, d.kind, d.item, d.content, d.spoke, d.summary = true, part.Kind, e.output, e.content, false, 0
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

// arguments grows the open call.
func (d *decoder) arguments(e event, whole bool) error {
	if !d.isOpen || d.kind != dialect.PartToolCall || d.item != e.output {
		if whole {
			return nil // the item said it
		}
		return errMingled
	}
	text := wire.Unquote(e.delta)
	if whole {
		text = ""
		_ = wire.Value{Raw: e.text}.Into(&text)
	}
	if text != "" && (!whole || !d.spoke) {
		d.grow(text)
	}
	return nil
}

// added opens a call; other items open with their first word.
func (d *decoder) added(e event) {
	if typeOf(e.item) != "function_call" {
		return
	}
	call := readCall(e.item)
	d.called = true
	begun := call
	begun.Arguments = ""
	e.content = 0
	d.open(e, dialect.Part{Kind: dialect.PartToolCall, Call: &begun})
	if call.Arguments != "" {
		d.grow(call.Arguments)
	}
}

// nextSummary parts the pieces of a summary by an empty line.
func (d *decoder) nextSummary(e event) {
	e.content = 0
	if d.at(e, dialect.PartThinking) && d.spoke && e.summary > d.summary {
		d.summary = e.summary
		d.grow("\n\n")
	}
}

// itemDone closes an item, and says what was not streamed of it.
func (d *decoder) itemDone(e event) error {
	e.content = 0
	switch typeOf(e.item) {
	case "reasoning":
		return d.thoughtDone(e)
	case "function_call":
		if d.at(e, dialect.PartToolCall) {
			if call := readCall(e.item); !d.spoke && call.Arguments != "" {
				d.grow(call.Arguments)
			}
			d.end()
			return nil
		}
		if d.isNew(e) {
			d.added(e)
			d.end()
		}
		return nil
	}
	if d.isOpen && d.item == e.output {
		d.end()
		return nil
	}
	if typeOf(e.item) != "message" || !d.isNew(e) {
		return nil
	}
	var r dialect.Response
	if err := decodeOutput(&r, wire.Value{Raw: slices.Concat([]byte("["), e.item, []byte("]"))}); err != nil {
		return errGarbage
	}
	for _, p := range r.Parts {
		d.whole(e, p)
	}
	return nil
}

func (d *decoder) thoughtDone(e event) error {
	t, err := readThought(e.item)
	if err != nil {
		return errGarbage
	}
	if !d.at(e, dialect.PartThinking) {
		if t == (dialect.Thinking{}) {
			return nil
		}
		if t.Redacted != "" {
			d.open(e, dialect.Part{Kind: dialect.PartThinking, Thinking: &dialect.Thinking{Redacted: t.Redacted}})
			d.end()
			return nil
		}
		d.begin(e, dialect.PartThinking)
	}
	if !d.spoke && t.Text != "" {
		d.grow(t.Text)
	}
	if t.Signature != "" {
		d.add(dialect.Event{Kind: dialect.EventSigned, Index: d.index, Text: t.Signature})
	}
	d.end()
	return nil
}

// finish reads the whole response, and says it when nothing was streamed.
func (d *decoder) finish(e event) error {
	d.start(e.response)
	d.end()
	if d.index == 0 {
		var r dialect.Response
		if output := member(e.response, "output"); output.IsList() {
			if err := decodeOutput(&r, output); err != nil {
				return errGarbage
			}
		}
		for _, p := range r.Parts {
			d.whole(event{}, p)
		}
	}
	stop := stopOf(textOf(e.response, "status"), textOf(member(e.response, "incomplete_details").Raw, "reason"), nil)
	if stop == dialect.StopEnd && e.kind == "response.incomplete" {
		stop = dialect.StopLength
	}
	if stop == dialect.StopEnd && d.called {
		stop = dialect.StopTools
	}
	d.add(dialect.Event{Kind: dialect.EventStop, Stop: stop})
	if usage, ok := parseUsage(member(e.response, "usage").Raw); ok {
		d.add(dialect.Event{Kind: dialect.EventUsage, Usage: usage})
	}
	d.done = true
	d.add(dialect.Event{Kind: dialect.EventDone})
	return nil
}

// whole says a part at once, where e stands.
func (d *decoder) whole(e event, p dialect.Part) {
	text, signature := p.Text, ""
	begun := dialect.Part{Kind: p.Kind}
	switch {
	case p.Call != nil:
		d.called = true
		begun.Call, text = &dialect.ToolCall{ID: p.Call.ID, Name: p.Call.Name}, p.Call.Arguments
	case p.Thinking != nil:
		begun.Thinking = &dialect.Thinking{Redacted: p.Thinking.Redacted}
		text, signature = p.Thinking.Text, p.Thinking.Signature
	}
	d.open(e, begun)
	if text != "" {
		d.grow(text)
	}
	if signature != "" {
		d.add(dialect.Event{Kind: dialect.EventSigned, Index: d.index, Text: signature})
	}
	d.end()
}

// fail reads the three forms of an error: that of a failed response, the event's own members, and
// the object around them.
func (d *decoder) fail(e event) {
	f := dialect.Failure{Status: 502, Type: "server_error"}
	from := e.data
	if inner := member(e.response, "error"); inner.IsObject() {
		from = inner.Raw
	} else if inner := member(e.data, "error"); inner.IsObject() {
		from = inner.Raw
	}
	f.Message, f.Code, f.Param = textOf(from, "message"), textOf(from, "code"), textOf(from, "param")
	if kind := textOf(from, "type"); strings.HasSuffix(kind, "_error") {
		f.Type = kind
	}
	if f.Message == "" {
		f.Message = "the provider reported an error"
	}
	if f.Code == "rate_limit_exceeded" {
		f.Type, f.Status = "rate_limit_error", 429
	}
	d.done = true
	d.add(dialect.Event{Kind: dialect.EventFailure, Failure: &f})
}
