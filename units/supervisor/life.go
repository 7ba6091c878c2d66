// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"syscall"
	"time"

	"holdfast"
	"holdfast/core/process"
)

// recheckMost bounds how seldom a blocked unit looks whether it may start.
const recheckMost = 15 * time.Second

// up lives one launch: prepare, start, watch, and what follows its end. It returns when another
// order came, or to be called again for the next launch.
func (k *keeper) up(ctx context.Context, o order, unit holdfast.Unit) {
	if k.present() != nil && (k.serialNow() != o.serial || unit.Blocked != "") {
		k.backoff.forget()
		k.finish(unit, cmp.Or(unit.Blocked, "restarting"))
	}
	if k.present() == nil {
		if !k.prepare(ctx, o, unit) {
			return
		}
		if err := k.launch(o, unit); err != nil {
			k.fell(ctx, o, unit, err.Error(), true)
			return
		}
	}
	why := k.watch(ctx, o, unit)
	if ctx.Err() == nil {
		k.afterEnd(ctx, o, unit, why)
	}
}

func (k *keeper) serialNow() int {
	k.s.mu.Lock()
	defer k.s.mu.Unlock()
	return k.serial
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
		reason := k.obstacle(ctx, unit)
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

func (k *keeper) block(o order, reason string) {
	k.enter(holdfast.UnitBlocked, reason)
	answer(o.proof, errors.New("it is blocked: "+reason))
}

// awaitNeeds waits for the units that this one needs; false when another order came.
func (k *keeper) awaitNeeds(ctx context.Context, o order, unit holdfast.Unit) bool {
	for {
		missing, declared, changed := k.s.unmet(unit.Needs)
		switch {
		case missing == "":
			return ctx.Err() == nil
		case declared:
			k.enter(holdfast.UnitStarting, missing)
		default:
			k.block(o, missing)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

// unmet finds the first need that is not met, and where to wait for a change of it.
func (s *Supervisor) unmet(needs []holdfast.Need) (missing string, declared bool, changed <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, need := range needs {
		k, ok := s.keepers[need.Unit]
		if !ok {
			return "needs " + need.Unit + ", which nobody declares", false, s.changed
		}
		if !k.met(need.Until) {
			return fmt.Sprintf("waits until %s is %s; it is %s", need.Unit, stage(need.Until), k.status.State), true, k.changed
		}
	}
	return "", true, nil
}

func stage(until string) string {
	if until == "" {
		return untilReady
	}
	return until
}

// met tells whether the unit came so far; the caller holds the lock.
func (k *keeper) met(until string) bool {
	switch until {
	case untilBooted:
		return k.child != nil
	case untilHealthy:
		return k.status.State.Up() && k.healthy
	}
	return k.status.State.Up()
}

// obstacle names what keeps the unit from starting now: a missing secret or a port in use. A
// process that an earlier launch of the same unit left at the port is ended.
func (k *keeper) obstacle(ctx context.Context, unit holdfast.Unit) string {
	for _, name := range unit.Secrets {
		if _, ok := k.s.secret(name); !ok {
			return "the key " + name + " is not set; `holdfast keys set " + name + "` sets it"
		}
	}
	if unit.Port == 0 || unit.Files != nil { // a unit that is handed its listener does not take the port
		return ""
	}
	holder, held := k.s.host.PortHolder(unit.Port)
	if held && holder.Mark.House == k.s.house && holder.Mark.Unit == unit.Name {
		_ = k.s.host.EndMarked(ctx, holder.Mark, syscall.SIGTERM, graceOf(unit.Stop))
		holder, held = k.s.host.PortHolder(unit.Port)
	}
	if held {
		return fmt.Sprintf("port %d is held by %s", unit.Port, holder)
	}
	return ""
}

// launch starts the process and makes it known.
func (k *keeper) launch(o order, unit holdfast.Unit) error {
	mark := process.Mark{House: k.s.house, Unit: unit.Name, Launch: newLaunch(time.Now(), fingerprint(unit))}
	child, err := k.s.spawn(unit, mark)
	if err != nil {
		return err
	}
	k.s.mu.Lock()
	k.child, k.serial, k.launched, k.left = child, o.serial, time.Now(), nil
	k.status.PID = child.Identity().PID
	k.wake()
	k.s.scribe.note(Change{From: k.status.State, At: k.launched, Status: k.shown()}, mark.Launch)
	k.s.mu.Unlock()
	k.enter(bootedState(unit), "")
	return nil
}

func bootedState(unit holdfast.Unit) holdfast.UnitState {
	if unit.Ready == nil {
		return holdfast.UnitRunning
	}
	return holdfast.UnitStarting
}

// afterEnd clears away the launch that ended, or that its checks condemned, and decides.
func (k *keeper) afterEnd(ctx context.Context, o order, unit holdfast.Unit, condemned string) {
	child := k.present()
	if condemned != "" {
		k.finish(unit, condemned)
		k.fell(ctx, o, unit, condemned, true)
		return
	}
	exit := child.Exit()
	k.clear(child.End(ctx, syscall.SIGKILL, 0)) // what the first process left behind
	k.fell(ctx, o, unit, exit.String(), !exit.Success())
}

// fell decides by policy what follows an end, and waits out the delay before the next start.
func (k *keeper) fell(ctx context.Context, o order, unit holdfast.Unit, why string, failure bool) {
	answer(o.proof, errors.New(why))
	if !again(unit.Restart, failure) {
		state := holdfast.UnitStopped
		if failure {
			state = holdfast.UnitFailed
		}
		k.enter(state, why)
		<-ctx.Done()
		return
	}
	delay := k.countFall()
	if delay == 0 {
		k.enter(holdfast.UnitStarting, why)
		return
	}
	k.enter(holdfast.UnitBackingOff, fmt.Sprintf("%s; starts again in %s", why, delay.Round(100*time.Millisecond)))
	waitFor(ctx, delay)
}

// countFall counts the restart and gives the delay before it.
func (k *keeper) countFall() time.Duration {
	k.s.mu.Lock()
	defer k.s.mu.Unlock()
	now := time.Now()
	var ran time.Duration
	if !k.launched.IsZero() {
		ran = now.Sub(k.launched)
	}
	healthy := k.wellFor
	if k.status.State.Up() {
		healthy = now.Sub(k.upSince)
	}
	k.launched, k.wellFor = time.Time{}, 0
	k.restarts = append(slices.Clone(within(k.restarts, now, loopWindow)), now)
	if len(k.restarts) == loopLimit+1 {
		k.s.scribe.noteLoop(k.name, len(k.restarts), now)
	}
	return k.backoff.delay(ran, healthy, k.s.options.Cap)
}

// endStrays ends launches of this unit that an earlier house left beside the adopted one.
func (k *keeper) endStrays() {
	_, _, unit := k.current()
	for _, mark := range k.strays {
		if err := k.s.host.EndMarked(k.s.life, mark, syscall.SIGTERM, graceOf(unit.Stop)); err != nil {
			k.s.log.Error("cannot end an old launch", slog.String("unit", mark.Unit), slog.Any("error", err))
		}
	}
	k.strays = nil
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
