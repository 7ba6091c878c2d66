// SPDX-License-Identifier: Apache-2.0

package config

import (
	"cmp"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"holdfast"
)

// The formats that the conformance check knows beside JSON Schema's types.
const (
	formatDuration = "span-of-time"
	formatBytes    = "amount-of-bytes"
)

// typed is a section whose types need more than their Go kind says: an enum, a form that is
// either text or a map. Types gives the schema of each such type, by reflect.TypeFor.
type typed interface {
	Types() map[reflect.Type]*jsonschema.Schema
}

// Enum is the schema of a text that is one of the given values.
func Enum(values ...string) *jsonschema.Schema {
	s := &jsonschema.Schema{Type: "string"}
	for _, v := range values {
		s.Enum = append(s.Enum, v)
	}
	return s
}

// Either is the schema of a value that has one of several forms.
func Either(forms ...*jsonschema.Schema) *jsonschema.Schema {
	return &jsonschema.Schema{AnyOf: forms}
}

// Span is the schema of a span of time, for types that give their own schema.
func Span() *jsonschema.Schema { return &jsonschema.Schema{Type: "string", Format: formatDuration} }

func baseTypes() map[reflect.Type]*jsonschema.Schema {
	return map[reflect.Type]*jsonschema.Schema{
		reflect.TypeFor[Duration]():        Span(),
		reflect.TypeFor[Bytes]():           {Types: []string{"string", "integer"}, Format: formatBytes},
		reflect.TypeFor[holdfast.Secret](): {Type: "string"},
		reflect.TypeFor[holdfast.Tier]():   tierSchema(),
		reflect.TypeFor[json.RawMessage](): {},
	}
}

func tierSchema() *jsonschema.Schema {
	names := []string{}
	for _, t := range holdfast.Tiers() {
		names = append(names, t.String())
	}
	return Enum(names...)
}

// schemaOf is the schema of one section: nothing is required, for everything has its default or
// is asked for by the section's own Check.
func schemaOf(section Section) (*jsonschema.Schema, error) {
	types := baseTypes()
	if t, ok := section.Into.(typed); ok {
		maps.Copy(types, t.Types())
	}
	of := reflect.TypeOf(section.Into).Elem()
	ownForms(of, types, map[reflect.Type]bool{})
	s, err := jsonschema.ForType(of, &jsonschema.ForOptions{TypeSchemas: types})
	if err != nil {
		return nil, fmt.Errorf("cannot describe the section %s: %w", section.Name, err)
	}
	loosen(s)
	return s, fromTags(s, of, types)
}

// ownForms finds the types that read themselves: from text they are text, from JSON anything, and
// their own reading tells what is wrong.
func ownForms(t reflect.Type, types map[reflect.Type]*jsonschema.Schema, seen map[reflect.Type]bool) {
	if types[t] != nil || seen[t] {
		return
	}
	seen[t] = true
	switch pointer := reflect.PointerTo(t); {
	case pointer.Implements(reflect.TypeFor[json.Unmarshaler]()):
		types[t] = &jsonschema.Schema{}
		return
	case pointer.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		types[t] = &jsonschema.Schema{Type: "string"}
		return
	}
	switch t.Kind() { //nolint:exhaustive // the other kinds hold no types
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		ownForms(t.Elem(), types, seen)
	case reflect.Struct:
		for _, f := range reflect.VisibleFields(t) {
			if f.IsExported() {
				ownForms(f.Type, types, seen)
			}
		}
	}
}

// fromTags adds what the fields' tags say beyond their types: enum:"a,b" min:"1" max:"10", as the
// inputs of actions have them.
func fromTags(s *jsonschema.Schema, t reflect.Type, types map[reflect.Type]*jsonschema.Schema) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if types[t] != nil || s == nil {
		return nil
	}
	switch t.Kind() { //nolint:exhaustive // the other kinds have no fields
	case reflect.Map:
		return fromTags(s.AdditionalProperties, t.Elem(), types)
	case reflect.Slice, reflect.Array:
		return fromTags(s.Items, t.Elem(), types)
	case reflect.Struct:
		for _, f := range reflect.VisibleFields(t) {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			sub := s.Properties[cmp.Or(name, f.Name)]
			if sub == nil || !f.IsExported() {
				continue
			}
			if err := errors.Join(tagged(sub, f), fromTags(sub, f.Type, types)); err != nil {
				return err
			}
		}
	}
	return nil
}

