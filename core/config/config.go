// SPDX-License-Identifier: Apache-2.0

// Package config reads what the operator wants: defaults, master_config.json, the parts in
// holdfast.d, holdfast.yaml, the environment and the command line, the later over the earlier, each
// value with the place it came from.
//
// A section is a Go value whose json tags name its fields and whose comments become the manual.
// Everything is checked before anything counts: a Load or Reload either gives all sections or
// every problem together with file, line, column and excerpt, and changes nothing. It is not for
// secrets (core/keys) nor for state. Callers: app loads and reloads; capabilities own sections;
// core/config/configactions shows it all.
package config

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/google/jsonschema-go/jsonschema"

	"holdfast"
	"holdfast/core/home"
)

// A Section is one top-level key of holdfast.yaml. Into points to a value filled with defaults;
// Load replaces what it points to. A value with a method Check() []holdfast.Problem is asked
// after decoding; the Field of its problems is a path in the section ("companion.restart").
type Section struct {
	Name string
	Into any
}

// Options are what does not come from the home.
type Options struct {
	// Environ is the environment as NAME=value; nil means the process's own.
	Environ []string
	// Set holds values of the command line by path: "edge.listen" → "127.0.0.1:9000".
	Set map[string]string
}

// A Config is all sections as they are now.
type Config struct {
	home     home.Home
	sections []Section
	options  Options
	schemas  map[string]*jsonschema.Schema
	defaults *node

	reloading sync.Mutex
	mu        sync.RWMutex
	current   snapshot
	failed    error
	listeners []*listener
}

// A snapshot is one whole reading. It never changes.
type snapshot struct {
	tree    *node
	values  map[string]any
	sources map[string]source
}

type listener struct {
	section string
	changed func(ctx context.Context, fresh any) error
}

// Load reads the configuration of a home into its sections. When anything is wrong it returns a
// *holdfast.Error with every problem and leaves each Into as it was; the Config returned beside
// the error then holds the defaults, so that it can still explain itself.
func Load(h home.Home, sections []Section, opt Options) (*Config, error) {
	c := &Config{home: h, sections: sections, options: opt, schemas: map[string]*jsonschema.Schema{}}
	if err := c.prepare(); err != nil {
		return nil, err
	}
	c.current = snapshot{tree: c.defaults, values: map[string]any{}}
	for _, s := range sections {
		c.current.values[s.Name] = s.Into
	}
	fresh, problems := c.read(nil)
	if len(problems) > 0 {
		c.failed = invalid(problems)
		return c, c.failed
	}
	c.current = fresh
	for _, s := range sections {
		reflect.ValueOf(s.Into).Elem().Set(reflect.ValueOf(fresh.values[s.Name]).Elem())
	}
	return c, nil
}

func invalid(problems []holdfast.Problem) error {
	noun := "problems"
	if len(problems) == 1 {
		noun = "problem"
	}
	return holdfast.BadInput(fmt.Sprintf("the configuration has %d %s", len(problems), noun), problems...)
}

// prepare works out schemas and defaults; what fails here is a mistake in a section's type.
func (c *Config) prepare() error {
	c.defaults = object(place{origin: OriginDefault})
	for _, s := range c.sections {
		schema, err := schemaOf(s)
		if err != nil {
			return err
		}
		c.schemas[s.Name] = schema
		raw, err := json.Marshal(s.Into)
		if err != nil {
			return fmt.Errorf("cannot word the defaults of section %s: %w", s.Name, err)
		}
		tree, problems := readJSON(source{text: raw}, OriginDefault)
		if len(problems) > 0 {
			return fmt.Errorf("cannot read the defaults of section %s: %s", s.Name, problems[0].Message)
		}
		tree.mark(place{origin: OriginDefault})
		c.defaults.set(s.Name, place{origin: OriginDefault}, tree)
	}
	return nil
}

