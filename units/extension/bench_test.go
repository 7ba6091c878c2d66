// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast"
	"holdfast/core/config"
	"holdfast/core/home"
)

// told is a supervisor that only remembers what it was told.
type told struct {
	mu      sync.Mutex
	units   map[string][]holdfast.Unit
	sets    int
	looks   int
	fail    func(owner string, units []holdfast.Unit) error
	status  map[string]holdfast.UnitStatus // of units that are not simply running
	changed chan struct{}
}

func newTold() *told {
	return &told{
		units: map[string][]holdfast.Unit{}, status: map[string]holdfast.UnitStatus{}, changed: make(chan struct{}),
	}
}

func (u *told) Set(_ context.Context, owner string, units []holdfast.Unit) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.fail != nil {
		if err := u.fail(owner, units); err != nil {
			return err
		}
	}
	u.sets++
	u.units[owner] = units
	if len(units) == 0 {
		delete(u.units, owner)
	}
	return nil
}

func (u *told) List() []holdfast.UnitStatus {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.looks++
	var all []holdfast.UnitStatus
	for owner, units := range u.units {
		for _, unit := range units {
			status, odd := u.status[unit.Name]
			if !odd {
				status.State = holdfast.UnitRunning
			}
			status.Name, status.Owner = unit.Name, owner
			all = append(all, status)
		}
	}
	return all
}

func (u *told) Changed() <-chan struct{} {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.changed
}

// stands lets a unit stand otherwise than running.
func (u *told) stands(unit string, status holdfast.UnitStatus) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.status[unit] = status
	close(u.changed)
	u.changed = make(chan struct{})
}

func (u *told) of(name string) map[string]holdfast.Unit {
	u.mu.Lock()
	defer u.mu.Unlock()
	byName := map[string]holdfast.Unit{}
	for _, unit := range u.units["extension "+name] {
		byName[unit.Name] = unit
	}
	return byName
}

// ring is a set of keys that tells of its changes.
type ring struct {
	mu      sync.Mutex
	values  map[string]string
	changed chan struct{}
	asked   chan struct{} // hears of each Changed; nil for nobody
}

func (r *ring) Get(name string) (holdfast.Secret, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	value, ok := r.values[name]
	return holdfast.NewSecret(value), ok
}

func (r *ring) Changed() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case r.asked <- struct{}{}:
	default:
	}
	return r.changed
}

func (r *ring) set(name, value string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.values[name] = value
	close(r.changed)
	r.changed = make(chan struct{})
}

// A bench is a home with extensions and what they need, without a house.
type bench struct {
	*testing.T
	home  home.Home
	units *told
	keys  *ring
	*Extensions
}

func newBench(t *testing.T) *bench {
	b := &bench{T: t, home: home.At(t.TempDir()), units: newTold()}
	b.keys = &ring{values: map[string]string{}, changed: make(chan struct{})}
	b.renew()
	return b
}

// renew is a new house over the same home.
func (b *bench) renew() {
	b.Extensions = New(Needs{
		Home: b.home, Master: config.NewMaster(b.home), Units: b.units, Keys: b.keys, Log: slog.New(slog.DiscardHandler),
	})
	b.free = func(int) bool { return true }
	b.today = func() time.Time { return time.Date(2026, 3, 9, 12, 0, 0, 0, time.UTC) }
}

// put writes a file under extensions/.
func (b *bench) put(name, text string) string {
	b.Helper()
	path := b.home.Path("extensions", filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		b.Fatal(err)
	}
	mode := os.FileMode(0o644)
	if strings.HasSuffix(name, ".sh") {
		mode = 0o755
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		b.Fatal(err)
	}
	return path
}

// full is an extension that has everything.
func (b *bench) full(name string) {
	b.put(name+"/config.json", `{"name": "Full", "version": "1", "enabled": true, "source": "local"}`)
	b.put(name+"/ui/start.sh", "#!/bin/sh\n")
	b.put(name+"/services/backend/start.sh", "#!/bin/sh\n")
	b.put(name+"/services/backend/service_config.json", `{"requires_port": true, "health_check": "/healthz", "restart_on_failure": true}`)
	b.put(name+"/services/worker/start.sh", "#!/bin/sh\n")
	b.put(name+"/tools/"+name+"_tools.py", "def "+name+"_GET(a: int):\n    pass\n\nasync def "+name+"_SET(a):\n    pass\n")
	b.put(name+"/tools/tool_config.json", `{"`+name+`_GET": {"enabled_in_mcp": true, "passthrough": true}}`)
}

func (b *bench) sync() Report {
	b.Helper()
	report, err := b.Sync(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	return report
}

func (b *bench) master(text string) {
	b.Helper()
	if err := os.WriteFile(b.home.MasterFile(), []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
}

// value reads one value of master_config.json.
func (b *bench) value(path ...string) string {
	b.Helper()
	d, err := config.NewMaster(b.home).Read()
	if err != nil {
		b.Fatal(err)
	}
	raw, ok := d.Get(path...)
	if !ok {
		return ""
	}
	return string(compact(raw))
}

func (b *bench) text(name string) string {
	b.Helper()
	text, err := os.ReadFile(b.home.Path("extensions", filepath.FromSlash(name)))
	if err != nil {
		b.Fatal(err)
	}
	return string(text)
}

func (b *bench) standing(name string) standing {
	b.Helper()
	x, ok := find(b.snapshot(), name)
	if !ok {
		b.Fatalf("no extension %s", name)
	}
	return x
}
