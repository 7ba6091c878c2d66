// SPDX-License-Identifier: Apache-2.0

package judge

import "time"

// An Uptime is the time since the machine's start, its sleep included; false where nobody knows it.
type Uptime func() (time.Duration, bool)

// apart is how much two clocks may differ over a span before one of them was set.
const apart = 2 * time.Second

// A Pace tells the passing of time from a clock that is set: by the time of this process, and where
// that differs from the clock's, for it stands still while the machine sleeps, by the machine's. The zero value begins.
type Pace struct {
	first, last time.Time
	up          time.Duration // of the machine at first
	known       bool
	slept       time.Duration // by which the machine's time is ahead of the process's
}

// Passed is how much time went by since it was asked last. Of several who ask at once one may come
// with an earlier time, which counts for nothing.
func (p *Pace) Passed(now time.Time, up Uptime) time.Duration {
	if p.last.IsZero() {
		p.first, p.last = now, now
		if up != nil {
			p.up, p.known = up()
		}
		return 0
	}
	passed, slept := now.Sub(p.last), p.slept
	clock := now.Round(0).Sub(p.last.Round(0))
	steady := now != now.Round(0) // it bears the time of the process
	if p.known && up != nil && (!steady || (passed-clock).Abs() > apart) {
		if since, known := up(); known {
			slept = since - p.up - now.Sub(p.first)
			passed += slept - p.slept
		}
	}
	if passed <= 0 {
		return 0
	}
	p.last, p.slept = now, slept
	return passed
}
