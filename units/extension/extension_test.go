// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast"
	"holdfast/core/config"
	"holdfast/core/home"
)

// told is a supervisor that only remembers what it was told.
type told struct {
	mu    sync.Mutex
	units map[string][]holdfast.Unit
	sets  int
	fail  func(owner string, units []holdfast.Unit) error
}

func (u *told) Set(_ context.Context, owner string, units []holdfast.Unit) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.fail != nil {
		if err := u.fail(owner, units); err != nil {
			return err
		}
	}
	u.sets++
	u.units[owner] = units
	if len(units) == 0 {
		delete(u.units, owner)
	}
	return nil
}

func (u *told) List() []holdfast.UnitStatus {
	u.mu.Lock()
	defer u.mu.Unlock()
	var all []holdfast.UnitStatus
	for _, units := range u.units {
		for _, unit := range units {
			all = append(all, holdfast.UnitStatus{Name: unit.Name, State: holdfast.UnitRunning})
		}
	}
	return all
}

func (u *told) of(name string) map[string]holdfast.Unit {
	u.mu.Lock()
	defer u.mu.Unlock()
	byName := map[string]holdfast.Unit{}
	for _, unit := range u.units["extension "+name] {
		byName[unit.Name] = unit
	}
	return byName
}

// ring is a set of keys that tells of its changes.
type ring struct {
	mu      sync.Mutex
	values  map[string]string
	changed chan struct{}
}

func (r *ring) Get(name string) (holdfast.Secret, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	value, ok := r.values[name]
	return holdfast.NewSecret(value), ok
}

func (r *ring) Changed() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.changed
}

func (r *ring) set(name, value string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.values[name] = value
	close(r.changed)
	r.changed = make(chan struct{})
}

// A bench is a home with extensions and what they need, without a house.
type bench struct {
	*testing.T
	home  home.Home
	units *told
	keys  *ring
	*Extensions
}

func newBench(t *testing.T) *bench {
	b := &bench{T: t, home: home.At(t.TempDir()), units: &told{units: map[string][]holdfast.Unit{}}}
	b.keys = &ring{values: map[string]string{}, changed: make(chan struct{})}
	b.renew()
	return b
}

// renew is a new house over the same home.
func (b *bench) renew() {
	b.Extensions = New(Needs{
		Home: b.home, Master: config.NewMaster(b.home), Units: b.units, Keys: b.keys, Log: slog.New(slog.DiscardHandler),
	})
	b.free = func(int) bool { return true }
	b.today = func() time.Time { return time.Date(2026, 3, 9, 12, 0, 0, 0, time.UTC) }
}

// put writes a file under extensions/.
func (b *bench) put(name, text string) string {
	b.Helper()
	path := b.home.Path("extensions", filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		b.Fatal(err)
	}
	mode := os.FileMode(0o644)
	if strings.HasSuffix(name, ".sh") {
		mode = 0o755
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		b.Fatal(err)
	}
	return path
}

// full is an extension that has everything.
func (b *bench) full(name string) {
	b.put(name+"/config.json", `{"name": "Full", "version": "1", "enabled": true, "source": "local"}`)
	b.put(name+"/ui/start.sh", "#!/bin/sh\n")
	b.put(name+"/services/backend/start.sh", "#!/bin/sh\n")
	b.put(name+"/services/backend/service_config.json", `{"requires_port": true, "health_check": "/healthz", "restart_on_failure": true}`)
	b.put(name+"/services/worker/start.sh", "#!/bin/sh\n")
	b.put(name+"/tools/"+name+"_tools.py", "def "+name+"_GET(a: int):\n    pass\n\nasync def "+name+"_SET(a):\n    pass\n")
	b.put(name+"/tools/tool_config.json", `{"`+name+`_GET": {"enabled_in_mcp": true, "passthrough": true}}`)
}

