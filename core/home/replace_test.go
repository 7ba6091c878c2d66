// SPDX-License-Identifier: Apache-2.0

package home

import (
	"os"
	"path/filepath"
	"testing"
)

// TestReplace wants the new value or the old one, and nothing else left.
func TestReplace(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "house.json")
	for _, value := range []any{map[string]int{"pid": 7}, map[string]int{"pid": 8}} {
		if err := Replace(path, value, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "{\"pid\":8}\n" {
		t.Errorf("it holds %q, %v", text, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	folder := filepath.Join(dir, "folder")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for path, value := range map[string]any{folder: 1, path: func() {}} {
		if err := Replace(path, value, 0o600); err == nil {
			t.Errorf("%s was replaced", path)
		}
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 2 {
		t.Errorf("%d files are left, %v", len(left), err)
	}
}
