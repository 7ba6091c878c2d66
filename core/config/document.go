// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"holdfast"
)

// A Document is a JSON object that several programs write: members keep their order, and what is
// not touched keeps its exact text (numbers, escapes, unknown fields); only the indentation is
// made even. Not safe for concurrent use.
type Document struct {
	members []member
	// stands names the member to use for one that is not there: core → luna.
	stands map[string]string
}

type member struct {
	key   string // decoded
	name  []byte // as written, in quotes
	value json.RawMessage
}

// ParseDocument reads a JSON object. Empty text is an empty object. The error is a
// *holdfast.Error with line and column; file names it there.
func ParseDocument(file string, text []byte) (*Document, error) {
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	if len(bytes.TrimSpace(text)) == 0 {
		return &Document{}, nil
	}
	src := source{name: file, text: text}
	tree, problems := readJSON(src, OriginMaster)
	if len(problems) == 0 && tree.kind != kindObject {
		problems = append(problems, src.problem(tree.at, "", "wants a map, has "+tree.kind.String(), ""))
	}
	if len(problems) > 0 {
		return nil, holdfast.BadInput("cannot read "+file, problems...)
	}
	members, err := splitMembers(text)
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", file, err)
	}
	return &Document{members: members}, nil
}

// splitMembers cuts one object into its members without decoding their values.
func splitMembers(text []byte) ([]member, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	first, err := dec.Token()
	if err != nil {
		return nil, err
	}
	if first != json.Delim('{') {
		return nil, errors.New("it is not a map")
	}
	var out []member
	for dec.More() {
		before := dec.InputOffset()
		token, err := dec.Token()
		if err != nil {
			return nil, err
		}
		key, ok := token.(string)
		if !ok {
			return nil, errors.New("a key is not text")
		}
		name := text[before:dec.InputOffset()]
		name = bytes.Clone(name[bytes.IndexByte(name, '"'):])
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, err
		}
		out = append(out, member{key: key, name: name, value: value})
	}
	return out, nil
}

func (d *Document) index(key string) int {
	at := slices.IndexFunc(d.members, func(m member) bool { return m.key == key })
	if other, ok := d.stands[key]; ok && at < 0 {
		return slices.IndexFunc(d.members, func(m member) bool { return m.key == other })
	}
	return at
}

// inner is the object at a member; ok is false when there is none.
func (d *Document) inner(i int) (*Document, bool) {
	if i < 0 {
		return nil, false
	}
	members, err := splitMembers(d.members[i].value)
	return &Document{members: members}, err == nil
}

// Get is the raw value at a path of keys.
func (d *Document) Get(path ...string) (json.RawMessage, bool) {
	if len(path) == 0 {
		return d.raw(), true
	}
	i := d.index(path[0])
	if i < 0 {
		return nil, false
	}
	if len(path) == 1 {
		return d.members[i].value, true
	}
	inner, ok := d.inner(i)
	if !ok {
		return nil, false
	}
	return inner.Get(path[1:]...)
}

// Decode reads the value at a path into a Go value; found is false when nothing is there.
func (d *Document) Decode(into any, path ...string) (found bool, err error) {
	raw, ok := d.Get(path...)
	if !ok {
		return false, nil
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return true, fmt.Errorf("cannot read %s: %w", strings.Join(path, "."), err)
	}
	return true, nil
}

// Keys lists the keys of the object at a path, in their order.
func (d *Document) Keys(path ...string) []string {
	if len(path) > 0 {
		inner, ok := d.inner(d.index(path[0]))
		if !ok {
			return nil
		}
		return inner.Keys(path[1:]...)
	}
	keys := make([]string, 0, len(d.members))
	for _, m := range d.members {
		keys = append(keys, m.key)
	}
	return keys
}

// Set puts a value at a path, making the objects above it; a value that is no object on the way
// is replaced. A value that means the same as what is there leaves the text as it is.
func (d *Document) Set(value any, path ...string) error {
	if len(path) == 0 {
		return errors.New("cannot set a document without a path")
	}
	raw, err := encode(value)
	if err != nil {
		return fmt.Errorf("cannot word %s: %w", strings.Join(path, "."), err)
	}
	return d.put(raw, path)
}

