// SPDX-License-Identifier: Apache-2.0

//go:build linux

package outside

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// markVariable is how a unit's processes are marked: HOUSE/UNIT/LAUNCH.
const markVariable = "HOLDFAST_UNIT="

// A Process is what /proc shows of one.
type Process struct {
	PID, Parent, Group, Session int
	State                       byte
	Start                       uint64 // in ticks since the machine started: with the pid it is an identity
	Exe, Cwd                    string
	Args                        []string
	Env                         []byte
}

// Mark is the value of the process's mark, without the one of a check; empty when it has none.
func (p *Process) Mark() string {
	for entry := range bytes.SplitSeq(p.Env, []byte{0}) {
		if value, ok := bytes.CutPrefix(entry, []byte(markVariable)); ok {
			return string(value)
		}
	}
	return ""
}

// Unit splits the mark.
func (p *Process) Unit() (house, unit, launch string) {
	house, rest, _ := strings.Cut(p.Mark(), "/")
	unit, launch, _ = strings.Cut(rest, "/")
	return house, unit, launch
}

// Leader tells whether the process leads its session, as the first process of a unit does.
func (p *Process) Leader() bool { return p.Session == p.PID }

func (p *Process) String() string {
	return fmt.Sprintf("%d (parent %d, state %c) %q mark %q", p.PID, p.Parent, p.State, p.Args, p.Mark())
}

// Of tells whether the process has to do with a folder: its program, working folder, arguments or
// environment name it.
func (p *Process) Of(dir string) bool {
	inside := func(path string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }
	named := func(arg string) bool { return strings.Contains(arg, dir) }
	return inside(p.Exe) || inside(p.Cwd) || slices.ContainsFunc(p.Args, named) || bytes.Contains(p.Env, []byte(dir))
}

// Read reads one process; not ok when it is gone. What a zombie no longer shows is empty.
func Read(pid int) (Process, bool) {
	p := Process{PID: pid}
	if !p.readStat() {
		return p, false
	}
	at := fmt.Sprintf("/proc/%d/", pid)
	p.Exe, _ = os.Readlink(at + "exe")
	p.Exe = strings.TrimSuffix(p.Exe, " (deleted)")
	p.Cwd, _ = os.Readlink(at + "cwd")
	if line, err := os.ReadFile(at + "cmdline"); err == nil && len(line) > 0 {
		p.Args = strings.Split(strings.TrimSuffix(string(line), "\x00"), "\x00")
	}
	p.Env, _ = os.ReadFile(at + "environ")
	return p, true
}

// stat is /proc/PID/stat from the state on, which stands behind the name; nil when nobody is there.
func stat(pid int) []string {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	f := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	if len(f) < 20 {
		return nil
	}
	return f
}

func (p *Process) readStat() bool {
	f := stat(p.PID)
	if f == nil {
		return false
	}
	p.State = f[0][0]
	p.Parent, _ = strconv.Atoi(f[1])
	p.Group, _ = strconv.Atoi(f[2])
	p.Session, _ = strconv.Atoi(f[3])
	p.Start, _ = strconv.ParseUint(f[19], 10, 64)
	return true
}

// Zombie tells whether the process is dead.
func (p *Process) Zombie() bool { return p.State == 'Z' || p.State == 'X' }

// Alive tells whether the very process still runs.
func (p *Process) Alive() bool {
	now := Process{PID: p.PID}
	return now.readStat() && now.Start == p.Start && !now.Zombie()
}

// All lists every living process that want accepts, but this one.
func All(want func(*Process) bool) []Process {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer func() { _ = dir.Close() }()
	names, _ := dir.Readdirnames(-1)
	var list []Process
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil || pid == os.Getpid() {
			continue
		}
		if p, ok := Read(pid); ok && !p.Zombie() && len(p.Args) > 0 && want(&p) {
			list = append(list, p)
		}
	}
	return list
}

// Within lists every living process that has to do with a folder.
func Within(dir string) []Process {
	dir = filepath.Clean(dir)
	return All(func(p *Process) bool { return p.Of(dir) })
}

// A Cost is what processes have used of the machine.
type Cost struct {
	Anonymous, PSS int64         // bytes
	CPU            time.Duration // of their own threads
	Children       time.Duration // of children that they have waited for
}

// Costs sums up what processes cost.
func Costs(list []Process) Cost {
	var c Cost
	for _, p := range list {
		at := fmt.Sprintf("/proc/%d/", p.PID)
		rollup, _ := os.ReadFile(at + "smaps_rollup")
		c.Anonymous += field(rollup, "Anonymous:")
		c.PSS += field(rollup, "Pss:")
		tasks, _ := filepath.Glob(at + "task/*/schedstat")
		for _, task := range tasks {
			text, _ := os.ReadFile(task)
			if f := bytes.Fields(text); len(f) > 0 {
				ns, _ := strconv.ParseInt(string(f[0]), 10, 64)
				c.CPU += time.Duration(ns)
			}
		}
		c.Children += waited(p.PID)
	}
	return c
}

// field reads a line "NAME: 12 kB" in bytes.
func field(text []byte, name string) int64 {
	for line := range bytes.Lines(text) {
		if rest, ok := bytes.CutPrefix(line, []byte(name)); ok {
			kib, _ := strconv.ParseInt(string(bytes.Fields(rest)[0]), 10, 64)
			return kib * 1024
		}
	}
	return 0
}

// waited is the CPU time of the children that a process has waited for, in steps of 10 ms.
func waited(pid int) time.Duration {
	f := stat(pid)
	if f == nil {
		return 0
	}
	user, _ := strconv.ParseInt(f[13], 10, 64)
	system, _ := strconv.ParseInt(f[14], 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond
}

// An ID is one process for ever: a pid, and when it started.
type ID struct {
	PID   int
	Start uint64
}

// ID is the identity of the process.
func (p *Process) ID() ID { return ID{p.PID, p.Start} }
