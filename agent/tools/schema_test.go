// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// hostile schemas must neither crash nor stall the house, and none reaches a model in a form that
// its provider refuses.
func hostile() map[string]string {
	doubling := `{"type":"object","properties":{"x":{"$ref":"#/$defs/a0"}},"$defs":{`
	for i := range 40 {
		doubling += fmt.Sprintf(`"a%d":{"allOf":[{"$ref":"#/$defs/a%d"},{"$ref":"#/$defs/a%d"}]},`, i, i+1, i+1)
	}
	doubling += `"a40":{}}}`
	return map[string]string{
		"itself":        `{"type":"object","$ref":"#"}`,
		"all of itself": `{"type":"object","allOf":[{"$ref":"#"}]}`,
		"in a circle":   `{"type":"object","properties":{"x":{"$ref":"#/$defs/a"}},"$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}}}`,
		"doubling":      doubling,
		"recursive":     `{"type":"object","properties":{"x":{"allOf":[{"$ref":"#"},{"$ref":"#"}]}}}`,
		"dynamic":       `{"type":"object","$dynamicRef":"#x","$dynamicAnchor":"x"}`,
		"remote":        `{"type":"object","properties":{"x":{"$ref":"http://192.0.2.1/schema"}}}`,
		"bad pattern":   `{"type":"object","properties":{"x":{"type":"string","pattern":"((("}}}`,
		"bad type":      `{"type":"object","properties":{"x":{"type":"banana"}}}`,
		"wrong keyword": `{"type":"object","properties":7}`,
		"huge":          `{"type":"object","description":"` + strings.Repeat("x", maxSchema) + `"}`,
		"deep":          strings.Repeat(`{"type":"object","properties":{"x":`, 200) + `{}` + strings.Repeat(`}}`, 200),
		"list":          `[]`,
		"not an object": `{"type":"string"}`,
		"null":          `null`,
		"empty":         `{}`,
		"old draft":     `{"$schema":"http://json-schema.org/draft-04/schema#","type":"object"}`,
	}
}

func TestHostileSchemas(t *testing.T) {
	deep := strings.Repeat(`{"x":`, 60) + `{}` + strings.Repeat(`}`, 60)
	for name, text := range hostile() {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			schema := readSchema(json.RawMessage(text))
			var shape struct {
				Type any `json:"type"`
			}
			if err := json.Unmarshal(schema.raw, &shape); err != nil || shape.Type != "object" {
				t.Errorf("the schema is handed on as %s", schema.raw)
			}
			if _, err := schema.check("x", json.RawMessage(deep)); err != nil {
				t.Logf("refused: %v", err)
			}
			if took := time.Since(began); took > 30*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}

func FuzzSchema(f *testing.F) {
	for _, text := range hostile() {
		if len(text) < 4096 {
			f.Add(text, `{"x":{"x":[1,"a",null]}}`)
		}
	}
	f.Fuzz(func(t *testing.T, text, arguments string) {
		if !json.Valid([]byte(text)) {
			return
		}
		schema := readSchema(json.RawMessage(text))
		_, _ = schema.check("x", json.RawMessage(arguments))
		if !json.Valid(schema.raw) {
			t.Fatalf("handed on as %q", schema.raw)
		}
	})
}

func TestToolNames(t *testing.T) {
	for own, want := range map[string]string{
		"add":        "add",
		"notes.add":  "notes_add",
		"a b/c":      "a_b_c",
		"":           "tool",
		"größe":      "gr__e",
		"\x1b[31mno": "__31mno",
	} {
		if got := toolName(own); got != want {
			t.Errorf("%q becomes %q, want %q", own, got, want)
		}
	}
	if got := toolName(strings.Repeat("x", 200)); len(got) != maxName {
		t.Errorf("a long name becomes %d long", len(got))
	}
	if toolName(strings.Repeat("x", 200)) == toolName(strings.Repeat("x", 201)) {
		t.Error("two long names become one")
	}
}
