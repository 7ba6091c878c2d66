// SPDX-License-Identifier: Apache-2.0

package anthropic

import (
	"cmp"
	"slices"

	"holdfast"
	"holdfast/gateway/dialect"
	"holdfast/gateway/dialect/wire"
)

// encoder writes one stream. The dialect's blocks come one after another, so what others send of a
// later part while an earlier one is open waits until that one has ended.
type encoder struct {
	state   encoderState
	blocks  int // written so far, the open one included
	open    *waiting
	queue   []*waiting // parts that began while another was open
	stop    dialect.Stop
	stopAt  string
	usage   holdfast.Usage
	called  bool
	refused bool
	held    int // bytes of what waits
}

// mostHeld bounds what may wait for an open part to end.
const mostHeld = 16 << 20

type encoderState int

// idle → running → over
const (
	encoderIdle encoderState = iota
	encoderRunning
	encoderOver
)

// waiting is a part that has begun, with what came of it while another was open.
type waiting struct {
	index     int // of the conversation
	at        int // of the block
	signed    bool
	part      dialect.Part
	text      []byte
	signature string
	ended     bool
}

// Encode appends the events that a step becomes.
func (s *encoder) Encode(dst []byte, e dialect.Event) []byte {
	if s.state == encoderOver {
		return dst
	}
	if e.Kind == dialect.EventFailure {
		s.state = encoderOver
		return s.failure(dst, e.Failure)
	}
	if e.Kind == dialect.EventUsage { // before the start too, which then tells it
		s.usage = e.Usage
		return dst
	}
	if s.state == encoderIdle {
		s.state = encoderRunning
		dst = s.start(dst, e)
	}
	switch e.Kind {
	case dialect.EventBegin:
		return s.begin(dst, e)
	case dialect.EventDelta:
		return s.delta(dst, e)
	case dialect.EventSigned:
		return s.signed(dst, e)
	case dialect.EventEnd:
		return s.end(dst, e.Index)
	case dialect.EventStop:
		s.stop, s.stopAt = e.Stop, e.StopSequence
	case dialect.EventDone:
		s.state = encoderOver
		return s.done(dst)
	case dialect.EventStart, dialect.EventUsage, dialect.EventFailure:
	}
	return dst
}

func (s *encoder) failure(dst []byte, f *dialect.Failure) []byte {
	if f == nil {
		f = &dialect.Failure{Message: "the upstream reported an error"}
	}
	return append(dst, errorEvent(*f)...)
}

// head begins an event, tail ends it.
func head(dst []byte, kind string) wire.JSON {
	dst = append(append(append(dst, "event: "...), kind...), "\ndata: "...)
	j := wire.JSON(dst)
	j.Open()
	j.Key("type").Text(kind)
	return j
}

func tail(j wire.JSON) []byte {
	j.Close()
	return append(j, "\n\n"...)
}

func (s *encoder) start(dst []byte, e dialect.Event) []byte {
	j := head(dst, "message_start")
	j.Key("message").Open()
	j.Key("id").Text(cmp.Or(e.ID, unnamed))
	j.Key("type").Text("message")
	j.Key("role").Text("assistant")
	j.Key("model").Text(e.Model)
	j.Key("content").List()
	j.EndList()
	j.Key("stop_reason").Null()
	j.Key("stop_sequence").Null()
	j.Key("stop_details").Null()
	j.Key("container").Null()
	j.Key("usage")
	writeUsage(&j, s.usage)
	j.Close()
	return tail(j)
}

func (s *encoder) begin(dst []byte, e dialect.Event) []byte {
	w := &waiting{index: e.Index, part: e.Part}
	s.called = s.called || e.Part.Kind == dialect.PartToolCall
	s.refused = s.refused || e.Part.Kind == dialect.PartRefusal
	if s.open != nil {
		s.queue = append(s.queue, w)
		return dst
	}
	return s.openBlock(dst, w)
}

func (s *encoder) openBlock(dst []byte, w *waiting) []byte {
	s.open, w.at = w, s.blocks
	s.blocks++
	j := head(dst, "content_block_start")
	j.Key("index").Int(int64(w.at))
	j.Key("content_block")
	switch {
	case w.part.Kind == dialect.PartThinking && w.part.Thinking != nil && w.part.Thinking.Redacted != "":
		writeThought(&j, w.part.Thinking)
	case w.part.Kind == dialect.PartThinking:
		writeThought(&j, &dialect.Thinking{})
	case w.part.Kind == dialect.PartToolCall && w.part.Call != nil:
		writeBlockHead(&j, w.part)
		j.Key("input").Raw([]byte("{}"))
		j.Close()
	default:
		writeBlockHead(&j, dialect.Part{})
		j.Key("text").Text("")
		j.Close()
	}
	return tail(j)
}

