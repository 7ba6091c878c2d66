// SPDX-License-Identifier: Apache-2.0

package process

import (
	"maps"
	"sync"
)

// A scan is one look at all processes of the machine, shared by all who asked before it began.
type scan struct {
	census *census
	taken  bool // guarded by census.looking
	err    error

	all      []stat
	at       map[int]int   // the place of a pid in all
	children map[int][]int // places in all, by parent
	brands   []brand

	mu    sync.Mutex
	marks map[int]marking // by place in all
	tints map[int]tint
}

// A marking is what the environment of a process said.
type marking struct {
	mark  Mark
	found bool
	err   error
}

// A census hands out scans: one at a time runs, and who asks meanwhile waits for the next, for the
// present one may have passed what he asks about.
type census struct {
	looking sync.Mutex
	mu      sync.Mutex
	next    *scan // not begun
	// bare are those, by pid and start, who were seen long enough to have no environment.
	bare map[int]uint64
}

// take looks at all processes; the look begins after the call does.
func (c *census) take() (*scan, error) {
	c.mu.Lock()
	if c.next == nil {
		c.next = &scan{census: c}
	}
	s := c.next
	c.mu.Unlock()
	c.looking.Lock()
	defer c.looking.Unlock()
	if !s.taken {
		c.mu.Lock()
		c.next = nil
		c.mu.Unlock()
		s.look()
		s.taken = true
		c.prune(s)
	}
	return s, s.err
}

func (s *scan) look() {
	s.all, s.err = table()
	if s.err != nil {
		return
	}
	s.at = make(map[int]int, len(s.all))
	s.children = make(map[int][]int, len(s.all))
	s.brands = make([]brand, len(s.all))
	s.marks, s.tints = map[int]marking{}, map[int]tint{}
	for i, one := range s.all {
		s.at[one.pid] = i
		s.children[one.parent] = append(s.children[one.parent], i)
		s.brands[i] = readBrand(one.pid)
	}
}

// mark reads the environment of a process once for all who share the scan.
func (s *scan) mark(i int) (Mark, bool, error) {
	s.mu.Lock()
	m, known := s.marks[i]
	s.mu.Unlock()
	if known {
		return m.mark, m.found, m.err
	}
	environ, err := settledEnviron(s.all[i].pid, s.census.looks(s.all[i]))
	if m.err = err; err == nil {
		m.mark, m.found = findMark(environ)
		s.census.heard(s.all[i], len(environ) == 0)
	}
	s.mu.Lock()
	s.marks[i] = m
	s.mu.Unlock()
	return m.mark, m.found, m.err
}

// tint reads the tint of a process once.
func (s *scan) tint(i int) tint {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, known := s.tints[i]
	if !known {
		t = readTint(s.all[i].pid)
		s.tints[i] = t
	}
	return t
}

// looks tells how often an empty environment is worth another look.
func (c *census) looks(s stat) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if start, known := c.bare[s.pid]; known && start == s.start {
		return 0
	}
	return emptyLooks
}

func (c *census) heard(s stat, empty bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !empty {
		delete(c.bare, s.pid)
		return
	}
	if c.bare == nil {
		c.bare = map[int]uint64{}
	}
	c.bare[s.pid] = s.start
}

// prune forgets who has ended.
func (c *census) prune(s *scan) {
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.DeleteFunc(c.bare, func(pid int, _ uint64) bool { _, there := s.at[pid]; return !there })
}

// grow adds all descendants of those that are in already, but not this process.
func (s *scan) grow(in map[int]bool, self int) {
	queue := make([]int, 0, len(in))
	for i := range in {
		queue = append(queue, s.all[i].pid)
	}
	for len(queue) > 0 {
		pid := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		for _, i := range s.children[pid] {
			if !in[i] && s.all[i].pid != self {
				in[i] = true
				queue = append(queue, s.all[i].pid)
			}
		}
	}
}
