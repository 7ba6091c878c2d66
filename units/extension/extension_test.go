// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"context"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast"
)

func TestAnExtensionBecomesUnitsMountsAndTools(t *testing.T) {
	b := newBench(t)
	b.full("full")
	report := b.sync()
	if !slices.Equal(report.Added, []string{"full"}) || len(report.Problems) > 0 {
		t.Fatalf("report %+v", report)
	}
	units := b.units.of("full")
	if got := slices.Sorted(maps.Keys(units)); !slices.Equal(got, []string{"full.backend", "full.ui", "full.worker"}) {
		t.Fatalf("units %v", got)
	}
	ui, backend, worker := units["full.ui"], units["full.backend"], units["full.worker"]
	dir := b.home.Path("extensions", "full")
	if !slices.Equal(ui.Run, []string{dir + "/ui/start.sh", "5200"}) || ui.Port != 5200 || ui.Log != "full_ui" || ui.Dir != dir+"/ui" || !ui.Ready.TCP {
		t.Errorf("ui %+v", ui)
	}
	if !slices.Equal(backend.Run, []string{dir + "/services/backend/start.sh", "5300"}) || backend.Log != "full__service_backend" ||
		backend.Ready.HTTP != "/healthz" || backend.Ready.TCP || backend.Restart != holdfast.RestartOnFailure {
		t.Errorf("backend %+v", backend)
	}
	if !slices.Equal(worker.Run, []string{dir + "/services/worker/start.sh"}) || worker.Ready != nil || worker.Port != 0 {
		t.Errorf("worker %+v", worker)
	}
	const ports = `{"core":{},"extensions":{"full":5200},"services":{"full.backend":5300,"full.worker":null}}`
	if ui.Env["HOLDFAST_PORTS"] != ports || ui.Env["LUNA_PORTS"] != ports || ui.Env["PORT"] != "5200" ||
		ui.Env["LUNA_ENV_FILE"] != b.home.EnvFile() || ui.Env["HOLDFAST_DATA"] != b.home.Var("extensions", "full") {
		t.Errorf("environment %v", ui.Env)
	}
	wantMounts := []holdfast.Mount{
		{Path: "/ext/full/", Unit: "full.ui", Port: 5200, StripPrefix: true, TrailingSlash: true, OwnOrigin: true},
		{Path: "/api/full/", Unit: "full.backend", Port: 5300, StripPrefix: true},
	}
	if got := b.Mounts(); !slices.Equal(got, wantMounts) {
		t.Errorf("mounts %+v", got)
	}
	servers := b.ToolServers()
	if len(servers) != 1 || servers[0].Name != "full" || !slices.Equal(servers[0].Modules, []string{dir + "/tools/full_tools.py"}) ||
		servers[0].Settings["full_GET"] != (holdfast.ToolSetting{EnabledInMCP: true, Passthrough: true}) || servers[0].Blocked != "" {
		t.Errorf("tool servers %+v", servers)
	}
	for path, want := range map[string]string{
		"extensions.full":             `{"enabled":true,"source":"local","config":{}}`,
		"tool_configs.full_GET":       `{"enabled_in_mcp":true,"passthrough":true,"extension":"full"}`,
		"port_assignments.extensions": `{"full":5200}`,
		"port_assignments.services":   `{"full.backend":5300,"full.worker":null}`,
	} {
		if got := b.value(strings.Split(path, ".")...); got != want && !sameObject(got, want) {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
	if again := b.sync(); len(again.Written)+len(again.Added) > 0 {
		t.Errorf("a second sync did %+v", again)
	}
}

func sameObject(a, b string) bool {
	var x, y any
	if json.Unmarshal([]byte(a), &x) != nil || json.Unmarshal([]byte(b), &y) != nil {
		return false
	}
	return string(encode(x)) == string(encode(y))
}

func TestScriptsRunHoweverTheyCome(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		mode os.FileMode
		want []string
	}{
		"executable":                {"#!/bin/bash\n", 0o755, nil},
		"not executable":            {"#!/bin/bash\necho", 0o644, []string{"/bin/bash"}},
		"not executable, with flag": {"#!/usr/bin/env  bash -e\n", 0o644, []string{"/usr/bin/env", "bash"}},
		"executable without #!":     {"echo", 0o755, []string{"/bin/sh"}},
		"neither":                   {"echo", 0o644, []string{"/bin/sh"}},
		"empty":                     {"", 0o755, []string{"/bin/sh"}},
		"only #!":                   {"#!\n", 0o755, []string{"/bin/sh"}},
	} {
		if got := interpreted("/x/start.sh", []byte(test.text), test.mode); !slices.Equal(got, append(test.want, "/x/start.sh")) {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestReservedAndOddFolders(t *testing.T) {
	b := newBench(t)
	for _, name := range []string{"api", "Notes", "a b", ".hidden", "__pycache__"} {
		b.put(name+"/config.json", "{}")
	}
	b.put("README.md", "not an extension")
	b.sync()
	var names []string
	for _, s := range (desk{b.Extensions}).summaries() {
		if s.State != stateBroken {
			t.Errorf("%s is %s", s.Name, s.State)
		}
		names = append(names, s.Name)
	}
	if !slices.Equal(names, []string{"Notes", "a b", "api"}) {
		t.Errorf("extensions %v", names)
	}
	if got := b.value("extensions"); got != "" {
		t.Errorf("master_config.json has %s", got)
	}
	if len(b.Mounts()) > 0 || len(b.ToolServers()) > 0 {
		t.Error("they contribute something")
	}
}

func TestSeveralServicesAnswerInOrder(t *testing.T) {
	b := newBench(t)
	b.put("many/config.json", "{}")
	for _, service := range []string{"zeta", "beta", "alpha"} {
		b.put("many/services/"+service+"/start.sh", "")
		b.put("many/services/"+service+"/service_config.json", `{"requires_port": `+map[bool]string{true: "true", false: "false"}[service != "alpha"]+"}")
	}
	b.sync()
	if got := b.Mounts(); len(got) != 1 || got[0].Unit != "many.beta" || got[0].Path != "/api/many/" {
		t.Errorf("mounts %+v", got)
	}
}

func TestRequiredSecretsBlockAndUnblock(t *testing.T) {
	b := newBench(t)
	b.full("full")
	b.put("full/config.json", `{"required_secrets": ["KEY_A", "KEY_B"]}`)
	b.keys.values["KEY_A"], b.keys.values["KEY_B"] = "x", ""
	b.sync()
	x := b.standing("full")
	if x.state != stateBlocked || !strings.Contains(x.reason, "KEY_B") || strings.Contains(x.reason, "KEY_A") {
		t.Fatalf("%s: %s", x.state, x.reason)
	}
	for _, u := range b.units.of("full") {
		if !strings.Contains(u.Blocked, "KEY_B") || !slices.Equal(u.Secrets, []string{"KEY_A", "KEY_B"}) {
			t.Errorf("%s blocked %q, secrets %v", u.Name, u.Blocked, u.Secrets)
		}
	}
	if s := b.ToolServers(); !strings.Contains(s[0].Blocked, "KEY_B") || !slices.Equal(s[0].Secrets, []string{"KEY_A", "KEY_B"}) {
		t.Errorf("tools %+v", s)
	}
	if len(b.Mounts()) != 2 {
		t.Error("a blocked extension lost its paths")
	}
	if got := b.Required(); len(got) != 2 || got[0].Key != "KEY_A" || got[0].Source != "extension full" {
		t.Errorf("required %v", got)
	}

	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.run(ctx) }()
	changed := b.Changed()
	b.keys.set("KEY_B", "y")
	await(t, changed)
	if x := b.standing("full"); x.state != stateReady || b.units.of("full")["full.ui"].Blocked != "" || b.ToolServers()[0].Blocked != "" {
		t.Errorf("%s: %s", x.state, x.reason)
	}
	changed = b.Changed()
	b.keys.set("KEY_A", "")
	await(t, changed)
	if x := b.standing("full"); x.state != stateBlocked {
		t.Errorf("%s: %s", x.state, x.reason)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func await(t *testing.T, changed <-chan struct{}) {
	t.Helper()
	select {
	case <-changed:
	case <-time.After(time.Minute):
		t.Fatal("nothing changed within a minute")
	}
}

func TestEnableAndDisable(t *testing.T) {
	b := newBench(t)
	b.full("full")
	b.sync()
	if s, err := (desk{b.Extensions}).enable(t.Context(), "full", false); err != nil || s.State != stateDisabled || s.Enabled {
		t.Fatalf("%+v, %v", s, err)
	}
	if len(b.units.of("full")) > 0 || len(b.Mounts()) > 0 || len(b.ToolServers()) > 0 || len(b.Required()) > 0 {
		t.Error("a disabled extension contributes something")
	}
	if !strings.Contains(b.text("full/config.json"), `"enabled": false`) {
		t.Error(b.text("full/config.json"))
	}
	if s, err := (desk{b.Extensions}).enable(t.Context(), "full", true); err != nil || s.State != stateReady || b.units.of("full")["full.ui"].Port != 5200 {
		t.Fatalf("%+v, %v", s, err)
	}
	if _, err := (desk{b.Extensions}).enable(t.Context(), "nobody", true); err == nil || !strings.Contains(err.Error(), "there are [full]") {
		t.Errorf("got %v", err)
	}
	b.put("full/config.json", "{")
	b.sync()
	if _, err := (desk{b.Extensions}).enable(t.Context(), "full", true); err == nil || !strings.Contains(err.Error(), "broken") {
		t.Errorf("got %v", err)
	}
}

func TestALaterExtensionRestartsNobody(t *testing.T) {
	b := newBench(t)
	b.full("first")
	b.sync()
	before := b.units.of("first")["first.ui"].Env["HOLDFAST_PORTS"]
	b.full("second")
	b.sync()
	if got := b.units.of("first")["first.ui"].Env["HOLDFAST_PORTS"]; got != before {
		t.Errorf("the first was told %s", got)
	}
	if got := b.units.of("second")["second.ui"].Env["HOLDFAST_PORTS"]; !strings.Contains(got, `"first":5200,"second":5201`) {
		t.Errorf("the second was told %s", got)
	}
}

func TestEnvironmentsOfTheExtensionAndTheHome(t *testing.T) {
	b := newBench(t)
	b.full("full")
	b.put("full/.venv/bin/python3", "")
	if err := os.MkdirAll(b.home.Path(".venv", "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	b.sync()
	own := b.home.Path("extensions", "full", ".venv", "bin")
	env := b.units.of("full")["full.ui"].Env
	if !strings.HasPrefix(env["PATH"], own+":"+b.home.Path(".venv", "bin")+":") || env["VIRTUAL_ENV"] != filepath.Dir(own) {
		t.Errorf("PATH %s, VIRTUAL_ENV %s", env["PATH"], env["VIRTUAL_ENV"])
	}
	if got := b.ToolServers()[0].Python; got != own+"/python3" {
		t.Errorf("python %s", got)
	}
}

func TestMCPServers(t *testing.T) {
	b := newBench(t)
	b.put("one/config.json", `{"mcp": {"command": "./bin/server", "args": ["--x"], "env": {"A": "1"}}}`)
	b.put("one/bin/server", "")
	b.put("two/config.json", `{"mcp": {"command": "node", "args": ["node_modules/x/index.js"]}}`)
	b.put("two/tools/two_tools.py", "")
	b.sync()
	servers := map[string]holdfast.ToolServer{}
	for _, s := range b.ToolServers() {
		servers[s.Name] = s
	}
	if s := servers["one"]; !slices.Equal(s.Run, []string{b.home.Path("extensions", "one", "bin", "server"), "--x"}) ||
		s.Env["A"] != "1" || s.Dir != b.home.Path("extensions", "one") {
		t.Errorf("one %+v", s)
	}
	if s := servers["two.mcp"]; !slices.Equal(s.Run, []string{"node", "node_modules/x/index.js"}) {
		t.Errorf("two.mcp %+v", s)
	}
	if s := servers["two"]; len(s.Modules) != 1 || s.Run != nil {
		t.Errorf("two %+v", s)
	}
}

func TestViteUIsKeepTheirPrefix(t *testing.T) {
	b := newBench(t)
	b.full("full")
	b.put("full/ui/vite.config.ts", "")
	b.sync()
	if m := b.Mounts()[0]; m.StripPrefix {
		t.Errorf("%+v", m)
	}
}

func TestUnitsThatCannotBeDeclaredAreSaid(t *testing.T) {
	b := newBench(t)
	b.full("bad")
	b.full("good")
	b.units.fail = func(owner string, units []holdfast.Unit) error {
		if owner == "extension bad" && len(units) > 0 {
			return holdfast.Errorf(holdfast.CodeBadInput, "bad.ui is already a unit of config")
		}
		return nil
	}
	report := b.sync()
	if len(report.Problems) != 1 || !strings.Contains(report.Problems[0].Message, "already a unit of config") {
		t.Errorf("problems %v", report.Problems)
	}
	if len(b.units.of("good")) != 3 {
		t.Error("the other one is not declared")
	}
}

func TestEveryActionDescribesItself(t *testing.T) {
	for _, a := range newBench(t).Capability().Actions {
		if !json.Valid(a.Input.Schema()) || !json.Valid(a.Output.Schema()) {
			t.Errorf("%s has no schema", a.Name)
		}
	}
}

func TestShowTellsAllAndNoSecret(t *testing.T) {
	b := newBench(t)
	b.full("full")
	b.put("full/config.json", `{"name": "Full", "version": "1", "required_secrets": ["KEY"], "mcp": {"command": "node", "env": {"TOKEN": "hidden-token"}}}`)
	b.keys.values["KEY"] = "hidden-key"
	b.sync()
	detail, err := (desk{b.Extensions}).show("full")
	if err != nil {
		t.Fatal(err)
	}
	text := string(encode(detail))
	for _, want := range []string{
		`"state":"ready"`, `"title":"Full"`, `"required_secrets":[{"key":"KEY","set":true}]`, `"env":["TOKEN"]`, `"full_GET"`,
		`"ports":{"full.backend":5300,"full.ui":5200}`, `"modules":["full_tools.py"]`, `"unit":"full.worker"`, `"ui":"/ext/full/"`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is not in %s", want, text)
		}
	}
	if strings.Contains(text, "hidden") {
		t.Errorf("a secret is in %s", text)
	}
}
