// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"holdfast"
)

// OpenCode keeps a file a message, or a row of its database in newer versions: {id, sessionID, modelID,
// providerID, cost, time: {created, completed}, tokens: {input, output, reasoning, cache: {read, write}}},
// where reasoning stands beside output. A session that is forked repeats every message of the other
// under new ids, all else unchanged.

// openCodeFile reads a message of OpenCode.
func (w *worker) openCodeFile(text []byte, f *file, emit func(found)) {
	m, said, ok := openCodeMessage(text, "", "")
	if said != toldNothing {
		f.answer(said == toldKnown)
	}
	if ok {
		m.Project = f.project
		m.Session, m.Model, m.Provider = w.intern([]byte(m.Session)), w.intern([]byte(m.Model)), w.intern([]byte(m.Provider))
		emit(m)
	}
}

// OpenCodeRow reads a message as it stands in OpenCode's database, which has id and session beside it.
func OpenCodeRow(text []byte, id, session string) (Record, bool) {
	m, _, ok := openCodeMessage(text, id, session)
	if m.Key = keyOf(OpenCode, m.key); m.instead != 0 {
		m.Instead = keyOf(OpenCode, m.instead)
	}
	return m.Record, ok
}

// openCodeMessage reads a message from a file or row. Once it is complete it is named by what it says,
// which a fork repeats, instead of by its id.
func openCodeMessage(text []byte, id, session string) (m found, said told, ok bool) {
	r := Record{Source: OpenCode, Session: session}
	var millis, completed int64
	var tok, model []byte
	whole := members(bytes.TrimSpace(text), func(key, value []byte) {
		switch string(key) {
		case "id":
			fill(&id, value)
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
			millis, completed = tokens(dig(value, "created")), tokens(dig(value, "completed"))
		case "tokens":
			tok = value
		}
	})
	if r.Model == "" {
		r.Model, r.Provider = string(plain(dig(model, "id"))), string(plain(dig(model, "providerID")))
	}
	r.Usage, said = openCodeTokens(tok)
	// A cost of 0 means that no price was known.
	r.Priced = r.Priced && r.Nano > 0
	r.Time = time.UnixMilli(millis).UTC()
	m = found{key: hash("opencode", []byte(id)), Record: r}
	if completed > 0 {
		m.instead, m.key = m.key, openCodeCall(millis, r)
	}
	return m, said, whole && id != "" && r.Model != "" && millis > 0 && r.Usage.Total() > 0
}

// openCodeCall names a call by what a message says of it.
func openCodeCall(millis int64, r Record) uint64 {
	u := r.Usage
	said := strconv.AppendInt(nil, millis, 10)
	for _, n := range []int64{u.Input, u.CachedRead, u.CacheWrite5m, u.Output, u.Reasoning, r.Nano} {
		said = strconv.AppendInt(append(said, ' '), n, 10)
	}
	return hash("opencode call", said, []byte(r.Provider), []byte(r.Model))
}

func fill(into *string, value []byte) {
	if *into == "" {
		*into = string(plain(value))
	}
}

func openCodeTokens(b []byte) (u holdfast.Usage, said told) {
	if len(b) == 0 || b[0] != '{' {
		return u, toldNothing
	}
	said = toldUnknown
	var total int64
	members(b, func(key, value []byte) {
		switch string(key) {
		case "input", "output", "total":
			said = toldKnown
		}
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
	return u, said
}

// openCodePlace reads the session from where a message stands: SESSION/MESSAGE.json.
func openCodePlace(relative string) (session string) {
	session, _, _ = strings.Cut(relative, "/")
	return session
}
