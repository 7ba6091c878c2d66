// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"holdfast"
)

// Bounds on what a manifest may be; beyond them it is refused before it is looked at.
const (
	maxManifest = 1 << 20
	maxDepth    = 64
)

// A document is a JSON text that remembers where everything in it stands, so that problems can
// name the place and changes can leave the rest of the text as it is.
type document struct {
	file string // for problems, relative to the home
	text []byte
	root node
}

// A node is one JSON value: text[start:end].
type node struct {
	start, end int
	members    []member // of an object, in order
	items      []node   // of an array
}

type member struct {
	name  string
	start int // of the name
	value node
}

func (m member) problem(d *document, field, message, remedy string) holdfast.Problem {
	return d.problem(m.start, field, message, remedy)
}

// kind names the JSON type of a node.
func (d *document) kind(n node) string {
	switch d.text[n.start] {
	case '{':
		return "object"
	case '[':
		return "array"
	case '"':
		return "string"
	case 't', 'f':
		return "boolean"
	case 'n':
		return "null"
	}
	return "number"
}

func (d *document) raw(n node) json.RawMessage { return json.RawMessage(d.text[n.start:n.end]) }

// string decodes a string node.
func (d *document) string(n node) string {
	var s string
	_ = json.Unmarshal(d.raw(n), &s) // the text was checked whole
	return s
}

// parse reads a JSON object with every place in it. The problems are those of the syntax; with
// any of them there is no document.
func parse(file string, text []byte) (*document, []holdfast.Problem) {
	d := &document{file: file, text: text}
	if problem, bad := d.unreadable(); bad {
		return nil, []holdfast.Problem{problem}
	}
	w := walker{d: d}
	root, err := w.value(0)
	if err != nil {
		return nil, []holdfast.Problem{d.problem(w.at, "", err.Error(), "")}
	}
	if d.kind(root) != "object" {
		return nil, []holdfast.Problem{d.problem(root.start, "", "is "+article(d.kind(root))+", want an object", "write {…}")}
	}
	d.root = root
	return d, w.problems
}

// unreadable checks size, encoding and syntax, for which the standard decoder is the judge.
func (d *document) unreadable() (holdfast.Problem, bool) {
	if len(d.text) > maxManifest {
		return holdfast.Problem{File: d.file, Message: fmt.Sprintf("has %d bytes, the limit is %d", len(d.text), maxManifest)}, true
	}
	if bytes.HasPrefix(d.text, []byte("\xef\xbb\xbf")) {
		return d.problem(0, "", "begins with a byte order mark", "save the file as UTF-8 without one"), true
	}
	if !utf8.Valid(d.text) {
		return d.problem(firstInvalid(d.text), "", "is not UTF-8", "save the file as UTF-8"), true
	}
	var whole json.RawMessage
	err := json.Unmarshal(d.text, &whole)
	if err == nil {
		return holdfast.Problem{}, false
	}
	at := len(d.text)
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		at = max(0, int(syntax.Offset)-1)
	}
	return d.problem(at, "", "is not JSON: "+err.Error(), "objects take no comments and no comma after the last member"), true
}

func firstInvalid(text []byte) int {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return len(text)
}

// problem names a place by line and column, both from 1, the column in runes.
func (d *document) problem(offset int, field, message, remedy string) holdfast.Problem {
	offset = min(offset, len(d.text))
	line := 1 + bytes.Count(d.text[:offset], []byte("\n"))
	start := bytes.LastIndexByte(d.text[:offset], '\n') + 1
	column := 1 + utf8.RuneCount(d.text[start:offset])
	return holdfast.Problem{
		File: d.file, Line: line, Column: column, Field: field,
		Message: message, Remedy: remedy, Excerpt: d.excerpt(start, column, line),
	}
}

// excerpt shows the line with a mark under the column, cut to what fits a terminal.
func (d *document) excerpt(start, column, line int) string {
	text := d.text[start:]
	if end := bytes.IndexByte(text, '\n'); end >= 0 {
		text = text[:end]
	}
	runes := []rune(strings.TrimRight(string(text[:min(len(text), 4096)]), "\r"))
	from := max(0, column-60)
	if from > len(runes) {
		return ""
	}
	shown := strings.Map(printable, string(runes[from:min(len(runes), from+78)]))
	number := strconv.Itoa(line)
	return number + " | " + shown + "\n" + strings.Repeat(" ", len(number)) + " | " + strings.Repeat(" ", column-1-from) + "^"
}

