// SPDX-License-Identifier: Apache-2.0

//go:build linux

package calls

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/core/store"
	"holdfast/holdfasttest/need"
	"holdfast/test/outside"
)

// house is a real one in a home of its own.
type house struct {
	t         *testing.T
	bin, dir  string
	api, edge string
	keys      map[string]string // bearer tokens by the key's name
	clock     *outside.Clock    // nil: the machine's
	store     string            // of PostgreSQL; empty for the home's own file
}

// build makes a home whose only model is the upstream's, at a price, and starts it.
func build(t *testing.T, dir, upstream string, clock *outside.Clock) *house {
	t.Helper()
	return buildOn(t, "", dir, upstream, clock)
}

// buildOn makes one whose books are in that database.
func buildOn(t *testing.T, database, dir, upstream string, clock *outside.Clock) *house {
	t.Helper()
	h := &house{t: t, bin: need.Programs(t), dir: dir, api: need.Address(t), edge: need.Address(t), keys: map[string]string{}, clock: clock, store: database}
	for name, text := range map[string]string{
		"holdfast.yaml": fmt.Sprintf("store: %q\nmodels:\n  providers:\n    local: {kind: openai, url: %q}\n  aliases:\n    chat: [local/bench]\n"+
			"prices:\n  models:\n    local/bench: {input: 1, output: 3}\n", cmp.Or(database, store.SQLite), upstream),
		".env":                        "AGENT_API_KEY=sk-house\n",
		"var/breaker/thresholds.json": `{"hard_cap_per_hour": 1000000000, "hard_cap_per_day": 1000000000}`,
	} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	end, err := outside.Guard(dir, "", true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(outside.Clear(dir, "", false), end()); err != nil {
			t.Error(err)
		}
	})
	h.up()
	return h
}

func (h *house) command(args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(h.bin, "holdfast"), append([]string{"--home", h.dir}, args...)...)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + h.dir, "NO_COLOR=1", "HOLDFAST_WATCH_ENABLED=false", "HOLDFAST_TELEMETRY_ENABLED=false"}
	return cmd
}

// run runs a command of the house to its end.
func (h *house) run(args ...string) (string, error) {
	var out, fault bytes.Buffer
	cmd := h.command(args...)
	cmd.Stdout, cmd.Stderr = &out, &fault
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, fault.String())
	}
	return out.String(), nil
}

// must runs a command and reads its JSON.
func (h *house) must(into any, args ...string) {
	h.t.Helper()
	out, err := h.run(append(args, "--json")...)
	if err == nil && into != nil {
		err = json.Unmarshal([]byte(out), into)
	}
	if err != nil {
		h.t.Fatalf("%v: %v\n%s", args, err, out)
	}
}

// up starts the house.
func (h *house) up() {
	h.t.Helper()
	args := []string{"up", "-d", "--set", "edge.listen=" + h.edge, "--set", "api.listen=" + h.api}
	if h.clock == nil {
		if _, err := h.run(args...); err != nil {
			h.t.Fatal(err)
		}
		return
	}
	said, err := os.CreateTemp(h.t.TempDir(), "up-")
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { _ = said.Close() }()
	cmd := h.command(args...)
	cmd.Stdout, cmd.Stderr = said, said
	ctx, cancel := context.WithTimeout(h.t.Context(), time.Minute)
	defer cancel()
	err = h.clock.Run(ctx, cmd)
	if errors.Is(err, outside.ErrNoClock) {
		need.Missing(h.t, "nobody may answer for the clock here: "+err.Error())
	}
	if err != nil {
		out, _ := os.ReadFile(said.Name())
		h.t.Fatalf("up: %v\n%s", err, out)
	}
}

// kill ends the house with SIGKILL, and returns when it is gone.
func (h *house) kill() {
	h.t.Helper()
	text, err := os.ReadFile(filepath.Join(h.dir, "var", "run", "house.json"))
	var says struct{ PID int }
	if err == nil {
		err = json.Unmarshal(text, &says)
	}
	if err != nil || says.PID == 0 {
		h.t.Fatalf("cannot tell which process the house is: %v", err)
	}
	if err := syscall.Kill(says.PID, syscall.SIGKILL); err != nil {
		h.t.Fatal(err)
	}
	h.until(time.Minute, "the house is gone", func() bool {
		conn, err := net.Dial("unix", filepath.Join(h.dir, "var", "run", "control.sock"))
		if err == nil {
			_ = conn.Close()
			return false
		}
		p, there := outside.Read(says.PID)
		return !there || p.Zombie()
	})
}

// until looks again and again, and fails after a while.
func (h *house) until(patience time.Duration, what string, holds func() bool) {
	h.t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline.C:
			h.t.Fatalf("not within %s: %s", patience, what)
		case <-tick.C:
		}
	}
}

// key makes a virtual key.
func (h *house) key(name string) {
	h.t.Helper()
	var made struct{ Key string }
	h.must(&made, "key", "create", name)
	h.keys[name] = made.Key
}
