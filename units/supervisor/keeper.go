// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"holdfast"
	"holdfast/core/process"
	"holdfast/units/probe"
)

// recheckMost bounds how seldom a blocked unit looks whether it may start.
const recheckMost = 15 * time.Second

// neighbours are the other units of the house.
type neighbours interface {
	// unmet finds the first need that is not met.
	unmet(needs []holdfast.Need) shortfall
	// remove takes a unit that is gone from the list.
	remove(p *post)
}

// A ground is what the keepers of one house share.
type ground struct {
	carriers carriers
	fates    fates
	prober   *probe.Prober
	meter    meter
	logs     func(unit holdfast.Unit) string // the file that it writes to
	cap      time.Duration                   // of the delay between restarts
	running  *sync.WaitGroup
}

// A keeper brings about the orders of one post, in one goroutine (run).
type keeper struct {
	*post
	ground
	neighbours neighbours
	backoff    backoff
	strays     []process.Mark // older launches to end before the first start
	bygone     bygone         // of the launch before, when that was under an earlier house
	// checkup is that of the present launch; it is begun before the launch is, so that nothing that
	// the unit says is missed.
	checkup *probe.Checkup
	probes  [2]*holdfast.Probe // that checkup asks
}

// adopt takes over the newest launch that an earlier house left, and notes older ones to be ended.
func (k *keeper) adopt(left []leftover) {
	for _, l := range slices.Backward(left) {
		if k.look().child == nil && l.leader != nil && !strings.HasSuffix(l.mark.Launch, probeSuffix) {
			child, err := k.carrier().adopt(k.look().unit, l)
			if err == nil {
				k.post.adopt(survivor{child, l.lacks}, l.restarts)
				continue
			}
		}
		k.strays = append(k.strays, l.mark)
	}
}

// run carries out one order after the other until the unit is gone.
func (k *keeper) run() {
	defer close(k.done)
	defer k.dismissed()
	k.awaitLimbo()
	k.endStrays()
	for {
		now := k.look()
		o := now.order
		if o.want == wantRun {
			if !k.mourn(o, now.unit) {
				k.up(o.over, o, now.unit)
			}
			continue
		}
		k.bygone = bygone{}
		if o.want == wantLeave {
			o.settle()
			return
		}
		k.down(o, now.unit)
		if o.want == wantGone {
			k.neighbours.remove(k.post)
			return
		}
		<-o.over.Done()
	}
}

// dismissed lets go of what the checks hold open.
func (k *keeper) dismissed() {
	if k.checkup != nil {
		k.checkup.Close()
	}
}

// carrier carries the unit out as it is declared now.
func (k *keeper) carrier() carrier { return k.carriers.of(k.look().unit.Kind) }

// awaitLimbo waits for a launch that an earlier house announced and did not live to see.
func (k *keeper) awaitLimbo() {
	l, ok := k.carrier().announced(k.life, k.name, k.look().child == nil)
	switch {
	case ok:
		k.adopt([]leftover{l})
		k.accept()
	case l.mark.Launch != "":
		k.miss(l.mark)
	}
}

// endStrays ends launches of this unit that an earlier house left beside the adopted one.
func (k *keeper) endStrays() {
	now := k.look()
	for _, mark := range k.strays {
		if err := k.carrier().clear(k.life, mark, now.unit.Stop); err != nil {
			k.log.Error("cannot end an old launch", slog.String("unit", mark.Unit), slog.Any("error", err))
		}
	}
	k.strays = nil
}

// down ends the process, if there is one, and settles in the state of the order.
func (k *keeper) down(o order, unit holdfast.Unit) {
	for _, other := range o.after {
		<-other
	}
	detail := aim(o.want)
	k.finish(unit, detail)
	k.fates.clear(k.name)
	state := holdfast.UnitStopped
	if o.want == wantHold {
		state = holdfast.UnitHeld
	}
	k.enter(state, detail)
	o.settle()
}

// finish ends the whole tree of the present launch.
func (k *keeper) finish(unit holdfast.Unit, why string) {
	now := k.look()
	if now.child == nil {
		return
	}
	k.enter(holdfast.UnitStopping, why)
	signal, _ := signalOf(unit.Stop)
	// Another order does not cut the grace short; a house that must be gone does.
	k.ended(now.child.End(k.life, signal, graceOf(unit.Stop)))
}

// up lives one launch: prepare, start, watch, and what follows its end. It returns when another
// order came, or to be called again for the next launch.
func (k *keeper) up(ctx context.Context, o order, unit holdfast.Unit) {
	now := k.look()
	if now.child != nil && (now.serial != o.serial || unit.Blocked != "") {
		k.backoff.forget()
		k.finish(unit, cmp.Or(unit.Blocked, "restarting"))
		k.fates.clear(k.name)
		now = k.look()
	}
	if now.child == nil {
		if !k.prepare(ctx, o, unit) {
			return
		}
		err := k.launch(o, unit)
		if refused, ok := errors.AsType[*process.Refusal](err); ok {
			k.block(o, refused.Why)
			waitFor(ctx, cmp.Or(unit.RestartCap, k.cap)) // then somebody may have allowed it
			return
		}
		if err != nil {
			k.conclude(unit, ending{Detail: err.Error(), Failure: true})
			k.decide(ctx, o, unit, err.Error(), true)
			return
		}
	}
	verdict := k.watch(ctx, o, unit)
	switch {
	case ctx.Err() != nil:
	case verdict.idle:
		k.conclude(unit, ending{Detail: verdict.why, Idle: true})
		k.finish(unit, verdict.why)
		o.settle()
		k.enter(holdfast.UnitStopped, verdict.why)
		<-ctx.Done()
	default:
		k.afterEnd(ctx, o, unit, verdict.why)
	}
}

