// SPDX-License-Identifier: Apache-2.0

package extension_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"holdfast"
	"holdfast/core/process/confine"
	"holdfast/holdfasttest"
	"holdfast/holdfasttest/need"
)

// attempts is Python that tries what it is told.
const attempts = `import json, os, resource, signal, socket, subprocess

def attempt(verb, path):
    try:
        if verb == "read":
            open(path).read()
        elif verb == "list":
            os.listdir(path)
        elif verb == "write":
            open(path, "w").write("x")
        elif verb == "signal":
            os.kill(int(path), 0)
        elif verb == "connect":
            host, port = path.rsplit(":", 1)
            socket.create_connection((host, int(port)), 5).close()
        elif verb == "bound":
            return str(resource.getrlimit(getattr(resource, path))[0])
        elif verb == "say":
            return os.environ.get(path, "")
        return "ok"
    except Exception as e:
        return type(e).__name__
`

// A spy tries what its arguments say, as a tool and as a service.
const spyModule = attempts + `
def SPY_attempt(tries: str) -> tuple[bool, str]:
    """Try things."""
    return True, json.dumps([attempt(*t) for t in json.loads(tries)])

TOOLS = [SPY_attempt]
`

const spyService = `#!/bin/sh
exec python3 -u - "$@" <<'END'
import http.server, json, os, sys
sys.path.insert(0, os.path.join(os.getcwd(), "..", "..", "tools"))
import spy_tools
class H(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        tries = self.rfile.read(int(self.headers["Content-Length"])).decode()
        out = json.dumps([spy_tools.attempt(*t) for t in json.loads(tries)]).encode()
        self.send_response(200); self.end_headers(); self.wfile.write(out)
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"well")
    def log_message(self, *a): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), H).serve_forever()
END
`

func spies(settings string, extra map[string]string) holdfasttest.Options {
	files := map[string]string{
		"holdfast.yaml":                                       settings,
		".env":                                                "AGENT_API_KEY=sk-of-the-house-0123456789\nSPY_KEY=for the spy\nOTHER_KEY=for nobody\n",
		"extensions/other/config.json":                        `{"name": "Other"}`,
		"extensions/other/main.py":                            "secret = 1\n",
		"extensions/spy/config.json":                          `{"name": "Spy", "required_secrets": ["SPY_KEY"]}`,
		"extensions/spy/tools/spy_tools.py":                   spyModule,
		"extensions/spy/services/backend/start.sh":            spyService,
		"extensions/spy/services/backend/service_config.json": `{"requires_port": true, "health_check": "/"}`,
	}
	maps.Copy(files, extra)
	return holdfasttest.Options{Bare: true, Files: files}
}

type pair struct {
	verb, path, want string
}

func tries(list []pair) string {
	var all [][2]string
	for _, p := range list {
		all = append(all, [2]string{p.verb, p.path})
	}
	text, _ := json.Marshal(all)
	return string(text)
}

func compare(t *testing.T, who string, answer []byte, list []pair) {
	t.Helper()
	var got []string
	if err := json.Unmarshal(answer, &got); err != nil || len(got) != len(list) {
		t.Fatalf("%s answers %s (%v)", who, answer, err)
	}
	for i, p := range list {
		if got[i] != p.want {
			t.Errorf("%s: %s %s: %s, want %s", who, p.verb, p.path, got[i], p.want)
		}
	}
}

// tool lets the spy's tool try.
func tool(t *testing.T, h *holdfasttest.House, list []pair) {
	t.Helper()
	arguments, _ := json.Marshal(map[string]string{"tries": tries(list)})
	input, _ := json.Marshal(map[string]any{"name": "SPY_attempt", "arguments": json.RawMessage(arguments)})
	var out struct{ Text string }
	if err := json.Unmarshal(h.Do("tool.call", string(input)), &out); err != nil {
		t.Fatal(err)
	}
	compare(t, "the tool", []byte(out.Text), list)
}

// service lets the spy's service try.
func service(t *testing.T, h *holdfasttest.House, list []pair) {
	t.Helper()
	u := ready(t, h, "spy.backend")
	status, text := h.Ask("POST", fmt.Sprintf("http://127.0.0.1:%d/", u.Port), tries(list), nil)
	if status != 200 {
		t.Fatalf("the service answers %d", status)
	}
	compare(t, "the service", text, list)
}

func ready(t *testing.T, h *holdfasttest.House, unit string) holdfast.UnitStatus {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for {
		u := h.Unit(unit)
		if u.State == holdfast.UnitReady {
			return u
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s is %s: %s", unit, u.State, u.Detail)
		}
	}
}

func confinable(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("runs a whole house")
	}
	if lacks := confine.Lacks(true); len(lacks) > 0 {
		need.Missing(t, lacks[0])
	}
}

