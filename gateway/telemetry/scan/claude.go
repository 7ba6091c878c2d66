// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"holdfast"
)

// Claude Code writes a line an event. What the model answered has message.usage, whole at each line:
// an answer is several lines, with the same message.id and requestId and growing output. Lines of a
// side conversation (isSidechain) may repeat an answer of the main one under another requestId.

// A claudeLine is what one line tells of a call. Its parts point into the line.
type claudeLine struct {
	time                                 time.Time
	timed, bad, side, fast               bool
	id, request, session, model, version []byte
	usage                                holdfast.Usage
	counted, told                        bool
	nano                                 int64
	priced                               bool
	advice                               []byte // usage.iterations, when it may hold calls of other models
}

// claudeCalls reads a line and hands on the calls that it tells of.
func (w *worker) claudeCalls(line []byte, at int64, f *file, emit func(found)) {
	if !bytes.Contains(line, usageMark) {
		return
	}
	var c claudeLine
	if !c.read(line) || !c.told {
		return
	}
	synthetic := string(c.model) == "<synthetic>" // Claude Code's own word, such as an error of the API
	understood := !c.bad && c.timed && c.counted
	if !synthetic {
		f.answer(understood)
	}
	if !understood {
		return
	}
	if len(c.session) == 0 {
		c.session = []byte(f.session)
	}
	r := found{side: c.side, Record: Record{
		Source: Claude, Time: c.time, Session: w.intern(c.session), Project: f.project, Provider: "anthropic",
		Usage: c.usage, Nano: c.nano, Priced: c.priced,
	}}
	if !synthetic {
		r.Model = w.intern(c.model)
	}
	if c.fast && r.Model != "" {
		r.Model = w.intern(append(bytes.Clone(c.model), "-fast"...))
	}
	r.key, r.route = c.keys(c.id, at)
	r.ResponseID = string(c.id)
	if r.Usage.Total() > 0 {
		emit(r)
	}
	if bytes.Contains(c.advice, []byte(`"advisor_message"`)) {
		w.advisors(c, at, r, emit)
	}
}

var usageMark = []byte(`"usage":`)

// advisors hands on the calls that another model answered within this one.
func (w *worker) advisors(c claudeLine, at int64, parent found, emit func(found)) {
	n := 0
	elements(c.advice, func(v []byte) {
		var one claudeLine
		kind := ""
		whole := members(v, func(key, value []byte) {
			switch string(key) {
			case "type":
				kind = string(plain(value))
			case "model":
				one.model = plain(value)
			}
		})
		one.readUsage(v)
		if !whole || kind != "advisor_message" || len(one.model) == 0 {
			return
		}
		r := parent
		r.Usage, r.Model, r.Nano, r.Priced, r.ResponseID = one.usage, w.intern(one.model), 0, false, ""
		id := append(append(bytes.Clone(c.id), ":advisor:"...), strconv.Itoa(n)...)
		n++
		r.key, r.route = c.keys(id, at)
		if r.Usage.Total() > 0 {
			emit(r)
		}
	})
}

// keys name the call, and all calls of that message in the session.
func (c *claudeLine) keys(id []byte, at int64) (key, route uint64) {
	when := []byte(strconv.FormatInt(c.time.UnixMilli(), 10))
	switch {
	case len(id) == 0: // nothing names it but its place
		return hash("line", c.session, when, []byte(strconv.FormatInt(at, 10))), 0
	case len(c.request) > 0:
		key = hash("request", id, c.request)
	case bytes.HasPrefix(id, []byte("msg_")): // unlike others, these ids are never used again
		key = hash("message", id)
	default:
		key = hash("moment", id, c.session, when)
	}
	return key, hash("route", id, c.session)
}

