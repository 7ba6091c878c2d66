// SPDX-License-Identifier: Apache-2.0

package openai

import (
	"encoding/json"

	"holdfast"
	"holdfast/gateway/dialect"
	"holdfast/gateway/dialect/wire"
)

// ParseUsage reads a usage object, in which cached tokens, and those written to a cache, are part of
// the prompt's and reasoning part of the completion's. It is false for an object that says nothing
// believable: all zero, negative, absurd, or not of numbers. Servers that leave reasoning out of the
// completion (Gemini, xAI) tell by a total that is larger.
func ParseUsage(raw []byte) (holdfast.Usage, bool) {
	var prompt, completion, total, cached, written, reasoning int64
	ok := true
	counts(raw, func(key, value []byte) {
		switch string(key) {
		case "prompt_tokens":
			prompt = wire.Count(value, &ok)
		case "completion_tokens":
			completion = wire.Count(value, &ok)
		case "total_tokens":
			total = wire.Count(value, &ok)
		case "prompt_tokens_details":
			cached = max(cached, detail(value, "cached_tokens", &ok))
			written = detail(value, "cache_write_tokens", &ok)
		case "prompt_cache_hit_tokens", "cached_tokens": // DeepSeek, Moonshot
			cached = max(cached, wire.Count(value, &ok))
		case "completion_tokens_details":
			reasoning = detail(value, "reasoning_tokens", &ok)
		}
	})
	if beside := total - prompt - completion; beside > 0 && prompt > 0 {
		completion += beside
		reasoning = max(reasoning, beside)
	}
	cached = min(cached, prompt)
	written = min(written, prompt-cached)
	usage := holdfast.Usage{
		Input: prompt - cached - written, CachedRead: cached, CacheWrite5m: written,
		Output: completion, Reasoning: min(reasoning, completion),
	}
	return usage, ok && usage.Total() > 0
}

func counts(raw []byte, each func(key, value []byte)) {
	s := wire.Scanner{B: raw}
	s.Members(func(m wire.Member) bool {
		each(m.Key, raw[m.Start:m.End])
		return true
	})
}

func detail(raw []byte, name string, ok *bool) int64 {
	n := int64(0)
	counts(raw, func(key, value []byte) {
		if string(key) == name {
			n = wire.Count(value, ok)
		}
	})
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

// readAnswer reads a plain answer; false when it is no chat completion.
func readAnswer(body []byte) (dialect.Said, bool) {
	var c dialect.Said
	s := wire.Scanner{B: body}
	if !json.Valid(body) || s.Peek() != '{' {
		return c, false
	}
	ok, said := false, false
	s.Members(func(m wire.Member) bool {
		value := body[m.Start:m.End]
		switch string(m.Key) {
		case "id":
			c.ID, _ = wire.Value{Raw: value}.Text()
		case "usage":
			c.Usage, c.HasUsage = ParseUsage(value)
		case "choices":
			ok = value[0] == '['
			inner := wire.Scanner{B: value}
			inner.Elements(func(choice []byte) {
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
	s := wire.Scanner{B: choice}
	s.Members(func(m wire.Member) bool {
		value := choice[m.Start:m.End]
		switch string(m.Key) {
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
	s := wire.Scanner{B: value}
	s.Members(func(m wire.Member) bool {
		inner := value[m.Start:m.End]
		if string(m.Key) == "role" || wire.Blank(inner) {
			return true
		}
		said = true
		text := wire.Scanner{B: inner}
		text.Walk(func(t []byte) { tokens += wire.ValueTokens(t) })
		return true
	})
	return tokens, said
}
