// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strings"

	"holdfast/agent/plain"
)

const (
	// maxSentName is the longest name of a tool that every provider takes.
	maxSentName = 64
	unnamed     = "unnamed"
	// maxQuoted is how much of what is no arguments is said back to the model.
	maxQuoted = 200
)

// UnmarshalJSON takes arguments that are no text, as some servers give them, as their JSON.
func (f *function) UnmarshalJSON(raw []byte) error {
	var in struct {
		Name      string          `json:"name"`
		Arguments json.RawMessage `json:"arguments"`
	}
	if err := json.Unmarshal(raw, &in); err != nil {
		return err
	}
	*f = function{Name: in.Name}
	if json.Unmarshal(in.Arguments, &f.Arguments) != nil { // null is no text
		f.Arguments = string(in.Arguments)
	}
	return nil
}

// as is a call as the model said it: what it is judged, made and refused by.
func (c toolCall) as() function {
	if c.said != nil {
		return *c.said
	}
	return c.Function
}

// misspoke quotes arguments that the model does not see again, empty where it sees what it said.
func (c toolCall) misspoke() string {
	if c.said == nil || c.said.Arguments == c.Function.Arguments {
		return ""
	}
	return fmt.Sprintf("The arguments that you gave were %q.", plain.Text(c.said.Arguments, maxQuoted))
}

// joined are two notes, of which either may be empty.
func joined(a, b string) string { return strings.TrimSpace(a + " " + b) }

// mending is the part of a run that makes what a model says fit to be sent.
type mending struct{ *run }

// fit makes the calls of an answer such that every provider takes them back in the history of the run.
// What is well formed stays as it is.
func (r mending) fit(t turn) turn {
	used := r.usedIDs()
	mended := map[int]bool{}
	calls := make([]toolCall, len(t.calls))
	for i, c := range t.calls {
		calls[i], mended[i] = r.mend(c, used)
		used[calls[i].ID] = true
	}
	t.calls = calls
	if len(calls) > 0 {
		t.message = rewritten(t, mended)
	}
	return t
}

// usedIDs are the ids of calls that the model has seen.
func (r mending) usedIDs() map[string]bool {
	used := map[string]bool{"": true}
	for _, raw := range r.messages {
		var m message
		if json.Unmarshal(raw, &m) != nil {
			continue
		}
		for _, c := range m.ToolCalls {
			used[c.ID] = true
		}
	}
	return used
}

// mend makes one call fit, and tells whether it had to.
func (r mending) mend(c toolCall, used map[string]bool) (mended toolCall, changed bool) {
	mended = c
	if used[c.ID] {
		mended.ID, changed = callPrefix+strings.ToLower(rand.Text()[:14])+"-1", true
	}
	if c.Type == "custom" { // has neither a function's name nor arguments
		return mended, changed
	}
	if c.Type == "" {
		mended.Type, changed = "function", true
	}
	said := c.Function
	if text := strings.TrimSpace(said.Arguments); text == "" || text == "null" {
		said.Arguments = "{}"
	}
	sent := said
	if !r.offer.own[said.Name] && !r.knows(said.Name) {
		sent.Name = sendable(said.Name)
	}
	if !strings.HasPrefix(strings.TrimSpace(said.Arguments), "{") || !json.Valid([]byte(said.Arguments)) {
		sent.Arguments = "{}"
	}
	if sent != said {
		mended.said = &said
	}
	mended.Function = sent
	return mended, changed || sent != c.Function
}

// knows tells that a name was offered, which whoever took the offer takes back.
func (r mending) knows(name string) bool {
	_, known := r.offer.entries[name]
	return known
}

// sendable is a name as every provider takes it.
func sendable(name string) string {
	name = strings.Map(func(c rune) rune {
		if c == '_' || c == '-' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') {
			return c
		}
		return '_'
	}, name)
	if name == "" {
		return unnamed
	}
	return name[:min(len(name), maxSentName)]
}

// rewritten is a turn's message with the mended calls in it, and with arguments as text; all else in it,
// such as what a provider wants back, stays.
func rewritten(t turn, mended map[int]bool) json.RawMessage {
	var whole map[string]json.RawMessage
	var calls []json.RawMessage
	if json.Unmarshal(t.message, &whole) != nil || json.Unmarshal(whole["tool_calls"], &calls) != nil || len(calls) != len(t.calls) {
		return t.message
	}
	changed := false
	for i := range calls {
		if mended[i] || !textual(calls[i]) {
			calls[i], changed = t.calls[i].within(calls[i]), true
		}
	}
	if !changed {
		return t.message
	}
	whole["tool_calls"] = encode(calls)
	return encode(whole)
}

// textual tells that a call's arguments are a text.
func textual(raw json.RawMessage) bool {
	var c struct {
		Type     string `json:"type"`
		Function struct {
			Arguments json.RawMessage `json:"arguments"`
		} `json:"function"`
	}
	return json.Unmarshal(raw, &c) == nil && (c.Type == "custom" || bytes.HasPrefix(bytes.TrimSpace(c.Function.Arguments), []byte(`"`)))
}

// within writes a call over the one that the model made, and leaves there what it does not know.
func (c toolCall) within(raw json.RawMessage) json.RawMessage {
	var whole, inner map[string]json.RawMessage
	if json.Unmarshal(raw, &whole) != nil || whole == nil {
		return encode(c)
	}
	whole["id"], whole["type"] = encode(c.ID), encode(c.Type)
	if c.Type != "custom" {
		if json.Unmarshal(whole["function"], &inner) != nil || inner == nil {
			inner = map[string]json.RawMessage{}
		}
		inner["name"], inner["arguments"] = encode(c.Function.Name), encode(c.Function.Arguments)
		whole["function"] = encode(inner)
	}
	return encode(whole)
}
