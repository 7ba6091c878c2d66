// SPDX-License-Identifier: Apache-2.0

package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
)

// A finding is one way in which a value does not fit its schema.
type finding struct {
	at      place
	path    string
	message string
	remedy  string
}

// conform finds everything in a tree that does not fit the schema. An open conform (of a document
// with fields of others) says nothing of unknown fields.
type conform struct {
	open  bool
	found []finding
}

func (c *conform) add(at place, path, message, remedy string) {
	c.found = append(c.found, finding{at: at, path: path, message: message, remedy: remedy})
}

func (c *conform) check(n *node, s *jsonschema.Schema, path string) {
	if n == nil || s == nil || n.kind == kindNull {
		return
	}
	if len(s.AnyOf) > 0 {
		c.forms(n, s, path)
		return
	}
	if kinds := kindsOf(s); len(kinds) > 0 && !slices.ContainsFunc(kinds, n.kind.is) {
		c.add(n.at, path, "wants "+wants(kinds)+", has "+n.shown(), remedyFor(n, kinds, s))
		return
	}
	c.value(n, s, path)
	switch n.kind {
	case kindObject:
		c.fields(n, s, path)
	case kindArray:
		for i, item := range n.items {
			c.check(item, s.Items, indexPath(path, i))
		}
	case kindNull, kindBool, kindInteger, kindNumber, kindString:
	}
}

func (c *conform) fields(n *node, s *jsonschema.Schema, path string) {
	for _, f := range n.fields {
		here := joinPath(path, f.name)
		if sub, ok := s.Properties[f.name]; ok {
			c.check(f.value, sub, here)
			continue
		}
		if refuses(s.AdditionalProperties) {
			if !c.open {
				c.add(f.at, here, "there is no such field", meant(f.name, slices.Collect(maps.Keys(s.Properties))))
			}
			continue
		}
		c.check(f.value, s.AdditionalProperties, here)
	}
}

// forms accepts a value that fits any form; else it tells what is wrong with the form of the same
// kind, for that is the one that was meant.
func (c *conform) forms(n *node, s *jsonschema.Schema, path string) {
	var kinds []string
	var same *conform
	for _, form := range s.AnyOf {
		try := &conform{open: c.open}
		try.check(n, form, path)
		if len(try.found) == 0 {
			return
		}
		own := kindsOf(form)
		kinds = append(kinds, own...)
		if slices.ContainsFunc(own, n.kind.is) {
			same = try
		}
	}
	if same != nil {
		c.found = append(c.found, same.found...)
		return
	}
	c.add(n.at, path, "wants "+wants(kinds)+", has "+n.shown(), "")
}

func (c *conform) value(n *node, s *jsonschema.Schema, path string) {
	text, isText := n.scalar.(string)
	switch {
	case s.Format == formatDuration && isText:
		if _, err := ParseDuration(text); err != nil {
			c.add(n.at, path, err.Error(), "")
		}
	case s.Format == formatBytes:
		if _, err := ParseBytes(fmt.Sprint(n.scalar)); err != nil {
			c.add(n.at, path, err.Error(), "")
		}
	case len(s.Enum) > 0:
		if known := texts(s.Enum); !slices.Contains(known, fmt.Sprint(n.scalar)) {
			c.add(n.at, path, fmt.Sprintf("wants one of %s, has %s", strings.Join(known, ", "), n.shown()), didYouMean(n, known))
		}
	case s.Pattern != "" && isText:
		if ok, err := regexp.MatchString(s.Pattern, text); err == nil && !ok {
			c.add(n.at, path, n.shown()+" does not have the form "+s.Pattern, s.Description)
		}
	}
	c.bounds(n, s, path)
}

func (c *conform) bounds(n *node, s *jsonschema.Schema, path string) {
	if n.kind != kindInteger && n.kind != kindNumber {
		return
	}
	v, err := strconv.ParseFloat(fmt.Sprint(n.scalar), 64)
	if err != nil {
		c.add(n.at, path, n.shown()+" is not a number that can be used", "")
		return
	}
	switch {
	case s.Minimum != nil && v < *s.Minimum:
		c.add(n.at, path, fmt.Sprintf("wants at least %v, has %s", *s.Minimum, n.shown()), "")
	case s.Maximum != nil && v > *s.Maximum:
		c.add(n.at, path, fmt.Sprintf("wants at most %v, has %s", *s.Maximum, n.shown()), "")
	}
}

func didYouMean(n *node, known []string) string {
	if near := nearest(fmt.Sprint(n.scalar), known); near != "" {
		return "did you mean " + near + "?"
	}
	return ""
}

func texts(values []any) []string {
	out := make([]string, 0, len(values))
	for _, v := range values {
		out = append(out, fmt.Sprint(v))
	}
	return out
}

// is tells whether a kind fits a JSON Schema type.
func (k kind) is(schemaType string) bool {
	switch k {
	case kindBool:
		return schemaType == "boolean"
	case kindInteger:
		return schemaType == "integer" || schemaType == "number"
	case kindNumber:
		return schemaType == "number"
	case kindString:
		return schemaType == "string"
	case kindArray:
		return schemaType == "array"
	case kindObject:
		return schemaType == "object"
	case kindNull:
		return true
	}
	return false
}

func wants(kinds []string) string {
	words := map[string]string{
		"boolean": kindBool.String(), "integer": kindInteger.String(), "number": kindNumber.String(),
		"string": kindString.String(), "array": kindArray.String(), "object": kindObject.String(),
	}
	var out []string
	for _, k := range kinds {
		if w := words[k]; w != "" && !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	return strings.Join(out, " or ")
}

func remedyFor(n *node, kinds []string, s *jsonschema.Schema) string {
	switch {
	case s.Format == formatDuration:
		return "write it with its unit, such as 30s or 7d"
	case slices.Contains(kinds, "string") && n.kind != kindObject && n.kind != kindArray:
		return "put it in quotes"
	case slices.Contains(kinds, "boolean"):
		return "write true or false"
	case slices.Contains(kinds, "array") && n.kind != kindObject:
		return "write [" + fmt.Sprint(n.scalar) + "]"
	}
	return ""
}

// shown is the value as a message may show it: short, and without a password.
func (n *node) shown() string {
	switch n.kind {
	case kindObject, kindArray, kindNull:
		return n.kind.String()
	case kindString:
		return strconv.Quote(clip(hidePassword(n.scalar.(string))))
	case kindBool, kindInteger, kindNumber:
	}
	raw, err := json.Marshal(n.scalar)
	if err != nil {
		return n.kind.String()
	}
	return clip(string(raw))
}
