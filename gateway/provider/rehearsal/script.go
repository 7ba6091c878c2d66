// SPDX-License-Identifier: Apache-2.0

package rehearsal

import (
	"errors"
	"fmt"
	"regexp"
	"sync/atomic"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"holdfast"
)

const defaultChunk = 12

type script struct {
	models []string
	rules  []*rule
}

// rule is one entry of the script and, below its fields, what it was compiled to.
type rule struct {
	Name  string    `yaml:"name"`
	When  when      `yaml:"when"`
	Times int64     `yaml:"times"`
	Reply reply     `yaml:"reply"`
	Usage usageRule `yaml:"usage"`
	Fault fault     `yaml:"fault"`

	user, system, tool *regexp.Regexp
	text               template
	json               any
	tools              []toolTemplate
	answered           atomic.Int64
}

type when struct {
	User       string   `yaml:"user"`
	System     string   `yaml:"system"`
	Tool       string   `yaml:"tool"`
	ToolResult *bool    `yaml:"tool_result"`
	Offered    []string `yaml:"offered"`
	Format     string   `yaml:"format"`
	Model      string   `yaml:"model"`
	Stream     *bool    `yaml:"stream"`
}

type reply struct {
	Text   string        `yaml:"text"`
	JSON   any           `yaml:"json"`
	Tools  []toolReply   `yaml:"tools"`
	Finish string        `yaml:"finish"`
	Chunk  int           `yaml:"chunk"`
	Pause  time.Duration `yaml:"pause"`
	Wait   time.Duration `yaml:"wait"`
}

func (r reply) chunkSize() int {
	if r.Chunk > 0 {
		return r.Chunk
	}
	return defaultChunk
}

type toolReply struct {
	Name      string `yaml:"name"`
	Arguments any    `yaml:"arguments"`
}

type toolTemplate struct {
	name      template
	arguments any
}

type fault struct {
	Status     int           `yaml:"status"`
	RetryAfter time.Duration `yaml:"retry_after"`
	Refuse     bool          `yaml:"refuse"`
	Hang       bool          `yaml:"hang"`
	Cut        *int          `yaml:"cut"`
	Stall      *int          `yaml:"stall"`
	Empty      bool          `yaml:"empty"`
}

// usageRule is the word none, or numbers that replace the counted ones.
type usageRule struct {
	none  bool
	given bool
	usage holdfast.Usage
}

// UnmarshalYAML reads the word none or the numbers.
func (u *usageRule) UnmarshalYAML(decode func(any) error) error {
	var word string
	if decode(&word) == nil {
		if word != "none" {
			return fmt.Errorf("usage is %q: want none, or input, cached, output, reasoning", word)
		}
		u.none = true
		return nil
	}
	var n struct {
		Input     int64 `yaml:"input"`
		Cached    int64 `yaml:"cached"`
		Output    int64 `yaml:"output"`
		Reasoning int64 `yaml:"reasoning"`
	}
	if err := decode(&n); err != nil {
		return err
	}
	if min(n.Input, n.Cached, n.Output, n.Reasoning) < 0 || n.Cached > n.Input || n.Reasoning > n.Output {
		return errors.New("usage must not be negative; cached is a part of input, reasoning of output")
	}
	u.given = true
	u.usage = holdfast.Usage{
		Input: n.Input - n.Cached, CachedRead: n.Cached, Output: n.Output, Reasoning: n.Reasoning,
	}
	return nil
}

// reader gathers the problems of one script.
type reader struct {
	file     string
	problems []holdfast.Problem
}

func parse(file string, data []byte) (*script, error) {
	s := &script{models: []string{"default"}}
	r := &reader{file: file}
	tree, err := parser.ParseBytes(data, 0)
	if err != nil {
		r.add(nil, "", err)
		return nil, r.result()
	}
	for _, doc := range tree.Docs {
		r.document(doc.Body, s)
	}
	return s, r.result()
}

func (r *reader) result() error {
	if len(r.problems) == 0 {
		return nil
	}
	return holdfast.BadInput("the rehearsal script is not usable", r.problems...)
}

// add notes a problem at the place the error knows, else at the node's.
func (r *reader) add(at ast.Node, field string, err error) {
	p := holdfast.Problem{File: r.file, Line: 1, Column: 1, Field: field, Message: err.Error()}
	if at != nil && at.GetToken() != nil {
		p.Line, p.Column = at.GetToken().Position.Line, at.GetToken().Position.Column
	}
	if placed, ok := errors.AsType[yaml.Error](err); ok {
		p.Message = placed.GetMessage()
		if token := placed.GetToken(); token != nil && token.Position != nil {
			p.Line, p.Column = token.Position.Line, token.Position.Column
		}
	}
	r.problems = append(r.problems, p)
}

