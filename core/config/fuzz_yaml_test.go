// SPDX-License-Identifier: Apache-2.0

package config

import (
	"testing"
	"time"

	"holdfast/core/home"
)

// FuzzReadYAML reads and checks any bytes without a disk in the way: never a panic, never long.
func FuzzReadYAML(f *testing.F) {
	for _, seed := range []string{
		"", "s: {a: b}\n", "s:\n  a: &a {x: [y]}\n  b: {<<: *a}\n", "s:\n\ta: x\n", "{0", "*-0", ">\n>", "&{0", "0\n-", "s: |\n  x\n y\n",
		"? [a]\n: b\n", "!!str a: b", "%YAML 1.2\n---\na: b\n", "<<: *x", "s: \"a\\x\"\n", "- - - -", "a:\n - b\n c: d\n", "s: 0x1f\nt: 1e400\nu: .nan\n",
	} {
		f.Add([]byte(seed))
	}
	section := struct {
		A map[string]string `json:"a"`
		B []Duration        `json:"b"`
		C struct {
			D Bytes `json:"d"`
		} `json:"c"`
	}{}
	c, err := Load(home.At(f.TempDir()), []Section{{Name: "s", Into: &section}}, Options{Environ: []string{}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		began := time.Now()
		src := source{name: "holdfast.yaml", text: text}
		tree, problems := readYAML(src)
		s := snapshot{sources: map[string]source{src.name: src}}
		problems = append(problems, c.conform(s, tree)...)
		for _, p := range problems {
			if p.Message == "" || p.File == "" {
				t.Errorf("a problem without words or place: %+v", p)
			}
		}
		if tree != nil {
			if _, err := tree.json(); err != nil {
				t.Errorf("the tree cannot be worded: %v", err)
			}
		}
		if took := time.Since(began); took > 30*time.Second {
			t.Errorf("%d bytes took %v", len(text), took)
		}
	})
}
