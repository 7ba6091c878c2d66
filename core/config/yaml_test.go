// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/core/config"
)

// TestYAMLForms loads files that mean the same.
func TestYAMLForms(t *testing.T) {
	for name, text := range map[string]string{
		"block":    "units:\n  a:\n    run:\n      - x\n      - y\n",
		"flow":     "{units: {a: {run: [x, y]}}}\n",
		"json":     "{\"units\": {\"a\": {\"run\": [\"x\", \"y\"]}}}",
		"crlf":     "units:\r\n  a:\r\n    run: [x, y]\r\n",
		"bom":      "\xef\xbb\xbfunits: {a: {run: [x, y]}}",
		"document": "---\nunits: {a: {run: [x, y]}}\n",
		"anchor":   "house: {name: &n x}\nunits: {a: {run: [*n, y]}}\n",
		"merge":    "units:\n  a: &a {run: [x, y]}\n  b: {<<: *a, grace: 1s}\n",
		"list":     "units:\n  a: &a {run: [x, y]}\n  b: {<<: [*a], grace: 1s}\n",
		"tag":      "units: {a: {run: [!!str x, y]}}\n",
		"comments": "# a\nunits: # b\n  a: {run: [x, y]} # c\n",
	} {
		w, _, err := load(t, text, config.Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for unit, u := range w.units {
			if strings.Join(u.Run, " ") != "x y" {
				t.Errorf("%s: %s runs %v", name, unit, u.Run)
			}
		}
		if len(w.units) == 0 {
			t.Errorf("%s: no units", name)
		}
	}
	for _, empty := range []string{"", "\n", "# nothing\n", "---\n", "units:\n", "units: {}\n", "~"} {
		if _, _, err := load(t, empty, config.Options{}); err != nil {
			t.Errorf("%q: %v", empty, err)
		}
	}
}

func TestYAMLProblems(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"tab":        {"edge:\n\tmode: local\n", "holdfast.yaml:2:"},
		"duplicate":  {"edge: {mode: local}\nhouse: {}\nedge: {on: true}\n", "holdfast.yaml:3:1: edge: stands here a second time, first in line 1"},
		"two docs":   {"edge: {}\n---\nhouse: {}\n", "a second document begins here"},
		"a list":     {"- a\n", "want sections"},
		"a word":     {"hello\n", "want sections"},
		"no anchor":  {"house: {name: *x}\n", "x"},
		"latin1":     {"house: {name: caf\xe9}\n", "holdfast.yaml:1:18: holds the byte 0xe9"},
		"nul":        {"house: {name: a\x00}\n", "holds the byte 0x00"},
		"infinity":   {"edge: {ratio: .inf}\n", "cannot be used here: infinity"},
		"binary tag": {"house: {name: !!binary aGk=}\n", "the tag !!binary has no meaning here"},
		"deep":       {strings.Repeat("[", 5000), "nested too deeply"},
		"dashes":     {strings.Repeat("- ", 5000), "nested too deeply"},
		"need":       {"units:\n  a:\n    run: [x]\n    needs: [ok, \"not ok\"]\n", "holdfast.yaml:4:17: units.a.needs[1]: a unit's name has no space"},
		"check":      {"units:\n  a:\n    grace: 1s\n", "holdfast.yaml:2:3: units.a.run: is missing"},
		"no value":   {"units:\n  a:\n", "is missing"},
	} {
		_, _, err := load(t, c.text, config.Options{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: want %q in %v", name, c.want, err)
		}
	}
}

// TestTwoSyntaxErrors: a broken section does not hide what is wrong in another.
func TestTwoSyntaxErrors(t *testing.T) {
	_, _, err := load(t, "house:\n  name: [a\nedge:\n  mode: nowhere\nunits:\n  a: {run: [x\n", config.Options{})
	lines := map[int]bool{}
	for _, p := range problems(t, err) {
		lines[p.Line] = true
	}
	if len(lines) < 3 || !lines[4] {
		t.Errorf("problems in lines %v of\n%v", lines, err)
	}
}

func TestExcerpt(t *testing.T) {
	_, _, err := load(t, "# top\nedge:\n  mode: local\n  listne: x\n  on: true\n", config.Options{})
	want := "     3 |   mode: local\n>    4 |   listne: x\n       |   ^\n     5 |   on: true"
	want = strings.Replace(want, "     3", "     3", 1)
	if p := problems(t, err); strings.TrimSpace(p[0].Excerpt) != strings.TrimSpace(want) {
		t.Errorf("got\n%s\nwant\n%s", p[0].Excerpt, want)
	}
}

func TestUnusableFiles(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "holdfast.yaml"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, _, err := loadIn(dir, config.Options{}); err == nil || !strings.Contains(err.Error(), "holdfast.yaml: cannot be read") {
		t.Errorf("got %v", err)
	}
	dir = t.TempDir()
	write(t, dir, "holdfast.yaml", string(bytes.Repeat([]byte("# filler\n"), 200_000)))
	if _, _, err := loadIn(dir, config.Options{}); err == nil || !strings.Contains(err.Error(), "larger than 1MiB") {
		t.Errorf("got %v", err)
	}
}

func TestAliasBomb(t *testing.T) {
	var b strings.Builder
	b.WriteString("house: {name: x}\nbomb:\n  a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := range 9 {
		n := string(rune('0' + i))
		m := string(rune('1' + i))
		b.WriteString("  a" + m + ": &a" + m + " [" + strings.Repeat("*a"+n+", ", 9) + "*a" + n + "]\n")
	}
	_, _, err := load(t, b.String(), config.Options{})
	if err == nil || !strings.Contains(err.Error(), "unfolds to too much") {
		t.Errorf("got %v", err)
	}
}
