// SPDX-License-Identifier: Apache-2.0

// Package usage tells what the processes of units use: CPU time, memory and how many they are, now
// and over the last hour.
//
// It is not for bounding what they use nor for finding whose they are (core/process does both), nor
// for telling whether they are well (units/probe). It guarantees that nothing is measured more often
// than somebody looks, beyond one slow sample for the history. The supervisor calls it.
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
	// 0 when it is gone, or the system does not tell.
	State byte
	// CPU is the time used so far; it may fall when a process ends.
	CPU time.Duration
	// Memory is the resident memory of all processes together; what they share counts for each.
	Memory    int64
	Processes int
}

// A Measurer measures all launches of a house in one look; process.Machine is one.
type Measurer interface {
	Usage(house string) (map[process.Mark]process.Usage, error)
}

// A peeker is a measurer that measures by groups of processes; process.Machine is one on Linux.
type peeker interface {
	Spent() map[string]time.Duration
	Glance(house string) (map[process.Mark]process.Usage, bool)
}

// A Meter reads what the launches of one house use.
type Meter struct {
	measurer Measurer
	house    string

	mu   sync.Mutex
	at   time.Time
	seen map[process.Mark]process.Usage
}

// NewMeter makes a meter of a house, as its marks name it.
func NewMeter(m Measurer, house string) *Meter { return &Meter{measurer: m, house: house} }

// Read tells what launches use, each given by its first process. It fails where the system does not
// tell; then nothing is known.
func (m *Meter) Read(leaders []process.Identity) (map[process.Mark]Reading, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.seen == nil || time.Since(m.at) >= freshFor {
		seen, err := m.measurer.Usage(m.house)
		if err != nil {
			return nil, err
		}
		m.seen, m.at = seen, time.Now()
	}
	readings := make(map[process.Mark]Reading, len(leaders))
	for _, l := range leaders {
		u := m.seen[l.Mark]
		readings[l.Mark] = Reading{State: stateOf(l.PID), CPU: u.CPU, Memory: u.Memory, Processes: u.Processes}
	}
	return readings, nil
}

// Spent tells how much processor time all units have used together, by where they run; nil where
// nobody tells that cheaply.
func (m *Meter) Spent() map[string]time.Duration {
	if p, can := m.measurer.(peeker); can {
		return p.Spent()
	}
	return nil
}

// Glance tells what Read does but for the states of the first processes, and for processes that left
// the groups of their launches; false where the system does not tell so much without a look at all.
func (m *Meter) Glance(leaders []process.Identity) (map[process.Mark]Reading, bool) {
	p, can := m.measurer.(peeker)
	if !can {
		return nil, false
	}
	seen, can := p.Glance(m.house)
	readings := make(map[process.Mark]Reading, len(leaders))
	for _, l := range leaders {
		u := seen[l.Mark]
		readings[l.Mark] = Reading{CPU: u.CPU, Memory: u.Memory, Processes: u.Processes}
	}
	return readings, can
}

// Self tells what the house itself uses, without its units.
func (m *Meter) Self() (Reading, error) {
	cpu, err := ownCPU()
	return Reading{CPU: cpu, Memory: ownMemory(), Processes: 1}, err
}
