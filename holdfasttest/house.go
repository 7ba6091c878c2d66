// SPDX-License-Identifier: Apache-2.0

// Package holdfasttest runs the whole house in process, in a home of its own with free ports, and
// ends it with the test.
//
// It is for tests that need every wing at once. It is not for units of code, which are tested
// beside themselves, nor for stories, which drive the real programs (test/).
package holdfasttest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"holdfast"
	"holdfast/app"
	"holdfast/app/starter"
	"holdfast/core/home"
	"holdfast/core/house"
	"holdfast/holdfasttest/need"
	"holdfast/surface/api"
	"holdfast/surface/cli"
)

// Options shape a house for a test.
type Options struct {
	// Files are written into the home before it starts, by path; holdfast.yaml replaces the starter's.
	Files map[string]string
	// Bare leaves out the starter home's extension.
	Bare bool
	// More are capabilities beside the house's own.
	More []house.Capability
	// Set holds config values, by path.
	Set map[string]string
}

// A House is a running house.
type House struct {
	*app.House
	t testing.TB
	// stop ends the house and returns what Run returned.
	stop func() error
}

// Start runs a house and returns when everything in it has started.
func Start(t testing.TB, opt Options) *House {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "home")
	write(t, dir, opt)
	edge, err := need.Edge()
	if err != nil {
		t.Fatal(err)
	}
	watch, err := need.Watch()
	if err != nil {
		t.Fatal(err)
	}
	// Ports of its own, so that houses of other tests are not in the way.
	low := 45000 + os.Getpid()%300*40
	set := map[string]string{
		"edge.listen": need.Address(t), "api.listen": need.Address(t),
		"extensions.ui_ports":      fmt.Sprintf("%d-%d", low, low+19),
		"extensions.service_ports": fmt.Sprintf("%d-%d", low+20, low+39),
	}
	set["telemetry.enabled"] = "false" // the logs of whoever runs the tests are none of theirs
	for path, value := range opt.Set {
		set[path] = value
	}
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	h, err := app.New(home.At(dir), &app.Options{Log: log, Set: set, Edge: edge, Watch: watch, More: opt.More})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	up := make(chan struct{})
	ended := make(chan error, 1)
	go func() { ended <- h.Run(ctx, func(context.Context) error { close(up); return nil }) }()
	run := &House{House: h, t: t}
	run.stop = sync.OnceValue(func() error { cancel(); return <-ended })
	select {
	case <-up:
	case err := <-ended:
		cancel()
		t.Fatalf("the house did not come up: %v", err)
	}
	t.Cleanup(func() {
		if err := run.stop(); err != nil {
			t.Errorf("the house ended with %v", err)
		}
	})
	return run
}

func write(t testing.TB, dir string, opt Options) {
	t.Helper()
	if !opt.Bare {
		if _, err := starter.Write(dir, starter.Models{}); err != nil {
			t.Fatal(err)
		}
	}
	files := map[string]string{}
	if opt.Bare {
		files["holdfast.yaml"] = ""
	}
	for name, text := range opt.Files {
		files[name] = text
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		mode := os.FileMode(0o600)
		if strings.HasPrefix(text, "#!") {
			mode = 0o700
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
}

// Stop ends the house before the test does.
func (h *House) Stop() error { return h.stop() }

// Operator is a person at tier owner on a terminal.
func Operator() holdfast.Caller { return api.Terminal() }

// Agent is a process that a unit started.
func Agent(unit string) holdfast.Caller {
	return holdfast.Caller{Kind: holdfast.CallerAgent, Name: unit, Unit: unit, Tier: holdfast.TierTenantPeer, Surface: "cli"}
}

// Do runs an action as the operator; input is JSON. It fails the test when the action fails.
func (h *House) Do(name, input string) json.RawMessage {
	h.t.Helper()
	out, err := h.Try(Operator(), name, input, nil)
	if err != nil {
		h.t.Fatalf("%s: %v", name, err)
	}
	return out
}

// Try runs an action as a caller.
func (h *House) Try(caller holdfast.Caller, name, input string, confirm *holdfast.Confirmation) (json.RawMessage, error) {
	return cli.Local{Registry: h.Registry, Caller: caller}.Dispatch(h.t.Context(), name, json.RawMessage(input), confirm)
}

// Destroy runs a destroying action as the operator and confirms every category of its inventory,
// which it returns. What changed since it was shown, for its services live, is shown and confirmed anew.
func (h *House) Destroy(name, input string) (holdfast.Inventory, json.RawMessage) {
	h.t.Helper()
	_, err := h.Try(Operator(), name, input, nil)
	for range 5 {
		need, ok := err.(*holdfast.Unconfirmed) //nolint:errorlint // Dispatch returns it bare
		if !ok {
			break
		}
		confirm := &holdfast.Confirmation{Token: need.Inventory.Token}
		for _, k := range need.Inventory.Categories {
			confirm.Categories = append(confirm.Categories, k.Name)
		}
		var out json.RawMessage
		if out, err = h.Try(Operator(), name, input, confirm); err == nil {
			return need.Inventory, out
		}
	}
	h.t.Fatalf("%s: want an inventory that can be confirmed, got %v", name, err)
	panic("unreachable")
}

// Ask sends an HTTP request to the bearer-key listener with the house's own key, or to any URL.
func (h *House) Ask(method, url, body string, header http.Header) (int, []byte) {
	h.t.Helper()
	r, err := http.NewRequestWithContext(h.t.Context(), method, url, bytes.NewReader([]byte(body)))
	if err != nil {
		h.t.Fatal(err)
	}
	for name, values := range header {
		r.Header[name] = values
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return resp.StatusCode, text
}

// Key is the house's own API key.
func (h *House) Key() string {
	h.t.Helper()
	text, err := os.ReadFile(h.Home.EnvFile())
	if err != nil {
		h.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), "AGENT_API_KEY="); ok {
			return strings.Trim(value, `"'`)
		}
	}
	h.t.Fatal("there is no AGENT_API_KEY in .env")
	return ""
}

// Unit is how a unit stands.
func (h *House) Unit(name string) holdfast.UnitStatus {
	h.t.Helper()
	var out holdfast.UnitStatus
	if err := json.Unmarshal(h.Do("unit.show", fmt.Sprintf(`{"unit":%q}`, name)), &out); err != nil {
		h.t.Fatal(err)
	}
	return out
}
