// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"time"

	"holdfast"
	"holdfast/core/home"
)

// An ending is what is kept of a unit whose last launch has ended and was not wanted to end: the
// next house goes on from there. It holds for one boot and one declaration, and an operator's order
// takes it back.
type ending struct {
	Boot   string `json:"boot,omitempty"`
	Digest string `json:"digest"` // of the declaration
	Launch string `json:"launch,omitempty"`

	State   holdfast.UnitState `json:"state"`
	Detail  string             `json:"detail,omitempty"`
	Since   time.Time          `json:"since"`
	Failure bool               `json:"failure,omitempty"`
	Idle    bool               `json:"idle,omitempty"`

	Restarts []time.Time   `json:"restarts,omitempty"`
	Failures int           `json:"failures,omitempty"` // in a row
	Delay    time.Duration `json:"delay,omitempty"`    // before the next launch
}

// final tells whether the unit stays ended by its policy.
func (e ending) final(unit holdfast.Unit) bool { return e.Idle || !again(unit.Restart, e.Failure) }

// settled is the state of a unit that stays ended.
func (e ending) settled() holdfast.UnitState {
	if e.Failure {
		return holdfast.UnitFailed
	}
	return holdfast.UnitStopped
}

// left is how long the unit still waits for its next launch; the clock may have been set.
func (e ending) left(now time.Time) time.Duration {
	return min(max(e.Since.Add(e.Delay).Sub(now), 0), e.Delay)
}

// fates keep in files of their own, written at once, which launch of a unit was the last and how it
// ended. They are not synced: after a power loss nothing of it holds.
type fates struct {
	home home.Home
	boot func() string
	log  *slog.Logger
}

func (f fates) endedFile(unit string) string { return f.home.Var("run", "ended", unit+".json") }

// end keeps how a unit ended.
func (f fates) end(unit string, e ending) {
	e.Boot = f.boot()
	if err := replace(f.endedFile(unit), e); err != nil {
		f.log.Error("cannot keep how a unit ended", slog.String("unit", unit), slog.Any("error", err))
		return // that it was launched stays known
	}
	f.remove(unit, launchedFile(f.home, unit))
}

// ended is how a unit ended in this boot.
func (f fates) ended(unit string) (e ending, known bool) {
	data, err := os.ReadFile(f.endedFile(unit))
	if errors.Is(err, fs.ErrNotExist) {
		return ending{}, false
	}
	if err == nil {
		err = json.Unmarshal(data, &e)
	}
	if err != nil {
		f.log.Warn("cannot tell how a unit ended", slog.String("unit", unit), slog.Any("error", err))
		return ending{}, false
	}
	return e, e.Boot == f.boot()
}

// launched is the last launch of a unit in this boot that is not known to have ended.
func (f fates) launched(unit string) (launch string, known bool) {
	return readLaunch(launchedFile(f.home, unit), f.boot())
}

// clear forgets a unit: it runs when it is next wanted.
func (f fates) clear(unit string) {
	f.remove(unit, f.endedFile(unit))
	f.remove(unit, launchedFile(f.home, unit))
}

func (f fates) remove(unit, path string) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		f.log.Error("cannot forget how a unit ended", slog.String("unit", unit), slog.Any("error", err))
	}
}

// prune forgets all units but some.
func (f fates) prune(stays func(unit string) bool) {
	for _, folder := range []string{"ended", "launched"} {
		files, err := os.ReadDir(f.home.Var("run", folder))
		if err != nil {
			continue // there is none
		}
		for _, file := range files {
			if unit := strings.TrimSuffix(file.Name(), ".json"); !stays(unit) {
				f.remove(unit, f.home.Var("run", folder, file.Name()))
			}
		}
	}
}
