// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"holdfast"
)

// mostNodes bounds what aliases may unfold to.
const mostNodes = 50_000

// yamlReader turns a parsed file into the generic tree.
type yamlReader struct {
	source  source
	anchors map[string]ast.Node
	open    map[string]bool // anchors being unfolded, against a loop
	nodes   int
	doubts  []holdfast.Problem
	shift   int // lines to add, when a part of the file is read alone
}

// readYAML reads a file into the generic tree with the place of every value. After a syntax
// error the top-level sections are read one by one, so that a second mistake is told as well.
func readYAML(src source) (*node, []holdfast.Problem) {
	if p := src.notText(); p != nil {
		return nil, []holdfast.Problem{*p}
	}
	if p := src.tooDeep(); p != nil {
		return nil, []holdfast.Problem{*p}
	}
	root, problems, broken := readPart(src, src.text, 0)
	if !broken {
		return root, problems
	}
	return readInParts(src, problems)
}

func readInParts(src source, whole []holdfast.Problem) (*node, []holdfast.Problem) {
	root := object(place{origin: OriginFile, file: src.name, line: 1, column: 1})
	var problems []holdfast.Problem
	anyBroken := false
	for _, part := range topLevel(src.text) {
		tree, found, broken := readPart(src, part.text, part.line)
		problems, anyBroken = append(problems, found...), anyBroken || broken
		if tree == nil {
			continue
		}
		for _, f := range tree.fields {
			root.set(f.name, f.at, f.value)
		}
	}
	if !anyBroken {
		// Each part is sound and the whole is not: the parts were cut in the wrong place.
		return nil, whole
	}
	return root, problems
}

type part struct {
	text []byte
	line int // lines before it
}

// topLevel cuts a file at every line that begins a top-level key.
func topLevel(text []byte) []part {
	var parts []part
	start, startLine, line := 0, 0, 0
	for offset := 0; offset < len(text); line++ {
		end := bytes.IndexByte(text[offset:], '\n') + 1
		if end == 0 {
			end = len(text) - offset
		}
		if c := text[offset]; offset > start && (c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z') {
			parts = append(parts, part{text: text[start:offset], line: startLine})
			start, startLine = offset, line
		}
		offset += end
	}
	return append(parts, part{text: text[start:], line: startLine})
}

func readPart(src source, text []byte, shift int) (root *node, problems []holdfast.Problem, broken bool) {
	r := &yamlReader{source: src, anchors: map[string]ast.Node{}, open: map[string]bool{}, shift: shift}
	file, err := parseYAML(text)
	if err != nil {
		return nil, []holdfast.Problem{r.syntax(err)}, true
	}
	body := r.body(file)
	if body == nil {
		return nil, r.doubts, false
	}
	root = r.node(body, 0)
	if root.kind != kindObject && root.kind != kindNull {
		r.doubt(root.at, "", "want sections, each with a name and a colon", "for example `house:`")
		return nil, r.doubts, true
	}
	return root, r.doubts, false
}

