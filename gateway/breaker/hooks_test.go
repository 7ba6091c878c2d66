// SPDX-License-Identifier: Apache-2.0

package breaker

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/core/home"
)

func TestHooksOfAgents(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	helper := filepath.Join(dir, "it's here", "holdfast-watch")
	if err := os.MkdirAll(filepath.Dir(helper), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(helper, nil, 0o700); err != nil {
		t.Fatal(err)
	}
	h := hooks{Needs{Home: home.At(filepath.Join(dir, "house")), Helper: helper}}
	other := hooks{Needs{Home: home.At(filepath.Join(dir, "other")), Helper: helper}}
	const text = "{\n  \"model\": \"opus\"\n}\n"
	for _, agent := range []string{"claude", "codex"} {
		real := filepath.Join(dir, agent+".real.json")
		link := filepath.Join(dir, agent+".json")
		if err := os.WriteFile(real, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(real, link); err != nil {
			t.Fatal(err)
		}
		in := hooksInput{For: agent, File: link}
		for i, want := range []bool{true, false} {
			if done, err := h.install(t.Context(), in); err != nil || done.Changed != want || done.File != real {
				t.Fatalf("%d: %+v, %v", i, done, err)
			}
		}
		if _, err := other.install(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		made, err := os.ReadFile(real)
		if err != nil || strings.Count(string(made), "holdfast-watch' hook "+agent) != 4 || !strings.Contains(string(made), `it'\\''s here`) {
			t.Fatalf("%v\n%s", err, made)
		}
		for _, one := range []hooks{other, h} {
			if done, err := one.uninstall(t.Context(), in); err != nil || !done.Changed {
				t.Fatalf("%+v, %v", done, err)
			}
		}
		back, err := os.ReadFile(real)
		info, _ := os.Stat(real)
		if err != nil || string(back) != text || info.Mode().Perm() != 0o640 {
			t.Errorf("%v, %s\n%s", err, info.Mode(), back)
		}
		if _, err := os.Readlink(link); err != nil {
			t.Error("the link was replaced")
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "bad.json"), []byte("{ // mine\n}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := h.install(t.Context(), hooksInput{For: "claude", File: filepath.Join(dir, "bad.json")}); err == nil || !strings.Contains(err.Error(), "left as it is") {
		t.Errorf("a file that is no JSON: %v", err)
	}
	if _, err := (hooks{Needs{Home: h.needs.Home, Helper: "/nowhere/holdfast-watch"}}).install(t.Context(), hooksInput{For: "claude", File: filepath.Join(dir, "x")}); err == nil {
		t.Error("hooks that call nothing are installed")
	}
}
