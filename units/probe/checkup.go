// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"errors"
	"time"

	"holdfast"
)

// quickest and quick bound how often a starting unit is asked: soon at first, then less.
const (
	quickest = 5 * time.Millisecond
	quick    = 500 * time.Millisecond
)

// A Checkup puts the two questions to one launch: ready, until it is; then healthy, for good.
type Checkup struct {
	Ready, Healthy *Question
	Began          time.Time
	// IsReady tells that the first question needs no answer any more.
	IsReady bool
	// Failures are those of the present question in a row.
	Failures int
	// Well counts successes of the healthy question.
	Well int
	// Last is the last answer.
	Last error

	step time.Duration
}

// NewCheckup begins a checkup just before a launch: what the unit writes from now on is its own. log
// is the file that it writes to.
func NewCheckup(u holdfast.Unit, log string) *Checkup {
	return &Checkup{
		Ready: newQuestion(u.Ready, u, log, false), Healthy: newQuestion(u.Healthy, u, log, true),
		Began: time.Now(), IsReady: u.Ready == nil, step: quickest,
	}
}

// Close lets go of what the questions hold open.
func (c *Checkup) Close() {
	c.Ready.close()
	c.Healthy.close()
}

// Question is the probe to ask next, nil when there is nothing to ask.
func (c *Checkup) Question() *Question {
	if !c.IsReady {
		return c.Ready
	}
	return c.Healthy
}

// Other is a question that can be put to a unit which looks stale: its readiness, where that is
// asked of the unit itself and is not the same sign. Nil when there is none.
func (c *Checkup) Other() *Question {
	if c.IsReady && c.Ready != nil && !c.Ready.Silent() {
		return c.Ready
	}
	return nil
}

// A Verdict is what one answer means.
type Verdict int

// The verdicts.
const (
	Unchanged Verdict = iota
	CameReady
	IsWell
	IsUnwell
	NotInTime
)

// Answer takes the result of a question and says what follows from it.
func (c *Checkup) Answer(err error, now time.Time) Verdict {
	c.Last = err
	if !c.IsReady {
		return c.answerReady(err, now)
	}
	if err == nil {
		c.Failures = 0
		c.Well++
		return IsWell
	}
	if errors.Is(err, errNotYet) || c.Well == 0 && now.Sub(c.Began) < c.Healthy.Within {
		return Unchanged // the start period
	}
	c.Failures++
	if c.Failures >= c.Healthy.Failures {
		return IsUnwell
	}
	return Unchanged
}

func (c *Checkup) answerReady(err error, now time.Time) Verdict {
	switch {
	case err == nil:
		c.IsReady, c.step = true, quickest
		return CameReady
	case now.Sub(c.Began) >= c.Ready.Within:
		return NotInTime
	}
	return Unchanged
}

// Pause is how long to wait before the next question.
func (c *Checkup) Pause() time.Duration {
	q := c.Question()
	if q == nil {
		return 0
	}
	if c.IsReady && (c.Well > 0 || c.Failures > 0) {
		return q.pause()
	}
	c.step = min(c.step*2, quick, q.pause())
	return c.step
}