func tagged(s *jsonschema.Schema, f reflect.StructField) error {
	if values := f.Tag.Get("enum"); values != "" {
		for value := range strings.SplitSeq(values, ",") {
			s.Enum = append(s.Enum, value)
		}
	}
	for tag, bound := range map[string]**float64{"min": &s.Minimum, "max": &s.Maximum} {
		text, ok := f.Tag.Lookup(tag)
		if !ok {
			continue
		}
		limit, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return fmt.Errorf("cannot read the tag %s of field %s: %w", tag, f.Name, err)
		}
		*bound = &limit
	}
	return nil
}

func loosen(s *jsonschema.Schema) {
	eachSchema(s, "", func(_ string, s *jsonschema.Schema) { s.Required = nil })
}

// eachSchema visits a schema and all beneath it with their paths; what stands under a map's key
// or in a list has the segment *.
func eachSchema(s *jsonschema.Schema, path string, visit func(string, *jsonschema.Schema)) {
	if s == nil {
		return
	}
	visit(path, s)
	for name, sub := range s.Properties {
		eachSchema(sub, joinPath(path, name), visit)
	}
	eachSchema(s.AdditionalProperties, joinPath(path, "*"), visit)
	eachSchema(s.Items, joinPath(path, "*"), visit)
	for _, form := range s.AnyOf {
		eachSchema(form, path, visit)
	}
}

// Schema is the JSON Schema (2020-12) of holdfast.yaml for editors, with the field comments as
// descriptions and the defaults.
func (c *Config) Schema() json.RawMessage {
	root := &jsonschema.Schema{
		Schema: "https://json-schema.org/draft/2020-12/schema",
		Title:  "holdfast.yaml", Type: "object",
		Properties:           map[string]*jsonschema.Schema{},
		AdditionalProperties: &jsonschema.Schema{Not: &jsonschema.Schema{}},
	}
	comments := Comments()
	for _, section := range c.sections {
		s := c.schemas[section.Name].CloneSchemas()
		eachSchema(s, section.Name, func(path string, s *jsonschema.Schema) {
			if text, ok := comments[path]; ok && s.Description == "" {
				s.Description = text
			}
			c.addDefault(path, s)
			describeFormat(s)
		})
		root.Properties[section.Name] = s
		root.PropertyOrder = append(root.PropertyOrder, section.Name)
	}
	raw, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		return json.RawMessage("{}") // only a schema that an Into made by hand can fail here
	}
	return raw
}

func (c *Config) addDefault(path string, s *jsonschema.Schema) {
	n, _, whole := c.defaults.find(splitPath(path))
	if !whole || n.kind == kindNull || n.kind == kindObject {
		return
	}
	if raw, err := n.json(); err == nil {
		s.Default = raw
	}
}

// describeFormat turns the formats of our own into patterns that every editor knows.
func describeFormat(s *jsonschema.Schema) {
	switch s.Format {
	case formatDuration:
		s.Format, s.Pattern = "", `^(\d+w)?(\d+d)?((\d+(\.\d+)?)(h|m|s|ms|us|µs|ns))*$|^0$`
	case formatBytes:
		s.Format, s.Pattern = "", `^\d+(\.\d+)?\s*([KMGT]i?B?|kB|B)?$`
	}
}

// kindsOf lists what JSON types a schema takes; none means anything.
func kindsOf(s *jsonschema.Schema) []string {
	if s.Type != "" {
		return []string{s.Type}
	}
	return slices.DeleteFunc(slices.Clone(s.Types), func(t string) bool { return t == "null" })
}

// refuses tells a schema that takes nothing at all, which ends the known fields of a struct.
func refuses(s *jsonschema.Schema) bool {
	return s != nil && s.Not != nil && len(kindsOf(s.Not)) == 0 && s.Not.Not == nil
}
