// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"holdfast"
	"holdfast/core/home"
)

// A Service is one unit in luna's form.
type Service struct {
	PID       *int   `json:"pid" help:"process id, null when none runs"`
	Port      *int   `json:"port" help:"port, null when it has none"`
	Status    string `json:"status" help:"running, or the unit's state"`
	LastCheck *Stamp `json:"last_check" help:"time of the last check, null before the first"`
}

// stateFile is the form of var/state.json.
type stateFile struct {
	Services         map[string]Service `json:"services"`
	ExternalServices map[string]Service `json:"external_services"`
}

// daemonStatus is the form of var/status/UNIT.json; its pid is text, as its readers expect.
type daemonStatus struct {
	Status            string        `json:"status"`
	Timestamp         Stamp         `json:"timestamp"`
	PID               string        `json:"pid"`
	HeartbeatInterval int           `json:"heartbeat_interval"`
	Details           daemonDetails `json:"details"`
}

type daemonDetails struct {
	LastHeartbeat Stamp `json:"last_heartbeat"`
	ChecksPassed  int   `json:"checks_passed"`
	TotalChecks   int   `json:"total_checks"`
}

// A Stamp is a time in the ISO form with microseconds that both readers parse, null when zero.
type Stamp struct{ time.Time }

// MarshalJSON writes the time, or null.
func (t Stamp) MarshalJSON() ([]byte, error) {
	if t.IsZero() {
		return []byte("null"), nil
	}
	return json.Marshal(t.UTC().Format("2006-01-02T15:04:05.000000-07:00"))
}

// simple is the state in the words of programs that know only running and the rest.
func simple(state holdfast.UnitState) string {
	if state.Up() {
		return string(holdfast.UnitRunning)
	}
	return string(state)
}

// A board keeps the files that tell other programs how the units stand, and the next house which
// processes are units. One goroutine (keep) writes them.
type board struct {
	home home.Home
	log  *slog.Logger
	// units tells how all units stand.
	units func() []standing

	mu       sync.Mutex
	dirty    map[string]bool // units whose status file is old
	dropping []string        // units whose status file must go
	stale    bool            // units.json and state.json are old
	work     chan struct{}
}

func newBoard(h home.Home, log *slog.Logger) *board {
	return &board{home: h, log: log, dirty: map[string]bool{}, work: make(chan struct{}, 1)}
}

// touch marks all files as old.
func (b *board) touch() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stale = true
	poke(b.work)
}

// touchUnit marks the files of a unit as old.
func (b *board) touchUnit(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stale, b.dirty[name] = true, true
	poke(b.work)
}

// drop takes away the status file of a unit that is no more.
func (b *board) drop(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.dirty, name)
	b.dropping, b.stale = append(b.dropping, name), true
	poke(b.work)
}

// keep writes the files soon after a change, and once more when closed.
func (b *board) keep(closed <-chan struct{}) {
	for {
		select {
		case <-b.work:
		case <-closed:
			b.write()
			return
		}
		timer := time.NewTimer(gather)
		select {
		case <-timer.C:
		case <-closed:
			timer.Stop()
		}
		b.write()
	}
}

// write brings the files up to date. They are written whole or not at all; what could not be
// written is said in the log and tried again at the next change.
func (b *board) write() {
	files, gone := b.collect()
	for path, value := range files {
		if err := replace(path, value); err != nil {
			b.log.Error("cannot write status", slog.String("file", filepath.Base(path)), slog.Any("error", err))
		}
	}
	for _, name := range gone {
		if err := os.Remove(b.statusFile(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			b.log.Error("cannot remove status", slog.String("unit", name), slog.Any("error", err))
		}
	}
}

func (b *board) statusFile(unit string) string { return b.home.Var("status", unit+".json") }

// collect takes what must be written, by path.
func (b *board) collect() (files map[string]any, gone []string) {
	b.mu.Lock()
	dirty, stale := b.dirty, b.stale
	gone = b.dropping
	b.dirty, b.stale, b.dropping = map[string]bool{}, false, nil
	b.mu.Unlock()
	now := time.Now()
	files = map[string]any{}
	records, services := map[string]record{}, map[string]Service{}
	for _, u := range b.units() {
		name := u.unit.Name
		if dirty[name] {
			files[b.statusFile(name)] = u.daemon(now)
		}
		services[name] = u.service()
		if u.child != nil {
			records[name] = record{
				Identity: u.child.Identity(), Restarts: u.recent(now), Worker: u.unit.Worker, Stop: u.unit.Stop,
			}
		}
	}
	if stale {
		files[recordFile(b.home)] = records
		files[b.home.Var("state.json")] = stateFile{Services: services, ExternalServices: map[string]Service{}}
	}
	return files, gone
}

// replace writes a file whole by rename, without fsync: these files say how things are now, and
// after a power loss nothing of it is so.
func replace(path string, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	tmp := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".new")
	if err := os.WriteFile(tmp, append(data, '\n'), 0o644); err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	return os.Rename(tmp, path)
}