// read takes in a line. Fields that must hold something and are null or empty mark it as bad, as
// does a version that is none: such lines are not Claude Code's.
func (c *claudeLine) read(line []byte) bool {
	var progress []byte
	whole := members(line, func(key, value []byte) {
		switch string(key) {
		case "data":
			progress = value
		case "sessionId":
			c.text(&c.session, value)
		case "version":
			c.text(&c.version, value)
			c.bad = c.bad || !versioned(c.version)
		default:
			c.envelope(key, value)
		}
	})
	if !whole {
		return false
	}
	if !c.counted && len(progress) > 0 { // a sub-agent's answer, told as progress
		c.inner(progress)
	}
	return true
}

func (c *claudeLine) inner(progress []byte) {
	members(progress, func(key, value []byte) {
		if string(key) == "message" {
			members(value, func(key, value []byte) { c.envelope(key, value) })
		}
	})
}

// envelope takes in a field that stands beside message.
func (c *claudeLine) envelope(key, value []byte) {
	switch string(key) {
	case "timestamp":
		c.time, c.timed = moment(plain(value))
	case "requestId":
		c.text(&c.request, value)
	case "isSidechain":
		c.side = string(value) == "true"
	case "isApiErrorMessage":
		c.bad = c.bad || isNull(value)
	case "costUSD":
		c.nano, c.priced = dollars(value)
		c.bad = c.bad || !c.priced
	case "message":
		if len(value) > 0 && value[0] == '{' {
			members(value, c.message)
		}
	}
}

func (c *claudeLine) message(key, value []byte) {
	switch string(key) {
	case "id":
		c.text(&c.id, value)
	case "model":
		c.text(&c.model, value)
	case "usage":
		c.told = true
		c.readUsage(value)
	}
}

func (c *claudeLine) text(into *[]byte, value []byte) {
	*into = plain(value)
	c.bad = c.bad || len(*into) == 0
}

// readUsage takes in the tokens. The split of what was written to the cache by its life, where there
// is one, stands for the sum.
func (c *claudeLine) readUsage(value []byte) {
	var input, output, split bool
	var written int64
	ok := true
	number := func(into *int64, v []byte) bool {
		n, whole := count(v)
		*into, ok = n, ok && whole
		return true
	}
	whole := members(value, func(key, v []byte) {
		switch string(key) {
		case "input_tokens":
			input = number(&c.usage.Input, v)
		case "output_tokens":
			output = number(&c.usage.Output, v)
		case "cache_read_input_tokens":
			number(&c.usage.CachedRead, v)
		case "cache_creation_input_tokens":
			number(&written, v)
		case "cache_creation":
			split = !isNull(v)
			members(v, func(key, v []byte) {
				switch string(key) {
				case "ephemeral_5m_input_tokens":
					number(&c.usage.CacheWrite5m, v)
				case "ephemeral_1h_input_tokens":
					number(&c.usage.CacheWrite1h, v)
				}
			})
		case "speed":
			c.fast = string(plain(v)) == "fast"
			ok = ok && !isNull(v)
		case "iterations":
			c.advice = v
		}
	})
	if !split {
		c.usage.CacheWrite5m = written
	}
	c.counted = whole && ok && input && output
}

// versioned tells whether text begins as 1.2.3 does.
func versioned(text []byte) bool {
	for part := range 3 {
		n := 0
		for n < len(text) && text[n] >= '0' && text[n] <= '9' {
			n++
		}
		if n == 0 {
			return false
		}
		if part == 2 {
			return true
		}
		if n == len(text) || text[n] != '.' {
			return false
		}
		text = text[n+1:]
	}
	return true
}

// claudePlace reads session and project from where a log stands below projects: PROJECT/SESSION.jsonl,
// PROJECT/SESSION/FILE.jsonl or PROJECT/SESSION/subagents/FILE.jsonl.
func claudePlace(relative string) (session, project string) {
	parts := strings.Split(strings.TrimSuffix(relative, ".jsonl"), "/")
	project, n := parts[0], len(parts)
	switch {
	case n <= 2:
		session = parts[n-1]
	case parts[n-2] == "subagents" && n >= 4:
		session = parts[n-3]
	default:
		session = parts[n-2]
	}
	if n == 1 {
		project = ""
	}
	return session, project
}