// parseYAML keeps a parser's panic from becoming ours: the file is the operator's, not ours.
func parseYAML(text []byte) (file *ast.File, err error) {
	defer func() {
		if caught := recover(); caught != nil {
			file, err = nil, fmt.Errorf("is not YAML that can be understood (%v)", caught)
		}
	}()
	return parser.ParseBytes(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")), 0, parser.AllowDuplicateMapKey())
}

func (r *yamlReader) syntax(err error) holdfast.Problem {
	var located yaml.Error
	if !errors.As(err, &located) || located.GetToken() == nil {
		at := place{file: r.source.name, line: r.shift + 1, column: 1}
		return r.source.problem(at, "", err.Error(), "")
	}
	return r.source.problem(r.at(located.GetToken()), "", located.GetMessage(), "")
}

func (r *yamlReader) body(file *ast.File) ast.Node {
	var body ast.Node
	for _, doc := range file.Docs {
		if doc == nil || doc.Body == nil {
			continue
		}
		if body != nil {
			r.doubt(r.at(doc.Body.GetToken()), "", "a second document begins here", "keep one document in the file, without ---")
			continue
		}
		if doc.Body.Type() == ast.DirectiveType {
			continue
		}
		body = doc.Body
	}
	return body
}

func (r *yamlReader) at(t *token.Token) place {
	p := place{origin: OriginFile, file: r.source.name}
	if t != nil && t.Position != nil {
		p.line, p.column = t.Position.Line+r.shift, t.Position.Column
	}
	return p
}

func (r *yamlReader) doubt(at place, path, message, remedy string) {
	r.doubts = append(r.doubts, r.source.problem(at, path, message, remedy))
}

func (r *yamlReader) node(n ast.Node, depth int) *node {
	if n == nil {
		return &node{}
	}
	at := r.at(n.GetToken())
	r.nodes++
	if depth > deepest || r.nodes > mostNodes {
		if r.nodes != math.MaxInt {
			r.doubt(at, "", "the file unfolds to too much from here", "use fewer levels and aliases")
		}
		r.nodes = math.MaxInt - 1 // said once
		return &node{at: at}
	}
	switch n := n.(type) {
	case *ast.MappingNode:
		return r.mapping(at, n.Values, depth)
	case *ast.MappingValueNode:
		return r.mapping(r.at(n.Key.GetToken()), []*ast.MappingValueNode{n}, depth)
	case *ast.SequenceNode:
		out := &node{kind: kindArray, at: at}
		for _, item := range n.Values {
			out.items = append(out.items, r.node(item, depth+1))
		}
		return out
	case *ast.AnchorNode:
		r.anchors[nodeText(n.Name)] = n.Value
		return r.node(n.Value, depth+1)
	case *ast.AliasNode:
		return r.alias(n, at, depth)
	case *ast.TagNode:
		return r.tagged(n, at, depth)
	}
	return r.scalar(n, at)
}

func (r *yamlReader) scalar(n ast.Node, at place) *node {
	switch n := n.(type) {
	case *ast.StringNode:
		return &node{kind: kindString, at: at, scalar: n.Value}
	case *ast.LiteralNode:
		return &node{kind: kindString, at: at, scalar: n.Value.Value}
	case *ast.IntegerNode:
		return &node{kind: kindInteger, at: at, scalar: n.Value}
	case *ast.FloatNode:
		return &node{kind: kindNumber, at: at, scalar: n.Value}
	case *ast.BoolNode:
		return &node{kind: kindBool, at: at, scalar: n.Value}
	case *ast.NullNode:
		return &node{at: at}
	}
	r.doubt(at, "", "cannot be used here: "+strings.ToLower(n.Type().String()), "want text, a number, true, false, a list or a map")
	return &node{at: at}
}

func (r *yamlReader) mapping(at place, values []*ast.MappingValueNode, depth int) *node {
	out := object(at)
	var merged *node
	for _, v := range values {
		keyAt := r.at(v.Key.GetToken())
		if v.Key.IsMergeKey() {
			merged = merge(merged, r.mergeKey(v.Value, depth))
			continue
		}
		name := nodeText(v.Key)
		if earlier := out.get(name); earlier != nil {
			_, first, _ := out.find([]string{name})
			r.doubt(keyAt, name, fmt.Sprintf("stands here a second time, first in line %d", first.line), "keep one of them")
		}
		out.set(name, keyAt, r.node(v.Value, depth+1))
	}
	if merged != nil {
		return merge(merged, out)
	}
	return out
}

// mergeKey is what `<<:` brings in: one map, or a list of maps of which the first wins.
func (r *yamlReader) mergeKey(value ast.Node, depth int) *node {
	n := r.node(value, depth+1)
	switch n.kind {
	case kindObject:
		return n
	case kindArray:
		out := object(n.at)
		for _, item := range n.items {
			if item.kind == kindObject {
				out = merge(item, out)
			}
		}
		return out
	default:
		r.doubt(n.at, "<<", "wants a map, has "+n.kind.String(), "name a map's anchor, such as *base")
		return nil
	}
}

func (r *yamlReader) alias(n *ast.AliasNode, at place, depth int) *node {
	name := nodeText(n.Value)
	target, ok := r.anchors[name]
	switch {
	case !ok:
		r.doubt(at, "", "there is no anchor &"+name+" above", "")
		return &node{at: at}
	case r.open[name]:
		r.doubt(at, "", "the anchor &"+name+" holds itself", "")
		return &node{at: at}
	}
	r.open[name] = true
	defer delete(r.open, name)
	return r.node(target, depth+1)
}

func (r *yamlReader) tagged(n *ast.TagNode, at place, depth int) *node {
	value := r.node(n.Value, depth+1)
	tag := n.Start.Value
	switch {
	case tag == "!!str" && value.kind != kindObject && value.kind != kindArray:
		text := ""
		if n.Value != nil && n.Value.GetToken() != nil {
			text = n.Value.GetToken().Value
		}
		return &node{kind: kindString, at: value.at, scalar: text}
	case tag == "!!map" || tag == "!!seq" || tag == "!!int" || tag == "!!float" || tag == "!!bool" || tag == "!!null":
		return value
	}
	r.doubt(at, "", "the tag "+clip(tag)+" has no meaning here", "leave it out")
	return value
}

// nodeText is a key or an anchor's name as written.
func nodeText(n ast.Node) string {
	switch n := n.(type) {
	case nil:
		return ""
	case *ast.StringNode:
		return n.Value
	case *ast.MappingKeyNode:
		return nodeText(n.Value)
	}
	if t := n.GetToken(); t != nil {
		return t.Value
	}
	return ""
}

// tooDeep refuses, before the recursive parser sees it, what would exhaust its stack.
func (s source) tooDeep() *holdfast.Problem {
	level, run := 0, 0
	for i, c := range s.text {
		switch c {
		case '[', '{':
			level++
		case ']', '}':
			level = max(0, level-1)
		}
		switch c {
		case '-', '?', ':', '!', '&', '*', ' ':
			run++
		default:
			run = 0
		}
		if level > 2*deepest || run > 10*deepest {
			line, column := position(s.text, i)
			p := s.problem(place{file: s.name, line: line, column: column}, "", "is nested too deeply", "")
			return &p
		}
	}
	return nil
}
