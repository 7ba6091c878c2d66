// SPDX-License-Identifier: Apache-2.0

// Package hook writes hooks into the settings of coding agents and takes them out again.
//
// It edits JSON as text: what it does not add or remove stays as it is, to the byte, order, spaces
// and all. It is not for reading files, nor for what a hook answers (cmd/holdfast-watch). What it
// cannot read as JSON, or what is not of the form that the agents document, it refuses and leaves
// alone. Callers: gateway/breaker.
package hook

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// A Hook is a command that an agent runs at an event.
type Hook struct {
	Event   string
	Matcher string // empty: none is written, which matches all
	Command string
	Timeout int // seconds
}

// Install makes the hooks be there once each, with these commands. Those of ours that are not as
// they should be are replaced; changed tells whether anything was to do.
func Install(text []byte, hooks []Hook, ours func(command string) bool) (out []byte, changed bool, err error) {
	root, err := parse(text)
	if err != nil {
		return nil, false, err
	}
	if as(root, hooks, ours) {
		return text, false, nil
	}
	if out, _, err = Remove(text, ours); err != nil {
		return nil, false, err
	}
	for _, h := range hooks {
		if out, err = add(out, h); err != nil {
			return nil, false, err
		}
	}
	return out, true, nil
}

// as tells whether of ours exactly these hooks are there.
func as(root node, hooks []Hook, ours func(string) bool) bool {
	var there []Hook
	for _, f := range find(root, ours) {
		there = append(there, Hook{Event: f.event, Command: f.command})
	}
	if len(there) != len(hooks) {
		return false
	}
	return !slices.ContainsFunc(hooks, func(h Hook) bool {
		return !slices.Contains(there, Hook{Event: h.Event, Command: h.Command})
	})
}

// Remove takes out every hook of ours, and what stands empty after it.
func Remove(text []byte, ours func(command string) bool) (out []byte, changed bool, err error) {
	out = text
	for {
		root, err := parse(out)
		if err != nil {
			return nil, false, err
		}
		found := find(root, ours)
		if len(found) == 0 {
			return out, changed, nil
		}
		out, changed = found[0].cut(out, root), true
	}
}

// A place is where one of ours stands: by the index at each level.
type place struct {
	event, command       string
	hooks, list, at, own int
}

func find(root node, ours func(string) bool) []place {
	var found []place
	h := root.index("hooks")
	if h < 0 {
		return nil
	}
	for i, list := range root.children[h].children {
		for j, group := range list.children {
			k := group.index("hooks")
			if k < 0 {
				continue
			}
			for l, handler := range group.children[k].children {
				c := handler.index("command")
				if c < 0 {
					continue
				}
				if command := handler.children[c].text; ours(command) {
					found = append(found, place{list.name, command, h, i, j, l})
				}
			}
		}
	}
	return found
}

// cut takes out the outermost thing that holds nothing else.
func (p place) cut(text []byte, root node) []byte {
	hooks := root.children[p.hooks]
	list := hooks.children[p.list]
	group := list.children[p.at]
	handlers := group.children[group.index("hooks")]
	switch {
	case len(handlers.children) > 1:
		return handlers.without(text, p.own)
	case len(list.children) > 1:
		return list.without(text, p.at)
	case len(hooks.children) > 1:
		return hooks.without(text, p.list)
	}
	return root.without(text, p.hooks)
}

type handler struct {
	Type    string `json:"type"`
	Command string `json:"command"`
	Timeout int    `json:"timeout,omitempty"`
}

type group struct {
	Matcher string    `json:"matcher,omitempty"`
	Hooks   []handler `json:"hooks"`
}

func add(text []byte, h Hook) ([]byte, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		text = []byte("{}\n")
	}
	root, err := parse(text)
	if err != nil {
		return nil, err
	}
	own := group{Matcher: h.Matcher, Hooks: []handler{{"command", h.Command, h.Timeout}}}
	at := root.index("hooks")
	if at < 0 {
		return root.with(text, "hooks", map[string][]group{h.Event: {own}})
	}
	hooks := root.children[at]
	if hooks.kind != '{' {
		return nil, fmt.Errorf("its %q is no object", "hooks")
	}
	if at = hooks.index(h.Event); at < 0 {
		return hooks.with(text, h.Event, []group{own})
	}
	if hooks.children[at].kind != '[' {
		return nil, fmt.Errorf("its hooks.%s is no list", h.Event)
	}
	return hooks.children[at].with(text, "", own)
}

// A node is a value of a JSON text, with where it stands.
type node struct {
	name       string // of a member
	kind       byte   // its first byte
	begin, end int    // of the value
	from       int    // of the member, its name included; of an item, the value's
	text       string // of a string
	children   []node
}

func (n node) index(name string) int {
	if n.kind != '{' {
		return -1
	}
	// Of a name that is there twice, the last counts.
	for i := len(n.children) - 1; i >= 0; i-- {
		if n.children[i].name == name {
			return i
		}
	}
	return -1
}

// without takes a child out.
func (n node) without(text []byte, i int) []byte {
	switch {
	case len(n.children) == 1:
		return slices.Concat(text[:n.begin+1], text[n.end-1:])
	case i > 0:
		return slices.Concat(text[:n.children[i-1].end], text[n.children[i].end:])
	}
	return slices.Concat(text[:n.children[0].from], text[n.children[1].from:])
}

// with puts a child in at the end, in the manner of the text.
func (n node) with(text []byte, name string, value any) ([]byte, error) {
	unit := step(text)
	outer := indentOf(text, n.begin)
	inner := outer + unit
	closing := "\n" + outer
	before, at := "\n"+inner, n.begin+1
	if last := len(n.children) - 1; last >= 0 {
		at, closing = n.children[last].end, ""
		before = "," + spaceBefore(text, n.children[last].from)
		if i := strings.LastIndexByte(before, '\n'); i >= 0 {
			inner = before[i+1:]
		}
	}
	var raw bytes.Buffer
	e := json.NewEncoder(&raw)
	e.SetEscapeHTML(false)
	e.SetIndent(inner, unit)
	if err := e.Encode(value); err != nil {
		return nil, err
	}
	child := before
	if name != "" {
		child += fmt.Sprintf("%q: ", name)
	}
	child += strings.TrimSuffix(raw.String(), "\n") + closing
	end := at
	if len(n.children) == 0 {
		end = n.end - 1
	}
	return slices.Concat(text[:at], []byte(child), text[end:]), nil
}

// spaceBefore is the white space before a place.
func spaceBefore(text []byte, at int) string {
	from := at
	for from > 0 && strings.IndexByte(" \t\r\n", text[from-1]) >= 0 {
		from--
	}
	return string(text[from:at])
}

// indentOf is the white space that the line of a place begins with.
func indentOf(text []byte, at int) string {
	line := text[bytes.LastIndexByte(text[:at], '\n')+1:]
	return string(line[:len(line)-len(bytes.TrimLeft(line, " \t"))])
}

// step is what the text indents by.
func step(text []byte) string {
	for line := range bytes.Lines(text) {
		if rest := bytes.TrimLeft(line, " \t"); len(rest) < len(line) && len(bytes.TrimSpace(rest)) > 0 {
			return string(line[:len(line)-len(rest)])
		}
	}
	return "  "
}
