// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"context"
	"fmt"
	"time"

	"holdfast"
	"holdfast/core/process"
)

// watch puts the checks to the present launch until it ends, another order comes, or its checks
// condemn it; then it says why.
func (k *keeper) watch(ctx context.Context, o order, unit holdfast.Unit) (condemned string) {
	child := k.present()
	c, up := k.begin(unit)
	results := make(chan error, 1)
	asking, stop := context.WithCancel(ctx)
	defer stop()
	timer := time.NewTimer(0)
	defer timer.Stop()
	prove := k.proofTimer(c, up)
	defer prove.Stop()
	spec := k.s.probeSpec(unit, child.Identity().Mark)
	for {
		select {
		case <-ctx.Done():
			return ""
		case <-child.Done():
			return ""
		case <-prove.C:
			answer(o.proof, nil)
		case <-timer.C:
			if p := c.question(); p != nil {
				probe := *p
				k.s.running.Go(func() { results <- k.s.prober.ask(asking, probe, spec) })
			}
		case err := <-results:
			if condemned = k.heed(c, c.answer(err, time.Now()), unit); condemned != "" {
				return condemned
			}
			if c.last == nil && c.isReady && (c.healthy == nil || c.well > 0) {
				answer(o.proof, nil)
			}
			if c.question() != nil {
				timer.Reset(c.pause())
			}
		}
	}
}

// begin opens the checkup of the present launch; one that was up already is not asked whether it
// is ready a second time.
func (k *keeper) begin(unit holdfast.Unit) (*checkup, bool) {
	k.s.mu.Lock()
	defer k.s.mu.Unlock()
	up := k.status.State.Up()
	if up && unit.Healthy == nil {
		k.healthy = true
	}
	c := newCheckup(unit, k.launched, up)
	if k.healthy {
		c.well = 1 // it was proven before: the start period is over
	}
	return c, up
}

// proofTimer fires when a launch without any check has lived long enough to count as proven.
func (k *keeper) proofTimer(c *checkup, up bool) *time.Timer {
	if c.question() == nil && up {
		return time.NewTimer(max(settled-time.Since(c.began), 0))
	}
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	return timer
}

// heed turns what an answer means into a state; it returns why the launch must end, if it must.
func (k *keeper) heed(c *checkup, v verdict, unit holdfast.Unit) (condemned string) {
	k.tally(c.last == nil, c.isReady)
	switch v {
	case cameReady:
		k.enter(holdfast.UnitReady, "")
		k.setHealthy(unit.Healthy == nil)
	case isWell:
		k.recover(unit)
		k.setHealthy(true)
	case isUnwell:
		k.enter(holdfast.UnitUnhealthy, c.last.Error())
		if unit.Restart == holdfast.RestartNever {
			return ""
		}
		return fmt.Sprintf("not healthy %d times in a row: %v", c.failures, c.last)
	case notInTime:
		return fmt.Sprintf("not ready within %s: %v", c.ready.Within, c.last)
	case unchanged:
	}
	return ""
}

func (k *keeper) recover(unit holdfast.Unit) {
	k.s.mu.Lock()
	state := k.status.State
	k.s.mu.Unlock()
	switch {
	case state != holdfast.UnitUnhealthy:
	case unit.Ready != nil:
		k.enter(holdfast.UnitReady, "")
	default:
		k.enter(holdfast.UnitRunning, "")
	}
}

func (k *keeper) setHealthy(healthy bool) {
	k.s.mu.Lock()
	defer k.s.mu.Unlock()
	if k.healthy != healthy {
		k.healthy = healthy
		k.wake()
	}
}

// tally counts a check for the status files; those before the unit is ready are only looks.
func (k *keeper) tally(well, ready bool) {
	k.s.mu.Lock()
	defer k.s.mu.Unlock()
	now := time.Now()
	k.status.LastCheck = now
	if ready {
		k.checks++
		if well {
			k.passed++
			k.lastWell = now
		}
	}
	k.s.scribe.touchUnit(k.name)
}

// probeSpec is how exec checks run: as the unit does, with a mark of their own, so that ending a
// check never ends the unit.
func (s *Supervisor) probeSpec(unit holdfast.Unit, mark process.Mark) process.Spec {
	if unit.Ready == nil && unit.Healthy == nil {
		return process.Spec{}
	}
	mark.Launch += probeSuffix
	return s.spec(unit, mark)
}
