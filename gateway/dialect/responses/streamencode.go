// SPDX-License-Identifier: Apache-2.0

package responses

import (
	"strings"

	"holdfast/gateway/dialect"
	"holdfast/gateway/dialect/wire"
)

// An encoder writes one stream: each part becomes an item of its own, which is added, grows and is
// done; at the end stands the whole response once more.
type encoder struct {
	whole
	sequence int64
	started  bool
	ended    bool

	isOpen bool
	part   dialect.Part // the open one, without its text
	text   strings.Builder
	id     string
	at     int // items so far
	items  wire.JSON
}

func newEncoder(r *dialect.Request) dialect.Encoder {
	return &encoder{whole: whole{req: r, status: "in_progress"}}
}

// Encode appends the events that say what e says.
func (c *encoder) Encode(dst []byte, e dialect.Event) []byte {
	if c.ended {
		return dst
	}
	if !c.started {
		dst = c.start(dst, e)
	}
	switch e.Kind {
	case dialect.EventStart:
	case dialect.EventBegin:
		return c.begin(c.end(dst), e.Part)
	case dialect.EventDelta:
		return c.delta(dst, e.Text)
	case dialect.EventSigned:
		if c.isOpen && c.part.Thinking != nil {
			c.part.Thinking.Signature += e.Text
		}
	case dialect.EventEnd:
		return c.end(dst)
	case dialect.EventStop:
		c.whole.ended(e.Stop)
	case dialect.EventUsage:
		c.usage, c.stated = e.Usage, true
	case dialect.EventFailure:
		return c.fail(dst, e.Failure)
	case dialect.EventDone:
		return c.done(c.end(dst))
	}
	return dst
}

// End is the failure that follows what was written.
func (c *encoder) End(f dialect.Failure) []byte {
	return c.Encode(nil, dialect.Event{Kind: dialect.EventFailure, Failure: &f})
}

func (c *encoder) event(dst []byte, kind string) wire.JSON {
	c.sequence++
	return open(dst, kind, c.sequence-1)
}

// place begins an event of the open item.
func (c *encoder) place(dst []byte, kind string) wire.JSON {
	j := c.event(dst, kind)
	j.Key("item_id").Text(c.id)
	j.Key("output_index").Int(int64(c.at))
	return j
}

func (c *encoder) start(dst []byte, e dialect.Event) []byte {
	c.started = true
	c.whole.id, c.model, c.created = e.ID, e.Model, e.Created
	for _, kind := range [...]string{"response.created", "response.in_progress"} {
		j := c.event(dst, kind)
		j.Key("response")
		c.write(&j)
		dst = closed(j)
	}
	return dst
}

func (c *encoder) begin(dst []byte, p dialect.Part) []byte {
	p = grouped(c.req, p)
	c.isOpen, c.part = true, p
	c.id = c.itemID(p.Kind, c.at)
	c.text.Reset()
	text := p.Text
	c.part.Text = ""
	switch p.Kind { //nolint:exhaustive // the others have their text already
	case dialect.PartThinking:
		t := dialect.Thinking{}
		if p.Thinking != nil {
			t = *p.Thinking
		}
		text, t.Text = t.Text, ""
		c.part.Thinking = &t
	case dialect.PartToolCall:
		call := dialect.ToolCall{}
		if p.Call != nil {
			call = *p.Call
		}
		text, call.Arguments = call.Arguments, ""
		c.part.Call = &call
	}
	j := c.event(dst, "response.output_item.added")
	j.Key("output_index").Int(int64(c.at))
	j.Key("item")
	writeItem(&j, c.id, c.part, "in_progress")
	dst = closed(j)
	if c.part.Kind == dialect.PartText || c.part.Kind == dialect.PartRefusal {
		j = c.place(dst, "response.content_part.added")
		j.Key("content_index").Int(0)
		j.Key("part")
		writeSaid(&j, c.part)
		dst = closed(j)
	}
	return c.delta(dst, text)
}

