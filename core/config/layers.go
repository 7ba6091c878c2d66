// SPDX-License-Identifier: Apache-2.0

package config

import (
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"holdfast"
)

// An alias is a name of luna's for a field of ours.
type alias struct {
	master      []string // path in master_config.json
	environment string
	section     string
	field       string
}

func aliases() []alias {
	return []alias{
		{master: []string{"deployment_mode"}, environment: "DEPLOYMENT_MODE", section: "edge", field: "mode"},
		{master: []string{"public_domain"}, environment: "PUBLIC_DOMAIN", section: "edge", field: "domain"},
		{master: []string{"luna", "timezone"}, section: "house", field: "timezone"},
		{master: []string{"core", "timezone"}, section: "house", field: "timezone"},
	}
}

// has tells whether this build has the field; luna's settings for what is not built mean nothing.
func (c *Config) has(section, field string) bool {
	s, ok := c.schemas[section]
	return ok && s.Properties[field] != nil
}

func put(layer *node, section, name string, at place, value *node) {
	under := layer.get(section)
	if under == nil {
		under = object(at)
		layer.set(section, at, under)
	}
	under.set(name, at, value)
}

// masterLayer takes from master_config.json what luna keeps there and we keep in sections.
func (c *Config) masterLayer(s snapshot, _ *node) (*node, []holdfast.Problem) {
	src, ok := s.sources[masterName]
	if !ok {
		var problem *holdfast.Problem
		if src, ok, problem = readSource(c.home.MasterFile(), masterName); problem != nil {
			return nil, []holdfast.Problem{*problem}
		}
	}
	if !ok || len(strings.TrimSpace(string(src.text))) == 0 {
		return nil, nil
	}
	s.sources[src.name] = src
	tree, problems := readJSON(src, OriginMaster)
	if len(problems) > 0 {
		return nil, problems
	}
	layer := object(place{origin: OriginMaster, file: src.name})
	for _, a := range aliases() {
		value, at, whole := tree.find(a.master)
		if whole && c.has(a.section, a.field) && value.kind != kindNull && value.scalar != "" {
			put(layer, a.section, a.field, at, value)
		}
	}
	return layer, nil
}

const prefix = "HOLDFAST_"

// environmentLayer takes HOLDFAST_<SECTION>_<FIELD>, and luna's two names beneath them.
func (c *Config) environmentLayer(_ snapshot, under *node) (*node, []holdfast.Problem) {
	environ := c.options.Environ
	if environ == nil {
		environ = os.Environ()
	}
	vars := map[string]string{}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		vars[name] = value
	}
	layer := object(place{origin: OriginEnvironment})
	for _, a := range aliases() {
		if value := vars[a.environment]; value != "" && a.environment != "" && c.has(a.section, a.field) {
			put(layer, a.section, a.field, environmentPlace(a.environment), &node{
				kind: kindString, at: environmentPlace(a.environment), scalar: value,
			})
		}
	}
	var problems []holdfast.Problem
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		rest, ours := strings.CutPrefix(name, prefix)
		if !ours {
			continue
		}
		if p := c.variable(layer, under, name, rest, vars[name]); p != nil {
			problems = append(problems, *p)
		}
	}
	return layer, problems
}

func environmentPlace(name string) place {
	return place{origin: OriginEnvironment, file: "environment " + name}
}

// variable lays one variable into the layer. A name of no section is left alone: units and
// programs beside us have HOLDFAST_ names of their own.
func (c *Config) variable(layer, under *node, name, rest, value string) *holdfast.Problem {
	section := ""
	for _, s := range c.names() {
		upper := environmentName(s)
		if (rest == upper || strings.HasPrefix(rest, upper+"_")) && len(s) > len(section) {
			section = s
		}
	}
	if section == "" {
		return nil
	}
	at := environmentPlace(name)
	schema := c.schemas[section]
	rest = strings.TrimPrefix(strings.TrimPrefix(rest, environmentName(section)), "_")
	segments, leaf, ok := resolve(schema, under.get(section), rest)
	if !ok {
		return &holdfast.Problem{
			File: at.file, Field: section, Message: "there is no such field in the section " + section,
			Remedy: meantVariable(name, section, schema),
		}
	}
	plant(layer, append([]string{section}, segments...), at, coerce(value, leaf, at))
	return nil
}

func meantVariable(name, section string, schema *jsonschema.Schema) string {
	var known []string
	for field := range schema.Properties {
		known = append(known, prefix+environmentName(section)+"_"+environmentName(field))
	}
	return meant(name, known)
}

func environmentName(name string) string {
	return strings.ToUpper(strings.NewReplacer("-", "_", ".", "_").Replace(name))
}

