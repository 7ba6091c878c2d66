// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"time"

	"holdfast"
)

// Gemini CLI keeps a conversation in one JSON file, which it writes anew, or, in newer versions, in a
// log of a line a message. Messages of type gemini have tokens: {input, output, cached, thoughts,
// tool, total}, where cached is part of input when the total says so. OpenCode keeps a file a
// message: {id, sessionID, modelID, providerID, cost, time: {created}, tokens: {input, output,
// reasoning, cache: {read, write}}}, where reasoning stands beside output.

// geminiState is what the next lines of a conversation are read with.
type geminiState struct {
	session, model string
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
			s.session = string(plain(value))
		case "timestamp":
			when, timed = moment(plain(value))
		}
	})
	if len(model) > 0 {
		s.model = w.intern(model)
	}
	usage, ok := geminiTokens(tokens)
	if !whole || !ok || !timed || string(kind) != "gemini" || s.model == "" {
		return
	}
	if s.session == "" {
		s.session = f.session
	}
	named := id
	if len(id) == 0 {
		named = strconv.AppendInt(nil, when.UnixMilli(), 10)
	}
	emit(found{key: hash("gemini", []byte(s.session), named), Record: Record{
		Source: Gemini, Time: when, Session: w.intern([]byte(s.session)), Project: f.project, Provider: "google",
		Model: s.model, Usage: usage,
	}})
}

func geminiTokens(b []byte) (u holdfast.Usage, ok bool) {
	if len(b) == 0 || b[0] != '{' {
		return u, false
	}
	var input, output, cached, thoughts, tool, total int64
	ok = members(b, func(key, value []byte) {
		n := tokens(value)
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
	if total != input+output+thoughts+tool+cached { // then cached is not beside input, but part of it
		input -= min(cached, input)
	}
	u = holdfast.Usage{Input: input + tool, CachedRead: cached, Output: output + thoughts, Reasoning: thoughts}
	if u.Total() == 0 {
		u.Output = total
	}
	return u, ok && u.Total() > 0
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
			state.session = string(plain(value))
		case "messages":
			messages = value
		}
	})
	elements(messages, func(v []byte) {
		state.model = ""
		w.geminiMessage(v, &state, f, emit)
	})
}

// openCodeFile reads a message of OpenCode.
func (w *worker) openCodeFile(text []byte, f *file, emit func(found)) {
	if r, ok := OpenCodeMessage(text, "", ""); ok {
		r.Project = f.project
		r.Session, r.Model, r.Provider = w.intern([]byte(r.Session)), w.intern([]byte(r.Model)), w.intern([]byte(r.Provider))
		emit(found{key: hash("opencode", []byte(r.Key)), Record: r})
	}
}

// OpenCodeMessage reads a message as OpenCode keeps it, in a file or in a row of its database, which
// has id and session beside it. The record's key is not yet the one that Scan gives it; see
// OpenCodeKey.
func OpenCodeMessage(text []byte, id, session string) (Record, bool) {
	r := Record{Source: OpenCode, Key: id, Session: session}
	var millis int64
	var tok, model []byte
	whole := members(bytes.TrimSpace(text), func(key, value []byte) {
		switch string(key) {
		case "id":
			fill(&r.Key, value)
		case "sessionID":
			fill(&r.Session, value)
		case "modelID":
			r.Model = string(plain(value))
		case "providerID":
			r.Provider = string(plain(value))
		case "model":
			model = value
		case "cost":
			r.Nano, r.Priced = dollars(value)
		case "time":
			millis = tokens(dig(value, "created"))
		case "tokens":
			tok = value
		}
	})
	if r.Model == "" {
		r.Model, r.Provider = string(plain(dig(model, "id"))), string(plain(dig(model, "providerID")))
	}
	r.Usage = openCodeTokens(tok)
	// A cost of 0 means that no price was known.
	r.Priced = r.Priced && r.Nano > 0
	r.Time = time.UnixMilli(millis).UTC()
	return r, whole && r.Key != "" && r.Model != "" && millis > 0 && r.Usage.Total() > 0
}

// OpenCodeKey is the key of the message of that id, wherever it is kept.
func OpenCodeKey(id string) string { return keyOf(OpenCode, hash("opencode", []byte(id))) }

func fill(into *string, value []byte) {
	if *into == "" {
		*into = string(plain(value))
	}
}

func openCodeTokens(b []byte) holdfast.Usage {
	var u holdfast.Usage
	var total int64
	members(b, func(key, value []byte) {
		switch string(key) {
		case "input":
			u.Input = tokens(value)
		case "output":
			u.Output += tokens(value)
		case "reasoning":
			u.Reasoning = tokens(value)
			u.Output += u.Reasoning
		case "total":
			total = tokens(value)
		case "cache":
			u.CachedRead, u.CacheWrite5m = tokens(dig(value, "read")), tokens(dig(value, "write"))
		}
	})
	if u.Total() == 0 {
		u.Output = total
	}
	return u
}

// openCodePlace reads the session from where a message stands: SESSION/MESSAGE.json.
func openCodePlace(relative string) (session string) {
	session, _, _ = strings.Cut(relative, "/")
	return session
}
