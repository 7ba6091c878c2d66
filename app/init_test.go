// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestInitWarnsOfKeysInARepository: the folder's own .gitignore counts, and may let .env through.
func TestInitWarnsOfKeysInARepository(t *testing.T) {
	t.Parallel()
	for text, warns := range map[string]bool{"none": false, "/dist\n": true, "": true, "dist\n/.env\n": false, "*\n": false, "!.env\n# .env\n": true} {
		dir := t.TempDir()
		if text != "none" {
			if err := os.WriteFile(filepath.Join(dir, ".gitignore"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		var out bytes.Buffer
		cmd := initCommand("")
		cmd.SetArgs([]string{dir})
		cmd.SetOut(&out)
		if err := cmd.ExecuteContext(t.Context()); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(out.String(), ".gitignore") != warns {
			t.Errorf("%q: %s", text, out.String())
		}
	}
}

func TestInitHeedsHome(t *testing.T) {
	t.Parallel()
	for name, of := range map[string]struct{ home, dir string }{
		"home alone": {"there", ""}, "folder alone": {"", "there"}, "folder before home": {"other", "there"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := t.TempDir()
			in := func(dir string) string {
				if dir == "" {
					return ""
				}
				return filepath.Join(at, dir)
			}
			cmd := initCommand(in(of.home))
			cmd.SetArgs([]string{})
			if of.dir != "" {
				cmd.SetArgs([]string{in(of.dir)})
			}
			cmd.SetOut(&bytes.Buffer{})
			if err := cmd.ExecuteContext(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(filepath.Join(at, "there", "holdfast.yaml")); err != nil {
				t.Errorf("nothing was written there: %v", err)
			}
		})
	}
}
