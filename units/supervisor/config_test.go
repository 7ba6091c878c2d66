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

func TestConfigMistakes(t *testing.T) {
	for _, c := range []struct{ yaml, want string }{
		{"units: {a: {run: [x], limits: {memory: 1GiB}}}", "there is no such field"},
		{"units: {a: {run: [x], sandbox: {}}}", "there is no such field"},
		{"units: {a: {run: [x], healthy: {heartbeat: 1h}}}", "there is no such field"},
		{"units: {a: {run: [x], restart: sometimes}}", "wants one of always, on-failure, never"},
		{"units: {a: {run: [x], needs: [{b: alive}]}}", "wants one of booted, ready, healthy"},
		{"units: {a: {run: [x], needs: [b]}, b: {run: [x], needs: [a]}}", "a → b → a"},
		{"units: {a: {run: []}}", "a.run: is empty"},
		{"units: {a: {run: [x], ready: {http: /, tcp: true, port: 1}}}", "exactly one of http, tcp and exec"},
		{"units: {a: {run: [x], ready: {http: /}}}", "asks a port, and none is given"},
		{"units: {a: {run: [x], ready: {http: healthz, port: 1}}}", `"healthz" is no path`},
		{"units: {a: {run: [x], ready: {tcp: true, port: 1}, healthy: {tcp: true, port: 2}}}", "a unit has one port"},
		{"units: {a: {run: [x], stop: {signal: NOPE}}}", `"NOPE" is no signal`},
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
