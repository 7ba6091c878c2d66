// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"holdfast"
	"holdfast/core/config"
	"holdfast/core/home"
)

func masterHome(t *testing.T, text string) home.Home {
	t.Helper()
	h := home.At(t.TempDir())
	if text != "" {
		write(t, h.Dir(), "master_config.json", text)
	}
	return h
}

func TestMasterView(t *testing.T) {
	m := config.NewMaster(masterHome(t, lunaStyle))
	view, err := m.View()
	if err != nil {
		t.Fatal(err)
	}
	if view.Core.Timezone != "Europe/Paris" || view.PortAssignments.Services["notes.backend"] != 5300 || !*view.Extensions["notes"].Enabled {
		t.Errorf("got %+v", view)
	}
}

func TestMasterUpdateChecksAndKeeps(t *testing.T) {
	h := masterHome(t, lunaStyle)
	m := config.NewMaster(h)
	err := m.Update(t.Context(), func(d *config.Document) error { return d.Set("often", "extensions", "notes", "enabled") })
	p := problems(t, err)
	if len(p) != 1 || p[0].Field != "extensions.notes.enabled" || p[0].Line == 0 {
		t.Errorf("got %v", p)
	}
	text, _ := os.ReadFile(h.MasterFile())
	if string(text) != lunaStyle {
		t.Error("a refused update changed the file")
	}
	if err := m.Update(t.Context(), func(d *config.Document) error { return d.Set("UTC", "core", "timezone") }); err != nil {
		t.Fatal(err)
	}
	text, _ = os.ReadFile(h.MasterFile())
	if want := strings.Replace(lunaStyle, "Europe/Paris", "UTC", 1); string(text) != want {
		t.Errorf("got\n%s", text)
	}
}

func TestMasterWritersTakeTurns(t *testing.T) {
	h := masterHome(t, "")
	var writers sync.WaitGroup
	for w := range 8 {
		writers.Go(func() {
			m := config.NewMaster(h) // as another process would have it
			for range 10 {
				err := m.Update(context.WithoutCancel(t.Context()), func(d *config.Document) error {
					var n int
					if _, err := d.Decode(&n, "counter"); err != nil {
						return err
					}
					return d.Set(n+1, "counter")
				})
				if err != nil {
					t.Errorf("writer %d: %v", w, err)
				}
			}
		})
	}
	writers.Wait()
	d, err := config.NewMaster(h).Read()
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if _, err := d.Decode(&n, "counter"); err != nil || n != 80 {
		t.Errorf("80 increments gave %d, %v", n, err)
	}
}

func TestMasterWaitsNoLongerThanTheContext(t *testing.T) {
	h := masterHome(t, "")
	if err := os.MkdirAll(h.Var("run"), 0o700); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(h.Var("run", "master.lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	err = config.NewMaster(h).Update(ctx, func(*config.Document) error { return nil })
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestMasterMergeRespectsPins(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "holdfast.yaml", "edge:\n  mode: local\n")
	write(t, dir, "master_config.json", lunaStyle)
	_, c, err := loadIn(dir, config.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m := config.NewMaster(home.At(dir))
	_, err = m.Merge(t.Context(), json.RawMessage(`{"deployment_mode":"custom_domain"}`), c)
	refusal, ok := errors.AsType[*holdfast.Refusal](err)
	if !ok || !strings.Contains(refusal.Reason, "holdfast.yaml:2") {
		t.Fatalf("want a refusal that names holdfast.yaml:2, got %v", err)
	}
	changed, err := m.Merge(t.Context(), json.RawMessage(`{"deployment_mode":"ngrok","public_domain":"a.example","core":{"timezone":"UTC"}}`), c)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"public_domain", "luna.timezone"}; !slices.Equal(changed, want) {
		t.Errorf("changed %v want %v", changed, want)
	}
}

func TestMasterMasksHubKeys(t *testing.T) {
	h := masterHome(t, `{"mcp_servers":{"hub":{"name":"h","api_key":"sk-0123456789abcdef"}}}`)
	m := config.NewMaster(h)
	d, err := m.Read()
	if err != nil {
		t.Fatal(err)
	}
	shown := d.JSON()
	if strings.Contains(string(shown), "0123456789") {
		t.Errorf("the key shows: %s", shown)
	}
	if changed, err := m.Merge(t.Context(), shown, nil); err != nil || len(changed) > 0 {
		t.Errorf("sending back what was shown changed %v, %v", changed, err)
	}
	text, _ := os.ReadFile(filepath.Join(h.Dir(), "master_config.json"))
	if !strings.Contains(string(text), "sk-0123456789abcdef") {
		t.Errorf("the key is lost: %s", text)
	}
}
