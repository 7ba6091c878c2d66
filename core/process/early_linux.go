// SPDX-License-Identifier: Apache-2.0

package process

import (
	"bytes"
	"os"
	"slices"
	"strconv"
)

// earlyLooks bounds how long a launch is followed that starts others before it is branded.
const earlyLooks = 8

// brandEarly brands what the first process started in the moment before it was branded itself: its
// children, and those with its mark that came to this process already.
func (g *ground) brandEarly(p *Process) {
	for range earlyLooks {
		more := false
		for _, child := range g.options.childrenOf(p.id.PID) {
			more = readBrand(child) != p.brand && p.brand.apply(child) || more
		}
		for _, orphan := range g.orphans(p.brand) {
			more = p.brandOrphan(orphan) || more
		}
		if !more {
			return
		}
	}
}

// childrenOf lists the children of a first process. Where the kernel does not, they are among those
// with a higher number, but for the moment when the numbers begin anew.
func (o Options) childrenOf(pid int) []int {
	name := strconv.Itoa(pid)
	data, err := os.ReadFile("/proc/" + name + "/task/" + name + "/children")
	if err == nil && !o.noChildren {
		return numbers(data)
	}
	return slices.DeleteFunc(pidsFrom(pid), func(other int) bool {
		s, err := readStat(other)
		return err != nil || s.parent != pid
	})
}

func (p *Process) brandOrphan(pid int) bool {
	s, err := readStat(pid)
	if err != nil || s.dead() || s.start < p.id.Start || readBrand(pid).valid() {
		return false
	}
	environ, err := readEnviron(pid)
	if err != nil {
		return false
	}
	mark, found := findMark(environ)
	return found && mark == p.id.Mark && p.brand.apply(pid)
}

func numbers(text []byte) []int {
	var list []int
	for field := range bytes.FieldsSeq(text) {
		if n, err := strconv.Atoi(string(field)); err == nil && n > 0 {
			list = append(list, n)
		}
	}
	return list
}
