// SPDX-License-Identifier: Apache-2.0

// Package usage tells what the processes of units use: CPU time, memory and how many they are, now
// and over the last hour.
//
// It is not for bounding what they use (core/process does) nor for telling whether they are well
// (units/probe). It guarantees that nothing is measured more often than somebody looks, beyond one
// slow sample for the history, and that no process counts for two units. The supervisor calls it.
package usage

import (
	"sync"
	"time"

	"holdfast/core/process"
)

// freshFor is how long one look at all processes serves everybody who asks.
const freshFor = 100 * time.Millisecond

// A Reading is what the processes of one launch use.
type Reading struct {
	// State of the first process as the system shows it: 'R', 'S', 'T' for stopped, 'Z' for a zombie;
	// 0 when it is gone.
	State byte
	// CPU is the time used so far, by ended processes that were waited for too.
	CPU time.Duration
	// Memory is the resident memory of all processes together; what they share counts for each.
	Memory    int64
	Processes int
}

// A proc is one process as the system shows it.
type proc struct {
	pid, parent, session int
	state                byte
	start                uint64
	cpu                  time.Duration // its own
	waited               time.Duration // of ended children that it waited for
	memory               int64
}

// A system shows the processes of a machine.
type system interface {
	// processes lists all that live, zombies included; it fails where the system does not tell.
	processes() ([]proc, error)
	// mark reads the mark of a process.
	mark(pid int) (process.Mark, bool)
}

// A Meter reads what launches use. Its zero value is not ready; NewMeter makes one.
type Meter struct {
	system system
	self   int

	mu    sync.Mutex
	at    time.Time
	procs map[int]proc
	marks map[identity]process.Mark // of processes that left their family, so that each is read once
}

type identity struct {
	pid   int
	start uint64
}

// Read tells what launches use, each given by its first process. It fails where the system does not
// tell; then nothing is known.
func (m *Meter) Read(leaders []process.Identity) (map[process.Mark]Reading, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.look(); err != nil {
		return nil, err
	}
	f := family{procs: m.procs, owner: map[int]int{}, leaders: map[int]process.Mark{}}
	byMark := map[process.Mark]int{}
	for _, l := range leaders {
		if p, ok := m.procs[l.PID]; !ok || p.start == l.Start {
			f.leaders[l.PID] = l.Mark
			byMark[l.Mark] = l.PID
		}
	}
	readings := map[process.Mark]Reading{}
	for pid, p := range m.procs {
		owner := f.of(pid)
		if owner == 0 && m.escaped(p) {
			owner = byMark[m.markOf(p)]
		}
		if owner == 0 {
			continue
		}
		r := readings[f.leaders[owner]]
		if pid == owner {
			r.State = p.state
		}
		if p.state != 'Z' && p.state != 'X' {
			r.Processes++
		}
		r.CPU += p.cpu + p.waited
		r.Memory += p.memory
		readings[f.leaders[owner]] = r
	}
	return readings, nil
}

// Self tells what the house itself uses, without its units.
func (m *Meter) Self() (Reading, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.look(); err != nil {
		return Reading{}, err
	}
	p := m.procs[m.self]
	return Reading{State: p.state, CPU: p.cpu, Memory: p.memory, Processes: 1}, nil
}

// look reads all processes anew unless that was just done; the caller holds the lock.
func (m *Meter) look() error {
	if m.procs != nil && time.Since(m.at) < freshFor {
		return nil
	}
	all, err := m.system.processes()
	if err != nil {
		return err
	}
	m.procs = make(map[int]proc, len(all))
	living := map[identity]process.Mark{}
	for _, p := range all {
		m.procs[p.pid] = p
		id := identity{p.pid, p.start}
		if mark, known := m.marks[id]; known {
			living[id] = mark
		}
	}
	m.marks, m.at = living, time.Now()
	return nil
}

// escaped tells whether a process may have left its family: its parent took it over from one that
// ended.
func (m *Meter) escaped(p proc) bool {
	return p.pid != m.self && (p.parent == m.self || p.parent == 1)
}

func (m *Meter) markOf(p proc) process.Mark {
	id := identity{p.pid, p.start}
	mark, known := m.marks[id]
	if !known {
		mark, _ = m.system.mark(p.pid)
		m.marks[id] = mark
	}
	return mark
}

// A family tells which launch each process belongs to.
type family struct {
	procs   map[int]proc
	leaders map[int]process.Mark
	owner   map[int]int // by pid, 0 for nobody's
}

// of finds the first process of the launch that a process belongs to, by its session and by its
// ancestors; 0 for none.
func (f family) of(pid int) int {
	if owner, known := f.owner[pid]; known {
		return owner
	}
	f.owner[pid] = 0 // against circles
	p, lives := f.procs[pid]
	owner := 0
	switch {
	case f.leaders[pid].Unit != "":
		owner = pid
	case !lives || pid <= 1:
	case f.leaders[p.session].Unit != "":
		owner = p.session
	default:
		owner = f.of(p.parent)
	}
	f.owner[pid] = owner
	return owner
}
