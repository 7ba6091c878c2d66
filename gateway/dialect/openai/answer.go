// SPDX-License-Identifier: Apache-2.0

package openai

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"holdfast"
	"holdfast/gateway/dialect"
	"holdfast/gateway/dialect/wire"
)

// decodeAnswer reads a plain answer. Members that say nothing about the conversation are passed over.
func decodeAnswer(body []byte) (*dialect.Response, error) {
	v, err := wire.Check(body)
	if err != nil {
		return nil, fmt.Errorf("cannot read the answer: %w", err)
	}
	r := &dialect.Response{}
	var first wire.Value
	err = v.Object(func(key []byte, v wire.Value) error {
		switch string(key) {
		case "id":
			return v.Into(&r.ID)
		case "model":
			return v.Into(&r.Model)
		case "created":
			r.Created = v.Moment()
		case "usage":
			r.Usage, r.HasUsage = ParseUsage(v.Raw)
		case "choices":
			return v.List(func(i int, v wire.Value) error {
				if i == 0 {
					first = v
				}
				return nil
			})
		}
		return nil
	})
	if err == nil && first.IsNull() {
		err = wire.WrongField("choices", "are missing")
	}
	if err == nil {
		err = decodeAnswerChoice(r, first)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the answer: %w", err)
	}
	return r, nil
}

func decodeAnswerChoice(r *dialect.Response, v wire.Value) error {
	reason := ""
	err := v.Object(func(key []byte, v wire.Value) error {
		switch string(key) {
		case "message":
			return decodeAnswerMessage(r, v)
		case "finish_reason":
			return v.Into(&reason)
		}
		return nil
	})
	r.Stop = stopOf(reason, calls(r.Parts))
	return err
}

func calls(parts []dialect.Part) bool {
	for _, p := range parts {
		if p.Kind == dialect.PartToolCall {
			return true
		}
	}
	return false
}

// stopOf reads a finish reason. Some servers say stop though tools are called.
func stopOf(reason string, called bool) dialect.Stop {
	switch reason {
	case "length", "model_length", "max_tokens":
		return dialect.StopLength
	case "content_filter":
		return dialect.StopFilter
	}
	if called {
		return dialect.StopTools
	}
	return dialect.StopEnd
}

func decodeAnswerMessage(r *dialect.Response, v wire.Value) error {
	var s said
	if err := v.Object(s.takeAnswer); err != nil {
		return err
	}
	thinking, err := decodeThoughts(s)
	if err != nil {
		return err
	}
	r.Parts = thinking
	if err := decodeAnswerContent(r, s.content); err != nil {
		return wire.Within("content", err)
	}
	refusal := ""
	if err := s.refusal.Into(&refusal); err == nil && refusal != "" {
		r.Parts = append(r.Parts, dialect.Part{Kind: dialect.PartRefusal, Text: refusal})
	}
	if s.calls.IsNull() {
		return nil
	}
	return s.calls.List(func(i int, v wire.Value) error {
		d := readCallDelta(v)
		if d.name == "" {
			return wire.WrongField("function.name", "is missing")
		}
		call := &dialect.ToolCall{ID: orName(d.id, r.ID, i), Name: d.name, Arguments: d.arguments}
		r.Parts = append(r.Parts, dialect.Part{Kind: dialect.PartToolCall, Call: call})
		return nil
	})
}

// orName names a call that the server left without an id.
func orName(id, answer string, at int) string {
	if id != "" {
		return id
	}
	return "call_" + strconv.Itoa(at) + "_" + strings.Map(func(c rune) rune {
		if c == '-' || c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' {
			return c
		}
		return -1
	}, answer[:min(len(answer), 40)])
}

// takeAnswer is take for a message of a server, whose further members are passed over unless they
// are part of the answer.
func (s *said) takeAnswer(key []byte, v wire.Value) error {
	switch string(key) {
	case "content", "refusal", "tool_calls", "reasoning_content", "reasoning", "reasoning_details":
		return s.take(key, v)
	case "audio", "images", "function_call":
		if !wire.Blank(v.Raw) {
			return wire.Wrong("has no word in the client's dialect")
		}
	}
	return nil
}

// decodeAnswerContent reads text, or the list of text and thinking that Mistral sends.
func decodeAnswerContent(r *dialect.Response, v wire.Value) error {
	switch {
	case v.IsNull():
		return nil
	case v.IsText():
		text, err := v.Text()
		if text != "" {
			r.Parts = append(r.Parts, dialect.Part{Kind: dialect.PartText, Text: text})
		}
		return err
	}
	return v.List(func(_ int, v wire.Value) error {
		text, thinking := readPiece(v)
		switch {
		case thinking != "":
			r.Parts = append(r.Parts, dialect.Part{Kind: dialect.PartThinking, Thinking: &dialect.Thinking{Text: thinking}})
		case text != "":
			r.Parts = append(r.Parts, dialect.Part{Kind: dialect.PartText, Text: text})
		}
		return nil
	})
}

