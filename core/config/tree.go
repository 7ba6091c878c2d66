// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// An Origin says which layer a value came from.
type Origin string

// The layers, weakest first.
const (
	OriginDefault     Origin = "default"
	OriginMaster      Origin = "master"
	OriginFile        Origin = "file"
	OriginEnvironment Origin = "environment"
	OriginFlag        Origin = "flag"
)

// A place is where a value or a key stands.
type place struct {
	origin Origin
	file   string
	line   int
	column int
}

// A node is one value of the generic tree that all layers are read into: exactly one of fields,
// items and scalar is meant, by kind.
type node struct {
	kind   kind
	at     place // of the value
	fields []field
	items  []*node
	scalar any // nil, bool, int64, uint64, float64, json.Number, string
}

type field struct {
	name  string
	at    place // of the key
	value *node
}

type kind int

const (
	kindNull kind = iota
	kindBool
	kindInteger
	kindNumber
	kindString
	kindArray
	kindObject
)

func (k kind) String() string {
	return [...]string{"nothing", "true or false", "a whole number", "a number", "text", "a list", "a map"}[k]
}

func (n *node) get(name string) *node {
	if n == nil {
		return nil
	}
	for i := range n.fields {
		if n.fields[i].name == name {
			return n.fields[i].value
		}
	}
	return nil
}

func (n *node) set(name string, at place, value *node) {
	for i := range n.fields {
		if n.fields[i].name == name {
			n.fields[i].value, n.fields[i].at = value, at
			return
		}
	}
	n.fields = append(n.fields, field{name: name, at: at, value: value})
}

func object(at place) *node { return &node{kind: kindObject, at: at} }

// merge lays over upon under: maps are joined key by key, everything else is replaced. An empty
// value (`key:` with nothing after it) leaves what lies beneath. Neither input is changed.
func merge(under, over *node) *node {
	switch {
	case over == nil || over.kind == kindNull:
		if under == nil {
			return over
		}
		return under
	case under == nil || under.kind != kindObject || over.kind != kindObject:
		return over
	}
	out := object(over.at)
	out.fields = slices.Clone(under.fields)
	for _, f := range over.fields {
		at := f.at
		below := out.get(f.name)
		if f.value.kind == kindNull && below != nil {
			continue
		}
		out.set(f.name, at, merge(below, f.value))
	}
	return out
}

// find follows a path as far as it goes. It returns the node, the key's place for the last
// segment that is there, and whether the whole path is there.
func (n *node) find(segments []string) (found *node, at place, whole bool) {
	found = n
	if n != nil {
		at = n.at
	}
	for i := 0; i < len(segments); {
		next, nextAt, used := found.step(segments[i:])
		if next == nil {
			return found, at, false
		}
		found, at, i = next, nextAt, i+used
	}
	return found, at, true
}

// step takes one key or index; a key that holds dots takes several segments.
func (n *node) step(segments []string) (*node, place, int) {
	if n == nil {
		return nil, place{}, 0
	}
	if i, err := strconv.Atoi(segments[0]); err == nil && n.kind == kindArray && i >= 0 && i < len(n.items) {
		return n.items[i], n.items[i].at, 1
	}
	for used := len(segments); used >= 1; used-- {
		name := strings.Join(segments[:used], ".")
		for _, f := range n.fields {
			if f.name == name {
				return f.value, f.at, used
			}
		}
	}
	return nil, place{}, 0
}

// splitPath reads `units.companion.needs[0]` into its segments. A key with a dot may be quoted.
func splitPath(path string) []string {
	var out []string
	for len(path) > 0 {
		switch path[0] {
		case '.', '[', ']':
			path = path[1:]
		case '"':
			key, rest, _ := strings.Cut(path[1:], `"`)
			out, path = append(out, key), rest
		default:
			end := strings.IndexAny(path, ".[]")
			if end < 0 {
				end = len(path)
			}
			out, path = append(out, path[:end]), path[end:]
		}
	}
	return out
}

func joinPath(path, key string) string {
	if strings.ContainsAny(key, `.[]" `) {
		key = `"` + key + `"`
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

func indexPath(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// writeJSON writes the tree for the typed decoders.
func (n *node) writeJSON(b *bytes.Buffer) error {
	switch n.kind {
	case kindObject:
		return n.writeObject(b)
	case kindArray:
		b.WriteByte('[')
		for i, item := range n.items {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := item.writeJSON(b); err != nil {
				return err
			}
		}
		b.WriteByte(']')
		return nil
	default:
		raw, err := json.Marshal(n.scalar)
		if err != nil {
			return fmt.Errorf("cannot word a value: %w", err)
		}
		b.Write(raw)
		return nil
	}
}

func (n *node) writeObject(b *bytes.Buffer) error {
	b.WriteByte('{')
	first := true
	for _, f := range n.fields {
		if f.value.kind == kindNull {
			continue // nothing was said: the decoder leaves its zero
		}
		if !first {
			b.WriteByte(',')
		}
		first = false
		key, err := json.Marshal(f.name)
		if err != nil {
			return fmt.Errorf("cannot word a key: %w", err)
		}
		b.Write(key)
		b.WriteByte(':')
		if err := f.value.writeJSON(b); err != nil {
			return err
		}
	}
	b.WriteByte('}')
	return nil
}

func (n *node) json() ([]byte, error) {
	var b bytes.Buffer
	if err := n.writeJSON(&b); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// mark gives every node of a tree the same place.
func (n *node) mark(at place) {
	n.at = at
	for i := range n.fields {
		n.fields[i].at = at
		n.fields[i].value.mark(at)
	}
	for _, item := range n.items {
		item.mark(at)
	}
}
