// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"unicode"

	"holdfast"
	"holdfast/core/config"
	"holdfast/core/config/reference"
	"holdfast/core/home"
	"holdfast/surface/api"
)

var update = flag.Bool("update", false, "write the generated files anew")

// openAPIFile is what the Hub's client is generated from.
const openAPIFile = "surface/hub/web/openapi.json"

func wired(t *testing.T) *House {
	t.Helper()
	h, err := New(home.At(t.TempDir()), &Options{})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestReferenceIsFresh holds the manual of holdfast.yaml against the sections' own source.
func TestReferenceIsFresh(t *testing.T) {
	var sections []config.Section
	for _, c := range wired(t).Capabilities {
		if c.Config != nil {
			sections = append(sections, config.Section{Name: sectionOf(c.Section, c.Name), Into: c.Config})
		}
	}
	if *update {
		if err := reference.Update("..", sections); err != nil {
			t.Fatal(err)
		}
	}
	if err := reference.Fresh("..", sections); err != nil {
		t.Errorf("%v; run make generate", err)
	}
}

// TestOpenAPIIsFresh holds the committed OpenAPI document against the registry.
func TestOpenAPIIsFresh(t *testing.T) {
	document, err := api.OpenAPI(wired(t).Registry, "1")
	if err != nil {
		t.Fatal(err)
	}
	document = append(document, '\n')
	path := filepath.Join("..", openAPIFile)
	if *update {
		if err := os.WriteFile(path, document, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if have, err := os.ReadFile(path); err != nil || !bytes.Equal(have, document) {
		t.Errorf("%s is not what the registry says; run make generate", openAPIFile)
	}
}

// TestSummariesAreInOneStyle: what an action does is said as an order, begun with a capital and ended
// without a full stop; what a field holds begins small, for it stands after the field's name.
func TestSummariesAreInOneStyle(t *testing.T) {
	order := regexp.MustCompile(`^[A-Z][a-z]*[a-rt-z] [^\n]+[^.\s]$`) // "List the units", not "Lists", "list" or "List the units."
	for _, a := range wired(t).Registry.Actions() {
		if !order.MatchString(a.Summary) {
			t.Errorf("%s: the summary %q is no order like \"List the units and how they stand\"", a.Name, a.Summary)
		}
		for side, shape := range map[string]holdfast.Shape{"input": a.Input, "output": a.Output} {
			for field, help := range helpOf(t, shape.Schema()) {
				if first := []rune(help); unicode.IsUpper(first[0]) && len(first) > 1 && unicode.IsLower(first[1]) {
					t.Errorf("%s, %s %s: the help %q does not begin small", a.Name, side, field, help)
				}
			}
		}
	}
}

// helpOf are the descriptions in a schema, by field.
func helpOf(t *testing.T, schema []byte) map[string]string {
	t.Helper()
	var root any
	if err := json.Unmarshal(schema, &root); err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	var walk func(at string, node any)
	walk = func(at string, node any) {
		switch node := node.(type) {
		case map[string]any:
			if help, ok := node["description"].(string); ok && help != "" {
				found[at] = help
			}
			for name, inner := range node {
				walk(at+"."+name, inner)
			}
		case []any:
			for _, inner := range node {
				walk(at, inner)
			}
		}
	}
	walk("", root)
	return found
}
