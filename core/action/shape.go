// SPDX-License-Identifier: Apache-2.0

package action

import (
	"encoding"
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/jsonschema-go/jsonschema"

	"holdfast"
)

// shape describes a Go struct by its tags, on demand:
//
//	json:"name"         the field's name, as everywhere
//	help:"…"            one line, shown by --help, forms and schemas
//	default:"…"         used when the field is absent
//	enum:"a,b,c"        the only values
//	min:"1" max:"10"    bounds of a number, or of the length of a string or list
//	required:"true"     absence is an error
//	pos:"1"             may be given on the command line without its name, in this order
//	path:"true"         a file's absolute path, which the command line makes of a relative one
type shape struct {
	of     reflect.Type
	input  bool
	fields func() []holdfast.Field
	schema func() json.RawMessage
}

func shapeOf[T any](input bool) *shape {
	s := &shape{of: reflect.TypeFor[T](), input: input}
	s.fields = sync.OnceValue(s.buildFields)
	s.schema = sync.OnceValue(s.buildSchema)
	return s
}

func (s *shape) Fields() []holdfast.Field { return s.fields() }
func (s *shape) Schema() json.RawMessage  { return s.schema() }

func (s *shape) buildFields() []holdfast.Field {
	var fields []holdfast.Field
	for _, f := range members(s.of) {
		kind, items := jsonType(f.Type)
		fields = append(fields, holdfast.Field{
			Name:       jsonName(f),
			Help:       f.Tag.Get("help"),
			Type:       kind,
			Items:      items,
			Default:    f.Tag.Get("default"),
			Enum:       enum(f),
			Required:   f.Tag.Get("required") == "true",
			Secret:     f.Type == reflect.TypeFor[holdfast.Secret](),
			Positional: f.Tag.Get("pos") != "",
			Path:       f.Tag.Get("path") == "true",
		})
	}
	return fields
}

// members lists a struct's JSON fields in order, those of embedded structs in their place.
func members(t reflect.Type) []reflect.StructField {
	if t.Kind() != reflect.Struct {
		return nil
	}
	var list []reflect.StructField
	for _, f := range reflect.VisibleFields(t) {
		if f.IsExported() && !f.Anonymous && jsonName(f) != "-" {
			list = append(list, f)
		}
	}
	return list
}

func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	if name == "" {
		return f.Name
	}
	return name
}

func enum(f reflect.StructField) []string {
	if tag := f.Tag.Get("enum"); tag != "" {
		return strings.Split(tag, ",")
	}
	return nil
}

// jsonType names the JSON type of a Go type, and of its items when it is a list.
func jsonType(t reflect.Type) (kind, items string) {
	switch {
	case t.Kind() == reflect.Pointer:
		return jsonType(t.Elem())
	case t == reflect.TypeFor[json.RawMessage]():
		return "object", ""
	case textual(t):
		return "string", ""
	}
	switch t.Kind() { //nolint:exhaustive // the rest are strings or refused by the schema
	case reflect.Bool:
		return "boolean", ""
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "integer", ""
	case reflect.Float32, reflect.Float64:
		return "number", ""
	case reflect.Slice, reflect.Array:
		element, _ := jsonType(t.Elem())
		return "array", element
	case reflect.Struct, reflect.Map:
		return "object", ""
	}
	return "string", ""
}

// textual types read and write themselves as text, and so are JSON strings.
func textual(t reflect.Type) bool {
	return t.Implements(reflect.TypeFor[encoding.TextMarshaler]()) || t == reflect.TypeFor[time.Time]()
}

func (s *shape) buildSchema() json.RawMessage {
	own := map[reflect.Type]*jsonschema.Schema{
		reflect.TypeFor[json.RawMessage](): {},
		reflect.TypeFor[holdfast.Secret](): {Type: "string", Format: "password", WriteOnly: s.input},
		reflect.TypeFor[holdfast.Tier]():   {Type: "string", Enum: tierNames()},
	}
	textTypes(s.of, own, map[reflect.Type]bool{})
	schema, err := jsonschema.ForType(s.of, &jsonschema.ForOptions{TypeSchemas: own})
	if err != nil {
		// The registry's own test builds every schema, so this cannot reach a user.
		panic("cannot build the schema of " + s.of.String() + ": " + err.Error())
	}
	annotate(schema, s.of, s.input)
	raw, err := json.Marshal(schema)
	if err != nil {
		panic("cannot encode the schema of " + s.of.String() + ": " + err.Error())
	}
	return raw
}

func tierNames() []any {
	var names []any
	for _, t := range holdfast.Tiers() {
		names = append(names, t.String())
	}
	return names
}

// textTypes finds every type below t that marshals itself as text.
func textTypes(t reflect.Type, own map[reflect.Type]*jsonschema.Schema, seen map[reflect.Type]bool) {
	if seen[t] {
		return
	}
	seen[t] = true
	if t.Kind() == reflect.Pointer {
		textTypes(t.Elem(), own, seen)
		return
	}
	if own[t] == nil && t != reflect.TypeFor[time.Time]() && t.Implements(reflect.TypeFor[encoding.TextMarshaler]()) {
		own[t] = &jsonschema.Schema{Type: "string"}
		return
	}
	switch t.Kind() { //nolint:exhaustive // only what contains other types is walked
	case reflect.Slice, reflect.Array, reflect.Map:
		textTypes(t.Elem(), own, seen)
	case reflect.Struct:
		for _, f := range members(t) {
			textTypes(f.Type, own, seen)
		}
	}
}

// annotate carries the tags of a struct, and of the structs in it, into its schema.
func annotate(schema *jsonschema.Schema, t reflect.Type, input bool) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		if t.Kind() == reflect.Slice && schema.Items != nil {
			schema = schema.Items
		}
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || schema.Properties == nil {
		return
	}
	if input {
		schema.Required = nil
	}
	for _, f := range members(t) {
		property := schema.Properties[jsonName(f)]
		if property == nil {
			continue
		}
		annotateField(property, f)
		if input && f.Tag.Get("required") == "true" {
			schema.Required = append(schema.Required, jsonName(f))
		}
		annotate(property, f.Type, input)
	}
}

func annotateField(property *jsonschema.Schema, f reflect.StructField) {
	if help := f.Tag.Get("help"); help != "" {
		property.Description = help
	}
	for _, value := range enum(f) {
		property.Enum = append(property.Enum, value)
	}
	if fallback := f.Tag.Get("default"); fallback != "" {
		property.Default = literal(f.Type, fallback)
	}
	low, high := bound(f, "min"), bound(f, "max")
	switch property.Type {
	case "integer", "number":
		property.Minimum, property.Maximum = low, high
	case "string":
		property.MinLength, property.MaxLength = whole(low), whole(high)
	}
}

// literal writes a tag's value as JSON of the field's type.
func literal(t reflect.Type, value string) json.RawMessage {
	if kind, _ := jsonType(t); kind != "string" && json.Valid([]byte(value)) {
		return json.RawMessage(value)
	}
	quoted, _ := json.Marshal(value) // a string always marshals
	return quoted
}

func bound(f reflect.StructField, tag string) *float64 {
	value, err := strconv.ParseFloat(f.Tag.Get(tag), 64)
	if err != nil {
		return nil
	}
	return &value
}

func whole(f *float64) *int {
	if f == nil {
		return nil
	}
	n := int(*f)
	return &n
}

// SchemaOf is the JSON Schema of an answer's type.
func SchemaOf[T any]() json.RawMessage { return shapeOf[T](false).Schema() }