func (b *bench) sync() Report {
	b.Helper()
	report, err := b.Sync(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	return report
}

func (b *bench) master(text string) {
	b.Helper()
	if err := os.WriteFile(b.home.MasterFile(), []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
}

// value reads one value of master_config.json.
func (b *bench) value(path ...string) string {
	b.Helper()
	d, err := config.NewMaster(b.home).Read()
	if err != nil {
		b.Fatal(err)
	}
	raw, ok := d.Get(path...)
	if !ok {
		return ""
	}
	return string(compact(raw))
}

func (b *bench) text(name string) string {
	b.Helper()
	text, err := os.ReadFile(b.home.Path("extensions", filepath.FromSlash(name)))
	if err != nil {
		b.Fatal(err)
	}
	return string(text)
}

func (b *bench) standing(name string) standing {
	b.Helper()
	x, ok := find(b.snapshot(), name)
	if !ok {
		b.Fatalf("no extension %s", name)
	}
	return x
}

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
		"tool_configs.full_GET":       `{"enabled_in_mcp":true,"passthrough":true}`,
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

func TestOneBrokenExtensionHurtsNobodyElse(t *testing.T) {
	tests := map[string]struct {
		make  func(*bench)
		state string
		says  string
	}{
		"malformed config": {func(b *bench) { b.put("bad/config.json", "{\n  \"name\": }") }, stateBroken, "extensions/bad/config.json:2:11"},
		"wrong type":       {func(b *bench) { b.put("bad/config.json", `{"enabled": "yes"}`) }, stateBroken, "config.json:1:13: enabled: is a string"},
		"no config":        {func(b *bench) { b.put("bad/ui/start.sh", "") }, stateBroken, "config.json: is not there"},
		"config a folder":  {func(b *bench) { b.put("bad/config.json/x", "") }, stateBroken, "config.json: is not a regular file"},
		"config a link out": {func(b *bench) {
			b.put("bad/x", "")
			link(b, b.home.Path("secret"), "bad/config.json")
		}, stateBroken, "leads out of the extension's folder"},
		"start.sh a link out": {func(b *bench) {
			b.put("bad/config.json", "{}")
			b.put("bad/ui/x", "")
			link(b, "/bin/true", "bad/ui/start.sh")
		}, stateBroken, "ui/start.sh: leads out"},
		"services a link out": {func(b *bench) {
			b.put("bad/config.json", "{}")
			link(b, b.home.Path("extensions", "good", "services"), "bad/services")
		}, stateBroken, "services: leads out"},
		"the folder a link": {func(b *bench) { link(b, b.home.Path("extensions", "good"), "bad") }, stateBroken, "is a symbolic link"},
		"mcp leads out":     {func(b *bench) { b.put("bad/config.json", `{"mcp": {"command": "../good/x"}}`) }, stateBroken, "mcp.command"},
		"mcp not there":     {func(b *bench) { b.put("bad/config.json", `{"mcp": {"command": "./x"}}`) }, stateBroken, "is not there"},
		"a service malformed": {func(b *bench) {
			b.put("bad/config.json", "{}")
			b.put("bad/services/s/start.sh", "")
			b.put("bad/services/s/service_config.json", "{")
		}, stateReady, "services/s/service_config.json:1:1"},
		"a service without start": {func(b *bench) {
			b.put("bad/config.json", "{}")
			b.put("bad/services/s/x", "")
		}, stateReady, "services/s/start.sh: is not there"},
		"a service named ui": {func(b *bench) {
			b.put("bad/config.json", "{}")
			b.put("bad/services/ui/start.sh", "")
		}, stateReady, "is the word for"},
		"a service with an odd name": {func(b *bench) {
			b.put("bad/config.json", "{}")
			b.put("bad/services/A B/start.sh", "")
		}, stateReady, "holds other characters"},
		"tools malformed": {func(b *bench) {
			b.put("bad/config.json", "{}")
			b.put("bad/tools/x_tools.py", "")
			b.put("bad/tools/tool_config.json", "[]")
		}, stateReady, "tools/tool_config.json:1:1"},
		"a tool module a link out": {func(b *bench) {
			b.put("bad/config.json", "{}")
			b.put("bad/tools/a_tools.py", "")
			link(b, "/etc/passwd", "bad/tools/x_tools.py")
		}, stateReady, "leads out"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.full("good")
			test.make(b)
			before := map[string]string{}
			for _, f := range []string{"bad/config.json", "bad/tools/tool_config.json"} {
				if text, err := os.ReadFile(b.home.Path("extensions", f)); err == nil && test.state == stateBroken {
					before[f] = string(text)
				}
			}
			report := b.sync()
			if !slices.ContainsFunc(report.Problems, func(p holdfast.Problem) bool { return strings.Contains(p.String(), test.says) }) {
				t.Errorf("no problem says %q: %v", test.says, report.Problems)
			}
			if got := b.standing("bad"); got.state != test.state {
				t.Errorf("state %s (%s), want %s", got.state, got.reason, test.state)
			}
			for _, u := range b.units.of("bad") {
				if u.Blocked == "" {
					t.Errorf("%s is not blocked", u.Name)
				}
			}
			for _, s := range b.ToolServers() {
				if s.Name == "bad" && s.Blocked == "" {
					t.Error("its tools are offered")
				}
			}
			if good := b.standing("good"); good.state != stateReady || len(b.units.of("good")) != 3 {
				t.Errorf("good is %s with %d units", good.state, len(b.units.of("good")))
			}
			for f, text := range before {
				if b.text(f) != text {
					t.Errorf("%s was written to", f)
				}
			}
			if len(b.alerts(t.Context())) != 1 {
				t.Errorf("alerts %v", b.alerts(t.Context()))
			}
		})
	}
}

func link(b *bench, to, name string) {
	b.Helper()
	path := b.home.Path("extensions", filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		b.Fatal(err)
	}
	if err := os.Symlink(to, path); err != nil {
		b.Fatal(err)
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
	case <-time.After(10 * time.Second):
		t.Fatal("nothing changed within 10 s")
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
	if s := servers["one"]; !slices.Equal(s.Run, []string{b.home.Path("extensions", "one", "bin", "server"), "--x"}) || s.Env["A"] != "1" || s.Dir != b.home.Path("extensions", "one") {
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
