// SPDX-License-Identifier: Apache-2.0

package extension_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/holdfasttest"
	"holdfast/holdfasttest/need"
	"holdfast/units/venv/venvtest"
)

const packedTool = `
def greet():
    import sys, words
    return words.HELLO + " from " + sys.prefix
TOOLS = [greet]
`

// packed is a house with an extension that asks for a package, which lies in its folder.
func packed(t *testing.T) *holdfasttest.House {
	t.Helper()
	if testing.Short() {
		t.Skip("runs a whole house")
	}
	if exec.CommandContext(t.Context(), "python3", "-I", "-m", "pip", "--version").Run() != nil {
		need.Missing(t, "this Python has no pip")
	}
	return holdfasttest.Start(t, holdfasttest.Options{Bare: true, Files: map[string]string{
		"holdfast.yaml":                           "extensions: {packages: {offline: true, wheels: [shared]}}\n",
		"shared/README":                           "packages for all extensions\n",
		"extensions/packed/config.json":           `{"name": "Packed"}`,
		"extensions/packed/requirements.txt":      "words\n",
		"extensions/packed/wheels/README":         "its own packages\n",
		"extensions/packed/tools/packed_tools.py": packedTool,
	}})
}

// greet calls the tool until it answers as it should: its server starts anew after an installation.
func greet(t *testing.T, h *holdfasttest.House, want string) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for {
		var out struct{ Text string }
		raw, err := h.Try(holdfasttest.Operator(), "tool.call", `{"name": "greet", "arguments": {}}`, nil)
		if err == nil {
			err = json.Unmarshal(raw, &out)
		}
		if err == nil && strings.Contains(out.Text, want) {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("the tool says %q (%v), want %q", out.Text, err, want)
		}
	}
}

// TestPackagesOfAnExtension: a whole house installs a wheel in the extension's sandbox, its tool has
// it, and an installation that fails takes nothing away.
func TestPackagesOfAnExtension(t *testing.T) {
	h := packed(t)
	folder := h.Home.Path("extensions", "packed")
	venvtest.Wheel(t, filepath.Join(folder, "wheels"), "words", "1.0", "HELLO = 'hello'\n")
	packages := func() string {
		var out struct{ Packages string }
		if err := json.Unmarshal(h.Do("extension.show", `{"name": "packed"}`), &out); err != nil {
			t.Fatal(err)
		}
		return out.Packages
	}
	if got := packages(); got != "missing" {
		t.Errorf("before, the packages are %q", got)
	}
	greet(t, h, "No module named 'words'")
	if out := string(h.Do("extension.install", `{"name": "packed"}`)); !strings.Contains(out, `"name":"words","version":"1.0","hash":"sha256:`) {
		t.Errorf("it installed %s", out)
	}
	greet(t, h, "hello from "+h.Home.Var("python", "packed", "env-"))
	if got := packages(); got != "installed" {
		t.Errorf("after, the packages are %q", got)
	}
	if err := os.WriteFile(filepath.Join(folder, "requirements.txt"), []byte("words\nno-such-package\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	h.Do("extension.sync", `{}`)
	if got := packages(); got != "changed" {
		t.Errorf("with other requirements the packages are %q", got)
	}
	if _, err := h.Try(holdfasttest.Operator(), "extension.install", `{"name": "packed"}`, nil); err == nil || !strings.Contains(err.Error(), "no-such-package") {
		t.Errorf("an installation that cannot be: %v", err)
	}
	greet(t, h, "hello from ")
}
