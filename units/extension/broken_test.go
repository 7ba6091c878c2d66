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

// A wrong is one way in which the extension bad can be wrong, and what is said of it.
type wrong struct {
	make  func(*bench)
	state string
	says  string
}

// wrongs are those; half of them make the whole extension broken, half one part of it.
func wrongs() map[string]wrong {
	return map[string]wrong{
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
}

func TestOneBrokenExtensionHurtsNobodyElse(t *testing.T) {
	for name, test := range wrongs() {
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
