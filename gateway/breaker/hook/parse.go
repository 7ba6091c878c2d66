// SPDX-License-Identifier: Apache-2.0

package hook

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// parse reads a settings file. An empty one is an empty object.
func parse(text []byte) (node, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return node{kind: '{'}, nil
	}
	if !json.Valid(text) {
		var wrong *json.SyntaxError
		if err := json.Unmarshal(text, new(any)); errors.As(err, &wrong) {
			return node{}, fmt.Errorf("it is no JSON: %w, in line %d", err, 1+bytes.Count(text[:min(int(wrong.Offset), len(text))], []byte("\n")))
		}
		return node{}, errors.New("it is no JSON")
	}
	p := parser{text: text}
	root := p.value()
	if root.kind != '{' {
		return node{}, errors.New("it is no object")
	}
	return root, nil
}

// A parser finds where values stand in a text that is known to be valid, and no deeper than
// encoding/json allows.
type parser struct {
	text []byte
	at   int
}

func (p *parser) space() {
	for p.at < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.at]) >= 0 {
		p.at++
	}
}

func (p *parser) value() node {
	p.space()
	n := node{kind: p.text[p.at], begin: p.at, from: p.at}
	switch n.kind {
	case '{', '[':
		p.inside(&n)
	case '"':
		n.text = p.quoted()
	default:
		for p.at < len(p.text) && strings.IndexByte(" \t\r\n,]}", p.text[p.at]) < 0 {
			p.at++
		}
	}
	n.end = p.at
	return n
}

func (p *parser) inside(n *node) {
	closing := byte(']')
	if n.kind == '{' {
		closing = '}'
	}
	p.at++
	for {
		p.space()
		if p.text[p.at] == ',' {
			p.at++
			p.space()
		}
		if p.text[p.at] == closing {
			p.at++
			return
		}
		from, name := p.at, ""
		if n.kind == '{' {
			name = p.quoted()
			p.space()
			p.at++ // the colon
		}
		child := p.value()
		child.from, child.name = from, name
		if n.kind == '[' {
			child.from = child.begin
		}
		n.children = append(n.children, child)
	}
}

func (p *parser) quoted() string {
	from := p.at
	for p.at++; p.text[p.at] != '"'; p.at++ {
		if p.text[p.at] == '\\' {
			p.at++
		}
	}
	p.at++
	var text string
	_ = json.Unmarshal(p.text[from:p.at], &text) // it is valid
	return text
}
