// SPDX-License-Identifier: Apache-2.0

package reference

import (
	"strings"
	"testing"
	"time"

	"holdfast/core/config"
)

// sample is the section of the test. It says how the others do.
type sample struct {
	// Mode is how it goes. It has a second
	// line.
	Mode string `json:"mode" enum:"slow,fast"`
	// Keep is how long.
	Keep config.Duration `json:"keep"`
	// Parts are by name.
	Parts map[string]part `json:"parts"`
	// Own reads itself.
	Own own `json:"own"`
}

// A part is a part.
type part struct {
	// Port is 1 or more.
	Port int  `json:"port" min:"1" max:"65535"`
	Bare bool `json:"bare"` // A trailing comment counts too.
	skip int
}

type own struct{ Hidden string }

func (o *own) UnmarshalText(text []byte) error { o.Hidden = string(text); return nil }
func (o own) MarshalText() ([]byte, error)     { return []byte(o.Hidden), nil }

type bare struct {
	Naked string `json:"naked"`
}

func TestEntries(t *testing.T) {
	s := newSource("../../..")
	// The package's tests are not read for manuals, so this one is added by hand.
	p, err := s.load("holdfast/core/config/reference")
	if err != nil {
		t.Fatal(err)
	}
	addTestFile(t, p)
	got, err := s.section(config.Section{Name: "sample", Into: &sample{Keep: config.Duration(time.Hour), Parts: map[string]part{"a": {skip: 1}}}})
	if err != nil {
		t.Fatal(err)
	}
	want := []entry{
		{"sample", "This is the section of the test. It says how the others do."},
		{"sample.mode", "mode is how it goes. It has a second line."},
		{"sample.keep", "keep is how long."},
		{"sample.parts", "parts are by name."},
		{"sample.parts.*.port", "port is 1 or more."},
		{"sample.parts.*.bare", "A trailing comment counts too."},
		{"sample.own", "own reads itself."},
	}
	if len(got) != len(want) {
		t.Fatalf("got %v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("got %v want %v", got[i], want[i])
		}
	}
	schema, err := schemaOf([]config.Section{{Name: "sample", Into: &sample{Keep: config.Duration(time.Hour)}}})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	writeSection(&b, "sample", got, schema)
	for _, line := range []string{
		"| `sample.mode` | `slow` `fast` |  | mode is how it goes. It has a second line. |",
		"| `sample.keep` | span of time (`30s`, `7d`) | `1h` | keep is how long. |",
		"| `sample.parts.NAME.port` | whole number, 1 to 65535 |  | port is 1 or more. |",
		"| `sample.own` | text |  | own reads itself. |",
	} {
		if !strings.Contains(b.String(), line) {
			t.Errorf("want the line %s in\n%s", line, b.String())
		}
	}
}

func TestAFieldWithoutCommentIsAnError(t *testing.T) {
	s := newSource("../../..")
	p, err := s.load("holdfast/core/config/reference")
	if err != nil {
		t.Fatal(err)
	}
	addTestFile(t, p)
	entries, err := s.section(config.Section{Name: "bare", Into: &bare{}})
	if err != nil || len(entries) != 2 || entries[1].text != "" {
		t.Errorf("got %v, %v", entries, err)
	}
}