func (d *Document) put(raw json.RawMessage, path []string) error {
	i := d.index(path[0])
	if len(path) > 1 {
		inner, ok := d.inner(i)
		if !ok {
			inner = &Document{}
		}
		if err := inner.put(raw, path[1:]); err != nil {
			return err
		}
		raw = inner.raw()
	}
	if i >= 0 {
		if len(path) > 1 || !sameJSON(d.members[i].value, raw) {
			d.members[i].value = raw
		}
		return nil
	}
	name, err := encode(path[0])
	if err != nil {
		return err
	}
	d.members = append(d.members, member{key: path[0], name: name, value: raw})
	return nil
}

// Delete takes away the value at a path; false when nothing was there.
func (d *Document) Delete(path ...string) bool {
	if len(path) == 0 {
		return false
	}
	i := d.index(path[0])
	if i < 0 {
		return false
	}
	if len(path) == 1 {
		d.members = slices.Delete(d.members, i, i+1)
		return true
	}
	inner, ok := d.inner(i)
	if !ok || !inner.Delete(path[1:]...) {
		return false
	}
	d.members[i].value = inner.raw()
	return true
}

// Merge lays a partial document over this one: objects are joined, null deletes, everything else
// is replaced (RFC 7396). It returns the paths that changed.
func (d *Document) Merge(partial *Document) (changed []string, err error) {
	for _, m := range partial.members {
		i := d.index(m.key)
		switch {
		case string(m.value) == "null":
			if d.Delete(m.key) {
				changed = append(changed, joinPath("", m.key))
			}
		case i >= 0 && isObject(m.value) && isObject(d.members[i].value):
			paths, err := d.mergeInner(i, m)
			if err != nil {
				return nil, err
			}
			changed = append(changed, paths...)
		case i >= 0 && sameJSON(d.members[i].value, m.value):
		default:
			clean, err := withoutNulls(m.value)
			if err != nil {
				return nil, err
			}
			if err := d.put(clean, []string{m.key}); err != nil {
				return nil, err
			}
			changed = append(changed, joinPath("", m.key))
		}
	}
	return changed, nil
}

func (d *Document) mergeInner(i int, m member) ([]string, error) {
	under, ok := d.inner(i)
	over, err := splitMembers(m.value)
	if err != nil || !ok {
		return nil, fmt.Errorf("cannot read %s: %w", m.key, err)
	}
	paths, err := under.Merge(&Document{members: over})
	if err != nil || len(paths) == 0 {
		return nil, err
	}
	d.members[i].value = under.raw()
	for k := range paths {
		paths[k] = joinPath("", m.key) + "." + paths[k]
	}
	return paths, nil
}

// withoutNulls keeps a partial's deletions from being stored as values.
func withoutNulls(raw json.RawMessage) (json.RawMessage, error) {
	if !isObject(raw) {
		return raw, nil
	}
	members, err := splitMembers(raw)
	if err != nil {
		return nil, err
	}
	fresh := &Document{}
	if _, err := fresh.Merge(&Document{members: members}); err != nil {
		return nil, err
	}
	return fresh.raw(), nil
}

func isObject(raw json.RawMessage) bool {
	return bytes.HasPrefix(bytes.TrimSpace(raw), []byte{'{'})
}

func (d *Document) raw() json.RawMessage {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range d.members {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(m.name)
		b.WriteByte(':')
		b.Write(m.value)
	}
	b.WriteByte('}')
	return b.Bytes()
}

// Bytes is the whole document, indented by two, with a final newline.
func (d *Document) Bytes() []byte {
	var b bytes.Buffer
	if json.Indent(&b, d.raw(), "", "  ") != nil {
		return d.raw() // every member was checked when it came in
	}
	b.WriteByte('\n')
	return b.Bytes()
}

func encode(value any) (json.RawMessage, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(b.Bytes()), nil
}

// sameJSON compares meaning: the order of keys, spaces and escapes do not count, the text of
// numbers does.
func sameJSON(a, b json.RawMessage) bool {
	x, errX := canonical(a)
	y, errY := canonical(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

func canonical(raw json.RawMessage) ([]byte, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return json.Marshal(v)
}
