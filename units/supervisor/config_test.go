// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"holdfast"
	"holdfast/core/config"
	"holdfast/core/home"
)

func loadUnits(t *testing.T, yaml string) (Section, string, error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "holdfast.yaml"), []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	section := Section{}
	_, err := config.Load(home.At(dir), []config.Section{{Name: "units", Into: &section}}, config.Options{Environ: []string{}})
	return section, dir, err
}

func TestConfigSection(t *testing.T) {
	section, dir, err := loadUnits(t, `
units:
  companion:
    run: [python3, agents/companion/agent.py]
    dir: agents
    env: {LOG_LEVEL: info}
    secrets: [OPENROUTER_API_KEY]
    needs: [notes.backend, {db: healthy}]
    ready: {http: "/healthz", port: 9000, within: 30s}
    healthy: {exec: [./check], every: 1m, timeout: 2s, failures: 4}
    restart: on-failure
    stop: {signal: INT, grace: 30s}
    enabled: false
  plain: {run: [sleep, "1"]}
`)
	if err != nil {
		t.Fatal(err)
	}
	want := []holdfast.Unit{
		{
			Name: "companion", Run: []string{"python3", "agents/companion/agent.py"}, Dir: filepath.Join(dir, "agents"),
			Env: map[string]string{"LOG_LEVEL": "info"}, Secrets: []string{"OPENROUTER_API_KEY"},
			Needs:   []holdfast.Need{{Unit: "notes.backend"}, {Unit: "db", Until: "healthy"}},
			Ready:   &holdfast.Probe{HTTP: "/healthz", Port: 9000, Within: 30 * time.Second},
			Healthy: &holdfast.Probe{Exec: []string{"./check"}, Every: time.Minute, Timeout: 2 * time.Second, Failures: 4},
			Restart: holdfast.RestartOnFailure, Stop: holdfast.Stop{Signal: "INT", Grace: 30 * time.Second},
			Port: 9000, Owner: "config", Disabled: true,
		},
		{Name: "plain", Run: []string{"sleep", "1"}, Dir: dir, Owner: "config", Restart: holdfast.RestartAlways},
	}
	if got := section.units(home.At(dir)); !reflect.DeepEqual(got, want) {
		t.Errorf("units = %+v\nwant %+v", got, want)
	}
}

func TestConfigOfBounds(t *testing.T) {
	section, dir, err := loadUnits(t, `
units:
  a:
    kind: process
    run: [x]
    port: 9000
    restart: {policy: on-failure, cap: 1m}
    ready: {line: "^listening"}
    healthy: {heartbeat: data/beat, every: 5s}
    limits: {nofile: 64, memory: 256MiB, cpu: 0.5, processes: 20, nice: 5}
    sandbox: {read: [data, /etc/hosts], write: [data/out], network: off}
    user: nobody
    worker: true
    idle: 30m
`)
	if err != nil {
		t.Fatal(err)
	}
	want := []holdfast.Unit{{
		Name: "a", Run: []string{"x"}, Dir: dir, Owner: "config", Port: 9000,
		Restart: holdfast.RestartOnFailure, RestartCap: time.Minute,
		Ready: &holdfast.Probe{Line: "^listening"}, Healthy: &holdfast.Probe{Heartbeat: filepath.Join(dir, "data/beat"), Every: 5 * time.Second},
		Limits: holdfast.Limits{NoFile: 64, Memory: 256 << 20, CPU: 0.5, Processes: 20, Nice: 5},
		Sandbox: &holdfast.Sandbox{
			Read: []string{filepath.Join(dir, "data"), "/etc/hosts"}, Write: []string{filepath.Join(dir, "data/out")}, Network: "off",
		},
		User: "nobody", Worker: true, Idle: 30 * time.Minute,
	}}
	if got := section.units(home.At(dir)); !reflect.DeepEqual(got, want) {
		t.Errorf("units = %+v\nwant %+v", got, want)
	}
}

