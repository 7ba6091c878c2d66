// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"holdfast/test/outside"
)

// A place is where a home and what the test keeps beside it are.
type place struct {
	work string // everything; what names it belongs to the test
	bin  string // the programs under test
}

func (p place) home() string  { return filepath.Join(p.work, "home") }
func (p place) acks() string  { return filepath.Join(p.work, "acks") }
func (p place) logs() string  { return filepath.Join(p.home(), "var", "logs") }
func (p place) actor() string { return filepath.Join(p.work, "actor") }

// filler is the file that leaves the logs no room.
func (p place) filler() string { return filepath.Join(p.logs(), ".filler") }

func (p place) program(name string) string { return filepath.Join(p.bin, name) }

// house is how marks name the home: by its path.
func (p place) house() string {
	sum := sha256.Sum256([]byte(p.home()))
	return hex.EncodeToString(sum[:6])
}

// checkSuffix tells the mark of an exec check from that of its unit's launch.
const checkSuffix = "-check"

// A sight is what /proc showed at one time.
type sight struct {
	at time.Time
	// leaders are the processes that lead a session under a unit's mark; members all that are the
	// unit's, by its mark or, without one, by what they say of themselves.
	leaders map[string][]outside.Process
	members map[string][]outside.Process
	checks  []outside.Process // the programs of exec checks
	house   []outside.Process
	watch   []outside.Process
	keeper  []outside.Process
	clients []outside.Process // command lines of the operator's
}

// look reads /proc once.
func (p place) look() sight {
	s := sight{at: time.Now(), leaders: map[string][]outside.Process{}, members: map[string][]outside.Process{}}
	for _, proc := range outside.All(func(x *outside.Process) bool {
		return x.Of(p.home()) || x.Exe == p.actor() || strings.Contains(x.Mark(), p.house())
	}) {
		house, unit, launch := proc.Unit()
		switch {
		case house == p.house() && strings.HasSuffix(launch, checkSuffix):
			s.checks = append(s.checks, proc)
		case house == p.house():
			s.members[unit] = append(s.members[unit], proc)
			if proc.Leader() {
				s.leaders[unit] = append(s.leaders[unit], proc)
			}
		case proc.Exe == p.actor() && house == "":
			s.members[unitOf(proc)] = append(s.members[unitOf(proc)], proc)
		case proc.Exe == p.program("holdfast-watch") && slices.Contains(proc.Args, "watch"):
			s.watch = append(s.watch, proc)
		case proc.Exe == p.program("holdfast-watch") && slices.Contains(proc.Args, "keep"):
			s.keeper = append(s.keeper, proc)
		case proc.Exe == p.program("holdfast") && slices.Contains(proc.Args, "up") && !slices.Contains(proc.Args, "-d"):
			s.house = append(s.house, proc)
		case proc.Exe == p.program("holdfast"):
			s.clients = append(s.clients, proc)
		}
	}
	s.house, s.watch, s.keeper = eldersFirst(s.house), eldersFirst(s.watch), eldersFirst(s.keeper)
	return s
}

// eldersFirst puts last what others of the list forked: until it becomes the program that it was
// forked for, it looks like its parent.
func eldersFirst(list []outside.Process) []outside.Process {
	young := func(p outside.Process) bool {
		return slices.ContainsFunc(list, func(o outside.Process) bool { return o.PID == p.Parent })
	}
	elders := slices.DeleteFunc(slices.Clone(list), young)
	return append(elders, slices.DeleteFunc(slices.Clone(list), func(p outside.Process) bool { return !young(p) })...)
}

// leader is the unit's process, when there is one.
func (s sight) leader(unit string) (outside.Process, bool) {
	if list := s.leaders[unit]; len(list) > 0 {
		return list[0], true
	}
	return outside.Process{}, false
}

// first are the leaders of a unit that no other process of the same launch started: what a program
// forks leads a session too, for a moment, on its way to detach itself.
func (s sight) first(unit string) []outside.Process {
	var list []outside.Process
	for _, p := range s.leaders[unit] {
		if !slices.ContainsFunc(s.members[unit], func(m outside.Process) bool { return m.PID == p.Parent && launchOf(m) == launchOf(p) }) {
			list = append(list, p)
		}
	}
	return list
}

// forsaken are the processes that nobody looks after any more: their launch has no leader, or the
// house that started them is dead. Who has no mark is of an earlier launch when it is the older.
func (s sight) forsaken() []outside.Process {
	var list []outside.Process
	for unit, members := range s.members {
		for _, p := range members {
			if !slices.ContainsFunc(s.leaders[unit], func(l outside.Process) bool {
				return launchOf(l) == launchOf(p) || p.Mark() == "" && l.Start <= p.Start
			}) {
				list = append(list, p)
			}
		}
	}
	for _, p := range s.checks {
		if !slices.ContainsFunc(slices.Concat(s.house, s.checks), func(parent outside.Process) bool { return parent.PID == p.Parent }) {
			list = append(list, p)
		}
	}
	return list
}

// unitOf is the unit that a process belongs to, by its mark or, without one, by what an actor says.
func unitOf(p outside.Process) string {
	if _, unit, _ := p.Unit(); unit != "" || len(p.Args) < 3 {
		return unit
	}
	return p.Args[2]
}

// launchOf is the launch that a process is marked with.
func launchOf(p outside.Process) string {
	_, _, launch := p.Unit()
	return launch
}
