// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"holdfast"
	"holdfast/core/process"
)

type want int

const (
	wantRun  want = iota
	wantStop      // not to run, by declaration
	wantHold      // not to run, by the operator
	wantGone      // not to exist
)

// An order is what a keeper is to bring about. A new one takes the place of the old at once.
type order struct {
	want want
	// serial is the launch wanted: a process of a lower serial is ended first.
	serial int
	// after are units that must have ended before this one is.
	after []<-chan struct{}
	// proof gets the outcome of a start or restart that somebody waits for; it has room for it.
	proof chan error
	// ended is closed when the order has been carried out, or another took its place; settle closes it.
	ended  <-chan struct{}
	settle func()
}

// A keeper brings about the order of one unit, in one goroutine (run). What others read or give
// is guarded by the supervisor's mutex; a method that takes it says so by lock or with.
type keeper struct {
	s    *Supervisor
	name string
	done chan struct{}

	// guarded by s.mu
	unit     holdfast.Unit
	digest   string
	order    order
	revoke   context.CancelFunc
	revoked  context.Context
	status   holdfast.UnitStatus
	changed  chan struct{} // closed at the next change
	child    process.Child
	serial   int // of child
	issued   int // the highest serial that an order asked for
	launched time.Time
	upSince  time.Time
	wellFor  time.Duration // how long it was up, when it is no more
	healthy  bool
	passed   int // checks of this launch that went well
	checks   int // checks of this launch
	lastWell time.Time
	restarts []time.Time
	left     error // what outlived its end

	// run's own
	backoff backoff
	strays  []process.Mark // older launches to end before the first start
}

func newKeeper(s *Supervisor, u holdfast.Unit) *keeper {
	u = cloneUnit(u)
	return &keeper{
		s: s, name: u.Name, unit: u, digest: fingerprint(u), done: make(chan struct{}), changed: make(chan struct{}),
		revoke: func() {}, order: order{settle: func() {}},
		status: holdfast.UnitStatus{
			Name: u.Name, Owner: u.Owner, State: holdfast.UnitStopped, Port: u.Port, Since: time.Now(), Log: logPath(u),
		},
	}
}

// cloneUnit keeps the declarer's later changes of its own value out.
func cloneUnit(u holdfast.Unit) holdfast.Unit {
	u.Run, u.Secrets, u.Needs = slices.Clone(u.Run), slices.Clone(u.Secrets), slices.Clone(u.Needs)
	u.Env = maps.Clone(u.Env)
	u.Ready, u.Healthy = cloneProbe(u.Ready), cloneProbe(u.Healthy)
	return u
}

func cloneProbe(p *holdfast.Probe) *holdfast.Probe {
	if p == nil {
		return nil
	}
	own := *p
	own.Exec = slices.Clone(p.Exec)
	return &own
}

// firstOrder is what a unit does that was just declared.
func (k *keeper) firstOrder() order {
	if _, held := k.s.holds[k.name]; held {
		return order{want: wantHold}
	}
	if k.unit.Disabled {
		return order{want: wantStop}
	}
	return order{want: wantRun, serial: k.serialFor()}
}

// serialFor keeps an adopted process that was started from this very declaration.
func (k *keeper) serialFor() int {
	if k.child != nil && launchDigest(k.child.Identity().Mark.Launch) == k.digest {
		return k.serial
	}
	return k.issue()
}

// issue numbers a launch that is yet to be; one under way by an earlier order has a lower number.
func (k *keeper) issue() int {
	k.issued++
	return k.issued
}

// give replaces the order; the caller holds the lock.
func (k *keeper) give(o order) {
	if k.order.want == wantGone {
		answer(o.proof, errSuperseded)
		return
	}
	answer(k.order.proof, errSuperseded)
	k.order.settle()
	k.revoke()
	ended := make(chan struct{})
	o.ended, o.settle = ended, sync.OnceFunc(func() { close(ended) })
	k.order = o
	k.revoked, k.revoke = context.WithCancel(context.WithoutCancel(k.s.life))
	k.wake()
}

// redeclare takes a changed declaration; the caller holds the lock. A process goes on when the
// change does not concern it.
func (k *keeper) redeclare(u holdfast.Unit) {
	if sameUnit(k.unit, u) {
		k.unit.Files = u.Files
		return
	}
	before, digest := k.unit, fingerprint(u)
	k.unit = cloneUnit(u)
	k.status.Port, k.status.Log, k.status.Owner = u.Port, logPath(u), u.Owner
	changed := digest != k.digest || before.Blocked != u.Blocked
	k.digest = digest
	switch {
	case k.order.want == wantHold:
	case u.Disabled:
		k.give(order{want: wantStop})
	case k.order.want == wantStop && before.Disabled, k.order.want == wantRun && changed:
		k.give(order{want: wantRun, serial: k.issue()})
	case k.order.want == wantRun:
		k.give(order{want: wantRun, serial: k.order.serial})
	}
}