func TestConfigMistakes(t *testing.T) {
	for _, c := range []struct{ yaml, want string }{
		{"units: {a: {run: [x], limits: {memroy: 1GiB}}}", "there is no such field"},
		{"units: {a: {run: [x], limits: {memory: much}}}", "much"},
		{"units: {a: {run: [x], limits: {memory: 12}}}", "a.limits.memory: 12 bytes is less than any program"},
		{"units: {a: {run: [x], limits: {cpu: 0}}}", "wants at least 0.01"},
		{"units: {a: {run: [x], limits: {cpu: -1}}}", "wants at least 0.01"},
		{"units: {a: {run: [x], limits: {nofile: 0}}}", "wants at least 3"},
		{"units: {a: {run: [x], limits: {processes: 0}}}", "wants at least 1"},
		{"units: {a: {run: [x], limits: {nice: 20}}}", "wants at most 19"},
		{"units: {a: {run: [x], limits: {nice: -21}}}", "wants at least -20"},
		{"units: {a: {run: [x], sandbox: {network: of}}}", "wants one of on, off"},
		{"units: {a: {run: [x], sandbox: {reed: [x]}}}", "there is no such field"},
		{"units: {a: {run: [x], user: a/b}}", `"a/b" is no account`},
		{"units: {a: {run: [x], idle: 10ms}}", "too short to tell an idle unit"},
		{"units: {a: {run: [x], kind: container}}", "containers are not built into this version"},
		{"units: {a: {kind: commands}}", "command sets are not built into this version"},
		{"units: {a: {run: [x], kind: pod}}", "wants one of process, container, commands"},
		{"units: {a: {run: [x], healthy: {line: \"a(b\"}}}", `"a(b" is no regular expression`},
		{"units: {a: {run: [x], healthy: {heartbeat: a, line: b}}}", "exactly one of"},
		{"units: {a: {run: [x], restart: {policy: sometimes}}}", "wants one of always, on-failure, never"},
		{"units: {a: {run: [x], restart: {policy: always, cap: 10ms}}}", "less than the first delay"},
		{"units: {a: {run: [x], restart: {cap: 1m, most: 3}}}", "there is no such field"},
		{"units: {a: {run: [x], port: 0}}", "wants at least 1"},
		{"units: {a: {run: [x], port: 1, healthy: {tcp: true, port: 2}}}", "a.healthy.port: is 2, and port is 1"},
		{"units: {a: {run: [x], restart: sometimes}}", "wants one of always, on-failure, never"},
		{"units: {a: {run: [x], needs: [{b: alive}]}}", "wants one of booted, ready, healthy"},
		{"units: {a: {run: [x], needs: [b]}, b: {run: [x], needs: [a]}}", "a → b → a"},
		{"units: {a: {run: []}}", "a.run: is empty"},
		{"units: {a: {run: [x], ready: {http: /, tcp: true, port: 1}}}", "exactly one of http, tcp, exec, heartbeat and line"},
		{"units: {a: {run: [x], ready: {http: /}}}", "asks a port, and none is given"},
		{"units: {a: {run: [x], ready: {http: healthz, port: 1}}}", `"healthz" is no path`},
		{"units: {a: {run: [x], ready: {tcp: true, port: 1}, healthy: {tcp: true, port: 2}}}", "a unit has one port"},
		{"units: {a: {run: [x], stop: {signal: NOPE}}}", `"NOPE" is no signal`},
		{"units: {house: {run: [x]}}", "house would write to var/logs/house.log, which is the log of the house"},
		{"units: {edge: {run: [x]}}", "edge: is the name of the front door's own unit"},
		{"units: {watch: {run: [x]}}", "which is the log of the watch"},
		{"units: {logkeeper: {run: [x]}}", "which is the log of the log keeper"},
		{"units: {a: {run: [x], port: 9000}, b: {run: [y], ready: {tcp: true, port: 9000}}}", "b: has port 9000, and so has a"},
		{"units: {a: {run: [x], stop: {grace: 0s}}}", "a.stop.grace: is 0"},
		{"units: {a: {run: [x], env: {\"A=B\": x}}}", `"A=B" is no name for a variable`},
		{"units: {a: {run: [x], env: {\"\": x}}}", "a variable without a name"},
		{"units: {a: {run: [x], env: {A: \"\\0\"}}}", "the value of A holds a zero byte"},
		{"units: {a/b: {run: [x]}}", "is no name for a unit"},
		{"units: {a: {run: [x], ready: {exec: [y], within: soon}}}", "soon"},
	} {
		_, _, err := loadUnits(t, c.yaml)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s\ngives %v\nwant %q", c.yaml, err, c.want)
			continue
		}
		if !strings.Contains(err.Error(), "holdfast.yaml:1:") {
			t.Errorf("%s\ngives no place: %v", c.yaml, err)
		}
	}
}

// What is off takes no port, and what writes to another's log is refused by name, whoever declares it.
func TestSharedPortsAndLogs(t *testing.T) {
	if _, _, err := loadUnits(t, "units: {a: {run: [x], port: 9000}, b: {run: [y], port: 9000, enabled: false}}"); err != nil {
		t.Errorf("a spare unit with the same port: %v", err)
	}
	bubble(t, func(t *testing.T, r *rig) {
		r.set(plain("notes_ui"))
		ui := plain("notes.ui")
		ui.Log = "notes_ui"
		const want = "notes.ui and notes_ui would both write to var/logs/notes_ui.log"
		err := r.Set(t.Context(), "extension notes", []holdfast.Unit{ui})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("of two owners: %v", err)
		}
		if err := r.Set(t.Context(), "test", []holdfast.Unit{plain("notes_ui"), ui}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("of one owner: %v", err)
		}
		reserved := plain("other")
		reserved.Log = "house"
		if err := r.Set(t.Context(), "test", []holdfast.Unit{reserved}); err == nil || !strings.Contains(err.Error(), "the log of the house") {
			t.Errorf("the log of the house: %v", err)
		}
	})
}
