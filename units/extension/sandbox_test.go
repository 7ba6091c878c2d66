// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"holdfast"
)

// box is the sandbox of an extension's units and tool servers, which is one and the same.
func (b *bench) box(name string) *holdfast.Sandbox {
	b.Helper()
	x := b.standing(name)
	if len(x.units) == 0 || len(x.servers) == 0 {
		b.Fatalf("%s has no units or no tools: %v", name, x.allProblems())
	}
	for _, u := range x.units {
		if u.Sandbox != x.box {
			b.Errorf("%s has a sandbox of its own", u.Name)
		}
	}
	for _, s := range x.servers {
		if s.Sandbox != x.box {
			b.Errorf("%s has a sandbox of its own", s.Name)
		}
	}
	return x.box
}

func TestEveryExtensionIsConfined(t *testing.T) {
	b := newBench(t)
	b.full("one")
	b.sync()
	box := b.box("one")
	want := []string{b.home.Var("extensions", "one"), b.home.Var("cache", "one"), b.home.Var("tmp", "one"), b.home.Path("extensions", "one")}
	if !slices.Equal(box.Write, want) || len(box.Read) != 0 || box.Network != "" {
		t.Errorf("the sandbox is %+v", box)
	}
	for _, dir := range append(want, b.home.Var("extensions", "one", ".home")) {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			t.Errorf("%s is not made: %v", dir, err)
		}
	}
	env := b.units.of("one")["one.worker"].Env
	for name, value := range map[string]string{
		"HOME": b.home.Var("extensions", "one", ".home"), "TMPDIR": b.home.Var("tmp", "one"), "XDG_CACHE_HOME": b.home.Var("cache", "one"),
		"PIP_CACHE_DIR": b.home.Var("cache", "one", "pip"), "npm_config_cache": b.home.Var("cache", "one", "npm"),
		"LUNA_ENV_FILE": b.home.EnvFile(), "HOLDFAST_DATA": b.home.Var("extensions", "one"),
	} {
		if env[name] != value {
			t.Errorf("%s is %q, want %q", name, env[name], value)
		}
	}
	first := *box
	b.sync()
	if again := b.box("one"); !slices.Equal(again.Write, first.Write) || !slices.Equal(again.Read, first.Read) {
		t.Errorf("a second look changed it: %+v", again)
	}
}

func TestTheOperatorWidensASandbox(t *testing.T) {
	b := newBench(t)
	for _, name := range []string{"one", "two", "three"} {
		b.full(name)
	}
	no := false
	b.settings.Sandbox = map[string]Confinement{
		"one":   {Read: []string{"/srv/books", "shared"}, Write: []string{"agents/out"}, Network: "off"},
		"two":   {Enabled: &no},
		"thrre": {Network: "off"},
	}
	report := b.sync()
	one := b.box("one")
	if !slices.Contains(one.Read, "/srv/books") || !slices.Contains(one.Read, b.home.Path("shared")) ||
		!slices.Contains(one.Write, b.home.Path("agents", "out")) || one.Network != "off" {
		t.Errorf("the sandbox is %+v", one)
	}
	if b.box("two") != nil || b.units.of("two")["two.ui"].Env["TMPDIR"] != "" {
		t.Error("a freed extension is confined")
	}
	if b.box("three") == nil || b.box("three").Network != "" {
		t.Errorf("a neighbour's sandbox is %+v", b.box("three"))
	}
	i := slices.IndexFunc(report.Problems, func(p holdfast.Problem) bool { return p.Field == "extensions.sandbox.thrre" })
	if i < 0 || report.Problems[i].Remedy != "did you mean three?" {
		t.Errorf("the unknown name is not told: %v", report.Problems)
	}
}

func TestAnExtensionAsksForLess(t *testing.T) {
	b := newBench(t)
	b.full("one")
	b.put("one/config.json", `{"name": "One", "version": "1", "holdfast": {"sandbox": {"network": "off", "folder": "read"}, "else": 1}}`)
	b.settings.Sandbox = map[string]Confinement{"one": {Network: "on"}}
	b.sync()
	box := b.box("one")
	if box.Network != "off" || slices.Contains(box.Write, b.home.Path("extensions", "one")) || !slices.Contains(box.Read, b.home.Path("extensions", "one")) {
		t.Errorf("the sandbox is %+v", box)
	}
}

func TestAnExtensionCannotAskForMore(t *testing.T) {
	for asked, want := range map[string]string{
		`{"network": "on"}`:        `holdfast.sandbox.network: is "on", want "off"`,
		`{"folder": "write"}`:      `holdfast.sandbox.folder: is "write", want "read"`,
		`{"write": ["/"]}`:         "holdfast.sandbox.write: cannot be asked for here",
		`{"read": ["../../.env"]}`: "holdfast.sandbox.read: cannot be asked for here",
		`{"enabled": false}`:       "holdfast.sandbox.enabled: cannot be asked for here",
		`"none"`:                   "holdfast.sandbox: is a string, want an object",
	} {
		b := newBench(t)
		b.full("one")
		b.put("one/config.json", `{"name": "One", "version": "1", "holdfast": {"sandbox": `+asked+`}}`)
		b.sync()
		x := b.standing("one")
		if x.state != stateBroken || !strings.Contains(x.reason, want) {
			t.Errorf("%s: %s %q, want %q", asked, x.state, x.reason, want)
		}
	}
}

func TestSandboxSettingsAreChecked(t *testing.T) {
	s := Defaults()
	s.Sandbox = map[string]Confinement{"one": {Read: []string{""}}, "two": {Write: []string{"a\x00b"}}, "three": {Read: []string{"x"}}}
	problems := s.Check()
	if len(problems) != 2 || problems[0].Field != "sandbox.one.read" || problems[1].Field != "sandbox.two.write" {
		t.Errorf("problems %v", problems)
	}
}

func TestTheSharedEnvironmentMayBeRead(t *testing.T) {
	b := newBench(t)
	b.full("one")
	if err := os.MkdirAll(b.home.Path(".venv", "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	b.sync()
	if box := b.box("one"); !slices.Equal(box.Read, []string{b.home.Path(".venv")}) {
		t.Errorf("it reads %v", box.Read)
	}
	if dir := filepath.Dir(b.home.Path(".venv")); dir != b.home.Dir() {
		t.Fatal(dir)
	}
}