// demand orders a start, or a new launch, and returns where its outcome will be told; the caller
// holds the lock.
func (k *keeper) demand(fresh bool) <-chan error {
	proof := make(chan error, 1)
	serial := k.order.serial
	if fresh || k.child == nil || k.order.want != wantRun {
		serial = k.issue()
	}
	k.give(order{want: wantRun, serial: serial, proof: proof})
	return proof
}

func answer(proof chan error, err error) {
	if proof == nil {
		return
	}
	select {
	case proof <- err:
	default: // answered already
	}
}

// wake tells all who wait for a change; the caller holds the lock.
func (k *keeper) wake() {
	close(k.changed)
	k.changed = make(chan struct{})
}

// current is the order, the context that ends when another takes its place, and the declaration.
func (k *keeper) current() (order, context.Context, holdfast.Unit) {
	k.s.mu.Lock()
	defer k.s.mu.Unlock()
	return k.order, k.revoked, k.unit
}

// run carries out one order after the other until the unit is gone.
func (k *keeper) run() {
	defer close(k.done)
	k.awaitLimbo()
	k.endStrays()
	for {
		o, ctx, unit := k.current()
		if o.want == wantRun {
			k.up(ctx, o, unit)
			continue
		}
		k.down(o, unit)
		if o.want == wantGone {
			k.forget()
			return
		}
		<-ctx.Done()
	}
}

// down ends the process, if there is one, and settles in the state of the order.
func (k *keeper) down(o order, unit holdfast.Unit) {
	for _, other := range o.after {
		<-other
	}
	detail := map[want]string{wantHold: "stopped by the operator", wantStop: "disabled"}[o.want]
	k.finish(unit, detail)
	state := holdfast.UnitStopped
	if o.want == wantHold {
		state = holdfast.UnitHeld
	}
	k.enter(state, detail)
	o.settle()
}

// forget takes the unit from the list.
func (k *keeper) forget() {
	k.s.mu.Lock()
	defer k.s.mu.Unlock()
	if k.s.closing {
		return // its last status stays to be read
	}
	delete(k.s.keepers, k.name)
	k.s.scribe.drop(k.name)
	k.wake()
	k.s.wake()
}

// finish ends the whole tree of the present launch.
func (k *keeper) finish(unit holdfast.Unit, why string) {
	child := k.present()
	if child == nil {
		return
	}
	k.enter(holdfast.UnitStopping, why)
	signal, _ := signalOf(unit.Stop)
	// Another order does not cut the grace short; a house that must be gone does.
	k.clear(child.End(k.s.life, signal, graceOf(unit.Stop)))
}

// clear forgets the launch; what outlived its end is said, not hidden.
func (k *keeper) clear(left error) {
	k.s.mu.Lock()
	defer k.s.mu.Unlock()
	k.child, k.healthy, k.left = nil, false, left
	k.passed, k.checks = 0, 0
	k.status.PID = 0
	k.wake()
	if left != nil {
		k.s.log.Error("a unit did not end whole", slog.String("unit", k.name), slog.Any("error", left))
	}
}

func (k *keeper) present() process.Child {
	k.s.mu.Lock()
	defer k.s.mu.Unlock()
	return k.child
}

func (k *keeper) survivors() error {
	k.s.mu.Lock()
	defer k.s.mu.Unlock()
	return k.left
}

// enter changes the state, tells everybody, and journals it.
func (k *keeper) enter(to holdfast.UnitState, detail string) {
	k.s.mu.Lock()
	defer k.s.mu.Unlock()
	from := k.status.State
	if from == to && k.status.Detail == detail {
		return
	}
	now := time.Now()
	if from != to {
		if !may(from, to) {
			k.s.log.Error("a unit changed state where the state machine has no edge",
				slog.String("unit", k.name), slog.String("from", string(from)), slog.String("to", string(to)))
		}
		k.status.Since = now
		k.noteUp(from, to, now)
	}
	k.status.State, k.status.Detail = to, detail
	k.wake()
	k.s.scribe.note(Change{From: from, At: now, Status: k.shown()}, k.launchName())
}

func (k *keeper) noteUp(from, to holdfast.UnitState, now time.Time) {
	switch {
	case to.Up() && !from.Up():
		k.upSince = now
	case !to.Up() && from.Up():
		k.healthy, k.wellFor = false, now.Sub(k.upSince)
	}
}

func (k *keeper) launchName() string {
	if k.child == nil {
		return ""
	}
	return k.child.Identity().Mark.Launch
}

// shown is the status as others see it; the caller holds the lock.
func (k *keeper) shown() holdfast.UnitStatus {
	st := k.status
	st.Restarts = len(within(k.restarts, time.Now(), loopWindow))
	return st
}
