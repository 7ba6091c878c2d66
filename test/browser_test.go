// SPDX-License-Identifier: Apache-2.0

package test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"holdfast/holdfasttest/need"
)

// many is how many units the house of many.mjs has.
const many = 500

// TestBrowser drives Chromium through the front door of a real house: the Hub's story at desktop and
// phone width, light and dark, its Units page in depth and with hundreds of units, what is spent with a ledger of 10,000 sessions, and an extension
// page that tries to act as the operator; and how clients get access, tools that change are accepted, and the house
// is authorized at another house.
func TestBrowser(t *testing.T) {
	if _, err := exec.LookPath("chromium"); err != nil {
		need.Missing(t, "chromium is not installed")
	}
	t.Parallel()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	bin, ranges := need.Programs(t), portRanges(slots)
	for _, script := range []string{"hub.mjs", "units.mjs", "many.mjs", "spending.mjs", "burn.mjs", "tooling.mjs", "access.mjs", "hostile.mjs"} {
		t.Run(script, func(t *testing.T) {
			h := startHouse(t, bin, script, ranges())
			ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, "node", filepath.Join(root, "test", "browser", script))
			cmd.Env = append(os.Environ(),
				"HOLDFAST_URL="+h.status.URL, "HOLDFAST_API="+h.status.API, "HOLDFAST_KEY="+h.key(t),
				"HOLDFAST_LINK="+h.link(t), "HOLDFAST_HOME="+h.home, "HOLDFAST_BIN="+filepath.Join(bin, "holdfast"),
				"HOLDFAST_TOOL=NOTES_add", `HOLDFAST_TOOL_ARGS={"text": "water the plants"}`,
				"HOLDFAST_RESUME="+filepath.Join(bin, "holdfast")+" --home "+h.home+" breaker resume", "HOLDFAST_KEYED=1",
				"HOLDFAST_MANY="+strconv.Itoa(many),
				"SHOTS="+t.ArtifactDir(),
			)
			if script == "access.mjs" {
				if !isFolder(filepath.Join(root, "test", "clients", "node_modules", "@modelcontextprotocol", "client")) {
					need.Missing(t, "the published clients are not installed: run `npm ci` in test/clients")
				}
				second := startHouse(t, bin, "second", ranges())
				cmd.Env = append(cmd.Env, "HOLDFAST_SECOND_URL="+second.status.URL, "HOLDFAST_SECOND_LINK="+second.link(t),
					"HOLDFAST_CLIENT="+filepath.Join(root, "test", "clients", "oauth.mjs"))
			}
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
		})
	}
}

type realHouse struct {
	bin, home string
	env       []string
	status    status
}

