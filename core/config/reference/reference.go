// SPDX-License-Identifier: Apache-2.0

// Package reference writes the manual of holdfast.yaml from the sections' own source: the comments
// of their fields, their types and their defaults.
//
// It is for a test of app, which knows all sections, and is linked into no program: Update writes
// docs/reference/holdfast.yaml.md and core/config/comments.json (the descriptions in the JSON
// Schema), Fresh tells whether they are what the source says. A field without a comment is an
// error, so the manual is whole.
package reference

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"holdfast/core/config"
	"holdfast/core/home"
)

// The two files, under the module's root.
const (
	manualFile   = "docs/reference/holdfast.yaml.md"
	commentsFile = "core/config/comments.json"
)

// An entry is one field with its comment, in the order of the source.
type entry struct {
	path string // * stands for a key of a map or a place in a list
	text string
}

// Update writes both files for the sections, which hold their defaults. Root is the module's root.
func Update(root string, sections []config.Section) error {
	files, err := generate(root, sections)
	if err != nil {
		return err
	}
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("cannot write the reference: %w", err)
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			return fmt.Errorf("cannot write the reference: %w", err)
		}
	}
	return nil
}

// Fresh is an error when either file is not what Update would write.
func Fresh(root string, sections []config.Section) error {
	files, err := generate(root, sections)
	if err != nil {
		return err
	}
	var stale []error
	for name, want := range files {
		have, err := os.ReadFile(filepath.Join(root, name))
		if err != nil || !bytes.Equal(have, want) {
			stale = append(stale, fmt.Errorf("%s is not what the sections say", name))
		}
	}
	return errors.Join(stale...)
}

func generate(root string, sections []config.Section) (map[string][]byte, error) {
	schema, err := schemaOf(sections)
	if err != nil {
		return nil, err
	}
	source := newSource(root)
	comments := map[string]string{}
	var manual strings.Builder
	manual.WriteString(preamble)
	var missing []error
	for _, s := range sections {
		entries, err := source.section(s)
		if err != nil {
			return nil, fmt.Errorf("cannot read the source of section %s: %w", s.Name, err)
		}
		for _, e := range entries {
			if e.text == "" {
				missing = append(missing, fmt.Errorf("the field %s has no comment", e.path))
			}
			comments[e.path] = e.text
		}
		writeSection(&manual, s.Name, entries, schema)
	}
	if err := errors.Join(missing...); err != nil {
		return nil, err
	}
	raw, err := json.MarshalIndent(comments, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("cannot word the comments: %w", err)
	}
	return map[string][]byte{manualFile: []byte(manual.String()), commentsFile: append(raw, '\n')}, nil
}

// schemaOf is the schema with the defaults, read from a home that holds nothing.
func schemaOf(sections []config.Section) (*jsonschema.Schema, error) {
	c, err := config.Load(home.At(filepath.Join(os.DevNull, "none")), sections, config.Options{Environ: []string{}})
	if c == nil {
		return nil, err
	}
	s := &jsonschema.Schema{}
	if err := json.Unmarshal(c.Schema(), s); err != nil {
		return nil, fmt.Errorf("cannot read the schema: %w", err)
	}
	return s, nil
}

const preamble = `# holdfast.yaml

Every section and every field may be left out. A field can be set from the environment as
` + "`HOLDFAST_<SECTION>_<FIELD>`" + `, which is stronger than the file; ` + "`holdfast config show --effective`" + ` tells where each
value came from. This page is written from the source by ` + "`core/config/reference`" + `.
`

func writeSection(b *strings.Builder, name string, entries []entry, root *jsonschema.Schema) {
	fmt.Fprintf(b, "\n## %s\n\n", name)
	if len(entries) > 0 && entries[0].path == name {
		fmt.Fprintf(b, "%s\n", entries[0].text)
		entries = entries[1:]
	}
	if len(entries) == 0 {
		return
	}
	b.WriteString("\n| field | takes | default | meaning |\n| --- | --- | --- | --- |\n")
	for _, e := range entries {
		s := find(root, strings.Split(e.path, "."))
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", strings.ReplaceAll(e.path, "*", "NAME"), takes(s), defaultOf(s), cell(e.text))
	}
}

func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// find follows a path of fields in a schema; nil when it ends in a form that reads itself.
func find(s *jsonschema.Schema, path []string) *jsonschema.Schema {
	for _, name := range path {
		if s == nil {
			return nil
		}
		switch {
		case name != "*":
			s = s.Properties[name]
		case s.Items != nil:
			s = s.Items
		default:
			s = s.AdditionalProperties
		}
	}
	return s
}

func takes(s *jsonschema.Schema) string {
	switch {
	case s == nil:
		return ""
	case len(s.AnyOf) > 0:
		var forms []string
		for _, form := range s.AnyOf {
			forms = append(forms, takes(form))
		}
		return strings.Join(forms, ", or ")
	case len(s.Enum) > 0:
		var values []string
		for _, v := range s.Enum {
			values = append(values, fmt.Sprintf("`%v`", v))
		}
		return strings.Join(values, " ")
	case strings.Contains(s.Pattern, "µs"):
		return "span of time (`30s`, `7d`)"
	case strings.Contains(s.Pattern, "KMGT"):
		return "bytes (`512MiB`)"
	}
	return kindWords(s) + bounds(s)
}

func kindWords(s *jsonschema.Schema) string {
	words := map[string]string{
		"boolean": "true or false", "integer": "whole number", "number": "number", "string": "text", "object": "map", "array": "list",
	}
	for _, kind := range append([]string{s.Type}, s.Types...) {
		if w, ok := words[kind]; ok {
			return w
		}
	}
	return "anything"
}

func bounds(s *jsonschema.Schema) string {
	switch {
	case s.Minimum != nil && s.Maximum != nil:
		return fmt.Sprintf(", %v to %v", *s.Minimum, *s.Maximum)
	case s.Minimum != nil:
		return fmt.Sprintf(", at least %v", *s.Minimum)
	case s.Maximum != nil:
		return fmt.Sprintf(", at most %v", *s.Maximum)
	}
	return ""
}

func defaultOf(s *jsonschema.Schema) string {
	if s == nil || len(s.Default) == 0 {
		return ""
	}
	switch text := string(s.Default); text {
	case `""`, "null", "[]", "{}":
		return ""
	default:
		return "`" + strings.Trim(text, `"`) + "`"
	}
}
