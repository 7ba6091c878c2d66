// SPDX-License-Identifier: Apache-2.0

package process

import (
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"holdfast"
)

const (
	vacantLooks = 3
	vacantPause = 100 * time.Microsecond
)

// A berth is where one launch stands among the control groups; empty where there are none for it.
type berth struct {
	mark    Mark
	unified string // its version 2 group
	// legacy are its version 1 groups, which only carry limits.
	legacy []string
	// memory is the group that counts what was killed for passing the memory limit.
	memory string
	bound  []string // the limits that the version 2 group enforces
	lacks  []string
}

// berth makes the groups of a launch and writes its limits there. What cannot be had is told as
// lacking and stops nothing.
func (g *ground) berth(m Mark, limits holdfast.Limits) *berth {
	b := &berth{mark: m}
	all := g.hierarchies()
	if h, ok := all[""]; ok && !g.refused.Load() {
		if dir, err := makeGroup(h.dir, m); err == nil && killable(dir) {
			b.unified = dir
			_ = unix.Setxattr(dir, markAttribute, []byte(m.String()), 0)
		}
	}
	for _, limit := range boundsOf(limits) {
		if err := b.bind(all, limit); err != nil {
			b.lacks = append(b.lacks, fmt.Sprintf("%s is not limited: %v", limit.what, err))
		}
	}
	return b
}

// killable tells whether the kernel ends whole groups at once, as it does since 5.14.
func killable(dir string) bool {
	if unix.Access(filepath.Join(dir, "cgroup.kill"), unix.W_OK) == nil {
		return true
	}
	removeGroup(dir)
	return false
}

// entrances are the files through which the version 1 groups are entered.
func (b *berth) entrances() []string {
	var files []string
	for _, dir := range b.legacy {
		files = append(files, filepath.Join(dir, "cgroup.procs"))
	}
	return files
}

// find gives the groups that an earlier house made for a launch: where its first process stands, or
// where this house would make them.
func (g *ground) find(m Mark, pid int) *berth {
	b := &berth{mark: m}
	for controller, h := range g.hierarchies() {
		dir := ""
		if pid > 0 {
			dir = groupOf(h, controller, pid, m)
		}
		if dir == "" {
			place := filepath.Join(h.dir, houseGroup(m.House), launchGroup(m))
			if unix.Access(place, unix.F_OK) == nil {
				dir = place
			}
		}
		switch {
		case dir == "":
		case h.unified:
			b.unified = dir
		case !slices.Contains(b.legacy, dir):
			b.legacy = append(b.legacy, dir)
		}
		if dir != "" && hasMemoryLimit(dir) {
			b.memory = dir
		}
	}
	return b
}

func hasMemoryLimit(dir string) bool {
	return slices.ContainsFunc([]string{"memory.max", "memory.limit_in_bytes"}, func(file string) bool {
		return unix.Access(filepath.Join(dir, file), unix.F_OK) == nil
	})
}

// folders are all groups of the launch.
func (b *berth) folders() []string {
	if b.unified == "" {
		return b.legacy
	}
	return append([]string{b.unified}, b.legacy...)
}

// populated tells whether the kernel counts anybody in a group of the launch.
func (b *berth) populated() bool {
	return b.unified != "" && populated(b.unified) ||
		slices.ContainsFunc(b.legacy, func(dir string) bool { return len(inGroup(dir)) > 0 })
}

// vacant tells the same within a moment: newer kernels count a process until it has left the
// processor, after its end is known.
func (b *berth) vacant() bool {
	for range vacantLooks {
		if !b.populated() {
			return true
		}
		time.Sleep(vacantPause)
	}
	return !b.populated()
}

// members lists who lives in the groups of the launch.
func (b *berth) members() []int {
	var list []int
	for _, dir := range b.folders() {
		list = append(list, inGroup(dir)...)
	}
	return list
}

// kill ends all of the version 2 group at once, whoever forks meanwhile.
func (b *berth) kill() {
	if b.unified != "" {
		_ = writeFile(filepath.Join(b.unified, "cgroup.kill"), "1")
	}
}

// Sweep removes the groups that earlier launches of a house left and that nobody is in. It is for a
// house that starts.
func (m Machine) Sweep(house string) {
	g := m.on()
	for _, h := range g.hierarchies() {
		h.eachGroup(house, func(dir string) {
			if !g.inUse(dir) && len(inGroup(dir)) == 0 {
				removeGroup(dir)
			}
		})
	}
}