// declare writes the units of a script into the home: those beside it, or many.
func (h *realHouse) declare(t *testing.T, script string) {
	t.Helper()
	units, err := os.ReadFile(filepath.Join("browser", strings.TrimSuffix(script, ".mjs")+".yaml"))
	if script == "many.mjs" {
		units, err = manyUnits(), nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(h.home, "holdfast.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(text, []byte("\nunits: {}\n")) {
		t.Fatal("the starter home has no place for units")
	}
	text = bytes.Replace(text, []byte("\nunits: {}\n"), append([]byte("\n"), units...), 1)
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
}

// talk gives the alias chat a second model to fall back on, and the rehearsal a rule by which it
// talks long enough to be stopped.
func (h *realHouse) talk(t *testing.T) {
	t.Helper()
	for name, change := range map[string][2]string{
		"holdfast.yaml":  {"balanced: {chat: [rehearsal/default]", "balanced: {chat: [rehearsal/default, rehearsal/second]"},
		"rehearsal.yaml": {"\nrules:\n", "\nrules:\n  - {name: talk at length, when: {user: at length}, reply: {text: '" + strings.Repeat("and so on, ", 100) + "', pause: 100ms}}\n"},
	} {
		path := filepath.Join(h.home, name)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(text, []byte(change[0])) {
			t.Fatalf("%s of the starter home has no %q", name, change[0])
		}
		if err := os.WriteFile(path, bytes.Replace(text, []byte(change[0]), []byte(change[1]), 1), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// manyUnits sleep; some need others, so that there is a graph.
func manyUnits() []byte {
	var b bytes.Buffer
	b.WriteString("units:\n")
	for i := 1; i <= many; i++ {
		fmt.Fprintf(&b, "  many-%03d:\n    run: [sleep, infinity]\n", i)
		if i%5 == 0 {
			fmt.Fprintf(&b, "    needs: [many-%03d, many-%03d]\n", i-1, max(1, i/20))
		}
	}
	return b.Bytes()
}

// startHouse runs the real programs on a starter home; a script may bring an extension or units of its own.
func startHouse(t *testing.T, bin, script string, env []string) *realHouse {
	t.Helper()
	h := &realHouse{bin: bin, home: filepath.Join(t.TempDir(), "home"), env: env}
	h.run(t, "init", h.home)
	if extra := filepath.Join("browser", strings.TrimSuffix(script, ".mjs")); isFolder(extra) {
		if err := os.CopyFS(filepath.Join(h.home, "extensions", filepath.Base(extra)), os.DirFS(extra)); err != nil {
			t.Fatal(err)
		}
	}
	h.declare(t, script)
	if script == "spending.mjs" || script == "burn.mjs" {
		h.talk(t)
	}
	edge, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	api, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	h.run(t, "up", "-d", "--set", "edge.listen=127.0.0.1:"+edge, "--set", "api.listen=127.0.0.1:"+api)
	t.Cleanup(func() { h.run(t, "down") })
	if err := json.Unmarshal(h.run(t, "status", "--json"), &h.status); err != nil {
		t.Fatal(err)
	}
	if script == "burn.mjs" {
		h.live(t)
	}
	return h
}

// live gives the ledger a past: 10,000 sessions of three agents over twenty days, the last one now.
func (h *realHouse) live(t *testing.T) {
	t.Helper()
	const sessions = 10_000
	agents := [...][3]string{{"claude", "anthropic", "claude-opus-4-5"}, {"codex", "openai", "gpt-5"}, {"=companion", "openrouter", "qwen/qwen3-235b-a22b"}}
	now := time.Now().UTC()
	var b bytes.Buffer
	for i := range sessions {
		at := now.Add(-time.Duration(i) * (20 * 24 * time.Hour / sessions))
		who := agents[i%7%len(agents)]
		fmt.Fprintf(&b, `{"time": %q, "key": "%d", "session": "session-%05d", "agent": %q, "provider": %q, "model": %q, "input": %d, "cached_read": %d, "cache_write_5m": %d, "output": %d, "reasoning": %d}`+"\n",
			at.Format(time.RFC3339Nano), i, i, who[0], who[1], who[2], 300+i%911, 9000+i%7919, i%3*400, 500+i%401, i%2*200)
	}
	path := filepath.Join(t.TempDir(), "past.jsonl")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	h.run(t, "token", "import", path)
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func (h *realHouse) run(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(filepath.Join(h.bin, "holdfast"), args...)
	cmd.Env = append(os.Environ(), "HOLDFAST_HOME="+h.home)
	if args[0] == "init" {
		cmd.Env = os.Environ()
	}
	cmd.Env = append(cmd.Env, h.env...)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("holdfast %v: %v\n%s", args, err, out)
	}
	return out
}

func (h *realHouse) link(t *testing.T) string {
	t.Helper()
	var link struct {
		URL string `json:"url"`
	}
	if err := json.Unmarshal(h.run(t, "link", "--json"), &link); err != nil {
		t.Fatal(err)
	}
	return link.URL
}

func (h *realHouse) key(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(h.home, ".env"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), "AGENT_API_KEY="); ok {
			return strings.Trim(value, `"'`)
		}
	}
	t.Fatal("no AGENT_API_KEY")
	return ""
}
