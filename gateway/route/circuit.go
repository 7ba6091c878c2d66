// SPDX-License-Identifier: Apache-2.0

package route

import (
	"time"
)

const (
	// A target that failed rests for firstRest, then twice as long each time, at most mostRest.
	firstRest = 5 * time.Second
	mostRest  = 5 * time.Minute
	// MostTold bounds how long a provider may tell the house to stay away.
	MostTold = time.Hour
	// A target that answered within the last trust is asked by as many as come. Else mostTrials find
	// out, and mostSlow once patience is over, while the others wait for them, at most longest: then
	// they go on to the next of the chain.
	trust      = time.Minute
	mostTrials = 2
	mostSlow   = 4
	patience   = time.Second
	longest    = 5 * time.Second
	// keptReason bounds what is kept of why a target failed, in bytes.
	keptReason = 300
	// A target that nobody asked for forgetAfter since it might be asked again starts afresh.
	forgetAfter = time.Hour
)

// A State is how a target stands.
type State string

// The states of a target.
//
//	closed ──failure──▶ cooling ──deadline──▶ probing ──answer──▶ closed
//	                       ▲                     │
//	                       └──────failure────────┘  for twice as long
const (
	StateClosed  State = "closed"  // calls pass
	StateCooling State = "cooling" // no call passes
	StateProbing State = "probing" // one call passes at a time
)

// A Failure is why a target gave no answer, when that is the target's own fault: a client's
// mistake (any 4xx but 408 and 429) is none.
type Failure struct {
	// RetryAfter is how long the provider asked to be left alone, 0 when it said nothing.
	RetryAfter time.Duration
	Reason     string
	// Limited tells a rate limit from a breakdown.
	Limited bool
}

// A circuit keeps one target's health.
type circuit struct {
	until    time.Time // zero while closed
	since    time.Time // of the first failure in a row
	span     time.Duration
	failures int
	told     bool // the provider itself said until when
	limited  bool
	reason   string
	// turn counts the openings, so that the verdict of a call that began before one counts as what
	// it is: late.
	turn int
	// probing is the number of the probe under way, 0 without one; probes how many there were.
	probing int
	probes  int
	// answered is when the target last answered, trying how many calls find out whether it does, tried
	// since when at least one of them does.
	answered time.Time
	trying   int
	tried    time.Time
	// verdict is closed at the next verdict, for those who wait for one.
	verdict chan struct{}
}

func (c *circuit) state(now time.Time) State {
	switch {
	case c.until.IsZero():
		return StateClosed
	case now.Before(c.until):
		return StateCooling
	}
	return StateProbing
}

// fail opens the circuit for as long as the provider said, else for twice as long as the last
// time. A deadline is never shortened. Of a call that began before the circuit opened only what
// the provider said counts: the outage is known. It tells whether anything did.
func (c *circuit) fail(f Failure, turn int, now time.Time) (counts bool) {
	late := turn != c.turn
	told := f.RetryAfter > 0
	if late && !told {
		return false
	}
	span := min(firstRest<<min(c.failures, 10), mostRest)
	if told {
		span = min(f.RetryAfter, MostTold)
	}
	if c.failures == 0 {
		c.since = now
	}
	if !late || c.failures == 0 {
		c.failures++
		c.turn++
	}
	c.reason, c.limited = clip(f.Reason), f.Limited
	if until := now.Add(span); until.After(c.until) {
		c.until, c.told, c.span = until, told, span
	}
	c.tell()
	return true
}

// wait is how long a call that has waited so long for the trials under way waits on before it asks;
// when it may ask at once, ok tells whether it does or leaves the target to them.
func (c *circuit) wait(now time.Time, waited time.Duration) (more time.Duration, ok bool) {
	if c.trying < mostTrials {
		return 0, true
	}
	waited = max(waited, now.Sub(c.tried))
	switch {
	case waited < patience:
		return patience - waited, false
	case c.trying < mostSlow:
		return 0, true
	}
	return max(longest-waited, 0), false
}

// try counts a call that finds out whether the target answers.
func (c *circuit) try(now time.Time) {
	if c.trying == 0 {
		c.tried = now
	}
	c.trying++
}

// answer closes the circuit, unless the call began before it opened.
func (c *circuit) answer(turn int, now time.Time) {
	if turn != c.turn {
		return
	}
	c.close()
	c.answered = now
	c.tell()
}

// close forgets every failure.
func (c *circuit) close() {
	c.until, c.since, c.span, c.failures, c.told, c.limited, c.reason = time.Time{}, time.Time{}, 0, 0, false, false, ""
}

// tell wakes those who wait for a verdict.
func (c *circuit) tell() {
	if c.verdict != nil {
		close(c.verdict)
		c.verdict = nil
	}
}

// next gives the channel that the next verdict closes.
func (c *circuit) next() <-chan struct{} {
	if c.verdict == nil {
		c.verdict = make(chan struct{})
	}
	return c.verdict
}

func clip(reason string) string {
	if len(reason) <= keptReason {
		return reason
	}
	cut := keptReason
	for cut > 0 && reason[cut]&0xC0 == 0x80 { // not within a character
		cut--
	}
	return reason[:cut] + "…"
}
