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
	"fmt"
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
	server := suite{program, "server", []string{"--url", h.proxy(t, "/mcp/"+hub, hubKey)}, "server-", h.fresh}
	for revision, count := range map[string]int{"2026-07-28": 37, "2025-11-25": 30} {
		t.Run(revision, func(t *testing.T) {
			wanted := required(t, revision)
			if len(wanted) != count {
				t.Fatalf("the suite requires %d scenarios of a server, and %d are known of", len(wanted), count)
			}
			server.demand(t, revision, wanted, h.logs)
		})
	}
	// Beyond what is required: the extension by which clients find the house's skills.
	whole := suite{program, "server", []string{"--url", h.proxy(t, "/api/mcp", agentKey)}, "server-", nil}
	for _, scenario := range []string{"sep-2640-skills-enumeration", "sep-2640-skills-manifest"} {
		t.Run(scenario, func(t *testing.T) {
			found, said := whole.alone(t, "2026-07-28", scenario)
			if !found.clean() {
				t.Errorf("%s\n%s: %s", said, scenario, found)
			}
		})
	}
}

// a suite is the published one, against a server or a client.
type suite struct {
	program, command string
	against          []string
	prefix           string // of the folders of what it found
	fresh            func(*testing.T)
}

// demand runs what a revision requires. What is wrong is told last, for the end of a log is what is read.
func (s suite) demand(t *testing.T, revision string, wanted []string, logs func() string) {
	t.Helper()
	out := t.TempDir()
	said := s.run(t, out, "--requirements", revision)
	var wrong []string
	for _, scenario := range wanted {
		found := s.again(t, revision, scenario, judge(t, out, s.prefix+scenario))
		if found.clean() {
			continue
		}
		wrong = append(wrong, scenario+": "+found.String())
		if found.unjudged {
			t.Logf("%s: the suite ends with:\n%s", scenario, said[max(0, len(said)-4000):])
		}
	}
	t.Logf("%s: %d of %d", revision, len(wanted)-len(wrong), len(wanted))
	if len(wrong) > 0 {
		t.Errorf("%s\n%s", logs(), strings.Join(wrong, "\n"))
	}
}

// run runs it, and answers what it said. How it exits tells nothing, for it fails for scenarios that
// are not scored, too.
func (s suite) run(t *testing.T, out string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.program, slices.Concat([]string{filepath.Join(module, "dist/index.js"), s.command}, s.against, []string{"-o", out}, args)...)
	cmd.WaitDelay = 10 * time.Second
	said, err := cmd.CombinedOutput()
	return fmt.Sprintf("%s\n%v", said, err)
}

// alone runs one scenario.
func (s suite) alone(t *testing.T, revision, scenario string) (verdict, string) {
	t.Helper()
	out := t.TempDir()
	said := s.run(t, out, "--scenario", scenario, "--spec-version", revision, "--force")
	return judge(t, out, s.prefix+scenario), said
}

// again gives a scenario that is only warned of another chance, twice at most: what a server should do,
// the suite awaits for a second and a half, which a busy machine may take. What failed stays failed. The
// fixture begins anew, for what it was told to change before would change nothing.
func (s suite) again(t *testing.T, revision, scenario string, found verdict) verdict {
	t.Helper()
	for range 2 {
		if len(found.failed) > 0 || len(found.warned) == 0 {
			break
		}
		t.Logf("%s is run again alone: %s", scenario, found)
		if s.fresh != nil {
			s.fresh(t)
		}
		found, _ = s.alone(t, revision, scenario)
	}
	return found
}

// a verdict is what is wrong with a scenario: what it failed, and what it is only warned of. An unjudged
// one came to no end.
type verdict struct {
	failed, warned []string
	unjudged       bool
}

func (v verdict) clean() bool { return len(v.failed)+len(v.warned) == 0 }

func (v verdict) String() string { return strings.Join(slices.Concat(v.failed, v.warned), "; ") }

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
func judge(t *testing.T, out, scenario string) verdict {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(out, scenario+"-[0-9]*", "checks.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 1 {
		return verdict{failed: []string{"it was not run"}, unjudged: true}
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
	var v verdict
	succeeded := false
	for _, check := range checks {
		wrong := check.ID + " " + check.Status + " " + check.Error + " " + string(check.Details)
		switch check.Status {
		case "SUCCESS":
			succeeded = true
		case "INFO", "SKIPPED":
		case "WARNING":
			if check.ID == emptyWarning {
				t.Logf("%s: %s is warned of: %s", scenario, check.ID, check.Error)
				continue
			}
			v.warned = append(v.warned, wrong)
		default:
			v.failed = append(v.failed, wrong)
		}
	}
	if !succeeded {
		v.failed, v.unjudged = append(v.failed, "nothing succeeded"), true
	}
	return v
}
