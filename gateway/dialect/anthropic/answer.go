// SPDX-License-Identifier: Apache-2.0

package anthropic

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"

	"holdfast/gateway/dialect"
	"holdfast/gateway/dialect/wire"
)

// stopOf reads a reason to stop.
func stopOf(reason string) dialect.Stop {
	switch reason {
	case "end_turn":
		return dialect.StopEnd
	case "max_tokens", "model_context_window_exceeded":
		return dialect.StopLength
	case "stop_sequence":
		return dialect.StopSequence
	case "tool_use":
		return dialect.StopTools
	case "pause_turn":
		return dialect.StopPause
	case "refusal":
		return dialect.StopFilter
	}
	return ""
}

// reasonOf words a reason to stop. Some servers call it an end where tools were called, and clients
// of the dialect look for nothing but the reason.
func reasonOf(stop dialect.Stop, called, refused bool) string {
	switch stop {
	case dialect.StopLength:
		return "max_tokens"
	case dialect.StopTools:
		return "tool_use"
	case dialect.StopFilter:
		return "refusal"
	case dialect.StopSequence:
		return "stop_sequence"
	case dialect.StopPause:
		return "pause_turn"
	case dialect.StopEnd:
	}
	switch {
	case called:
		return "tool_use"
	case refused:
		return "refusal"
	}
	return "end_turn"
}

type answerBlock struct {
	Type      string          `json:"type"`
	Text      string          `json:"text"`
	Thinking  string          `json:"thinking"`
	Signature string          `json:"signature"`
	Data      string          `json:"data"`
	ID        string          `json:"id"`
	Name      string          `json:"name"`
	Input     json.RawMessage `json:"input"`
}

func decodeAnswer(body []byte) (*dialect.Response, error) {
	var m struct {
		Type         string          `json:"type"`
		ID           string          `json:"id"`
		Model        string          `json:"model"`
		Content      []answerBlock   `json:"content"`
		StopReason   string          `json:"stop_reason"`
		StopSequence string          `json:"stop_sequence"`
		Usage        json.RawMessage `json:"usage"`
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return nil, fmt.Errorf("cannot read the answer as a message of the Messages API: %w", err)
	}
	if m.Content == nil || (m.Type != "message" && m.Type != "") {
		return nil, errors.New("cannot read the answer as a message of the Messages API: want type message and a list content")
	}
	r := &dialect.Response{
		ID: m.ID, Model: m.Model, Stop: stopOf(m.StopReason), StopSequence: m.StopSequence,
	}
	for i, b := range m.Content {
		part, err := b.part()
		if err != nil {
			return nil, fmt.Errorf("cannot translate content[%d] of the answer: %w", i, err)
		}
		r.Parts = append(r.Parts, part)
	}
	var c counted
	c.take(m.Usage)
	r.Usage, r.HasUsage = c.usage()
	return r, nil
}

func (b *answerBlock) part() (dialect.Part, error) {
	switch b.Type {
	case "text":
		return dialect.Part{Kind: dialect.PartText, Text: b.Text}, nil
	case "thinking":
		return dialect.Part{Kind: dialect.PartThinking, Thinking: &dialect.Thinking{Text: b.Thinking, Signature: b.Signature}}, nil
	case "redacted_thinking":
		return dialect.Part{Kind: dialect.PartThinking, Thinking: &dialect.Thinking{Redacted: b.Data}}, nil
	case "tool_use":
		if b.ID == "" || b.Name == "" {
			return dialect.Part{}, errors.New("a call of a tool has no id or no name")
		}
		call := &dialect.ToolCall{ID: b.ID, Name: b.Name, Arguments: string(b.Input)}
		if len(b.Input) == 0 || string(b.Input) == "null" {
			call.Arguments = "{}"
		}
		return dialect.Part{Kind: dialect.PartToolCall, Call: call}, nil
	}
	return dialect.Part{}, fmt.Errorf("a block of type %q exists in the Messages API alone", b.Type)
}

// unnamed is the id of an answer whose server gave it none.
const unnamed = "msg_unnamed"

func encodeAnswer(r *dialect.Response, _ *dialect.Request) ([]byte, error) {
	var j wire.JSON
	j.Open()
	j.Key("id").Text(cmp.Or(r.ID, unnamed))
	j.Key("type").Text("message")
	j.Key("role").Text("assistant")
	j.Key("model").Text(r.Model)
	j.Key("content").List()
	called, refused := false, false
	for _, p := range r.Parts {
		called = called || p.Kind == dialect.PartToolCall
		refused = refused || p.Kind == dialect.PartRefusal
		if err := writeAnswerPart(&j, p); err != nil {
			return nil, err
		}
	}
	j.EndList()
	writeEnding(&j, reasonOf(r.Stop, called, refused), r.StopSequence)
	j.Key("container").Null()
	j.Key("usage")
	writeUsage(&j, r.Usage)
	j.Close()
	return j, nil
}

func writeEnding(j *wire.JSON, reason, sequence string) {
	j.Key("stop_reason").Text(reason)
	if sequence == "" || reason != "stop_sequence" {
		j.Key("stop_sequence").Null()
	} else {
		j.Key("stop_sequence").Text(sequence)
	}
	j.Key("stop_details").Null()
}

func writeAnswerPart(j *wire.JSON, p dialect.Part) error {
	switch p.Kind {
	case dialect.PartText, dialect.PartRefusal:
		writeBlockHead(j, p)
		j.Key("text").Text(p.Text)
		j.Close()
	case dialect.PartThinking:
		if p.Thinking != nil {
			thought := *p.Thinking
			thought.Signature = cmp.Or(thought.Signature, unsigned)
			writeThought(j, &thought)
		}
	case dialect.PartToolCall:
		input, ok := inputOf(p.Call.Arguments)
		if !ok {
			return fmt.Errorf("cannot translate the call of %s: its arguments are no JSON object", p.Call.Name)
		}
		writeBlockHead(j, p)
		j.Key("input").Raw(input)
		j.Close()
	case dialect.PartImage, dialect.PartFile, dialect.PartAudio, dialect.PartToolResult:
		return errors.New("cannot translate the answer: an answer of the Messages API holds text, thinking and calls of tools alone")
	}
	return nil
}

// writeBlockHead writes what a block of an answer begins with, but for its text or input.
func writeBlockHead(j *wire.JSON, p dialect.Part) {
	j.Open()
	if p.Kind != dialect.PartToolCall {
		j.Key("type").Text("text")
		j.Key("citations").Null()
		return
	}
	j.Key("type").Text("tool_use")
	j.Key("id").Text(callID(p.Call.ID))
	j.Key("name").Text(p.Call.Name)
}