// read reads all layers and checks them; the snapshot counts only when there is no problem. A
// master that is given stands for the file.
func (c *Config) read(master *source) (snapshot, []holdfast.Problem) {
	s := snapshot{values: map[string]any{}, sources: map[string]source{}}
	if master != nil {
		s.sources[master.name] = *master
	}
	var problems []holdfast.Problem
	tree := c.defaults
	for _, layer := range []func(snapshot, *node) (*node, []holdfast.Problem){
		c.masterLayer, c.dropInLayer, c.fileLayer, c.environmentLayer, c.flagLayer,
	} {
		over, found := layer(s, tree)
		found = append(found, c.conform(s, over)...)
		problems = append(problems, found...)
		tree = merge(tree, over)
	}
	s.tree = object(tree.at)
	for _, f := range tree.fields {
		s.tree.set(f.name, f.at, named(f.value, c.schemas[f.name]))
	}
	for _, section := range c.sections {
		if !about(problems, section.Name) {
			problems = append(problems, c.fill(s, section)...)
		}
	}
	slices.SortStableFunc(problems, func(a, b holdfast.Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return s, problems
}

// named makes an entry of a map that says nothing (`companion:` and no more) an empty map: somebody
// named it, so it is there, and its section's Check can say what it lacks.
func named(n *node, s *jsonschema.Schema) *node {
	if n == nil || s == nil || n.kind != kindObject {
		return n
	}
	out := object(n.at)
	for _, f := range n.fields {
		sub, ok := s.Properties[f.name]
		if !ok {
			sub = s.AdditionalProperties
			if f.value.kind == kindNull && sub != nil && slices.Contains(kindsOf(sub), "object") {
				f.value = object(f.at)
			}
		}
		out.set(f.name, f.at, named(f.value, sub))
	}
	return out
}

// about tells whether a section has a problem already, which makes decoding it pointless.
func about(problems []holdfast.Problem, section string) bool {
	return slices.ContainsFunc(problems, func(p holdfast.Problem) bool {
		segments := splitPath(p.Field)
		return len(segments) > 0 && segments[0] == section
	})
}

func (c *Config) fileLayer(s snapshot, _ *node) (*node, []holdfast.Problem) {
	src, ok, problem := readSource(c.home.ConfigFile(), "holdfast.yaml")
	if problem != nil {
		return nil, []holdfast.Problem{*problem}
	}
	if !ok {
		return nil, nil
	}
	s.sources[src.name] = src
	return readYAML(src)
}

// conform checks one layer against the sections' schemas, so that each finding has its own place.
func (c *Config) conform(s snapshot, layer *node) []holdfast.Problem {
	if layer == nil {
		return nil
	}
	var all conform
	for _, f := range layer.fields {
		schema, ok := c.schemas[f.name]
		if !ok {
			all.add(f.at, joinPath("", f.name), "there is no such section", meant(f.name, c.names()))
			continue
		}
		all.check(f.value, schema, f.name)
	}
	return s.problems(all.found)
}

func (s snapshot) problems(found []finding) []holdfast.Problem {
	var out []holdfast.Problem
	for _, f := range found {
		out = append(out, s.sources[f.at.file].problem(f.at, f.path, f.message, f.remedy))
	}
	return out
}

func (c *Config) names() []string {
	var names []string
	for _, s := range c.sections {
		names = append(names, s.Name)
	}
	return names
}

// fill decodes one section into a fresh value and asks the value's own Check.
func (c *Config) fill(s snapshot, section Section) []holdfast.Problem {
	tree := s.tree.get(section.Name)
	fresh := func() any { return reflect.New(reflect.TypeOf(section.Into).Elem()).Interface() }
	value := fresh()
	if err := decode(tree, value); err != nil {
		bad, path := culprit(tree, section.Name, func(n *node) bool { return decode(n, fresh()) != nil })
		return s.problems([]finding{{at: bad.at, path: path, message: plain(err)}})
	}
	s.values[section.Name] = value
	checked, ok := value.(interface{ Check() []holdfast.Problem })
	if !ok {
		return nil
	}
	var out []holdfast.Problem
	for _, p := range checked.Check() {
		out = append(out, s.locate(section.Name, p))
	}
	return out
}

func decode(tree *node, into any) error {
	if tree == nil || tree.kind == kindNull {
		return nil
	}
	raw, err := tree.json()
	if err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	return dec.Decode(into)
}

// culprit finds the smallest part of a tree that its decoder refuses: of a map or list, the first
// child with which the refusal begins.
func culprit(n *node, path string, refused func(*node) bool) (*node, string) {
	some := *n
	for i := range n.fields {
		some.fields = n.fields[:i+1]
		if i == 0 && refused(&node{kind: n.kind, at: n.at}) {
			return n, path
		}
		if refused(&some) {
			f := n.fields[i]
			return culprit(f.value, joinPath(path, f.name), func(sub *node) bool {
				some.fields = append(slices.Clone(n.fields[:i]), field{name: f.name, at: f.at, value: sub})
				return refused(&some)
			})
		}
	}
	for i := range n.items {
		some.items = n.items[:i+1]
		if refused(&some) {
			return culprit(n.items[i], indexPath(path, i), func(sub *node) bool {
				some.items = append(slices.Clone(n.items[:i]), sub)
				return refused(&some)
			})
		}
	}
	return n, path
}

// plain takes the decoder's own words off an error that a type worded well.
func plain(err error) string {
	if unfit, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return "cannot take " + unfit.Value + " here"
	}
	return strings.TrimPrefix(err.Error(), "json: ")
}

// locate finds where in the files a section's own problem stands.
func (s snapshot) locate(section string, p holdfast.Problem) holdfast.Problem {
	if p.File != "" {
		return p
	}
	segments := splitPath(p.Field)
	if len(segments) == 0 || segments[0] != section {
		segments = append([]string{section}, segments...)
	}
	path := section
	if p.Field != "" && !strings.HasPrefix(p.Field, section+".") {
		path = section + "." + p.Field
	} else if p.Field != "" {
		path = p.Field
	}
	value, at, whole := s.tree.find(segments)
	if whole && value.kind != kindObject {
		at = value.at
	}
	return s.sources[at.file].problem(at, path, p.Message, p.Remedy)
}
