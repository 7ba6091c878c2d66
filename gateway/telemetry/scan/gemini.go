// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"math"
	"strconv"
	"time"

	"holdfast"
)

// Gemini CLI keeps a conversation in a log of a line a record, or, in versions before 2026, in one JSON
// file, which it writes anew. Messages of type gemini have tokens: {input, output, cached, thoughts,
// tool, total}. A message is written again under its id as it gets tokens and tools; $set and $rewindTo
// change what is shown of the conversation, not what was spent.

// geminiState is what the next lines of a conversation are read with.
type geminiState struct {
	Session string    `json:"session,omitempty"`
	Model   string    `json:"model,omitempty"`
	Began   time.Time `json:"began,omitzero"`
	Count   int       `json:"count,omitempty"` // of answers so far
}

// geminiMessage hands on the call that a message tells of.
func (w *worker) geminiMessage(line []byte, s *geminiState, f *file, emit func(found)) {
	var kind, id, model, tokens []byte
	var when time.Time
	timed := false
	whole := members(line, func(key, value []byte) {
		switch string(key) {
		case "type":
			kind = plain(value)
		case "id":
			id = plain(value)
		case "model":
			model = plain(value)
		case "tokens":
			tokens = value
		case "sessionId":
			s.Session = named(plain(value))
		case "startTime":
			s.Began, _ = moment(plain(value))
		case "timestamp":
			when, timed = moment(plain(value))
		}
	})
	if len(model) > 0 {
		s.Model = w.intern(model)
	}
	if !whole || string(kind) != "gemini" {
		return
	}
	s.Count++
	usage, said, ok := geminiTokens(tokens)
	if len(tokens) > 0 && tokens[0] == '{' {
		f.answer(said && s.Model != "")
	}
	if !ok || s.Model == "" {
		return
	}
	if s.Session == "" {
		s.Session = f.session
	}
	name := id
	switch {
	case len(id) > 0:
	case timed:
		name = strconv.AppendInt(nil, when.UnixMilli(), 10)
	default:
		name = strconv.AppendInt([]byte("#"), int64(s.Count), 10)
	}
	if !timed {
		when = s.time(f)
	}
	emit(found{key: hash("gemini", []byte(s.Session), name), Record: Record{
		Source: Gemini, Time: when, Session: w.intern([]byte(s.Session)), Project: f.project, Provider: "google",
		Model: s.Model, Usage: usage,
	}})
}

// time is that of a message which tells none.
func (s *geminiState) time(f *file) time.Time {
	if !s.Began.IsZero() {
		return s.Began
	}
	return time.Unix(0, f.stamp.Written).UTC()
}

// geminiTokens reads the tokens of an answer. Cached ones are part of input, as the API counts, unless
// the total is at least as large as if they stood beside it. What the total has beyond its parts is
// thoughts: first versions told them there alone. said is whether there was any number that is known.
func geminiTokens(b []byte) (u holdfast.Usage, said, ok bool) {
	if len(b) == 0 || b[0] != '{' {
		return u, false, false
	}
	var input, output, cached, thoughts, tool, total int64
	ok = members(b, func(key, value []byte) {
		n := tokens(value)
		switch string(key) {
		case "input", "output", "total":
			said = true
		}
		switch string(key) {
		case "input":
			input = n
		case "output":
			output = n
		case "cached":
			cached = n
		case "thoughts":
			thoughts = n
		case "tool":
			tool = n
		case "total":
			total = n
		}
	})
	if total < input+output+thoughts+tool+cached {
		input -= min(cached, input)
	}
	u = holdfast.Usage{Input: input + tool, CachedRead: cached, Output: output + thoughts, Reasoning: thoughts}
	switch sum := u.Total(); {
	case sum == 0:
		u.Output = total
	case total > sum:
		u.Output, u.Reasoning = u.Output+total-sum, u.Reasoning+total-sum
	}
	return u, said, ok && u.Total() > 0
}

// tokens reads a number that some programs write as 12.0.
func tokens(v []byte) int64 {
	if n, ok := count(v); ok {
		return n
	}
	f, err := strconv.ParseFloat(string(v), 64)
	if err != nil || !(f > 0) || f > maxCount {
		return 0
	}
	return int64(math.Trunc(f))
}

// geminiFile reads a whole conversation.
func (w *worker) geminiFile(text []byte, f *file, emit func(found)) {
	var state geminiState
	var messages []byte
	members(text, func(key, value []byte) {
		switch string(key) {
		case "sessionId":
			state.Session = named(plain(value))
		case "startTime":
			state.Began, _ = moment(plain(value))
		case "messages":
			messages = value
		}
	})
	elements(messages, func(v []byte) {
		state.Model = ""
		w.geminiMessage(v, &state, f, emit)
	})
}