// prepare waits until nothing stands in the way of a start; false when another order came.
func (k *keeper) prepare(ctx context.Context, o order, unit holdfast.Unit) bool {
	if unit.Blocked != "" {
		k.block(o, unit.Blocked)
		<-ctx.Done()
		return false
	}
	k.enter(holdfast.UnitStarting, "")
	pause := time.Second
	for ctx.Err() == nil {
		if !k.awaitNeeds(ctx, o, unit) {
			return false
		}
		reason := k.carrier().obstacle(ctx, unit)
		if reason == "" {
			k.enter(holdfast.UnitStarting, "")
			return true
		}
		k.block(o, reason)
		waitFor(ctx, pause)
		pause = min(pause*2, recheckMost)
	}
	return false
}

// launch starts the process and makes it known.
func (k *keeper) launch(o order, unit holdfast.Unit) error {
	k.examine(unit, true)
	child, err := k.carrier().spawn(unit)
	if err != nil {
		return err
	}
	k.began(child, o, unit)
	if unit.Ready == nil {
		k.enter(holdfast.UnitRunning, "")
	} else {
		k.enter(holdfast.UnitStarting, "")
	}
	return nil
}

// examine begins the checkup of a launch that is about to be made, or of one whose probes changed.
func (k *keeper) examine(unit holdfast.Unit, fresh bool) {
	probes := [2]*holdfast.Probe{unit.Ready, unit.Healthy}
	if !fresh && k.checkup != nil && reflect.DeepEqual(probes, k.probes) {
		return
	}
	if k.checkup != nil {
		k.checkup.Close()
	}
	k.checkup, k.probes = probe.NewCheckup(unit, k.logs(unit)), probes
}

// watch puts the checks to the present launch until it ends, another order comes, or it must end;
// then it says why.
func (k *keeper) watch(ctx context.Context, o order, unit holdfast.Unit) sentence {
	now := k.look()
	spec, err := k.carrier().probing(unit, now.child.Identity().Mark)
	if err != nil {
		return sentence{why: err.Error()}
	}
	k.examine(unit, false)
	w := watch{
		post: k.post, prober: k.prober, meter: k.meter, running: k.running, order: o, unit: unit, child: now.child,
		spec: spec, log: k.logs(unit), checkup: k.checkup,
	}
	return w.run(ctx)
}

// afterEnd clears away the launch that ended, or that its checks condemned, and decides.
func (k *keeper) afterEnd(ctx context.Context, o order, unit holdfast.Unit, condemned string) {
	if condemned != "" {
		k.conclude(unit, ending{Detail: condemned, Failure: true})
		k.finish(unit, condemned)
		k.decide(ctx, o, unit, condemned, true)
		return
	}
	child := k.look().child
	exit := child.Exit()
	// Before the end is told to anybody: who forgets it then need not know it.
	k.conclude(unit, ending{Detail: exit.String(), Failure: !exit.Success()})
	k.ended(child.End(ctx, syscall.SIGKILL, 0)) // what the first process left behind
	k.decide(ctx, o, unit, exit.String(), !exit.Success())
}

// decide says by policy what follows an end, and waits out the delay before the next start.
func (k *keeper) decide(ctx context.Context, o order, unit holdfast.Unit, why string, failure bool) {
	last := !again(unit.Restart, failure)
	if last && !failure {
		o.answer(nil) // it ran, and ended well as its policy has it
	}
	o.answer(errors.New(why))
	if last {
		state := holdfast.UnitStopped
		if failure {
			state = holdfast.UnitFailed
		}
		o.settle()
		k.enter(state, why)
		<-ctx.Done()
		return
	}
	ran, up := k.fell()
	delay := k.backoff.delay(ran, up, cmp.Or(unit.RestartCap, k.cap))
	k.postpone(unit, why, failure, delay)
	if delay == 0 {
		k.enter(holdfast.UnitStarting, why)
		return
	}
	if taken := k.carrier().taken(ctx, unit); taken != "" {
		why += "; " + taken // perhaps that is why: it was free before the start
	}
	k.enter(holdfast.UnitBackingOff, waits(why, delay))
	waitFor(ctx, delay)
}

func waitFor(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func signalOf(stop holdfast.Stop) (syscall.Signal, bool) { return process.SignalByName(stop.Signal) }

func graceOf(stop holdfast.Stop) time.Duration {
	if stop.Grace <= 0 {
		return defaultGrace
	}
	return stop.Grace
}
