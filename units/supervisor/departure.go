// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"context"
	"fmt"
	"time"

	"holdfast"
	"holdfast/core/process"
)

// A departure is a launch that ended whole while no house ran.
type departure struct {
	id       process.Identity // only its mark is known when its PID is 0
	restarts []time.Time
	// unproven tells that the house died while it started it: it may never have run.
	unproven bool
}

func (d departure) launch() string { return d.id.Mark.Launch }

// why says how it ended; unknown counts as a failure.
func (d departure) why(exit process.Exit) string {
	if d.unproven && !exit.Known {
		return "the house died while it started it: whether it ran is unknown"
	}
	return exit.String() + " while no house ran"
}

// A bygone is what an earlier house left of a unit besides processes.
type bygone struct {
	departure *departure
	ending    *ending
}

// inherit gives leftovers the restarts that were counted before them, where no record of their own
// tells.
func (p bygone) inherit(left []leftover) []leftover {
	for i := range left {
		if left[i].restarts == nil && p.ending != nil {
			left[i].restarts = p.ending.Restarts
		}
	}
	return left
}

// depart notes a recorded launch that is not there any more. One from before the machine started
// again ended with it, and says nothing.
func (e *estate) depart(r record) {
	if r.Boot == e.boot() {
		e.gone[r.Mark.Unit] = departure{id: r.Identity, restarts: r.Restarts}
	}
}

// bygone finds how the last launch of a unit ended, if it was of this very declaration.
func (e *estate) bygone(unit holdfast.Unit) bygone {
	digest := fingerprint(unit)
	gone, departed := e.gone[unit.Name]
	delete(e.gone, unit.Name)
	launch, launched := e.fates.launched(unit.Name)
	end, ended := e.fates.ended(unit.Name)
	switch {
	case ended && (!launched || end.Launch == launch):
		departed = false // it is the last word
	case launched && gone.launch() != launch:
		mark := process.Mark{House: e.house, Unit: unit.Name, Launch: launch}
		gone, departed = departure{id: process.Identity{Mark: mark}}, true
	}
	var p bygone
	if ended && end.Digest == digest {
		p.ending = &end
	}
	if departed && launchDigest(gone.launch()) == digest {
		if gone.restarts == nil && p.ending != nil {
			gone.restarts = end.Restarts
		}
		p.departure = &gone
	}
	return p
}

// thisBoot names the boot that processes of this machine belong to, empty where they tell none.
func thisBoot() string {
	self, err := process.Self()
	if err != nil {
		return ""
	}
	return self.Boot
}

// recall takes up what is known of the last launch of the unit, unless another lives.
func (k *keeper) recall(p bygone) {
	now := k.look()
	if p.ending != nil {
		k.backoff.failures = p.ending.Failures
	}
	switch {
	case now.child != nil:
	case p.departure != nil:
		k.bygone.departure = p.departure
		k.depart(*p.departure)
	case p.ending != nil:
		k.bygone.ending = p.ending
		k.resume(*p.ending)
	}
}

// miss takes up a launch that was announced and is not there: what may run once only is not
// started again unasked.
func (k *keeper) miss(mark process.Mark) {
	now := k.look()
	if now.unit.Restart == holdfast.RestartNever && launchDigest(mark.Launch) == fingerprint(now.unit) {
		k.bygone = bygone{departure: &departure{id: process.Identity{Mark: mark}, unproven: true}}
	}
}

func (p *post) depart(d departure) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	p.now.recall(d.restarts, now)
	p.now.launched = earlier(launchTime(d.launch()), now)
}

// resume shows the unit as it ended under an earlier house.
func (p *post) resume(e ending) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	p.now.recall(e.Restarts, now)
	p.now.since = earlier(e.Since, now)
	p.now.state, p.now.detail = e.settled(), e.Detail
	if !e.final(p.now.unit) {
		p.now.state, p.now.detail = holdfast.UnitBackingOff, waits(e.Detail, e.left(now))
	}
	p.herald.board.touchUnit(p.name)
}

func waits(why string, delay time.Duration) string {
	return fmt.Sprintf("%s; starts again in %s", why, delay.Round(100*time.Millisecond))
}

// mourn decides by policy what follows the last launch under an earlier house; false when there is
// none.
func (k *keeper) mourn(o order, unit holdfast.Unit) bool {
	was := k.bygone
	k.bygone = bygone{}
	if k.look().child != nil || unit.Blocked != "" {
		return false
	}
	switch {
	case was.departure != nil:
		k.bury(o.over, o, unit, *was.departure)
	case was.ending != nil && was.ending.final(unit):
		o.settle()
		<-o.over.Done()
	case was.ending != nil:
		waitFor(o.over, was.ending.left(time.Now()))
	default:
		return false
	}
	return true
}

// bury decides what follows a launch that ended while no house ran.
func (k *keeper) bury(ctx context.Context, o order, unit holdfast.Unit, d departure) {
	exit := k.carrier().exit(ctx, d.id)
	if ctx.Err() != nil {
		return
	}
	why := d.why(exit)
	k.conclude(unit, ending{Launch: d.launch(), Detail: why, Failure: !exit.Success()})
	k.enter(holdfast.UnitStarting, why)
	k.decide(ctx, o, unit, why, !exit.Success())
}

// conclude keeps that the unit has ended for good, before anything else can happen; where its policy
// has it start again, postpone keeps when.
func (k *keeper) conclude(unit holdfast.Unit, e ending) {
	if e.final(unit) {
		e.State = e.settled()
		k.keepEnding(unit, e)
	}
}

// postpone keeps that the unit starts again after a delay.
func (k *keeper) postpone(unit holdfast.Unit, why string, failure bool, delay time.Duration) {
	k.keepEnding(unit, ending{State: holdfast.UnitBackingOff, Detail: why, Failure: failure, Delay: delay})
}

func (k *keeper) keepEnding(unit holdfast.Unit, e ending) {
	now := time.Now()
	e.Digest, e.Since = fingerprint(unit), now
	standing := k.look()
	if standing.child != nil {
		e.Launch = standing.launch()
	}
	e.Restarts, e.Failures = standing.recent(now), k.backoff.failures
	k.fates.end(k.name, e)
}
