// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/google/jsonschema-go/jsonschema"

	"holdfast"
	"holdfast/agent/plain"
)

// Bounds on what a tool server may declare, and on what a caller may send.
const (
	maxSchema    = 128 << 10
	maxNodes     = 5_000 // after every $ref has been followed
	maxNesting   = 64
	maxArguments = 1 << 20
	maxDeep      = 500        // of arguments: readers of JSON in other languages give up soon after, some by ending
	maxWork      = 50_000_000 // schema nodes × values in one argument list
)

// an argumentSchema is a tool's input schema, made safe to hand on and to judge arguments by.
type argumentSchema struct {
	raw json.RawMessage
	// tree is the schema as plain values, for the marks of secrets.
	tree map[string]any
	// judge is nil when the house leaves the judgement to the server.
	judge *jsonschema.Resolved
	nodes int
	note  string
	// later reads the schema when it is first needed; nil for one that was read.
	later func() *argumentSchema
}

// laterSchema is one that is read when it is first needed.
func laterSchema(from func() json.RawMessage) *argumentSchema {
	return &argumentSchema{later: sync.OnceValue(func() *argumentSchema { return readSchema(from()) })}
}

func (s *argumentSchema) read() *argumentSchema {
	if s == nil || s.later == nil {
		return s
	}
	return s.later()
}

// marks is the schema as it marks secrets, nil for none.
func (s *argumentSchema) marks() map[string]any {
	if s == nil {
		return nil
	}
	return s.read().tree
}

// openSchema accepts any object.
func openSchema(note string) *argumentSchema {
	return &argumentSchema{raw: json.RawMessage(`{"type":"object"}`), tree: map[string]any{"type": "object"}, note: note}
}

// readSchema takes a server's schema as it comes. One that cannot be used is replaced by an open
// one; one that could make the judge loop or run for long is handed on, and its server judges.
func readSchema(from any) *argumentSchema {
	raw, err := json.Marshal(from)
	if err != nil || len(raw) > maxSchema {
		return openSchema("its input schema is too large or cannot be encoded, so any object is accepted")
	}
	var tree map[string]any
	if err := json.Unmarshal(raw, &tree); err != nil || tree == nil {
		return openSchema("it has no input schema, so any object is accepted")
	}
	if t, ok := tree["type"]; ok && t != "object" {
		return openSchema("its input schema is not of an object, so any object is accepted")
	}
	if _, ok := tree["type"]; !ok {
		tree["type"] = "object"
		raw, _ = json.Marshal(tree) // it was just decoded from JSON
	}
	schema := &argumentSchema{raw: raw, tree: tree}
	walk := expansion{root: tree, left: maxNodes}
	if err := walk.visit(tree, nil, 0); err != nil {
		schema.note = "its arguments are judged by its server alone: " + err.Error()
		return schema
	}
	schema.nodes = maxNodes - walk.left
	schema.judge, err = resolve(raw)
	if err != nil {
		return openSchema("its input schema is not valid, so any object is accepted: " + plain.Text(err.Error(), 300))
	}
	return schema
}

func resolve(raw json.RawMessage) (*jsonschema.Resolved, error) {
	var parsed jsonschema.Schema
	if err := json.Unmarshal(raw, &parsed); err != nil {
		return nil, err
	}
	return parsed.Resolve(nil)
}

// an expansion measures a schema with every local reference followed, and finds those that contain
// themselves: judging by them may never end.
type expansion struct {
	root map[string]any
	left int
}

func (x *expansion) visit(node any, path []string, depth int) error {
	if x.left--; x.left < 0 {
		return fmt.Errorf("the schema has more than %d parts", maxNodes)
	}
	if depth > maxNesting {
		return fmt.Errorf("the schema is nested more than %d deep", maxNesting)
	}
	switch node := node.(type) {
	case []any:
		for _, v := range node {
			if err := x.visit(v, path, depth+1); err != nil {
				return err
			}
		}
	case map[string]any:
		return x.object(node, path, depth)
	}
	return nil
}