// find returns the part of an index; nil when it has not begun or has ended.
func (s *encoder) find(index int) *waiting {
	if s.open != nil && s.open.index == index {
		return s.open
	}
	at := slices.IndexFunc(s.queue, func(w *waiting) bool { return w.index == index })
	if at < 0 {
		return nil
	}
	return s.queue[at]
}

func (s *encoder) delta(dst []byte, e dialect.Event) []byte {
	w := s.find(e.Index)
	switch {
	case w == nil || e.Text == "":
		return dst
	case w != s.open:
		if s.held += len(e.Text); s.held > mostHeld {
			s.state = encoderOver
			return s.failure(dst, &dialect.Failure{Message: "the provider sends parts that are larger than 16 MiB at the same time"})
		}
		w.text = append(w.text, e.Text...)
		return dst
	}
	return s.more(dst, e.Text)
}

// more writes a delta of the open block.
func (s *encoder) more(dst []byte, text string) []byte {
	kind, field := "text_delta", "text"
	switch s.open.part.Kind {
	case dialect.PartThinking:
		kind, field = "thinking_delta", "thinking"
	case dialect.PartToolCall:
		kind, field = "input_json_delta", "partial_json"
	default:
	}
	j := s.deltaHead(dst, kind)
	j.Key(field).Text(text)
	j.Close()
	return tail(j)
}

func (s *encoder) deltaHead(dst []byte, kind string) wire.JSON {
	j := head(dst, "content_block_delta")
	j.Key("index").Int(int64(s.open.at))
	j.Key("delta").Open()
	j.Key("type").Text(kind)
	return j
}

func (s *encoder) signed(dst []byte, e dialect.Event) []byte {
	w := s.find(e.Index)
	switch {
	case w == nil || w.part.Kind != dialect.PartThinking:
		return dst
	case w != s.open:
		w.signature = e.Text
		return dst
	}
	return s.sign(dst, e.Text)
}

func (s *encoder) sign(dst []byte, signature string) []byte {
	s.open.signed = true
	j := s.deltaHead(dst, "signature_delta")
	j.Key("signature").Text(signature)
	j.Close()
	return tail(j)
}

func (s *encoder) end(dst []byte, index int) []byte {
	w := s.find(index)
	if w == nil {
		return dst
	}
	w.ended = true
	for s.open != nil && s.open.ended {
		dst = s.next(s.closeBlock(dst))
	}
	return dst
}

// closeBlock ends the open block. Thinking ends in its signature.
func (s *encoder) closeBlock(dst []byte) []byte {
	if p := s.open.part; p.Kind == dialect.PartThinking && !s.open.signed && (p.Thinking == nil || p.Thinking.Redacted == "") {
		dst = s.sign(dst, unsigned)
	}
	j := head(dst, "content_block_stop")
	j.Key("index").Int(int64(s.open.at))
	s.open = nil
	return tail(j)
}

// next opens the part that waited longest and writes what came of it.
func (s *encoder) next(dst []byte) []byte {
	if len(s.queue) == 0 {
		return dst
	}
	w := s.queue[0]
	s.queue = s.queue[1:]
	dst = s.openBlock(dst, w)
	s.held -= len(w.text)
	if len(w.text) > 0 {
		dst = s.more(dst, string(w.text))
		w.text = nil
	}
	if w.signature != "" {
		dst = s.sign(dst, w.signature)
	}
	return dst
}

// done ends what is open, tells the reason and the usage, and ends the stream.
func (s *encoder) done(dst []byte) []byte {
	for s.open != nil {
		dst = s.next(s.closeBlock(dst))
	}
	j := head(dst, "message_delta")
	j.Key("delta").Open()
	writeEnding(&j, reasonOf(s.stop, s.called, s.refused), s.stopAt)
	j.Key("container").Null()
	j.Close()
	j.Key("usage").Open()
	writeCounts(&j, s.usage)
	j.Close()
	return tail(head(tail(j), "message_stop"))
}
