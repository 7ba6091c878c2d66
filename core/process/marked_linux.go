// SPDX-License-Identifier: Apache-2.0

package process

import (
	"cmp"
	"os"
	"slices"
	"strconv"
	"strings"
)

// marked lists the living processes that carry a mark of the house, oldest first. One that cleared
// its environment is named by its group, or by the brand that it shares with one that did not.
func (g *ground) marked(house string) ([]Found, error) {
	all, err := g.census.take()
	if err != nil {
		return nil, err
	}
	boot, self, own := bootID(), os.Getpid(), brandOf(Mark{House: house})
	names, lost := g.marks(), []Found{}
	var found []Found
	for i, s := range all.all {
		if s.dead() || s.pid == self {
			continue
		}
		one := Found{
			Identity: Identity{PID: s.pid, Start: s.start, Boot: boot},
			Parent:   s.parent, Name: s.name, Leader: s.session == s.pid,
		}
		mark, ok, err := all.mark(i)
		switch {
		case err == nil && ok && mark.House == house:
			one.Mark = mark
			names[brandOf(mark)] = mark
			found = append(found, one)
		case all.brands[i].sameHouse(own):
			lost = append(lost, one)
		}
	}
	for _, one := range lost {
		mark, known := names[all.brands[all.at[one.PID]]]
		if !known {
			mark, known = g.groupMark(one.PID)
		}
		if known && mark.House == house {
			one.Mark = mark
			found = append(found, one)
		}
	}
	slices.SortFunc(found, byAge)
	return found, nil
}

// groupMark reads the mark of the group that a process is in.
func (g *ground) groupMark(pid int) (Mark, bool) {
	h, ok := g.hierarchies()[""]
	if !ok {
		return Mark{}, false
	}
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cgroup")
	if err != nil {
		return Mark{}, false
	}
	path := groupPaths(string(text))[""]
	for strings.Contains(path, "/"+groupPrefix) {
		if dir, ok := h.at(path); ok {
			if mark, ok := groupMark(dir); ok {
				return mark, true
			}
		}
		path = path[:strings.LastIndexByte(path, '/')]
	}
	return Mark{}, false
}

// byAge orders processes oldest first. Start counts in hundredths of a second; within one the lower
// pid is nearly always the elder.
func byAge(a, b Found) int {
	return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.PID, b.PID))
}
