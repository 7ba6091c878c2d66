// SPDX-License-Identifier: Apache-2.0

package openai

import (
	"encoding/json"
	"math"
	"strconv"

	"holdfast"
)

// mostTokens bounds what is believed of an upstream's count for one call.
const mostTokens = 1 << 40

// ParseUsage reads a usage object, in which cached tokens are part of the prompt's and reasoning
// part of the completion's. It is false for an object that says nothing believable: all zero,
// negative, absurd, or not of numbers.
func ParseUsage(raw []byte) (holdfast.Usage, bool) {
	var prompt, completion, cached, reasoning int64
	ok := true
	counts(raw, func(key, value []byte) {
		switch string(key) {
		case "prompt_tokens":
			prompt = count(value, &ok)
		case "completion_tokens":
			completion = count(value, &ok)
		case "prompt_tokens_details":
			cached = detail(value, "cached_tokens", &ok)
		case "completion_tokens_details":
			reasoning = detail(value, "reasoning_tokens", &ok)
		}
	})
	cached = min(cached, prompt)
	usage := holdfast.Usage{
		Input: prompt - cached, CachedRead: cached,
		Output: completion, Reasoning: min(reasoning, completion),
	}
	return usage, ok && usage.Total() > 0
}

func counts(raw []byte, each func(key, value []byte)) {
	s := scanner{b: raw}
	s.members(func(m member) bool {
		each(m.key, raw[m.start:m.end])
		return true
	})
}

func detail(raw []byte, name string, ok *bool) int64 {
	n := int64(0)
	counts(raw, func(key, value []byte) {
		if string(key) == name {
			n = count(value, ok)
		}
	})
	return n
}

// count reads a number of tokens; null is none.
func count(value []byte, ok *bool) int64 {
	if string(value) == "null" {
		return 0
	}
	n, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil {
		f, floatErr := strconv.ParseFloat(string(value), 64) // some servers write 12.0
		if floatErr != nil || f != math.Trunc(f) || math.Abs(f) > mostTokens {
			*ok = false
			return 0
		}
		n = int64(f)
	}
	if n < 0 || n > mostTokens {
		*ok = false
		return 0
	}
	return n
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
		switch string(m.key) {
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
		switch string(m.key) {
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
		if string(m.key) == "role" || blank(inner) {
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
