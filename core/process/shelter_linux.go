// SPDX-License-Identifier: Apache-2.0

package process

import (
	"bytes"
	"os"
	"strconv"
)

// A shelter is a ground whose house is spared when memory runs out, and its launches not.
type shelter struct{ *ground }

// expose takes from a launch what the service manager gave the house: that the kernel, short of
// memory, ends others first (oom_score_adj below 0, which every child inherits). What the launch
// started in the moment before is taken it from, too. Raising it needs no privilege; a launch that
// belongs to somebody else already keeps it.
func (g shelter) expose(pid int, group string) {
	if !g.sheltered("self") {
		return
	}
	_ = g.raise(pid)
	for range earlyLooks {
		more := false
		for _, one := range g.startedBy(pid, group) {
			more = g.sheltered(strconv.Itoa(one)) && g.raise(one) == nil || more
		}
		if !more {
			return
		}
	}
}

// startedBy lists what a first process started: what is in its group, else its descendants.
func (g shelter) startedBy(pid int, group string) []int {
	if group != "" {
		return inGroup(group)
	}
	all := g.options.childrenOf(pid)
	for _, child := range all {
		all = append(all, g.startedBy(child, "")...)
	}
	return all
}

func scoreFile(pid string) string { return "/proc/" + pid + "/oom_score_adj" }

func (g shelter) sheltered(pid string) bool {
	text, err := os.ReadFile(scoreFile(pid))
	if err != nil {
		return false
	}
	score, err := strconv.Atoi(string(bytes.TrimSpace(text)))
	return err == nil && score < g.options.leastScore
}

func (g shelter) raise(pid int) error {
	return writeFile(scoreFile(strconv.Itoa(pid)), strconv.Itoa(g.options.leastScore))
}
