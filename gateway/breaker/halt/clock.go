// SPDX-License-Identifier: Apache-2.0

package halt

import (
	"sync"
	"sync/atomic"
	"time"

	"holdfast/core/home"
	"holdfast/core/home/disk"
	"holdfast/gateway/breaker/judge"
)

const clockFile = "clock.json"

// A Clock knows how long things take although the time of day is set, also over a restart: what it
// saw is kept in var/breaker/clock.json. Nil knows the time of day alone. Its methods may be called
// by many goroutines.
type Clock struct {
	files Files
	now   func() time.Time
	boot  func() *Moment
	start atomic.Pointer[string] // of the machine whose time is told

	mu   sync.Mutex
	past judge.Past
	read bool
}

// NewClock is that of a home; nothing is read. A nil now is time.Now, a nil boot knows no time of the
// machine.
func NewClock(h home.Home, now func() time.Time, boot func() *Moment) *Clock {
	if now == nil {
		now = time.Now
	}
	if boot == nil {
		boot = func() *Moment { return nil }
	}
	return &Clock{files: In(h), now: now, boot: boot}
}

// Uptime is the machine's own time, unless it is another one's by now: a process may be moved while it
// sleeps.
func (c *Clock) Uptime() (time.Duration, bool) {
	if c == nil {
		return 0, false
	}
	m := c.boot()
	if m == nil {
		return 0, false
	}
	c.start.CompareAndSwap(nil, &m.ID)
	return m.Since, *c.start.Load() == m.ID
}

// Past is how the clock was set within the last day; nothing is known of it where the machine's own
// time is not.
func (c *Clock) Past() judge.Past {
	if c == nil {
		return judge.Past{}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.look(); !known {
		return judge.Past{}
	}
	return c.past
}

// Keep looks at the clock and writes down what it saw: when it was set, and else when it must.
func (c *Clock) Keep(must bool) error {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if stepped, known := c.look(); !known || !stepped && !must {
		return nil
	}
	if err := (disk.Disk{}).MkdirAll(c.files.dir, 0o700); err != nil {
		return err
	}
	return home.Replace(c.files.path(clockFile), c.past, 0o644)
}

// look takes up what the clocks say, and whether they can be known. It is called with the lock held.
func (c *Clock) look() (stepped, known bool) {
	if !c.read {
		c.read = true
		if known, err := take(c.files.path(clockFile), &c.past); err != nil || !known {
			c.past = judge.Past{} // what is not known is as the clock says
		}
	}
	for {
		before, at, after := c.boot(), c.now(), c.boot()
		if before == nil || after == nil {
			return false, false
		}
		if after.Since-before.Since < time.Second { // else it was stopped in between
			c.past, stepped = c.past.Look(at, after.ID, after.Since)
			return stepped, true
		}
	}
}

// Reach is how much further back than a day the minutes of the last day may lie on the clock.
func (c *Clock) Reach() time.Duration {
	if c == nil {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.past.Reach()
}
