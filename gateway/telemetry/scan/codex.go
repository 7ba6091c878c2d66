// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"bytes"
	"strconv"
	"time"

	"holdfast"
)

// Codex writes a line an event. A token_count event has the tokens of the last call and the total of
// the session; when the total stands still nothing was spent, and after a compaction it may begin
// anew. The model stands in turn_context. cached_input_tokens are part of input_tokens, and
// reasoning_output_tokens of output_tokens.
//
// A session that was forked, or begun by another as a sub-agent, first repeats the events of its
// parent, with new times. What it repeats is known by comparing it with the parent's log up to the
// fork. Where that log is gone, it is the burst at the beginning: such events are written at one go.

// codexBurst is the longest pause between two events of a burst.
const codexBurst = time.Second

// codexState is what the next lines of a session are read with.
type codexState struct {
	Session string    `json:"session,omitempty"`
	Parent  string    `json:"parent,omitempty"`
	Forked  time.Time `json:"forked,omitzero"`
	// Provider is the name that Codex's settings have for who is called.
	Provider string     `json:"provider,omitempty"`
	Model    string     `json:"model,omitempty"`
	Total    codexUsage `json:"total,omitzero"`
	Counted  bool       `json:"counted,omitempty"` // Total was told
	Begun    bool       `json:"begun,omitempty"`   // past the first line
	// While it repeats its parent: how many events were found in the parent's log, or when the
	// last of the burst was written.
	Replay  replay    `json:"replay,omitempty"`
	Matched int       `json:"matched,omitempty"`
	Burst   time.Time `json:"burst,omitzero"`
	// told is what the last line said of tokens.
	told told
}

// told is whether a line says tokens, and in a form that is known.
type told int8

const (
	toldNothing told = iota
	toldKnown
	toldUnknown
)

// A replay is where a session stands that may repeat its parent.
//
//	none ── forked or begun by a parent ──▶ matching ── first event differs, burst ──▶ bursting
//	                                            │                                          │
//	                                            └── any other event differs ──▶ none ◀── pause
type replay int

const (
	replayNone replay = iota
	replayMatching
	replayBursting
)

type codexUsage struct {
	Input     int64 `json:"i,omitempty"`
	Cached    int64 `json:"c,omitempty"`
	Written   int64 `json:"w,omitempty"`
	Output    int64 `json:"o,omitempty"`
	Reasoning int64 `json:"r,omitempty"`
	Total     int64 `json:"t,omitempty"`
}

// A codexEvent is one that spent tokens.
type codexEvent struct {
	time  time.Time
	model string
	used  codexUsage
}

// codexLine takes in a line and returns the event that it is, when it spent tokens.
func (s *codexState) codexLine(line []byte, intern func([]byte) string) (codexEvent, bool) {
	s.told = toldNothing
	if !s.Begun {
		s.Begun = true
		if s.begin(line) {
			return codexEvent{}, false
		}
	}
	if !codexMatters(line) {
		return codexEvent{}, false
	}
	var kind, payload []byte
	var when time.Time
	timed := false
	whole := members(line, func(key, value []byte) {
		switch string(key) {
		case "timestamp":
			when, timed = moment(plain(value))
		case "type":
			kind = plain(value)
		case "payload":
			payload = value
		}
	})
	switch {
	case !whole:
		return codexEvent{}, false
	case string(kind) == "turn_context":
		if model := modelIn(payload); len(model) > 0 {
			s.Model = intern(model)
		}
		return codexEvent{}, false
	case string(kind) != "event_msg" || !timed:
		return codexEvent{}, false
	}
	used, model, ok := s.tokenCount(payload)
	if len(model) > 0 {
		s.Model = intern(model)
	}
	if s.Model == "" && ok {
		s.Model = codexUnnamed
	}
	return codexEvent{when, s.Model, used}, ok
}

// codexUnnamed is the model of sessions that name none: those of the first versions, which used it.
const codexUnnamed = "gpt-5"

// codexMatters tells whether a line may say tokens or the model. Nearly all are of other kinds, and
// say so within their first bytes.
func codexMatters(line []byte) bool {
	head := line[:min(len(line), 160)]
	if bytes.Contains(head, []byte(`"type":"response_item"`)) {
		return false
	}
	return bytes.Contains(line, []byte(`"token_count"`)) || bytes.Contains(line, []byte(`"turn_context"`))
}

// begin reads the first line: who the session is, and from whom it comes.
func (s *codexState) begin(line []byte) bool {
	var kind, payload []byte
	members(line, func(key, value []byte) {
		switch string(key) {
		case "timestamp":
			s.Forked, _ = moment(plain(value))
		case "type":
			kind = plain(value)
		case "payload":
			payload = value
		}
	})
	if string(kind) != "session_meta" {
		s.Forked = time.Time{}
		return false
	}
	var forked, spawned string
	members(payload, func(key, value []byte) {
		switch string(key) {
		case "id":
			s.Session = named(plain(value))
		case "model_provider":
			s.Provider = named(plain(value))
		case "forked_from_id":
			forked = named(plain(value))
		case "source":
			spawned = named(plain(dig(value, "subagent", "thread_spawn", "parent_thread_id")))
		}
	})
	if s.Parent = forked; forked == "" {
		s.Parent = spawned
	}
	if s.Parent != "" {
		s.Replay = replayMatching
	}
	return true
}

