// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"holdfast/core/config"
)

// FuzzYAML loads any bytes as holdfast.yaml: never a panic, and an error tells at least one place.
func FuzzYAML(f *testing.F) {
	for _, seed := range []string{
		"", "edge: {mode: local}\n", "units:\n  a: &a {run: [x]}\n  b: {<<: *a}\n", "edge:\n\tmode: x\n", "{0", "*-0", ">\n>", "&{0", "0\n-",
		"units: {a: {run: [x], needs: [b, {c: ready}]}}", "? [a]\n: b\n", "a: |\n  x\n y\n", "!!str a: b", "%YAML 1.2\n---\na: b\n", "<<: *x", "a: !!int x\n",
		"house: {name: \"a\\x\"}\n", "edge: {limit: 1e400}\n", "edge: {port: 99999999999999999999}\n", "\xef\xbb\xbf", "edge: {idle: 9999999999w}", "- - - -", "a:\n - b\n c: d\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		dir := t.TempDir()
		write(t, dir, "holdfast.yaml", string(text))
		_, c, err := loadIn(dir, config.Options{})
		if err != nil && len(problems(t, err)) == 0 {
			t.Errorf("an error without a problem: %v", err)
		}
		c.Effective()
		c.Schema()
	})
}

// FuzzMaster reads any bytes as master_config.json: never a panic; what is read and written again
// is the same.
func FuzzMaster(f *testing.F) {
	for _, seed := range []string{"", "{}", lunaStyle, "[1]", `{"a":1,"a":2}`, "{\"luna\":{\"timezone\":3}}", `{"extensions":null}`, `{"a":1e999}`, "{\"\\ud800\":1}", "\xef\xbb\xbf{}"} {
		f.Add([]byte(seed), []byte(`{"x":{"y":null}}`))
	}
	f.Fuzz(func(t *testing.T, text, partial []byte) {
		d, err := config.ParseDocument("f.json", text)
		if err != nil {
			problems(t, err)
			return
		}
		_, _ = d.Master()
		d.JSON()
		again, err := config.ParseDocument("f.json", d.Bytes())
		if err != nil || !bytes.Equal(again.Bytes(), d.Bytes()) {
			t.Fatalf("%q became %q: %v", text, d.Bytes(), err)
		}
		over, err := config.ParseDocument("p.json", partial)
		if err != nil {
			return
		}
		if _, err := d.Merge(over); err != nil {
			t.Fatal(err)
		}
		if !json.Valid(d.Bytes()) {
			t.Fatalf("merged to %q", d.Bytes())
		}
		if changed, err := d.Merge(over); err != nil || len(changed) > 0 {
			t.Fatalf("merging %q again changed %v, %v", partial, changed, err)
		}
	})
}

// FuzzTypes reads spans and amounts: what is read and written reads the same.
func FuzzTypes(f *testing.F) {
	for _, seed := range []string{"30s", "7d", "1w2d3h", "1.5h", "0", "-1s", "d", "w", "1GiB", "1.5 MB", "9223372036854775807", "1e30T", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if d, err := config.ParseDuration(text); err == nil {
			if again, err := config.ParseDuration(d.String()); err != nil || again != d || d < 0 {
				t.Errorf("%q is %s, which is %s, %v", text, d, again, err)
			}
		}
		if b, err := config.ParseBytes(text); err == nil {
			if again, err := config.ParseBytes(b.String()); err != nil || again != b || b < 0 {
				t.Errorf("%q is %s, which is %s, %v", text, b, again, err)
			}
		}
	})
}
