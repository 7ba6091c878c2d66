// SPDX-License-Identifier: Apache-2.0

package openai

import (
	"holdfast"
	"holdfast/gateway/dialect"
	"holdfast/gateway/dialect/wire"
)

// An encoder writes one stream. The head of every chunk is the same and made once.
type encoder struct {
	asked  bool // the client wants usage at the end
	head   []byte
	kind   dialect.PartKind
	at     int64 // which piece of thinking is open
	calls  int64
	empty  bool // the open call has no arguments yet
	usage  holdfast.Usage
	stated bool
	ended  bool
}

func newEncoder(r *dialect.Request) dialect.Encoder {
	return &encoder{asked: r != nil && r.UsageAsked, at: -1, calls: -1}
}

// Encode appends the chunks that say what e says.
func (c *encoder) Encode(dst []byte, e dialect.Event) []byte {
	if c.ended {
		return dst
	}
	if c.head == nil {
		dst = c.start(dst, e)
	}
	switch e.Kind {
	case dialect.EventStart:
	case dialect.EventBegin:
		return c.begin(dst, e.Part)
	case dialect.EventDelta:
		return c.delta(dst, e.Text)
	case dialect.EventSigned:
		return c.signed(dst, e.Text)
	case dialect.EventEnd:
		if c.empty { // no arguments are an empty object
			dst = c.delta(dst, "{}")
		}
	case dialect.EventStop:
		return c.chunk(dst, func(*wire.JSON) {}, reasonOf(e.Stop, c.calls >= 0))
	case dialect.EventUsage:
		c.usage, c.stated = e.Usage, true
	case dialect.EventFailure:
		c.ended = true
		if e.Failure != nil {
			return append(dst, errorEvent(*e.Failure)...)
		}
	case dialect.EventDone:
		return c.done(dst)
	}
	return dst
}

func (c *encoder) start(dst []byte, e dialect.Event) []byte {
	j := append(make(wire.JSON, 0, 160), "data: "...)
	j.Open()
	writeHead(&j, e.ID, "chat.completion.chunk", e.Created, e.Model)
	c.head = j
	return c.chunk(dst, func(j *wire.JSON) {
		j.Key("role").Text("assistant")
		j.Key("content").Text("")
	}, "")
}

// chunk writes one chunk whose delta is written by say.
func (c *encoder) chunk(dst []byte, say func(*wire.JSON), finish string) []byte {
	j := wire.JSON(append(dst, c.head...))
	j.Key("choices").List()
	j.Open()
	j.Key("index").Int(0)
	j.Key("delta").Open()
	say(&j)
	j.Close()
	j.Key("logprobs").Null()
	textOrNull(j.Key("finish_reason"), finish)
	j.Close()
	j.EndList()
	if c.asked {
		j.Key("usage").Null()
	}
	j.Close()
	return append(j, "\n\n"...)
}

func (c *encoder) begin(dst []byte, p dialect.Part) []byte {
	c.kind = p.Kind
	switch {
	case p.Kind == dialect.PartThinking:
		c.at++
		if p.Thinking == nil || (p.Thinking.Text == "" && p.Thinking.Signature == "" && p.Thinking.Redacted == "") {
			return dst
		}
		return c.chunk(dst, func(j *wire.JSON) {
			j.Field("reasoning_content", p.Thinking.Text)
			if p.Thinking.Signature != "" || p.Thinking.Redacted != "" {
				j.Key("reasoning_details").List()
				writeDetail(j, *p.Thinking, c.at)
				j.EndList()
			}
		}, "")
	case p.Kind == dialect.PartToolCall && p.Call != nil:
		c.calls++
		c.empty = p.Call.Arguments == ""
		return c.chunk(dst, func(j *wire.JSON) { c.writeCall(j, p.Call) }, "")
	case p.Text != "":
		return c.delta(dst, p.Text)
	}
	return dst
}

func (c *encoder) writeCall(j *wire.JSON, call *dialect.ToolCall) {
	j.Key("tool_calls").List()
	j.Open()
	j.Key("index").Int(c.calls)
	j.Key("id").Text(call.ID)
	j.Key("type").Text("function")
	j.Key("function").Open()
	j.Key("name").Text(call.Name)
	j.Key("arguments").Text(call.Arguments)
	j.Close()
	j.Close()
	j.EndList()
}

func (c *encoder) delta(dst []byte, text string) []byte {
	if text == "" {
		return dst
	}
	c.empty = false
	return c.chunk(dst, func(j *wire.JSON) {
		switch c.kind {
		case dialect.PartThinking:
			j.Key("reasoning_content").Text(text)
		case dialect.PartRefusal:
			j.Key("refusal").Text(text)
		case dialect.PartToolCall:
			j.Key("tool_calls").List()
			j.Open()
			j.Key("index").Int(c.calls)
			j.Key("function").Open()
			j.Key("arguments").Text(text)
			j.Close()
			j.Close()
			j.EndList()
		default:
			j.Key("content").Text(text)
		}
	}, "")
}

// signed writes the signature of the open thinking, whose text the client has already.
func (c *encoder) signed(dst []byte, signature string) []byte {
	return c.chunk(dst, func(j *wire.JSON) {
		j.Key("reasoning_details").List()
		writeDetail(j, dialect.Thinking{Signature: signature}, c.at)
		j.EndList()
	}, "")
}

func (c *encoder) done(dst []byte) []byte {
	c.ended = true
	if c.asked && c.stated {
		j := wire.JSON(append(dst, c.head...))
		j.Key("choices").List()
		j.EndList()
		j.Key("usage")
		writeUsage(&j, c.usage)
		j.Close()
		dst = append(j, "\n\n"...)
	}
	return append(dst, "data: [DONE]\n\n"...)
}
