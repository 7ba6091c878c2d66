// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"context"
	"fmt"
	"sync"
	"time"

	"holdfast"
	"holdfast/core/process"
	"holdfast/units/probe"
	"holdfast/units/usage"
)

const (
	// settled is how long a unit without any probe must live to count as proven.
	settled = time.Second
	// idleMost and idleLooks say how often an idle time is looked at.
	idleMost  = time.Minute
	idleLooks = 4
)

// meter tells what launches, and the house itself, use; nil where nobody can tell.
type meter interface {
	Read(leaders []process.Identity) (map[process.Mark]usage.Reading, error)
	Self() (usage.Reading, error)
}

// A watch puts the checks to one launch until it ends, another order comes, or they condemn it.
type watch struct {
	post    *post
	prober  *probe.Prober
	meter   meter
	running *sync.WaitGroup
	order   order
	unit    holdfast.Unit
	child   process.Child
	spec    process.Spec // of exec checks
	log     string       // the unit's log file
	checkup *probe.Checkup

	doubt probe.Doubt
	quiet probe.Quiet
}

// A sentence says why a launch must end; empty when it ended itself, or another order came.
type sentence struct {
	why string
	// idle tells that the unit did nothing wrong: it is not started again.
	idle bool
}

// An answer is what came of one look at a unit.
type answer struct {
	err error
	// asked tells that a stale unit was asked another question, too; other is the answer.
	asked bool
	other error
}

// run watches, and says why the launch must end, if it must.
func (w *watch) run(ctx context.Context) sentence {
	up := w.begin()
	results := make(chan answer, 1)
	asking, stop := context.WithCancel(ctx)
	defer stop()
	timer := time.NewTimer(0)
	defer timer.Stop()
	prove := w.proofTimer(up)
	defer prove.Stop()
	idle := w.idleTicker()
	defer idle.Stop()
	c := w.checkup
	for {
		select {
		case <-ctx.Done():
			return sentence{}
		case <-w.child.Done():
			return sentence{}
		case <-prove.C:
			w.order.answer(nil)
		case <-timer.C:
			if q, other := c.Question(), c.Other(); q != nil {
				w.running.Go(func() { results <- w.ask(asking, q, other) })
			}
		case <-idle.C:
			if d := w.idleFor(); d >= w.unit.Idle {
				return sentence{why: "idle for " + d.Round(time.Second).String(), idle: true}
			}
		case a := <-results:
			if condemned := w.heed(c.Answer(a.err, time.Now()), a); condemned != "" {
				return sentence{why: condemned}
			}
			if c.Last == nil && c.IsReady && (c.Healthy == nil || c.Well > 0) {
				w.order.answer(nil)
			}
			if c.Question() != nil {
				timer.Reset(c.Pause())
			}
		}
	}
}

// ask puts the question; a unit that only looks stale is asked another one, too.
func (w *watch) ask(ctx context.Context, q, other *probe.Question) answer {
	a := answer{err: w.prober.Ask(ctx, q, w.spec)}
	if a.err != nil && q.Silent() && other != nil {
		a.asked, a.other = true, w.prober.Ask(ctx, other, w.spec)
	}
	return a
}

// begin opens the checkup; a launch that was up already is not asked whether it is ready a second
// time.
func (w *watch) begin() (up bool) {
	now := w.post.look()
	up = now.state.Up()
	if up && w.unit.Healthy == nil {
		now.healthy = true
		w.post.setHealthy(true)
	}
	c := w.checkup
	c.Began, c.IsReady = now.launched, c.IsReady || up
	if now.healthy {
		c.Well = max(c.Well, 1) // it was proven before: the start period is over
	}
	return up
}

// proofTimer fires when a launch without any check has lived long enough to count as proven.
func (w *watch) proofTimer(up bool) *time.Timer {
	if w.checkup.Question() == nil && up {
		return time.NewTimer(max(settled-time.Since(w.checkup.Began), 0))
	}
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	return timer
}

// idleTicker ticks when the unit is to be looked at whether it is idle, never for most.
func (w *watch) idleTicker() *time.Ticker {
	if w.unit.Idle > 0 && w.meter != nil {
		return time.NewTicker(min(w.unit.Idle/idleLooks, idleMost))
	}
	ticker := time.NewTicker(time.Hour)
	ticker.Stop()
	return ticker
}

// idleFor is for how long the unit did nothing, once it was up.
func (w *watch) idleFor() time.Duration {
	if !w.post.look().state.Up() {
		w.quiet = probe.Quiet{}
		return 0
	}
	return w.quiet.For(w.vital(), time.Now())
}

// vital looks at the unit from outside.
func (w *watch) vital() probe.Vital {
	v := probe.Vital{Log: probe.MarkLog(w.log)}
	if w.meter == nil {
		return v
	}
	id := w.child.Identity()
	readings, err := w.meter.Read([]process.Identity{id})
	if reading := readings[id.Mark]; err == nil {
		v.Known, v.State, v.CPU = true, reading.State, reading.CPU
	}
	return v
}

// heed turns what an answer means into a state; it returns why the launch must end, if it must.
func (w *watch) heed(v probe.Verdict, a answer) (condemned string) {
	c := w.checkup
	w.post.checked(c.Last == nil, c.IsReady)
	switch v {
	case probe.CameReady:
		w.post.enter(holdfast.UnitReady, "")
		w.post.setHealthy(w.unit.Healthy == nil)
	case probe.IsWell:
		w.doubt.Clear()
		w.recover()
		w.post.setHealthy(true)
	case probe.IsUnwell:
		if w.post.look().state != holdfast.UnitUnhealthy {
			w.post.enter(holdfast.UnitUnhealthy, c.Last.Error())
		}
		return w.judge(a)
	case probe.NotInTime:
		return fmt.Sprintf("not ready within %s: %v", c.Ready.Within, c.Last)
	case probe.Unchanged:
	}
	return ""
}

// judge says why an unhealthy unit must end: its own bad answers are enough, silence is not without
// a second sign.
func (w *watch) judge(a answer) (condemned string) {
	c := w.checkup
	switch {
	case w.unit.Restart == holdfast.RestartNever:
		return ""
	case !c.Healthy.Silent():
		return fmt.Sprintf("not healthy %d times in a row: %v", c.Failures, c.Last)
	}
	v := w.vital()
	v.Asked, v.Other = a.asked, a.other
	second := w.doubt.Look(v, c.Healthy, c.Other(), time.Now())
	if second == "" {
		return ""
	}
	return fmt.Sprintf("%v, and %s", c.Last, second)
}

// recover brings a unit that was unhealthy back to the state in which it was up.
func (w *watch) recover() {
	now := w.post.look()
	switch {
	case now.state != holdfast.UnitUnhealthy:
	case w.unit.Ready != nil:
		w.post.enter(holdfast.UnitReady, "")
	default:
		w.post.enter(holdfast.UnitRunning, "")
	}
}
