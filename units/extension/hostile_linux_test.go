// SPDX-License-Identifier: Apache-2.0

package extension_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"holdfast/holdfasttest"
	"holdfast/holdfasttest/need"
	"holdfast/units/venv/venvtest"
)

// hostileSetup tries what its list says while a wheel is made of it, leaves a process, and puts into the wheel
// what came of it; or it ends with an error, which tells that too.
const hostileSetup = attempts + `
import zipfile

def build_wheel(to, config_settings=None, metadata_directory=None):
    subprocess.Popen(["sleep", "%s"], start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    got = json.dumps([attempt(*t) for t in json.loads('''%s''')])
    if %s:
        raise RuntimeError("setup got " + got)
    name = "evil-1.0-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(to, name), "w") as z:
        z.writestr("evil.json", got)
        z.writestr("evil-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n")
        z.writestr("evil-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: evil\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        z.writestr("evil-1.0.dist-info/RECORD", "evil.json,,\nevil-1.0.dist-info/METADATA,,\nevil-1.0.dist-info/WHEEL,,\nevil-1.0.dist-info/RECORD,,\n")
    return name
`

// TestAHostileSetupStaysInItsSandbox: what a requirement runs while it is built reaches what the
// extension itself may and no more, and leaves no process; the operator sees what was installed, or
// why it was not.
func TestAHostileSetupStaysInItsSandbox(t *testing.T) {
	confinable(t)
	if exec.CommandContext(t.Context(), "python3", "-I", "-m", "pip", "--version").Run() != nil {
		need.Missing(t, "this Python has no pip")
	}
	h := holdfasttest.Start(t, holdfasttest.Options{Bare: true, Files: map[string]string{
		"holdfast.yaml":                      "extensions: {packages: {offline: true}, sandbox: {packed: {network: off}}}\n",
		".env":                               "AGENT_API_KEY=sk-of-the-house-0123456789\n",
		"extensions/other/config.json":       `{"name": "Other"}`,
		"extensions/other/main.py":           "secret = 1\n",
		"extensions/packed/config.json":      `{"name": "Packed"}`,
		"extensions/packed/requirements.txt": "words\n",
		"extensions/packed/wheels/README":    "its own packages\n",
	}})
	folder := h.Home.Path("extensions", "packed")
	wheels := filepath.Join(folder, "wheels")
	venvtest.Wheel(t, wheels, "words", "1.0", "HELLO = 'hello'\n")
	first := installed(t, h)
	house := strconv.Itoa(os.Getpid())
	list := []pair{
		{"say", "AGENT_API_KEY", ""},
		{"say", "HOME", h.Home.Var("extensions", "packed", ".home")},
		{"read", h.Home.EnvFile(), "PermissionError"},
		{"read", h.Home.Path("extensions", "other", "main.py"), "PermissionError"},
		{"read", h.Home.Var("house.db"), "PermissionError"},
		{"read", "/proc/" + house + "/environ", "PermissionError"},
		{"signal", house, "PermissionError"},
		{"list", h.Home.Dir(), "PermissionError"},
		{"write", h.Home.Path("new"), "PermissionError"},
		{"write", h.Home.Path("extensions", "other", "main.py"), "PermissionError"},
		{"write", h.Home.Var("python", "packed", "current.json"), "PermissionError"},
		{"write", filepath.Join(first, "pyvenv.cfg"), "PermissionError"},
		{"write", h.Home.Var("logs", "packed_packages.log"), "PermissionError"},
		{"write", "/tmp/holdfast-setup-was-here", "PermissionError"},
		{"connect", "127.0.0.1:" + strconv.Itoa(listen(t, 0).port), "PermissionError"},
	}
	sleeps := fmt.Sprintf("99%d", os.Getpid())
	ask := func(name, fails string) {
		venvtest.Source(t, wheels, name, "1.0", fmt.Sprintf(hostileSetup, sleeps, tries(list), fails))
		if err := os.WriteFile(filepath.Join(folder, "requirements.txt"), []byte("words\n"+name+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		h.Do("extension.sync", `{}`)
	}
	ask("worse", "True")
	_, err := h.Try(holdfasttest.Operator(), "extension.install", `{"name": "packed"}`, nil)
	if err == nil || !strings.Contains(err.Error(), "cannot install the packages of packed") || !strings.Contains(err.Error(), "RuntimeError: setup got [") ||
		!strings.Contains(err.Error(), "all that it said is in "+h.Home.Var("logs", "packed_packages.log")) {
		t.Errorf("the operator sees %v", err)
	}
	if left := sleeping(t, sleeps); left != "" {
		t.Errorf("a build that failed left %s", left)
	}
	ask("evil", "False")
	made := installed(t, h)
	found, err := filepath.Glob(filepath.Join(made, "lib", "python*", "site-packages", "evil.json"))
	if err != nil || len(found) != 1 {
		t.Fatalf("the wheel is at %v (%v)", found, err)
	}
	got, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "setup.py", got, list)
	if left := sleeping(t, sleeps); left != "" {
		t.Errorf("a build left %s", left)
	}
}

// installed installs what packed asks for, and answers the folder of the environment.
func installed(t *testing.T, h *holdfasttest.House) string {
	t.Helper()
	var out struct{ Folder string }
	if err := json.Unmarshal(h.Do("extension.install", `{"name": "packed"}`), &out); err != nil {
		t.Fatal(err)
	}
	return out.Folder
}

// sleeping finds a process that sleeps for so long; a dead one that nobody has buried is none.
func sleeping(t *testing.T, long string) string {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range all {
		if text, _ := os.ReadFile(path); string(text) == "sleep\x00"+long+"\x00" {
			return path
		}
	}
	return ""
}