func (x *expansion) object(node map[string]any, path []string, depth int) error {
	if node["$dynamicRef"] != nil || node["$recursiveRef"] != nil {
		return errors.New("the schema refers to itself dynamically")
	}
	for key, v := range node {
		if ref, ok := v.(string); ok && key == "$ref" {
			if err := x.follow(ref, path, depth); err != nil {
				return err
			}
			continue
		}
		if err := x.visit(v, path, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (x *expansion) follow(ref string, path []string, depth int) error {
	if slices.Contains(path, ref) {
		return errors.New("the schema contains itself")
	}
	target, ok := lookup(x.root, ref)
	if !ok {
		return fmt.Errorf("the schema refers to %q, which is not in it", plain.Text(ref, 100))
	}
	return x.visit(target, append(slices.Clone(path), ref), depth+1)
}

// lookup follows a local JSON pointer ("#/$defs/x").
func lookup(root map[string]any, ref string) (any, bool) {
	pointer, ok := strings.CutPrefix(ref, "#")
	if !ok {
		return nil, false
	}
	var at any = root
	if pointer == "" {
		return at, true
	}
	for part := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		object, ok := at.(map[string]any)
		if !ok {
			return nil, false
		}
		part = strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
		if at, ok = object[part]; !ok {
			return nil, false
		}
	}
	return at, true
}

// CheckArguments holds arguments against the tool's schema, as Call does, for who asks a person before.
func (e Entry) CheckArguments(arguments json.RawMessage) error {
	_, err := readSchema(e.Input).check(e.Name, arguments)
	return err
}

// check reads arguments and holds them against the schema.
func (s *argumentSchema) check(tool string, arguments json.RawMessage) (json.RawMessage, error) {
	if len(bytes.TrimSpace(arguments)) == 0 || string(bytes.TrimSpace(arguments)) == "null" {
		arguments = json.RawMessage("{}")
	}
	if len(arguments) > maxArguments {
		return nil, badArguments(tool, holdfast.Problem{Message: fmt.Sprintf("the arguments are %d bytes, want at most %d", len(arguments), maxArguments)})
	}
	if !utf8.Valid(arguments) {
		return nil, badArguments(tool, holdfast.Problem{Message: "the arguments are not UTF-8"})
	}
	if plain.Nested(arguments) > maxDeep {
		return nil, badArguments(tool, holdfast.Problem{Message: fmt.Sprintf("the arguments are nested more than %d deep", maxDeep)})
	}
	var values map[string]any
	if err := json.Unmarshal(arguments, &values); err != nil {
		return nil, badArguments(tool, holdfast.Problem{Message: "the arguments are not a JSON object: " + err.Error()})
	}
	if s = s.read(); s.judge == nil || s.nodes*bytes.Count(arguments, []byte(",")) > maxWork {
		return arguments, nil
	}
	if err := s.judge.Validate(values); err != nil {
		return nil, badArguments(tool, readable(err))
	}
	return arguments, nil
}

func badArguments(tool string, p holdfast.Problem) error {
	return holdfast.BadInput("bad arguments for tool "+tool, p)
}

// readable words the judge's error for who sent the arguments: the place as a field, without the
// parts of the path that are the schema's own.
func readable(err error) holdfast.Problem {
	text := err.Error()
	place := regexp.MustCompile(`validating (/\S+?): `)
	var field string
	for _, m := range place.FindAllStringSubmatch(text, -1) {
		field = m[1]
	}
	text = place.ReplaceAllString(text, "")
	text = strings.TrimPrefix(text, "validating root: ")
	parts := slices.DeleteFunc(strings.Split(field, "/"), func(p string) bool {
		return p == "" || p == "properties" || p == "$defs"
	})
	return holdfast.Problem{Field: strings.Join(parts, "."), Message: plain.Text(text, 1000)}
}
