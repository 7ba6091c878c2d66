// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"holdfast"
)

// deepest is how many levels a document may have; real ones have fewer than ten.
const deepest = 100

// jsonReader reads a JSON text into the generic tree with the place of every value.
type jsonReader struct {
	source source
	origin Origin
	text   []byte
	dec    *json.Decoder
	doubts []holdfast.Problem
}

func readJSON(src source, origin Origin) (*node, []holdfast.Problem) {
	r := &jsonReader{source: src, origin: origin, text: src.text, dec: json.NewDecoder(bytes.NewReader(src.text))}
	r.dec.UseNumber()
	// The whole is scanned first, for only then do syntax errors tell their true offset.
	if err := json.Unmarshal(src.text, new(json.RawMessage)); err != nil {
		return nil, []holdfast.Problem{r.problem(err)}
	}
	root, err := r.value(0)
	if err != nil {
		return nil, append(r.doubts, r.problem(err))
	}
	return root, r.doubts
}

func (r *jsonReader) problem(err error) holdfast.Problem {
	offset, message := r.dec.InputOffset(), err.Error()
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		offset = syntax.Offset - 1
		if strings.HasPrefix(message, "unexpected end") {
			message, offset = "the document ends too early", int64(len(r.text))
		}
	}
	return r.source.problem(r.place(offset), "", message, "want valid JSON")
}

func (r *jsonReader) place(offset int64) place {
	line, column := position(r.text, int(offset))
	return place{origin: r.origin, file: r.source.name, line: line, column: column}
}

// next is the place of the token that comes next.
func (r *jsonReader) next() place {
	offset := r.dec.InputOffset()
	for offset < int64(len(r.text)) && strings.IndexByte(" \t\r\n,:", r.text[offset]) >= 0 {
		offset++
	}
	return r.place(offset)
}

func (r *jsonReader) value(depth int) (*node, error) {
	if depth > deepest {
		return nil, fmt.Errorf("the document is nested more than %d levels deep", deepest)
	}
	at := r.next()
	token, err := r.dec.Token()
	if err != nil {
		return nil, err
	}
	switch t := token.(type) {
	case json.Delim:
		if t == '{' {
			return r.object(at, depth)
		}
		return r.array(at, depth)
	case json.Number:
		return numberNode(at, t), nil
	case string:
		return &node{kind: kindString, at: at, scalar: t}, nil
	case bool:
		return &node{kind: kindBool, at: at, scalar: t}, nil
	}
	return &node{kind: kindNull, at: at}, nil
}

func numberNode(at place, n json.Number) *node {
	k := kindInteger
	if strings.ContainsAny(n.String(), ".eE") {
		k = kindNumber
	}
	return &node{kind: k, at: at, scalar: n}
}

func (r *jsonReader) object(at place, depth int) (*node, error) {
	out := object(at)
	for r.dec.More() {
		keyAt := r.next()
		token, err := r.dec.Token()
		if err != nil {
			return nil, err
		}
		key, ok := token.(string)
		if !ok {
			return nil, fmt.Errorf("want a key in quotes")
		}
		value, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		if out.get(key) != nil {
			r.doubts = append(r.doubts, r.source.problem(keyAt, key, "stands here a second time", "keep one of them"))
		}
		out.set(key, keyAt, value)
	}
	_, err := r.dec.Token()
	return out, err
}

func (r *jsonReader) array(at place, depth int) (*node, error) {
	out := &node{kind: kindArray, at: at}
	for r.dec.More() {
		item, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		out.items = append(out.items, item)
	}
	_, err := r.dec.Token()
	return out, err
}