func (r *reader) document(node ast.Node, s *script) {
	if node == nil {
		return
	}
	if _, null := node.(*ast.NullNode); null {
		return
	}
	entries, ok := pairs(node)
	if !ok {
		r.add(node, "", errors.New("a script is a map with models and rules"))
		return
	}
	for _, entry := range entries {
		switch key := entry.Key.String(); key {
		case "models":
			if err := yaml.NodeToValue(entry.Value, &s.models); err != nil {
				r.add(entry.Value, key, err)
			}
		case "rules":
			r.rules(entry.Value, s)
		default:
			r.add(entry.Key, key, errors.New("unknown field: want models or rules"))
		}
	}
}

// pairs is a map's entries; a map of one entry is a node of its own kind.
func pairs(node ast.Node) ([]*ast.MappingValueNode, bool) {
	switch n := node.(type) {
	case *ast.MappingNode:
		return n.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, true
	}
	return nil, false
}

func (r *reader) rules(node ast.Node, s *script) {
	list, ok := node.(*ast.SequenceNode)
	if !ok {
		if _, null := node.(*ast.NullNode); !null {
			r.add(node, "rules", errors.New("must be a list"))
		}
		return
	}
	for i, item := range list.Values {
		one := &rule{}
		field := fmt.Sprintf("rules[%d]", i)
		if err := yaml.NodeToValue(item, one, yaml.Strict(), yaml.UseOrderedMap()); err != nil {
			r.add(item, field, err)
			continue
		}
		for _, err := range one.compile() {
			r.add(item, field, err)
		}
		s.rules = append(s.rules, one)
	}
}

// compile prepares a rule and returns all that is wrong with it.
func (r *rule) compile() []error {
	var wrong []error
	known := map[string]bool{"user": true, "tool": true, "model": true}
	pattern := func(field, text string) *regexp.Regexp {
		if text == "" {
			return nil
		}
		re, err := regexp.Compile("(?is)" + text)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("when.%s: %w", field, err))
			return nil
		}
		for i, name := range re.SubexpNames() {
			known[fmt.Sprint(i)] = true
			known[name] = true
		}
		return re
	}
	r.user, r.system, r.tool = pattern("user", r.When.User), pattern("system", r.When.System), pattern("tool", r.When.Tool)
	delete(known, "")
	note := func(err error) {
		if err != nil {
			wrong = append(wrong, err)
		}
	}
	var err error
	r.text, err = parseTemplate(r.Reply.Text, known)
	note(err)
	r.json, err = compileValue(r.Reply.JSON, known)
	note(err)
	for _, tool := range r.Reply.Tools {
		t, err := compileTool(tool, known)
		note(err)
		r.tools = append(r.tools, t)
	}
	return append(wrong, r.check()...)
}

func compileTool(tool toolReply, known map[string]bool) (toolTemplate, error) {
	if tool.Name == "" {
		return toolTemplate{}, errors.New("reply.tools: a tool call needs a name")
	}
	name, err := parseTemplate(tool.Name, known)
	if err != nil {
		return toolTemplate{}, err
	}
	if tool.Arguments == nil {
		tool.Arguments = yaml.MapSlice{}
	}
	if _, ok := tool.Arguments.(yaml.MapSlice); !ok {
		return toolTemplate{}, fmt.Errorf("reply.tools: arguments of %s must be a map", tool.Name)
	}
	arguments, err := compileValue(tool.Arguments, known)
	return toolTemplate{name, arguments}, err
}

func (r *rule) check() []error {
	var wrong []error
	fail := func(bad bool, text string) {
		if bad {
			wrong = append(wrong, errors.New(text))
		}
	}
	f := r.Fault
	fail(f.Status != 0 && (f.Status < 400 || f.Status > 599), "fault.status: must be from 400 to 599")
	fail(f.RetryAfter < 0 || r.Reply.Pause < 0 || r.Reply.Wait < 0, "a time must not be negative")
	fail(f.RetryAfter > 0 && f.Status == 0, "fault.retry_after: needs a status")
	fail(f.Cut != nil && *f.Cut < 0, "fault.cut: must not be negative")
	fail(f.Stall != nil && *f.Stall < 0, "fault.stall: must not be negative")
	fail(r.Times < 0, "times: must not be negative")
	fail(r.Reply.Chunk < 0, "reply.chunk: must not be negative")
	fail(r.Reply.Text != "" && r.Reply.JSON != nil, "reply: text and json exclude each other")
	return wrong
}
