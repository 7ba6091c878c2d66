// SPDX-License-Identifier: Apache-2.0

// Package conformance runs the published conformance suite of MCP, and its inspector, through a real
// house: the suite's fixture server is an extension over stdio, shown unchanged by a hub of its own.
//
// It is not for single functions, whose tests stand beside them. `make test` runs it; what it needs
// is installed by test/setup.
package conformance

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"holdfast/holdfasttest/need"
)

const module = "node_modules/@modelcontextprotocol/conformance"

// node is the Node that the suite needs, beside it.
func node(t *testing.T) string {
	t.Helper()
	arch := map[string]string{"amd64": "x64"}[runtime.GOARCH]
	if arch == "" {
		arch = runtime.GOARCH
	}
	path, err := filepath.Abs(filepath.Join("node_modules", "node-"+runtime.GOOS+"-"+arch, "bin", "node"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		need.Missing(t, "the conformance suite is not installed: run `npm ci` in test/conformance")
	}
	return path
}

// TestConformance demands every scenario that each revision of the protocol requires of a server.
func TestConformance(t *testing.T) {
	program := node(t)
	h := startHouse(t)
	url := h.proxy(t, "/mcp/"+hub, hubKey)
	for revision, count := range map[string]int{"2026-07-28": 37, "2025-11-25": 30} {
		t.Run(revision, func(t *testing.T) {
			wanted := required(t, revision)
			if len(wanted) != count {
				t.Fatalf("the suite requires %d scenarios of a server, and %d are known of", len(wanted), count)
			}
			out := t.TempDir()
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			defer cancel()
			suite := exec.CommandContext(ctx, program, filepath.Join(module, "dist/index.js"), "server", "--url", url, "--requirements", revision, "-o", out)
			suite.WaitDelay = 10 * time.Second
			said, err := suite.CombinedOutput() // fails for scenarios that are not scored, too
			passed := 0
			for _, scenario := range wanted {
				if problems := judge(t, out, "server-"+scenario); len(problems) > 0 {
					t.Errorf("%s: %s", scenario, strings.Join(problems, "; "))
					continue
				}
				passed++
			}
			t.Logf("%s: %d of %d", revision, passed, len(wanted))
			if t.Failed() {
				t.Logf("%v\n%s\n%s", err, said, h.logs())
			}
		})
	}
	// Beyond what is required: the extension by which clients find the house's skills.
	for _, scenario := range []string{"sep-2640-skills-enumeration", "sep-2640-skills-manifest"} {
		t.Run(scenario, func(t *testing.T) {
			out := t.TempDir()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			suite := exec.CommandContext(ctx, program, filepath.Join(module, "dist/index.js"), "server",
				"--url", h.proxy(t, "/api/mcp", agentKey), "--scenario", scenario, "--spec-version", "2026-07-28", "--force", "-o", out)
			said, err := suite.CombinedOutput()
			if problems := judge(t, out, "server-"+scenario); len(problems) > 0 {
				t.Errorf("%s\n%v\n%s", strings.Join(problems, "; "), err, said)
			}
		})
	}
}

// emptyWarning is a warning about the fixture: when this is asked it adds, a third time, a tool that it
// has, which changes no list.
const emptyWarning = "sep-2575-server-sends-tools-list-changed-on-subscription"

// required lists the scenarios that a revision requires of a server.
func required(t *testing.T, revision string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(module, "requirements", revision+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var list struct {
		Server []string `yaml:"server"`
	}
	if err := yaml.Unmarshal(text, &list); err != nil {
		t.Fatal(err)
	}
	return list.Server
}

// judge reads what the suite wrote of a scenario: it passed, as the suite counts, when some check
// succeeded and none failed. What it only warns of counts as well, but for the empty warning.
func judge(t *testing.T, out, scenario string) (problems []string) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(out, scenario+"-[0-9]*", "checks.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 1 {
		return []string{"it was not run"}
	}
	text, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	var checks []struct {
		ID      string          `json:"id"`
		Status  string          `json:"status"`
		Error   string          `json:"errorMessage"`
		Details json.RawMessage `json:"details"`
	}
	if err := json.Unmarshal(text, &checks); err != nil {
		t.Fatal(err)
	}
	succeeded := false
	for _, check := range checks {
		succeeded = succeeded || check.Status == "SUCCESS"
		if check.Status == "WARNING" && check.ID == emptyWarning {
			t.Logf("%s: %s is warned of: %s", scenario, check.ID, check.Error)
			continue
		}
		if !slices.Contains([]string{"SUCCESS", "INFO", "SKIPPED"}, check.Status) {
			problems = append(problems, check.ID+" "+check.Status+" "+check.Error+" "+string(check.Details))
		}
	}
	if !succeeded {
		problems = append(problems, "nothing succeeded")
	}
	return problems
}
