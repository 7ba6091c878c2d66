// SPDX-License-Identifier: Apache-2.0

package process

import "sync"

// A scan is one look at all processes of the machine, shared by all who asked before it began.
type scan struct {
	taken bool // guarded by census.looking
	err   error

	all      []stat
	at       map[int]int   // the place of a pid in all
	children map[int][]int // places in all, by parent
	brands   []brand

	mu    sync.Mutex
	marks map[int]marking
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
}

// take looks at all processes; the look begins after the call does.
func (c *census) take() (*scan, error) {
	c.mu.Lock()
	if c.next == nil {
		c.next = &scan{}
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
	s.marks = map[int]marking{}
	for i, one := range s.all {
		s.at[one.pid] = i
		s.children[one.parent] = append(s.children[one.parent], i)
		s.brands[i] = readBrand(one.pid)
	}
}

// mark reads the environment of a process once for all who share the scan.
func (s *scan) mark(pid int) (Mark, bool, error) {
	s.mu.Lock()
	m, known := s.marks[pid]
	s.mu.Unlock()
	if known {
		return m.mark, m.found, m.err
	}
	m.mark, m.found, m.err = environMark(pid)
	s.mu.Lock()
	s.marks[pid] = m
	s.mu.Unlock()
	return m.mark, m.found, m.err
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
