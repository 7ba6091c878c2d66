// SPDX-License-Identifier: Apache-2.0

package process

import (
	"bytes"
	"path/filepath"
	"strconv"
	"time"
)

// Spent tells how much processor time the groups of all launches have used, those that have ended
// included, by the folders of their houses, without a look at any process: while it stays as it was,
// nobody in them did anything. It is nil where a launch is in no group that tells, or there is none.
// Processes that left the groups of their launch are not in it.
func (m Machine) Spent() map[string]time.Duration {
	spent := m.on().houseFolders()
	for folder := range spent {
		used, ok := groupSpent(folder)
		if !ok {
			return nil
		}
		spent[folder] = used
	}
	return spent
}

// houseFolders are the folders that the launches' version 2 groups are in, nil when one has none.
func (g *ground) houseFolders() map[string]time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	var folders map[string]time.Duration
	for _, berth := range g.under {
		switch {
		case berth.unified == "":
			return nil
		case folders == nil:
			folders = map[string]time.Duration{}
		}
		folders[filepath.Dir(berth.unified)] = 0
	}
	return folders
}

// groupSpent reads usage_usec, which cpu.stat of every version 2 group begins with.
func groupSpent(dir string) (time.Duration, bool) {
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
