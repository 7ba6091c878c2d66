// SPDX-License-Identifier: Apache-2.0

package starter

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast"
	"holdfast/core/config"
	"holdfast/core/home"
	"holdfast/core/keys"
	"holdfast/core/store"
	"holdfast/core/trash"
	"holdfast/holdfasttest/need"
	"holdfast/units/extension"
	"holdfast/units/supervisor"
)

// A yard is a starter home whose extensions run under the real supervisor.
type yard struct {
	*testing.T
	home       home.Home
	keeper     *supervisor.Supervisor
	extensions *extension.Extensions
	keys       *keys.Keys
}

// newYard starts the extensions of a starter home, after edits of it.
func newYard(t *testing.T, edits ...func(home.Home)) *yard {
	t.Helper()
	notes(t) // skips without python3
	y := &yard{T: t, home: home.At(filepath.Join(t.TempDir(), "home"))}
	if _, err := Write(y.home.Dir(), Models{}); err != nil {
		t.Fatal(err)
	}
	if err := y.home.Ensure(); err != nil {
		t.Fatal(err)
	}
	for _, edit := range edits {
		edit(y.home)
	}
	log := slog.New(slog.DiscardHandler)
	y.keys = keys.New(y.home)
	helper, err := need.Watch()
	if err != nil {
		t.Fatal(err)
	}
	y.keeper = supervisor.New(supervisor.Options{Home: y.home, Secrets: y.keys, Helper: helper, Log: log})
	y.extensions = extension.New(extension.Needs{
		Home: y.home, Master: config.NewMaster(y.home), Units: y.keeper, Keys: y.keys,
		Trash: trash.New(y.home, store.New(y.home.Var("house.db"))), Log: log,
	})
	if err := y.keeper.Capability().Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := y.keeper.Capability().Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	if err := y.extensions.Capability().Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return y
}

// await asks for a unit's status until it is as wanted.
func (y *yard) await(unit, what string, good func(holdfast.UnitStatus) bool) holdfast.UnitStatus {
	y.Helper()
	deadline := time.After(time.Minute)
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		status, err := y.keeper.Status(unit)
		if err == nil && good(status) {
			return status
		}
		select {
		case <-deadline:
			y.Fatalf("%s is not %s: %+v, %v", unit, what, status, err)
		case <-again.C:
		}
	}
}

func ready(s holdfast.UnitStatus) bool { return s.State == holdfast.UnitReady }

func (y *yard) get(path string) (int, http.Header) {
	y.Helper()
	for _, m := range y.extensions.Mounts() {
		rest, ok := strings.CutPrefix(path, m.Path)
		if !ok {
			continue
		}
		s := &served{T: y.T, base: "http://127.0.0.1:" + strconv.Itoa(m.Port)}
		status, header, _ := s.ask("GET", "/"+rest, "", "")
		return status, header
	}
	y.Fatalf("nothing is mounted at %s", path)
	return 0, nil
}

func TestNotesRunsUnderTheSupervisor(t *testing.T) {
	y := newYard(t)
	y.await("notes.ui", "ready", ready)
	first := y.await("notes.backend", "ready", ready)
	if status, _ := y.get("/api/notes/"); status != http.StatusOK {
		t.Errorf("the service answers %d", status)
	}
	if status, header := y.get("/ext/notes/"); status != http.StatusOK || !strings.HasPrefix(header.Get("Content-Type"), "text/html") {
		t.Errorf("the page answers %d", status)
	}
	if err := syscall.Kill(first.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	y.await("notes.backend", "restarted", func(s holdfast.UnitStatus) bool { return ready(s) && s.PID != first.PID })
	for _, name := range []string{"notes_ui.log", "notes__service_backend.log"} {
		if _, err := os.Stat(y.home.Var("logs", name)); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(y.home.Var("extensions", "notes", "notes.db")); err != nil {
		t.Errorf("its data is elsewhere: %v", err)
	}
}

// A key that is missing holds the units back; when it is set they start.
func TestNotesWaitsForAKey(t *testing.T) {
	y := newYard(t, func(h home.Home) {
		path := h.Path("extensions", "notes", "config.json")
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		text = []byte(strings.Replace(string(text), `"required_secrets": []`, `"required_secrets": ["NOTES_TOKEN"]`, 1))
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	})
	y.await("notes.backend", "blocked", func(s holdfast.UnitStatus) bool {
		return s.State == holdfast.UnitBlocked && strings.Contains(s.Detail, "NOTES_TOKEN") && s.PID == 0
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- y.extensions.Capability().Run(ctx) }()
	if err := y.keys.Set(t.Context(), "NOTES_TOKEN", holdfast.NewSecret("secret-value-0123456789")); err != nil {
		t.Fatal(err)
	}
	status := y.await("notes.backend", "ready", ready)
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	environ, err := os.ReadFile("/proc/" + strconv.Itoa(status.PID) + "/environ")
	if err == nil && !strings.Contains(string(environ), "NOTES_TOKEN=secret-value-0123456789") {
		t.Error("the unit did not get its key")
	}
	if err == nil && !strings.Contains(string(environ), "HOLDFAST_PORTS={") {
		t.Error("the unit was not told the ports")
	}
}
