// SPDX-License-Identifier: Apache-2.0

package openai

import (
	"encoding/json"

	"holdfast"
)

// wireUsage is the usage object of chat completions; cached tokens are part of the prompt's and
// reasoning part of the completion's.
type wireUsage struct {
	Prompt        int64 `json:"prompt_tokens"`
	Completion    int64 `json:"completion_tokens"`
	PromptDetails struct {
		Cached int64 `json:"cached_tokens"`
	} `json:"prompt_tokens_details"`
	CompletionDetails struct {
		Reasoning int64 `json:"reasoning_tokens"`
	} `json:"completion_tokens_details"`
}

// mostTokens bounds what is believed of an upstream's count for one call.
const mostTokens = 1 << 40

// ParseUsage reads a usage object. It is false for an object that says nothing believable: all
// zero, negative, or absurd.
func ParseUsage(raw []byte) (holdfast.Usage, bool) {
	var w wireUsage
	if json.Unmarshal(raw, &w) != nil {
		return holdfast.Usage{}, false
	}
	for _, n := range []int64{w.Prompt, w.Completion, w.PromptDetails.Cached, w.CompletionDetails.Reasoning} {
		if n < 0 || n > mostTokens {
			return holdfast.Usage{}, false
		}
	}
	cached := min(w.PromptDetails.Cached, w.Prompt)
	usage := holdfast.Usage{
		Input: w.Prompt - cached, CachedRead: cached,
		Output: w.Completion, Reasoning: min(w.CompletionDetails.Reasoning, w.Completion),
	}
	return usage, usage.Total() > 0
}

// WireUsage writes usage as chat completions do.
func WireUsage(u holdfast.Usage) map[string]any {
	prompt := u.Input + u.CachedRead + u.CacheWrite5m + u.CacheWrite1h
	return map[string]any{
		"prompt_tokens": prompt, "completion_tokens": u.Output, "total_tokens": prompt + u.Output,
		"prompt_tokens_details":     map[string]any{"cached_tokens": u.CachedRead},
		"completion_tokens_details": map[string]any{"reasoning_tokens": u.Reasoning},
	}
}

// A Completion is what the gateway needs to know of a plain answer.
type Completion struct {
	Usage    holdfast.Usage
	HasUsage bool
	// Output is the estimated size of the answer in tokens.
	Output int64
	// Empty answers say nothing and call no tool, though nothing cut them short.
	Empty bool
}

// ReadCompletion reads a plain answer; false when it is no chat completion.
func ReadCompletion(body []byte) (Completion, bool) {
	var c Completion
	s := scanner{b: body}
	if !json.Valid(body) || s.peek() != '{' {
		return c, false
	}
	ok, said := false, false
	s.members(func(m member) bool {
		value := body[m.start:m.end]
		switch m.key {
		case "usage":
			c.Usage, c.HasUsage = ParseUsage(value)
		case "choices":
			ok = value[0] == '['
			inner := scanner{b: value}
			inner.elements(func(choice []byte) {
				tokens, spoke := readChoice(choice)
				c.Output += tokens
				said = said || spoke
			})
		}
		return true
	})
	c.Empty = !said
	return c, ok
}

// readChoice estimates a choice's answer and tells whether it says anything.
func readChoice(choice []byte) (tokens int64, said bool) {
	s := scanner{b: choice}
	s.members(func(m member) bool {
		value := choice[m.start:m.end]
		switch m.key {
		case "message", "delta":
			t, spoke := readMessage(value)
			tokens += t
			said = said || spoke
		case "finish_reason":
			said = said || finishSpeaks(value)
		}
		return true
	})
	return tokens, said
}

// finishSpeaks tells whether a finish reason explains an answer without text.
func finishSpeaks(value []byte) bool {
	switch string(value) {
	case "null", `""`, `"stop"`:
		return false
	}
	return true
}

// readMessage estimates a message or delta; what is neither null, nor empty, nor the role, is said.
func readMessage(value []byte) (tokens int64, said bool) {
	s := scanner{b: value}
	s.members(func(m member) bool {
		inner := value[m.start:m.end]
		if m.key == "role" || blank(inner) {
			return true
		}
		said = true
		text := scanner{b: inner}
		text.walk(func(t []byte) { tokens += valueTokens(t) })
		return true
	})
	return tokens, said
}

func blank(value []byte) bool {
	switch string(value) {
	case "null", `""`, "[]", "{}", "false":
		return true
	}
	return false
}
