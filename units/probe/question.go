// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"sync"
	"time"

	"holdfast"
)

// The defaults of a probe.
const (
	defaultEvery    = 30 * time.Second
	defaultTimeout  = 5 * time.Second
	defaultWithin   = 60 * time.Second // to become ready
	defaultSpare    = 10 * time.Second // after a start, before failing health checks count
	defaultFailures = 3
	// staleAfter is how many times Every may go by without a sign until a unit is stale; so one
	// failure is enough.
	staleAfter = 2
	// looksABeat is how often a silent kind is looked at within Every.
	looksABeat = 4
)

// errNotYet says that a launch gave no sign so far and may still take its time.
var errNotYet = errors.New("no sign of it yet")

// A Stale is the answer of a unit that says nothing: it may hang, or its sign may be broken. That
// alone is no reason to kill it.
type Stale struct {
	Sign string // what is missing
	For  time.Duration
}

func (s *Stale) Error() string { return fmt.Sprintf("no %s for %s", s.Sign, s.For.Round(span(s.For))) }

// span is how exactly a time is told.
func span(d time.Duration) time.Duration {
	if d < 10*time.Second {
		return 100 * time.Millisecond
	}
	return time.Second
}

// A Question is one probe put to one launch, its defaults filled in, with what it saw so far.
type Question struct {
	holdfast.Probe

	mu    sync.Mutex // an answer that nobody waits for any more may still be under way
	beat  *beat
	lines *lines
}

// newQuestion begins to look at once: a sign counts when it comes after this.
func newQuestion(p *holdfast.Probe, u holdfast.Unit, log string, healthy bool) *Question {
	if p == nil {
		return nil
	}
	q := &Question{Probe: *p}
	silent := q.Silent()
	q.Port = cmp.Or(q.Port, u.Port)
	q.Every = cmp.Or(q.Every, defaultEvery)
	q.Timeout = cmp.Or(q.Timeout, min(defaultTimeout, q.Every))
	switch {
	case silent && healthy:
		q.Failures = cmp.Or(q.Failures, 1)
		q.Within = cmp.Or(q.Within, max(defaultSpare, staleAfter*q.Every))
	case healthy:
		q.Within = cmp.Or(q.Within, defaultSpare)
	default:
		q.Within = cmp.Or(q.Within, defaultWithin)
	}
	q.Failures = cmp.Or(q.Failures, defaultFailures)
	patience := staleAfter * q.Every
	if !healthy {
		patience = 0 // one sign is enough, however old
	}
	switch {
	case p.Heartbeat != "":
		q.beat = newBeat(p.Heartbeat, patience)
	case p.Line != "":
		if match, err := regexp.Compile(p.Line); err == nil { // it was checked when it was declared
			q.lines = newLines(log, match, patience)
		}
	}
	return q
}

// Interval is the pause between two questions to a unit that is well.
func Interval(p holdfast.Probe) time.Duration { return cmp.Or(p.Every, defaultEvery) }

// Silent tells whether the unit is not asked, but looked at.
func (q *Question) Silent() bool { return q.Heartbeat != "" || q.Line != "" }

// pause is how long to wait between two questions once the first answers are there.
func (q *Question) pause() time.Duration {
	if q.Silent() {
		return max(q.Every/looksABeat, quickest)
	}
	return q.Every
}

func (q *Question) close() {
	if q == nil || q.lines == nil {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.lines.close()
}

// look answers a question of a silent kind.
func (q *Question) look(ctx context.Context) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.beat != nil {
		return q.beat.ask(time.Now())
	}
	return q.lines.ask(ctx, time.Now())
}

// A patience judges a sign by when it was last seen, on the clock that does not jump.
type patience struct {
	sign  string
	after time.Duration // 0: once is enough
	began time.Time
	last  time.Time // zero before the first sign
}

func (p *patience) saw(now time.Time) { p.last = now }

func (p *patience) judge(now time.Time) error {
	seen, since := !p.last.IsZero(), p.last
	if !seen {
		since = p.began
	}
	silence := now.Sub(since)
	switch {
	case seen && (p.after == 0 || silence <= p.after):
		return nil
	case p.after > 0 && silence > p.after:
		return &Stale{Sign: p.sign, For: silence}
	}
	return errNotYet
}