// delta passes on text of the open part. The summary of thinking begins with its first word, for
// thinking may have none.
func (c *encoder) delta(dst []byte, text string) []byte {
	if text == "" || !c.isOpen {
		return dst
	}
	if c.part.Call != nil && c.part.Call.Form != "" { // what such a tool takes is known at its end
		c.text.WriteString(text)
		return dst
	}
	if c.part.Kind == dialect.PartThinking && c.text.Len() == 0 {
		dst = c.summaryPart(dst, "response.reasoning_summary_part.added", "")
	}
	c.text.WriteString(text)
	var j wire.JSON
	switch c.part.Kind {
	case dialect.PartThinking:
		j = c.place(dst, "response.reasoning_summary_text.delta")
		j.Key("summary_index").Int(0)
	case dialect.PartToolCall:
		j = c.place(dst, "response.function_call_arguments.delta")
	case dialect.PartRefusal:
		j = c.place(dst, "response.refusal.delta")
		j.Key("content_index").Int(0)
	default:
		j = c.place(dst, "response.output_text.delta")
		j.Key("content_index").Int(0)
		j.Key("logprobs").List()
		j.EndList()
	}
	j.Key("delta").Text(text)
	return closed(j)
}

func (c *encoder) summaryPart(dst []byte, kind, text string) []byte {
	j := c.place(dst, kind)
	j.Key("summary_index").Int(0)
	j.Key("part").Open()
	j.Key("type").Text("summary_text")
	j.Key("text").Text(text)
	j.Close()
	return closed(j)
}

// end closes the open item.
func (c *encoder) end(dst []byte) []byte {
	if !c.isOpen {
		return dst
	}
	if c.part.Kind == dialect.PartToolCall && c.text.Len() == 0 { // no arguments are an empty object
		dst = c.delta(dst, "{}")
	}
	c.isOpen = false
	text := c.text.String()
	switch c.part.Kind {
	case dialect.PartThinking:
		c.part.Thinking.Text = text
		dst = c.endThinking(dst, text)
	case dialect.PartToolCall:
		c.part.Call.Arguments = text
		dst = c.endCall(dst, c.part.Call)
	default:
		c.part.Text = text
		dst = c.endText(dst, text)
	}
	j := c.event(dst, "response.output_item.done")
	j.Key("output_index").Int(int64(c.at))
	j.Key("item")
	writeItem(&j, c.id, c.part, "completed")
	if len(c.items) == 0 {
		c.items.List()
	}
	writeItem(&c.items, c.id, c.part, "completed")
	c.at++
	return closed(j)
}

func (c *encoder) endCall(dst []byte, call *dialect.ToolCall) []byte {
	switch call.Form {
	case formSearch:
		return dst
	case formCustom:
		input := freeInput(call.Arguments)
		j := c.place(dst, "response.custom_tool_call_input.delta")
		j.Key("delta").Text(input)
		j = c.place(closed(j), "response.custom_tool_call_input.done")
		j.Key("input").Text(input)
		return closed(j)
	}
	j := c.place(dst, "response.function_call_arguments.done")
	j.Key("name").Text(call.Name)
	j.Key("arguments").Text(call.Arguments)
	return closed(j)
}

func (c *encoder) endThinking(dst []byte, text string) []byte {
	if text == "" {
		return dst
	}
	j := c.place(dst, "response.reasoning_summary_text.done")
	j.Key("summary_index").Int(0)
	j.Key("text").Text(text)
	return c.summaryPart(closed(j), "response.reasoning_summary_part.done", text)
}

func (c *encoder) endText(dst []byte, text string) []byte {
	kind, name := "response.output_text.done", "text"
	if c.part.Kind == dialect.PartRefusal {
		kind, name = "response.refusal.done", "refusal"
	}
	j := c.place(dst, kind)
	j.Key("content_index").Int(0)
	j.Key(name).Text(text)
	if name == "text" {
		j.Key("logprobs").List()
		j.EndList()
	}
	j2 := c.place(closed(j), "response.content_part.done")
	j2.Key("content_index").Int(0)
	j2.Key("part")
	writeSaid(&j2, c.part)
	return closed(j2)
}

func (c *encoder) done(dst []byte) []byte {
	c.ended = true
	c.close()
	if c.status == "in_progress" {
		c.status = "completed"
	}
	j := c.event(dst, "response."+c.status)
	j.Key("response")
	c.write(&j)
	return closed(j)
}

func (c *encoder) close() {
	if len(c.items) > 0 {
		c.items.EndList()
		c.output = c.items
	}
}

func (c *encoder) fail(dst []byte, f *dialect.Failure) []byte {
	c.ended = true
	c.close()
	if f == nil {
		f = &dialect.Failure{Type: "server_error", Message: "the provider reported an error"}
	}
	return appendFailure(dst, *f, c.whole, c.sequence)
}
