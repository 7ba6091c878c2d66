// SPDX-License-Identifier: Apache-2.0

package process

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// Spent tells how much processor time the groups of all launches have used, those that have ended
// included, by the folders of their houses, without a look at any process: while it stays as it was,
// nobody in them did anything. It is nil where a launch is in no group that tells, or there is none.
// Processes that left the groups of their launch are not in it.
func (m Machine) Spent() map[string]time.Duration {
	spent := houseFolders(m.on().berths())
	for folder := range spent {
		used, ok := groupSpent(folder)
		if !ok {
			return nil
		}
		spent[folder] = used
	}
	return spent
}

// houseFolders are the folders that the version 2 groups of launches are in, nil when one has none.
func houseFolders(list []*berth) map[string]time.Duration {
	var folders map[string]time.Duration
	for _, b := range list {
		switch {
		case b.unified == "":
			return nil
		case folders == nil:
			folders = map[string]time.Duration{}
		}
		folders[filepath.Dir(b.unified)] = 0
	}
	return folders
}

// groupSpent reads usage_usec, which cpu.stat of every version 2 group begins with.
func groupSpent(dir string) (time.Duration, bool) {
	if dir == "" {
		return 0, false
	}
	var buffer [512]byte
	n, err := readSmall(filepath.Join(dir, "cpu.stat"), buffer[:])
	if err != nil {
		return 0, false
	}
	line, _, _ := bytes.Cut(buffer[:n], []byte{'\n'})
	text, ok := bytes.CutPrefix(line, []byte("usage_usec "))
	used, err := strconv.ParseInt(string(text), 10, 64)
	return time.Duration(used) * time.Microsecond, ok && err == nil
}

// A glimpse is what a launch used when its group was last looked into.
type glimpse struct {
	spent time.Duration
	use   Usage
}

// Glance measures the launches of a house by their groups alone, and of those only the ones that did
// something since the last glance. It tells of nobody where one is in no group that tells. Processes
// that left the group of their launch are not in it; Usage counts them, and looks at all processes of
// the machine for it.
func (m Machine) Glance(house string) (map[Mark]Usage, bool) {
	g := m.on()
	g.metering.Lock()
	defer g.metering.Unlock()
	sums, fresh := map[Mark]Usage{}, map[Mark]glimpse{}
	for _, b := range g.berths() {
		if b.mark.House != house {
			continue
		}
		spent, ok := groupSpent(b.unified)
		if !ok {
			return nil, false
		}
		seen, known := g.glimpses[b.mark]
		if !known || seen.spent != spent {
			seen = glimpse{spent, groupUsage(b.unified)}
		}
		fresh[b.mark], sums[b.mark] = seen, seen.use
	}
	g.glimpses = fresh
	return sums, true
}

// groupUsage is what those in a group use now, and have used.
func groupUsage(dir string) Usage {
	var sum Usage
	for _, pid := range inGroup(dir) {
		if s, err := readStat(pid); err == nil && !s.dead() {
			sum.add(s)
		}
	}
	return sum
}

// add counts a process.
func (u *Usage) add(s stat) {
	u.CPU += time.Duration(s.ticks) * tick
	u.Memory += s.pages * int64(os.Getpagesize())
	u.Processes++
}