// dig is the member at a path through objects.
func dig(b []byte, path ...string) []byte {
	for _, name := range path {
		var inner []byte
		members(b, func(key, value []byte) {
			if string(key) == name {
				inner = value
			}
		})
		b = inner
	}
	return b
}

// modelIn is the model that an object names.
func modelIn(b []byte) []byte {
	var model, name, meta []byte
	members(b, func(key, value []byte) {
		switch string(key) {
		case "model":
			model = bytes.TrimSpace(plain(value))
		case "model_name":
			name = bytes.TrimSpace(plain(value))
		case "metadata":
			meta = bytes.TrimSpace(plain(dig(value, "model")))
		}
	})
	for _, m := range [][]byte{model, name, meta} {
		if len(m) > 0 {
			return m
		}
	}
	return nil
}

// tokenCount takes in a token_count event.
func (s *codexState) tokenCount(payload []byte) (used codexUsage, model []byte, ok bool) {
	var kind, info []byte
	members(payload, func(key, value []byte) {
		switch string(key) {
		case "type":
			kind = plain(value)
		case "info":
			info = value
		}
	})
	if string(kind) != "token_count" {
		return used, nil, false
	}
	if len(info) == 0 || info[0] != '{' {
		return used, nil, false
	}
	s.told = toldUnknown
	var last, total codexUsage
	var hasLast, hasTotal bool
	members(info, func(key, value []byte) {
		switch string(key) {
		case "last_token_usage":
			last, hasLast = codexTokens(value)
		case "total_token_usage":
			total, hasTotal = codexTokens(value)
		}
	})
	if hasLast || hasTotal {
		s.told = toldKnown
	}
	stands := hasTotal && s.Counted && total == s.Total
	switch {
	case hasLast && !stands:
		used = last
	case hasTotal:
		used = total.since(s.Total)
	default:
		return used, nil, false
	}
	if hasTotal {
		s.Total, s.Counted = total, true
	}
	used.Cached = min(used.Cached, used.Input)
	used.Written = min(used.Written, used.Input-used.Cached)
	if used.Input+used.Output+used.Reasoning == 0 {
		return used, nil, false
	}
	if model = modelIn(payload); len(model) == 0 {
		model = modelIn(info)
	}
	return used, model, true
}

func (u codexUsage) since(v codexUsage) codexUsage {
	less := func(a, b int64) int64 { return max(a-b, 0) }
	return codexUsage{
		less(u.Input, v.Input), less(u.Cached, v.Cached), less(u.Written, v.Written),
		less(u.Output, v.Output), less(u.Reasoning, v.Reasoning), less(u.Total, v.Total),
	}
}

// codexTokens reads the tokens of one call or session; fields that are no numbers count as absent.
func codexTokens(b []byte) (u codexUsage, ok bool) {
	if len(b) == 0 || b[0] != '{' {
		return u, false
	}
	has := false
	ok = members(b, func(key, value []byte) {
		n, whole := count(value)
		if !whole {
			return
		}
		switch string(key) {
		case "input_tokens":
			u.Input = n
		case "cached_input_tokens":
			u.Cached = n
		case "cache_write_input_tokens", "cache_creation_input_tokens":
			u.Written = n
		case "output_tokens":
			u.Output = n
		case "reasoning_output_tokens":
			u.Reasoning = n
		case "total_tokens":
			u.Total, has = n, n > 0
		}
	})
	if !has {
		u.Total = u.Input + u.Output + u.Reasoning
	}
	return u, ok
}

// mine tells whether an event was spent by the session itself, or repeats its parent. parent gives
// the parent's events up to the fork; burst, when the first two events of the session were written
// at one go, the time of the first.
func (s *codexState) mine(e codexEvent, parent func() []codexUsage, burst func() (time.Time, bool)) bool {
	if s.Replay == replayMatching {
		known := parent()
		if s.Matched < len(known) && known[s.Matched] == e.used {
			s.Matched++
			return false
		}
		s.Replay = replayNone
		if s.Matched == 0 {
			if first, ok := burst(); ok {
				s.Replay, s.Burst = replayBursting, first
			}
		}
	}
	if s.Replay == replayBursting {
		if pause := e.time.Sub(s.Burst); pause >= 0 && pause <= codexBurst {
			s.Burst = e.time
			return false
		}
		s.Replay = replayNone
	}
	return true
}

// record is the event as a call. The same event in two logs, as copies and archives have it, has one
// key.
func (e codexEvent) record(s *codexState, f *file, w *worker) found {
	u := e.used
	number := func(n int64) []byte { return strconv.AppendInt(nil, n, 10) }
	session, provider := s.Session, s.Provider
	if session == "" {
		session = f.session
	}
	if provider == "" {
		provider = "openai"
	}
	return found{
		key: hash("codex", number(e.time.UnixMilli()), []byte(e.model), number(u.Input), number(u.Cached), number(u.Output), number(u.Reasoning), number(u.Total)),
		Record: Record{
			Source: Codex, Time: e.time, Session: w.intern([]byte(session)), Project: f.project, Provider: w.intern([]byte(provider)), Model: e.model,
			Usage: holdfast.Usage{
				Input: u.Input - u.Cached - u.Written, CachedRead: u.Cached, CacheWrite5m: u.Written,
				Output: u.Output, Reasoning: u.Reasoning,
			},
		},
	}
}