// readPiece reads {"type":"text","text":…} or {"type":"thinking","thinking":[{"text":…}]}.
func readPiece(v wire.Value) (text, thinking string) {
	s := wire.Scanner{B: v.Raw}
	s.Members(func(m wire.Member) bool {
		inner := wire.Value{Raw: v.Raw[m.Start:m.End]}
		switch {
		case string(m.Key) == "text" && inner.IsText():
			text, _ = inner.Text()
		case string(m.Key) == "thinking" && inner.IsText():
			thinking, _ = inner.Text()
		case string(m.Key) == "thinking" && inner.IsList():
			list := wire.Scanner{B: inner.Raw}
			list.Elements(func(raw []byte) {
				more, _ := readPiece(wire.Value{Raw: raw})
				thinking += more
			})
		}
		return true
	})
	return text, thinking
}

// encodeAnswer writes a plain answer.
func encodeAnswer(r *dialect.Response, _ *dialect.Request) ([]byte, error) {
	j := make(wire.JSON, 0, 1024)
	j.Open()
	writeHead(&j, r.ID, "chat.completion", r.Created, r.Model)
	j.Key("choices").List()
	j.Open()
	j.Key("index").Int(0)
	j.Key("message").Open()
	if err := writeAnswerMessage(&j, r.Parts); err != nil {
		return nil, err
	}
	j.Close()
	j.Key("logprobs").Null()
	j.Key("finish_reason").Text(reasonOf(r.Stop, calls(r.Parts)))
	j.Close()
	j.EndList()
	if r.HasUsage {
		j.Key("usage")
		writeUsage(&j, r.Usage)
	}
	j.Close()
	return j, nil
}

func writeHead(j *wire.JSON, id, object string, created int64, model string) {
	if id == "" {
		id = "chatcmpl-" + strconv.FormatInt(time.Now().UnixNano(), 36)
	}
	if created == 0 {
		created = time.Now().Unix()
	}
	j.Key("id").Text(id)
	j.Key("object").Text(object)
	j.Key("created").Int(created)
	j.Key("model").Text(model)
}

func writeAnswerMessage(j *wire.JSON, parts []dialect.Part) error {
	var said, refused []string
	var called []*dialect.ToolCall
	for _, p := range parts {
		switch p.Kind {
		case dialect.PartText:
			said = append(said, p.Text)
		case dialect.PartRefusal:
			refused = append(refused, p.Text)
		case dialect.PartToolCall:
			called = append(called, p.Call)
		case dialect.PartThinking:
		default:
			return fmt.Errorf("cannot write the answer: a part of kind %d has no word in chat completions", p.Kind)
		}
	}
	j.Key("role").Text("assistant")
	textOrNull(j.Key("content"), strings.Join(said, ""))
	if len(said) == 0 && len(refused) == 0 && len(called) == 0 {
		*j = append((*j)[:len(*j)-len("null")], `""`...)
	}
	textOrNull(j.Key("refusal"), strings.Join(refused, ""))
	text, signed := thoughts(parts)
	j.Field("reasoning_content", text)
	if signed {
		j.Key("reasoning_details").List()
		writeDetails(j, parts)
		j.EndList()
	}
	writeCalls(j, called, false)
	return nil
}

// reasonOf writes a finish reason.
func reasonOf(stop dialect.Stop, called bool) string {
	switch stop {
	case dialect.StopLength, dialect.StopFilter, dialect.StopTools:
		return string(stop)
	case dialect.StopEnd, dialect.StopSequence, dialect.StopPause:
	}
	if called && stop == "" {
		return string(dialect.StopTools)
	}
	return "stop"
}

// writeUsage writes usage, in which cached tokens are part of the prompt's.
func writeUsage(j *wire.JSON, u holdfast.Usage) {
	written := u.CacheWrite5m + u.CacheWrite1h
	prompt := u.Input + u.CachedRead + written
	j.Open()
	j.Key("prompt_tokens").Int(prompt)
	j.Key("completion_tokens").Int(u.Output)
	j.Key("total_tokens").Int(prompt + u.Output)
	j.Key("prompt_tokens_details").Open()
	j.Key("cached_tokens").Int(u.CachedRead)
	j.IntField("cache_write_tokens", written)
	j.Key("audio_tokens").Int(0)
	j.Close()
	j.Key("completion_tokens_details").Open()
	j.Key("reasoning_tokens").Int(u.Reasoning)
	j.Key("audio_tokens").Int(0)
	j.Key("accepted_prediction_tokens").Int(0)
	j.Key("rejected_prediction_tokens").Int(0)
	j.Close()
	j.Close()
}
