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
	stale    bool            // state.json is old
	moved    bool            // units.json is old
	since    time.Time       // when the first of them became old
	work     chan struct{}

	rested time.Time // before which only units.json is written; keep's own
}

func newBoard(h home.Home, log *slog.Logger) *board {
	return &board{home: h, log: log, dirty: map[string]bool{}, work: make(chan struct{}, 1)}
}

// touch marks all files as old.
func (b *board) touch() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.moved = true
	b.mark()
}

// touchLaunch marks the files of a unit as old whose process is another now.
func (b *board) touchLaunch(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.moved, b.dirty[name] = true, true
	b.mark()
}

// touchUnit marks the files of a unit as old.
func (b *board) touchUnit(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.dirty[name] = true
	b.mark()
}

// drop takes away the status file of a unit that is no more.
func (b *board) drop(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.dirty, name)
	b.dropping, b.moved = append(b.dropping, name), true
	b.mark()
}

// keep writes the files soon after a change, and once more when closed. Who runs is written soon
// in every case, for a house that is killed then must be found out by the next; what other programs
// read is gathered longer in a house of many units.
func (b *board) keep(closed <-chan struct{}) {
	rest := time.NewTimer(0)
	defer rest.Stop()
	for {
		select {
		case <-b.work:
		case <-rest.C:
		case <-closed:
			b.write(true)
			return
		}
		timer := time.NewTimer(gather)
		select {
		case <-timer.C:
		case <-closed:
			timer.Stop()
		}
		whole := !time.Now().Before(b.due())
		units := b.write(whole)
		if whole {
			b.rested = time.Now().Add(gatherFor(units))
		}
		if due := b.due(); !due.IsZero() {
			rest.Reset(time.Until(due))
		}
	}
}

// due is when all files are to be written, zero when all are fresh: soon after a single change,
// later when many units change at once, as they do when the house starts or ends.
func (b *board) due() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.stale && len(b.dirty) == 0 && len(b.dropping) == 0 {
		return time.Time{}
	}
	if calm := b.since.Add(gatherFor(len(b.dirty))); calm.After(b.rested) {
		return calm
	}
	return b.rested
}

// mark notes since when files are old; the caller holds the lock.
func (b *board) mark() {
	if !b.stale {
		b.since = time.Now()
	}
	b.stale = true
	poke(b.work)
}

// gatherFor is the least time between two writings of the files of so many units: they are written
// whole, and a house is not to spend itself on telling how it is.
func gatherFor(units int) time.Duration {
	return min(time.Duration(units)*gatherEach, gatherMost)
}

// write brings the files up to date. They are written whole or not at all; what could not be
// written is said in the log and tried again at the next change. It tells how many units there are.
func (b *board) write(whole bool) (units int) {
	files, gone, units := b.collect(whole)
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
	return units
}

func (b *board) statusFile(unit string) string { return b.home.Var("status", unit+".json") }

// collect takes what must be written, by path: all of it, or only who runs.
func (b *board) collect(whole bool) (files map[string]any, gone []string, units int) {
	b.mu.Lock()
	dirty, stale, moved := map[string]bool{}, false, b.moved
	b.moved = false
	if whole {
		dirty, stale, gone = b.dirty, b.stale, b.dropping
		b.dirty, b.stale, b.dropping = map[string]bool{}, false, nil
	}
	b.mu.Unlock()
	now := time.Now()
	files = map[string]any{}
	all := b.units()
	records, services := make(map[string]record, len(all)), make(map[string]Service, len(all))
	for _, u := range all {
		name := u.unit.Name
		if dirty[name] {
			files[b.statusFile(name)] = u.daemon(now)
		}
		if stale {
			services[name] = u.service()
		}
		if moved && u.child != nil {
			records[name] = record{
				Identity: u.child.Identity(), Restarts: u.recent(now), Worker: u.unit.Worker, Stop: u.unit.Stop, Lacks: found(u.child),
			}
		}
	}
	if moved {
		files[recordFile(b.home)] = records
	}
	if stale {
		files[b.home.Var("state.json")] = stateFile{Services: services, ExternalServices: map[string]Service{}}
	}
	return files, gone, len(all)
}

// replace writes a file for others to read.
func replace(path string, value any) error { return home.Replace(path, value, 0o644) }
