// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"context"
	"fmt"
	"sync"
	"time"

	"holdfast"
	"holdfast/core/process"
)

// A watch puts the checks to one launch until it ends, another order comes, or they condemn it.
type watch struct {
	post    *post
	prober  *prober
	running *sync.WaitGroup
	order   order
	unit    holdfast.Unit
	child   process.Child
	spec    process.Spec // of exec checks

	checkup *checkup
}

// run watches, and says why the launch must end, if it must.
func (w *watch) run(ctx context.Context) (condemned string) {
	up := w.begin()
	results := make(chan error, 1)
	asking, stop := context.WithCancel(ctx)
	defer stop()
	timer := time.NewTimer(0)
	defer timer.Stop()
	prove := w.proofTimer(up)
	defer prove.Stop()
	c := w.checkup
	for {
		select {
		case <-ctx.Done():
			return ""
		case <-w.child.Done():
			return ""
		case <-prove.C:
			w.order.answer(nil)
		case <-timer.C:
			if p := c.question(); p != nil {
				probe := *p
				w.running.Go(func() { results <- w.prober.ask(asking, probe, w.spec) })
			}
		case err := <-results:
			if condemned = w.heed(c.answer(err, time.Now())); condemned != "" {
				return condemned
			}
			if c.last == nil && c.isReady && (c.healthy == nil || c.well > 0) {
				w.order.answer(nil)
			}
			if c.question() != nil {
				timer.Reset(c.pause())
			}
		}
	}
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
	w.checkup = newCheckup(w.unit, now.launched, up)
	if now.healthy {
		w.checkup.well = 1 // it was proven before: the start period is over
	}
	return up
}

// proofTimer fires when a launch without any check has lived long enough to count as proven.
func (w *watch) proofTimer(up bool) *time.Timer {
	if w.checkup.question() == nil && up {
		return time.NewTimer(max(settled-time.Since(w.checkup.began), 0))
	}
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	return timer
}

// heed turns what an answer means into a state; it returns why the launch must end, if it must.
func (w *watch) heed(v verdict) (condemned string) {
	c := w.checkup
	w.post.checked(c.last == nil, c.isReady)
	switch v {
	case cameReady:
		w.post.enter(holdfast.UnitReady, "")
		w.post.setHealthy(w.unit.Healthy == nil)
	case isWell:
		w.recover()
		w.post.setHealthy(true)
	case isUnwell:
		w.post.enter(holdfast.UnitUnhealthy, c.last.Error())
		if w.unit.Restart == holdfast.RestartNever {
			return ""
		}
		return fmt.Sprintf("not healthy %d times in a row: %v", c.failures, c.last)
	case notInTime:
		return fmt.Sprintf("not ready within %s: %v", c.ready.Within, c.last)
	case unchanged:
	}
	return ""
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
