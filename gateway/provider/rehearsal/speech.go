// SPDX-License-Identifier: Apache-2.0

package rehearsal

import (
	"bytes"
	"encoding/json"
	"time"
	"unicode/utf8"

	"holdfast"
	"holdfast/gateway/dialect/openai"
	"holdfast/gateway/dialect/wire"
)

// speech is one answer before it takes the form of a body or a stream.
type speech struct {
	id      string
	created int64
	model   string
	text    string
	tools   []toolCall
	finish  string
	usage   *holdfast.Usage
}

type toolCall struct {
	Index    *int     `json:"index,omitempty"`
	ID       string   `json:"id,omitempty"`
	Type     string   `json:"type,omitempty"`
	Function function `json:"function"`
}

type function struct {
	Name      string `json:"name,omitempty"`
	Arguments string `json:"arguments"`
}

// say fills the rule's reply for a request.
func (r *rule) say(asked request, id string) speech {
	values := asked.values()
	r.captures(asked, values)
	s := speech{id: "chatcmpl-" + id, created: time.Now().Unix(), model: asked.model, finish: "stop"}
	var out bytes.Buffer
	if r.json != nil {
		writeValue(&out, r.json, values)
	}
	s.text = r.text.fill(values) + out.String()
	for i, t := range r.tools {
		var arguments bytes.Buffer
		writeValue(&arguments, t.arguments, values)
		call := function{t.name.fill(values), arguments.String()}
		s.tools = append(s.tools, toolCall{ID: "call_" + id + "_" + string(rune('a'+i%26)), Type: "function", Function: call})
		s.finish = "tool_calls"
	}
	if r.Fault.Empty {
		s.text, s.tools, s.finish = "", nil, "stop"
	}
	s.shorten(asked.limit())
	if r.Reply.Finish != "" {
		s.finish = r.Reply.Finish
	}
	s.count(asked, r.Usage)
	return s
}

// shorten cuts the text at the request's limit.
func (s *speech) shorten(limit int64) {
	if limit <= 0 || wire.Tokens([]byte(s.text)) <= limit {
		return
	}
	end := 0
	for end < len(s.text) {
		_, size := utf8.DecodeRuneInString(s.text[end:])
		if wire.Tokens([]byte(s.text[:end+size])) > limit {
			break
		}
		end += size
	}
	s.text, s.tools, s.finish = s.text[:end], nil, "length"
}

func (s *speech) count(asked request, rule usageRule) {
	if rule.none {
		return
	}
	u := rule.usage
	if !rule.given {
		u = holdfast.Usage{Input: asked.input, Output: wire.Tokens([]byte(s.text))}
		for _, t := range s.tools {
			u.Output += wire.Tokens([]byte(t.Function.Name)) + wire.Tokens([]byte(t.Function.Arguments))
		}
	}
	s.usage = &u
}

// completion is the speech as a plain answer.
func (s *speech) completion() []byte {
	said := map[string]any{"role": "assistant", "content": s.text}
	if len(s.tools) > 0 {
		said["tool_calls"] = s.tools
		if s.text == "" {
			said["content"] = nil
		}
	}
	whole := s.head("chat.completion")
	whole["choices"] = []any{map[string]any{"index": 0, "message": said, "finish_reason": s.finish, "logprobs": nil}}
	if s.usage != nil {
		whole["usage"] = openai.WireUsage(*s.usage)
	}
	return encode(whole)
}

func (s *speech) head(object string) map[string]any {
	return map[string]any{"id": s.id, "object": object, "created": s.created, "model": s.model}
}

// chunks is the speech as the events of a stream, [DONE] left out.
func (s *speech) chunks(usage bool, size int) [][]byte {
	events := [][]byte{s.chunk(map[string]any{"role": "assistant", "content": ""}, nil)}
	for rest := []rune(s.text); len(rest) > 0; {
		n := min(size, len(rest))
		events = append(events, s.chunk(map[string]any{"content": string(rest[:n])}, nil))
		rest = rest[n:]
	}
	for i, t := range s.tools {
		whole := t.Function.Arguments
		t.Index, t.Function.Arguments = &i, ""
		events = append(events, s.chunk(map[string]any{"tool_calls": []toolCall{t}}, nil))
		for rest := []rune(whole); len(rest) > 0; {
			n := min(size, len(rest))
			piece := toolCall{Index: &i, Function: function{Arguments: string(rest[:n])}}
			events = append(events, s.chunk(map[string]any{"tool_calls": []toolCall{piece}}, nil))
			rest = rest[n:]
		}
	}
	events = append(events, s.chunk(map[string]any{}, &s.finish))
	if usage && s.usage != nil {
		last := s.head("chat.completion.chunk")
		last["choices"], last["usage"] = []any{}, openai.WireUsage(*s.usage)
		events = append(events, event(last))
	}
	return events
}

func (s *speech) chunk(delta map[string]any, finish *string) []byte {
	c := s.head("chat.completion.chunk")
	c["choices"] = []any{map[string]any{"index": 0, "delta": delta, "finish_reason": finish, "logprobs": nil}}
	return event(c)
}

func event(v any) []byte {
	return append(append([]byte("data: "), encode(v)...), "\n\n"...)
}

func encode(v any) []byte {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if e.Encode(v) != nil {
		return []byte("{}")
	}
	return bytes.TrimRight(out.Bytes(), "\n")
}
