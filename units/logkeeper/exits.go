// SPDX-License-Identifier: Apache-2.0

package logkeeper

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"holdfast/core/home"
	"holdfast/core/process"
)

// A death is what var/run/exits keeps of a unit that ended while no house watched.
type death struct {
	process.Identity
	process.Exit
}

func exitFile(h home.Home, id process.Identity) string {
	return filepath.Join(exitsDir(h), fmt.Sprintf("%d-%d.json", id.PID, id.Start))
}

// readDeath tells how a process ended while no house watched; false when there is no record. One
// whose number nobody knows is found by its mark.
func readDeath(h home.Home, id process.Identity) (process.Exit, bool) {
	if id.PID > 0 {
		return deathIn(exitFile(h, id), id)
	}
	names, err := namesIn(exitsDir(h))
	if err != nil {
		return process.Exit{}, false
	}
	for _, name := range names {
		if exit, there := deathIn(filepath.Join(exitsDir(h), name), id); there {
			return exit, true
		}
	}
	return process.Exit{}, false
}

func deathIn(path string, id process.Identity) (process.Exit, bool) {
	data, err := os.ReadFile(path)
	var d death
	if err != nil || json.Unmarshal(data, &d) != nil {
		return process.Exit{}, false
	}
	if d.Mark != id.Mark || d.Boot != "" && id.Boot != "" && d.Boot != id.Boot {
		return process.Exit{}, false
	}
	return d.Exit, true
}

func (d death) write(h home.Home) error { return home.Replace(exitFile(h, d.Identity), d, 0o600) }

// forgetDeaths removes the records from before a time, which a house has read by now.
func forgetDeaths(h home.Home, before time.Time) {
	names, err := namesIn(exitsDir(h))
	if err != nil {
		return
	}
	for _, name := range names {
		path := filepath.Join(exitsDir(h), name)
		if info, err := os.Stat(path); err == nil && info.ModTime().Before(before) {
			_ = os.Remove(path)
		}
	}
}

// wordsOf writes an identity as one line of words for the keeper.
func wordsOf(id process.Identity) string {
	return fmt.Sprintf("%d %d %s", id.PID, id.Start, strconv.Quote(id.Mark.String()))
}

func identityOf(words string) (process.Identity, error) {
	var id process.Identity
	fields := strings.SplitN(words, " ", 3)
	if len(fields) < 2 {
		return id, errors.New("want PID START MARK")
	}
	pid, err := strconv.Atoi(fields[0])
	if err != nil || pid <= 0 {
		return id, fmt.Errorf("%q is no process", fields[0])
	}
	start, err := strconv.ParseUint(fields[1], 10, 64)
	if err != nil {
		return id, fmt.Errorf("%q is no start time", fields[1])
	}
	id.PID, id.Start = pid, start
	if len(fields) == 3 {
		text, err := strconv.Unquote(fields[2])
		if err != nil {
			return id, fmt.Errorf("%q is no mark", fields[2])
		}
		id.Mark, _ = process.ParseMark(text)
	}
	return id, nil
}
