// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"holdfast/core/home"
)

// TestOnlyAFileOfKeysIsRead puts things in the place of .env that are none: their modes stay, their
// lines are no keys, and nobody waits.
func TestOnlyAFileOfKeysIsRead(t *testing.T) {
	for name, put := range map[string]func(path, other string) error{
		"a link":   func(path, other string) error { return os.Symlink(other, path) },
		"a pipe":   func(path, _ string) error { return syscall.Mkfifo(path, 0o600) },
		"a folder": func(path, _ string) error { return os.Mkdir(path, 0o700) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			other := filepath.Join(dir, "other")
			if err := os.WriteFile(other, []byte("STOLEN=1\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			h := home.At(filepath.Join(dir, "home"))
			if err := os.Mkdir(h.Dir(), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := put(h.EnvFile(), other); err != nil {
				t.Fatal(err)
			}
			k := New(h)
			k.Use(Needs{})
			if err := k.Load(); err == nil || !strings.Contains(err.Error(), h.EnvFile()) {
				t.Errorf("Load: got %v, want an error that names the file", err)
			}
			if _, _, err := k.Generate(t.Context(), "AGENT_API_KEY", "sk-"); err == nil {
				t.Error("a key was written in its place")
			}
			if _, known := k.Get("STOLEN"); known {
				t.Error("lines of another file count as keys")
			}
			if info, err := os.Stat(other); err != nil || info.Mode().Perm() != 0o644 {
				t.Errorf("the other file's mode is %v, %v", info.Mode(), err)
			}
		})
	}
}
