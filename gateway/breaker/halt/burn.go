// SPDX-License-Identifier: Apache-2.0

package halt

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"time"

	"holdfast/core/home"
	"holdfast/core/home/disk"
	"holdfast/gateway/breaker/judge"
)

// A Burnt is what the house tells of the burn, in var/breaker/burn.json, so that others can judge it.
type Burnt struct {
	// At is when it was told, Revision grows with each telling, and House tells it.
	At       time.Time `json:"at"`
	Revision int64     `json:"revision"`
	House    int       `json:"house"`
	// Boot is At by the machine's own clock.
	Boot *Moment `json:"boot,omitempty"`
	// Reserved is what calls under way may still burn.
	Reserved int64 `json:"reserved"`
	// Minutes are pairs of a minute since 1970 and its tokens, of the last day; empty ones are left out.
	Minutes [][2]int64 `json:"minutes"`
}

// TellBurn replaces burn.json, whole or not at all.
func (f Files) TellBurn(b Burnt) error {
	if err := (disk.Disk{}).MkdirAll(f.dir, 0o700); err != nil {
		return err
	}
	return home.Replace(f.path(burnFile), b, 0o644)
}

// Burnt reads what the last house told; false when none did.
func (f Files) Burnt() (Burnt, bool, error) {
	var b Burnt
	known, err := take(f.path(burnFile), &b)
	return b, known, err
}

// A Judgement is what the outside judge says of itself, in var/breaker/watch.json.
type Judgement struct {
	At     time.Time `json:"at"`
	PID    int       `json:"pid"`
	Level  string    `json:"level"`
	Reason string    `json:"reason,omitempty"`
	// House tells whether the house told the burn just now; else it is what it told last, and what
	// sessions recorded since.
	House     bool       `json:"house"`
	Telemetry bool       `json:"telemetry"`
	Burn      judge.Burn `json:"burn"`
	Fault     string     `json:"fault,omitempty"`
}

// Judged replaces watch.json.
func (f Files) Judged(j Judgement) error {
	if err := (disk.Disk{}).MkdirAll(f.dir, 0o700); err != nil {
		return err
	}
	return home.Replace(f.path(watchFile), j, 0o644)
}

// Judgement reads what the outside judge said last; false when there was none.
func (f Files) Judgement() (Judgement, bool) {
	var j Judgement
	known, err := take(f.path(watchFile), &j)
	return j, known && err == nil
}

func take(path string, into any) (bool, error) {
	data, err := readRegular(path)
	if absent(err) || os.IsNotExist(err) {
		return false, nil
	}
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		return false, fmt.Errorf("cannot read %s: %w", path, err)
	}
	return true, nil
}

// ago is how long ago it was told: by the machine's own clock while the machine was not started anew,
// else by the one that anybody may set.
func (b Burnt) ago(now time.Time, boot *Moment) time.Duration {
	if b.Boot != nil && boot != nil && b.Boot.ID == boot.ID {
		return max(boot.Since-b.Boot.Since, 0)
	}
	return max(now.Sub(b.At), 0)
}

// slide lays the minutes into windows that end now, so long after they were told, also where the clock
// was set meanwhile. What is reserved by a house that is gone was burned, as far as anybody knows, when
// it was told; what sessions recorded since then is no older.
func (b Burnt) slide(now time.Time, ago time.Duration, living bool, since []judge.Minute) judge.Burn {
	var s judge.Slide
	s.Advance(now)
	step := now.Sub(b.At) - ago
	if step.Abs() < 2*time.Second { // nobody looks at two clocks at once
		step = 0
	}
	for _, m := range b.Minutes {
		s.Add(judge.Moved(m[0], step), m[1])
	}
	told := judge.MinuteOf(now.Add(-ago))
	for _, m := range since {
		if !b.At.IsZero() {
			m.At = max(m.At, told-overlapMinutes)
		}
		s.Add(m.At, m.Tokens)
	}
	if living {
		return s.Burn(b.Reserved)
	}
	s.Add(told, b.Reserved)
	return s.Burn(0)
}

const overlapMinutes = int64(overlap/time.Minute) + 1

// session bounds what one telling of sessions may add, so that a mad log halts and does not overflow.
func session(minutes []judge.Minute) []judge.Minute {
	const most = 1 << 50
	kept := slices.DeleteFunc(slices.Clone(minutes), func(m judge.Minute) bool { return m.Tokens <= 0 })
	for i := range kept {
		kept[i].Tokens = min(kept[i].Tokens, most)
	}
	slices.SortFunc(kept, func(a, b judge.Minute) int { return cmp.Compare(a.At, b.At) })
	return kept
}
