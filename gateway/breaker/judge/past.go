// SPDX-License-Identifier: Apache-2.0

package judge

import "time"

// A Past knows how the clock was set within the last day, so that the minutes in which something was
// booked keep their age over a restart. The zero value knows nothing: minutes are what they say.
type Past struct {
	// Boot names the start of the machine, Since is its time since then, At what the clock said.
	Boot  string        `json:"boot"`
	Since time.Duration `json:"since"`
	At    time.Time     `json:"at"`
	// From is since when it looks.
	From time.Duration `json:"from"`
	// Steps are those of the last day, oldest first.
	Steps []Step `json:"steps,omitempty"`
}

// A Step is a change of the clock that no time made, some moment between two looks at it.
type Step struct {
	After  time.Duration `json:"after"`
	Before time.Duration `json:"before"`
	By     time.Duration `json:"by"`
}

const (
	remembered = DayMinutes*time.Minute + time.Hour
	mostSteps  = 500
	slack      = 2 * time.Minute // minutes are not moments, and steps of seconds are left out
	longAgo    = 1 << 61         // some 73 years: sums of few of these do not overflow
)

// canBe tells whether its times are in the order in which they were.
func (p Past) canBe() bool {
	last := time.Duration(-2 * longAgo)
	for _, s := range p.Steps {
		if s.After < last || s.Before < s.After || s.By.Abs() > 2*longAgo {
			return false
		}
		last = s.Before
	}
	return p.From >= -2*longAgo && p.From <= p.Since && last <= p.Since && p.Since <= longAgo
}

// Look is the past as it is known at a time of the clock and of the machine, and whether it learned
// of a step. Where the machine started anew meanwhile, the clock is all that tells how long ago. A past
// that cannot be, such as one from a time to which the machine was taken back, begins anew: nothing is
// taken for old by it.
func (p Past) Look(at time.Time, boot string, since time.Duration) (next Past, stepped bool) {
	at = at.Round(0).UTC()
	if p.At.IsZero() || !p.canBe() || boot == p.Boot && since < p.Since {
		return Past{Boot: boot, Since: since, At: at, From: since}, false
	}
	ticked, passed := min(max(at.Sub(p.At), -longAgo), longAgo), since-p.Since
	if boot != p.Boot {
		passed = max(ticked, 0)
		p = p.shifted(since - passed - p.Since)
	}
	next = Past{Boot: boot, Since: since, At: at, From: p.From}
	for _, s := range p.Steps {
		if since-s.Before < remembered {
			next.Steps = append(next.Steps, s)
		}
	}
	if by := ticked - passed; by.Abs() > apart {
		next.Steps = append(next.Steps, Step{After: p.Since, Before: since, By: by})
		next.Steps = next.Steps[max(len(next.Steps)-mostSteps, 0):]
		return next, true
	}
	return next, false
}

// shifted is the past by a machine's time that began so much earlier.
func (p Past) shifted(by time.Duration) Past {
	p.Since, p.From = p.Since+by, p.From+by
	steps := make([]Step, 0, len(p.Steps))
	for _, s := range p.Steps {
		steps = append(steps, Step{s.After + by, s.Before + by, s.By})
	}
	p.Steps = steps
	return p
}

// Now is where a minute of the clock as it once was lies by the clock as it is; false for one that is
// surely older than a day. Of several times that were called so the latest counts.
func (p Past) Now(minute int64) (int64, bool) {
	if p.At.IsZero() {
		return minute, true
	}
	shift, until := time.Duration(0), p.Since
	for i := len(p.Steps); i >= 0; i-- {
		begin := p.Since - 2*remembered
		if i > 0 {
			begin = p.Steps[i-1].After
		}
		moved := Moved(minute, shift)
		if at := p.Since - p.At.Sub(time.Unix(moved*60, 0)); at+slack > begin && at < until+slack {
			return min(moved, MinuteOf(p.At)), true
		}
		if i > 0 {
			shift, until = shift+p.Steps[i-1].By, p.Steps[i-1].Before
		}
	}
	return MinuteOf(p.At), p.Since-p.From < remembered
}

// Moved is where a minute lies once the clock was set by so much, taken up.
func Moved(minute int64, by time.Duration) int64 {
	return MinuteOf(time.Unix(minute*60, 0).Add(by + time.Minute - time.Nanosecond))
}

// Reach is how much further back than a day its minutes may lie on the clock, for it was set ahead.
func (p Past) Reach() time.Duration {
	reach, shift := time.Duration(0), time.Duration(0)
	for i := len(p.Steps) - 1; i >= 0; i-- {
		shift += p.Steps[i].By
		reach = max(reach, shift)
	}
	return reach
}
