// SPDX-License-Identifier: Apache-2.0

package process

import (
	"cmp"
	"os"
	"slices"
	"strconv"
	"strings"
)

// marked lists the living processes that carry a mark of the house, of any house when it is empty,
// oldest first. One that cleared
// its environment is named by its group, or by the brand or tint that it shares with one that did not.
func (g *ground) marked(house string) ([]Found, error) {
	all, err := g.census.take()
	if err != nil {
		return nil, err
	}
	names := names{house: brandOf(Mark{House: house}), brands: marksOf(g.berths()), tints: map[tint]Mark{}}
	var found, bare []Found
	for i, s := range all.all {
		if s.dead() || s.pid == os.Getpid() {
			continue
		}
		one := Found{
			Identity: Identity{PID: s.pid, Start: s.start, Boot: bootID()},
			Parent:   s.parent, Name: s.name, Leader: s.session == s.pid,
		}
		mark, marked, err := all.mark(i)
		switch {
		case err != nil:
		case !marked:
			bare = append(bare, one)
		case house == "" || mark.House == house:
			one.Mark = mark
			names.brands[brandOf(mark)], names.tints[brandOf(mark).tint()] = mark, mark
			found = append(found, one)
		}
	}
	for _, one := range bare {
		i := all.at[one.PID]
		mark, known := names.of(all, i)
		if !known && (all.brands[i].sameHouse(names.house) || all.tint(i) != 0) {
			mark, known = g.groupMark(one.PID)
		}
		if known && (house == "" || mark.House == house) {
			one.Mark = mark
			found = append(found, one)
		}
	}
	slices.SortFunc(found, byAge)
	return found, nil
}

// names are the marks of a house that were read, for those who share them and do not say so.
type names struct {
	house  brand
	brands map[brand]Mark
	tints  map[tint]Mark
}

func (n names) of(all *scan, i int) (Mark, bool) {
	if b := all.brands[i]; b.valid() {
		mark, known := n.brands[b]
		return mark, known
	}
	mark, known := n.tints[all.tint(i)]
	return mark, known
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