// resolve reads the rest of a variable's name against a schema: "KEEP_DAILY" → keep, daily. Keys
// of a map match those that are there already; else the next word names a new key.
func resolve(s *jsonschema.Schema, under *node, rest string) ([]string, *jsonschema.Schema, bool) {
	if rest == "" {
		return nil, s, s != nil
	}
	if s == nil || refuses(s) {
		return nil, nil, false
	}
	names := slices.Collect(maps.Keys(s.Properties))
	fixed := len(names)
	if s.AdditionalProperties != nil && !refuses(s.AdditionalProperties) && under != nil {
		for _, f := range under.fields {
			names = append(names, f.name)
		}
	}
	slices.SortFunc(names, func(a, b string) int { return len(b) - len(a) })
	for _, name := range names {
		sub := s.Properties[name]
		if sub == nil {
			sub = s.AdditionalProperties
		}
		after, ok := cutWord(rest, environmentName(name))
		if !ok {
			continue
		}
		if segments, leaf, ok := resolve(sub, under.get(name), after); ok {
			return append([]string{name}, segments...), leaf, true
		}
	}
	if fixed > 0 || s.AdditionalProperties == nil || refuses(s.AdditionalProperties) {
		return nil, nil, false
	}
	return resolveNew(s.AdditionalProperties, rest)
}

func resolveNew(s *jsonschema.Schema, rest string) ([]string, *jsonschema.Schema, bool) {
	if len(s.Properties) == 0 {
		return []string{strings.ToLower(rest)}, s, true
	}
	word, after, _ := strings.Cut(rest, "_")
	segments, leaf, ok := resolve(s, nil, after)
	return append([]string{strings.ToLower(word)}, segments...), leaf, ok
}

func cutWord(rest, word string) (after string, ok bool) {
	if rest == word {
		return "", true
	}
	return strings.CutPrefix(rest, word+"_")
}

// plant lays a value at a path, making the maps above it.
func plant(layer *node, segments []string, at place, value *node) {
	for _, name := range segments[:len(segments)-1] {
		next := layer.get(name)
		if next == nil || next.kind != kindObject {
			next = object(at)
			layer.set(name, at, next)
		}
		layer = next
	}
	layer.set(segments[len(segments)-1], at, value)
}

// coerce reads text from outside a file as what the schema wants; what does not read stays text,
// and the check says so.
func coerce(text string, s *jsonschema.Schema, at place) *node {
	plainText := &node{kind: kindString, at: at, scalar: text}
	kinds := kindsOf(s)
	for _, form := range s.AnyOf {
		kinds = append(kinds, kindsOf(form)...)
	}
	if slices.Contains(kinds, "boolean") {
		if b, err := strconv.ParseBool(text); err == nil {
			return &node{kind: kindBool, at: at, scalar: b}
		}
	}
	if slices.Contains(kinds, "integer") || slices.Contains(kinds, "number") {
		if i, err := strconv.ParseInt(text, 10, 64); err == nil {
			return &node{kind: kindInteger, at: at, scalar: i}
		}
		if f, err := strconv.ParseFloat(text, 64); err == nil && slices.Contains(kinds, "number") && f-f == 0 {
			return &node{kind: kindNumber, at: at, scalar: f}
		}
	}
	if text != "" && strings.ContainsAny(text[:1], "[{") && !slices.Equal(kinds, []string{"string"}) {
		if tree, ok := inline(text); ok {
			tree.mark(at)
			return tree
		}
	}
	if slices.Contains(kinds, "array") && !slices.Contains(kinds, "string") {
		list := &node{kind: kindArray, at: at}
		for _, word := range strings.Split(text, ",") {
			list.items = append(list.items, &node{kind: kindString, at: at, scalar: strings.TrimSpace(word)})
		}
		return list
	}
	return plainText
}

// inline reads a value in YAML's flow form, which JSON is too.
func inline(text string) (*node, bool) {
	tree, problems := readYAML(source{text: []byte("value: " + text)})
	if len(problems) > 0 || tree == nil || tree.get("value") == nil {
		return nil, false
	}
	return tree.get("value"), true
}

// flagLayer takes the command line's values by path.
func (c *Config) flagLayer(_ snapshot, under *node) (*node, []holdfast.Problem) {
	layer := object(place{origin: OriginFlag})
	var problems []holdfast.Problem
	for _, path := range slices.Sorted(maps.Keys(c.options.Set)) {
		at := place{origin: OriginFlag, file: "command line"}
		segments := splitPath(path)
		if len(segments) == 0 || c.schemas[segments[0]] == nil {
			problems = append(problems, holdfast.Problem{
				File: at.file, Field: path, Message: "there is no such section", Remedy: meant(path, c.names()),
			})
			continue
		}
		leaf := schemaAt(c.schemas[segments[0]], segments[1:])
		if leaf == nil {
			problems = append(problems, holdfast.Problem{File: at.file, Field: path, Message: "there is no such field"})
			continue
		}
		plant(layer, segments, at, coerce(c.options.Set[path], leaf, at))
	}
	return layer, problems
}

// schemaAt follows a path of keys; nil when there is no such field.
func schemaAt(s *jsonschema.Schema, segments []string) *jsonschema.Schema {
	for _, name := range segments {
		sub := s.Properties[name]
		if sub == nil {
			sub = s.AdditionalProperties
		}
		if sub == nil || refuses(sub) {
			return nil
		}
		s = sub
	}
	return s
}
