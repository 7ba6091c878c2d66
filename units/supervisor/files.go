// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"holdfast"
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

// Services lists the units in luna's form.
func (s *Supervisor) Services() map[string]Service {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[string]Service{}
	for name, k := range s.keepers {
		all[name] = k.service()
	}
	return all
}

func (k *keeper) service() Service {
	st := k.status
	service := Service{Status: simple(st.State)}
	if !st.LastCheck.IsZero() {
		service.LastCheck = &Stamp{st.LastCheck}
	}
	if st.PID != 0 {
		service.PID = &st.PID
	}
	if st.Port != 0 {
		service.Port = &st.Port
	}
	return service
}

func (k *keeper) daemon(now time.Time) daemonStatus {
	d := daemonStatus{
		Status: simple(k.status.State), Timestamp: Stamp{now},
		Details: daemonDetails{LastHeartbeat: Stamp{k.lastWell}, ChecksPassed: k.passed, TotalChecks: k.checks},
	}
	if k.status.PID != 0 {
		d.PID = strconv.Itoa(k.status.PID)
	}
	if k.unit.Healthy != nil {
		d.HeartbeatInterval = int(withDefaults(*k.unit.Healthy, k.unit).Every / time.Second)
	}
	return d
}

// keepFiles writes the files soon after a change, and once more at the end.
func (c *scribe) keepFiles() {
	for {
		select {
		case <-c.write:
		case <-c.closed:
			c.writeFiles()
			return
		}
		timer := time.NewTimer(gather)
		select {
		case <-timer.C:
		case <-c.closed:
			timer.Stop()
		}
		c.writeFiles()
	}
}

// writeFiles brings the files up to date. They are written whole or not at all; what could not be
// written is said in the log and tried again at the next change.
func (c *scribe) writeFiles() {
	files, gone := c.collect()
	h := c.s.options.Home
	for path, value := range files {
		if err := replace(path, value); err != nil {
			c.s.log.Error("cannot write status", slog.String("file", filepath.Base(path)), slog.Any("error", err))
		}
	}
	for _, name := range gone {
		if err := os.Remove(h.Var("status", name+".json")); err != nil && !errors.Is(err, fs.ErrNotExist) {
			c.s.log.Error("cannot remove status", slog.String("unit", name), slog.Any("error", err))
		}
	}
}

// collect takes what must be written, by path.
func (c *scribe) collect() (files map[string]any, gone []string) {
	c.mu.Lock()
	dirty, stale := c.dirty, c.stale
	gone = c.dropping
	c.dirty, c.stale, c.dropping = map[string]bool{}, false, nil
	c.mu.Unlock()
	s, now := c.s, time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	files = map[string]any{}
	for name := range dirty {
		if k, ok := s.keepers[name]; ok {
			files[s.options.Home.Var("status", name+".json")] = k.daemon(now)
		}
	}
	if !stale {
		return files, gone
	}
	records, services := map[string]record{}, map[string]Service{}
	for name, k := range s.keepers {
		services[name] = k.service()
		if k.child != nil {
			records[name] = record{Identity: k.child.Identity(), Restarts: within(k.restarts, now, loopWindow)}
		}
	}
	files[s.recordFile()] = records
	files[s.options.Home.Var("state.json")] = stateFile{Services: services, ExternalServices: map[string]Service{}}
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