// printable keeps a manifest from writing control sequences to a terminal.
func printable(r rune) rune {
	if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) {
		return ' '
	}
	return r
}

// A walker reads a text that is known to be valid JSON.
type walker struct {
	d        *document
	at       int
	problems []holdfast.Problem
}

func (w *walker) space() byte {
	for strings.IndexByte(" \t\r\n", w.d.text[w.at]) >= 0 {
		w.at++
	}
	return w.d.text[w.at]
}

func (w *walker) value(depth int) (node, error) {
	if depth > maxDepth {
		return node{}, fmt.Errorf("is nested deeper than %d", maxDepth)
	}
	switch w.space() {
	case '{':
		return w.object(depth)
	case '[':
		return w.array(depth)
	case '"':
		return w.quoted(), nil
	}
	n := node{start: w.at}
	for w.at < len(w.d.text) && strings.IndexByte(" \t\r\n,]}", w.d.text[w.at]) < 0 {
		w.at++
	}
	n.end = w.at
	return n, nil
}

func (w *walker) quoted() node {
	n := node{start: w.at}
	for w.at++; w.d.text[w.at] != '"'; w.at++ {
		if w.d.text[w.at] == '\\' {
			w.at++
		}
	}
	w.at++
	n.end = w.at
	return n
}

func (w *walker) object(depth int) (node, error) {
	n := node{start: w.at}
	seen := map[string]bool{}
	w.at++
	for w.space() != '}' {
		if w.d.text[w.at] == ',' {
			w.at++
			w.space()
		}
		name := w.quoted()
		m := member{name: w.d.string(name), start: name.start}
		w.space()
		w.at++ // the colon
		value, err := w.value(depth + 1)
		if err != nil {
			return n, err
		}
		m.value = value
		if seen[m.name] {
			w.problems = append(w.problems, m.problem(w.d, m.name, "is given twice", "keep one of them"))
		}
		seen[m.name] = true
		n.members = append(n.members, m)
	}
	w.at++
	n.end = w.at
	return n, nil
}

func (w *walker) array(depth int) (node, error) {
	n := node{start: w.at}
	w.at++
	for w.space() != ']' {
		if w.d.text[w.at] == ',' {
			w.at++
		}
		item, err := w.value(depth + 1)
		if err != nil {
			return n, err
		}
		n.items = append(n.items, item)
	}
	w.at++
	n.end = w.at
	return n, nil
}

func (n node) member(name string) (member, bool) {
	for _, m := range n.members {
		if m.name == name {
			return m, true
		}
	}
	return member{}, false
}

func article(kind string) string {
	if strings.ContainsAny(kind[:1], "aeiou") {
		return "an " + kind
	}
	return "a " + kind
}

// set returns the text with one value, found by its names from the outside in, replaced or added.
// Every byte that is not that value stays.
func (d *document) set(value json.RawMessage, names ...string) (*document, error) {
	at, missing := d.root, names
	for len(missing) > 0 {
		m, ok := at.member(missing[0])
		if !ok {
			break
		}
		at, missing = m.value, missing[1:]
	}
	if len(missing) == 0 {
		return d.splice(at.start, at.end, value)
	}
	if d.kind(at) != "object" {
		return nil, fmt.Errorf("cannot set %s in %s: %s is not an object", strings.Join(names, "."), d.file, missing[0])
	}
	for i := len(missing) - 1; i > 0; i-- {
		value = json.RawMessage("{" + quote(missing[i]) + ": " + string(value) + "}")
	}
	return d.add(at, quote(missing[0])+": "+string(value))
}

// add puts a member at the end of an object, laid out like the members before it.
func (d *document) add(object node, text string) (*document, error) {
	if len(object.members) == 0 {
		return d.splice(object.start, object.end, []byte("{\n  "+text+"\n}"))
	}
	first := object.members[0]
	lead := d.text[object.start+1 : first.start]
	if len(lead) == 0 && bytes.IndexByte(d.text[object.start:object.end], '\n') < 0 {
		lead = []byte(" ")
	}
	end := object.members[len(object.members)-1].value.end
	return d.splice(end, end, []byte(","+string(lead)+text))
}

func (d *document) splice(start, end int, with []byte) (*document, error) {
	text := bytes.Join([][]byte{d.text[:start], with, d.text[end:]}, nil)
	changed, problems := parse(d.file, text)
	if changed == nil {
		return nil, fmt.Errorf("cannot change %s: %s", d.file, problems[0].Message)
	}
	return changed, nil
}

func quote(s string) string {
	raw, _ := json.Marshal(s) // a string always marshals
	return string(raw)
}