func TestAnExtensionReachesOnlyItsOwn(t *testing.T) {
	confinable(t)
	h := holdfasttest.Start(t, spies("", nil))
	at := h.Home.Path
	house := strconv.Itoa(os.Getpid())
	list := []pair{
		{"say", "LUNA_ENV_FILE", h.Home.EnvFile()},
		{"say", "SPY_KEY", "for the spy"},
		{"say", "OTHER_KEY", ""},
		{"say", "HOME", h.Home.Var("extensions", "spy", ".home")},
		{"read", h.Home.EnvFile(), "PermissionError"},
		{"read", at("holdfast.yaml"), "PermissionError"},
		{"read", at("master_config.json"), "PermissionError"},
		{"read", at("extensions", "other", "main.py"), "PermissionError"},
		{"list", at("extensions"), "PermissionError"},
		{"list", h.Home.Dir(), "PermissionError"},
		{"list", h.Home.Var(), "PermissionError"},
		{"read", h.Home.Var("house.db"), "PermissionError"},
		{"read", "/proc/" + house + "/environ", "PermissionError"},
		{"signal", house, "PermissionError"},
		{"write", at("new"), "PermissionError"},
		{"write", at("extensions", "other", "main.py"), "PermissionError"},
		{"write", h.Home.Var("logs", "spy.log"), "PermissionError"},
		{"write", "/tmp/holdfast-spy-was-here", "PermissionError"},
		{"write", at("extensions", "spy", "own"), "ok"},
		{"write", h.Home.Var("extensions", "spy", "data"), "ok"},
		{"write", h.Home.Var("extensions", "spy", ".home", "dot"), "ok"},
		{"write", h.Home.Var("tmp", "spy", "t"), "ok"},
		{"connect", "127.0.0.1:" + strconv.Itoa(listen(t, 0).port), "ok"},
	}
	tool(t, h, list)
	backend := ready(t, h, "spy.backend")
	service(t, h, list)
	// One unit of the extension is closed to another, and to its tools.
	tool(t, h, []pair{
		{"read", fmt.Sprintf("/proc/%d/environ", backend.PID), "PermissionError"},
		{"signal", strconv.Itoa(backend.PID), "PermissionError"},
	})
	if len(backend.Lacks) > 0 {
		t.Errorf("the unit lacks %v", backend.Lacks)
	}
}

func TestAFreedExtensionReachesAll(t *testing.T) {
	confinable(t)
	h := holdfasttest.Start(t, spies("extensions: {sandbox: {spy: {enabled: false}}}\n", nil))
	list := []pair{
		{"read", h.Home.EnvFile(), "ok"},
		{"list", h.Home.Path("extensions"), "ok"},
		{"signal", strconv.Itoa(os.Getpid()), "ok"},
	}
	tool(t, h, list)
	service(t, h, list)
}

func TestTheOperatorGivesMoreAndTheExtensionAsksForLess(t *testing.T) {
	confinable(t)
	h := holdfasttest.Start(t, spies("extensions: {sandbox: {spy: {read: [shared], write: [agents]}}}\n", map[string]string{
		"shared/book":                "text",
		"agents/seen":                "",
		"extensions/spy/config.json": `{"name": "Spy", "required_secrets": ["SPY_KEY"], "holdfast": {"sandbox": {"folder": "read"}}}`,
	}))
	list := []pair{
		{"read", h.Home.Path("shared", "book"), "ok"},
		{"write", h.Home.Path("shared", "book"), "PermissionError"},
		{"write", h.Home.Path("agents", "new"), "ok"},
		{"read", h.Home.Path("extensions", "spy", "config.json"), "ok"},
		{"write", h.Home.Path("extensions", "spy", "config.json"), "PermissionError"},
	}
	tool(t, h, list)
	service(t, h, list)
}

func TestAnExtensionWithoutNetwork(t *testing.T) {
	confinable(t)
	h := holdfasttest.Start(t, spies("extensions: {sandbox: {spy: {network: off}}}\n", nil))
	tool(t, h, []pair{
		{"connect", "127.0.0.1:" + strconv.Itoa(listen(t, 0).port), "PermissionError"},
		{"write", h.Home.Var("extensions", "spy", "data"), "ok"},
	})
}

func TestTheOperatorsLimitsReachServiceAndTools(t *testing.T) {
	confinable(t)
	h := holdfasttest.Start(t, spies("extensions: {limits: {spy: {nofile: 77}}}\n", nil))
	list := []pair{{"bound", "RLIMIT_NOFILE", "77"}}
	tool(t, h, list)
	service(t, h, list)
}

func TestASandboxThatNamesNothing(t *testing.T) {
	confinable(t)
	h := holdfasttest.Start(t, spies("extensions: {sandbox: {spy: {read: [shared]}}}\n", nil))
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(time.Minute); ; {
		u := h.Unit("spy.backend")
		if u.State == holdfast.UnitBlocked && strings.Contains(u.Detail, "shared, which is not there") {
			break
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("the unit is %s: %s", u.State, u.Detail)
		}
	}
	if err := os.Mkdir(h.Home.Path("shared"), 0o700); err != nil {
		t.Fatal(err)
	}
	ready(t, h, "spy.backend") // it looks again by itself
}
