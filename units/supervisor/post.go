// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"context"
	"errors"
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
	wantRun   want = iota
	wantStop       // not to run, by declaration
	wantHold       // not to run, by the operator
	wantGone       // not to exist
	wantLeave      // to run on without the house
)

// errSuperseded answers who waits for a unit that got another order meanwhile.
var errSuperseded = errors.New("another order came in between")

// An order is what a keeper is to bring about. A new one takes the place of the old at once.
type order struct {
	want want
	// serial is the launch wanted: a process of a lower serial is ended first.
	serial int
	// after are units that must have ended before this one is.
	after []<-chan struct{}
	// proof gets the outcome of a start or restart that somebody waits for; it has room for it.
	proof chan error

	// over ends when another order took the place of this one.
	over   context.Context
	revoke context.CancelFunc
	// ended is closed when the order has been carried out, or another took its place; settle closes it.
	ended  <-chan struct{}
	settle func()
}

// issued makes an order one that can be waited for and taken back.
func (o order) issued(life context.Context) order {
	ended := make(chan struct{})
	o.ended, o.settle = ended, sync.OnceFunc(func() { close(ended) })
	o.over, o.revoke = context.WithCancel(context.WithoutCancel(life))
	return o
}

// supersede takes the order back.
func (o order) supersede() {
	o.answer(errSuperseded)
	o.settle()
	o.revoke()
}

// answer tells the outcome to whoever waits for it; only the first answer counts.
func (o order) answer(err error) {
	if o.proof == nil {
		return
	}
	select {
	case o.proof <- err:
	default:
	}
}

// A post is one unit's place in the house: orders are given here, its keeper says here what became
// of them, and whoever wants to know looks here. All methods may be called at any time.
type post struct {
	name   string
	life   context.Context // of the house
	herald *herald
	log    *slog.Logger
	done   chan struct{} // closed when the unit is gone

	mu      sync.Mutex
	now     standing
	highest int // serial that an order asked for
}

func newPost(life context.Context, h *herald, log *slog.Logger, u holdfast.Unit) *post {
	return &post{
		name: u.Name, life: life, herald: h, log: log, done: make(chan struct{}),
		now: standing{
			unit: cloneUnit(u), order: order{}.issued(life), state: holdfast.UnitStopped,
			since: time.Now(), changed: make(chan struct{}),
		},
	}
}

// cloneUnit keeps the declarer's later changes of its own value out.
func cloneUnit(u holdfast.Unit) holdfast.Unit {
	u.Run, u.Secrets, u.Needs = slices.Clone(u.Run), slices.Clone(u.Secrets), slices.Clone(u.Needs)
	u.Env = maps.Clone(u.Env)
	u.Ready, u.Healthy = cloneProbe(u.Ready), cloneProbe(u.Healthy)
	if u.Sandbox != nil {
		box := *u.Sandbox
		box.Read, box.Write = slices.Clone(box.Read), slices.Clone(box.Write)
		u.Sandbox = &box
	}
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

// look is how the unit stands now.
func (p *post) look() standing {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now
}

// give replaces the order, and returns what is closed when the order in force has been carried
// out. A unit on its way out takes no more orders.
func (p *post) give(o order) (ended <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.place(o)
	return p.now.order.ended
}

// place is give for who holds the lock.
func (p *post) place(o order) {
	if want := p.now.order.want; want == wantGone || want == wantLeave {
		o.answer(errSuperseded)
		return
	}
	p.now.order.supersede()
	p.now.order = o.issued(p.life)
	p.wake()
}

// issue numbers a launch that is yet to be; one under way by an earlier order has a lower number.
// The caller holds the lock.
func (p *post) issue() int {
	p.highest++
	return p.highest
}

// begin gives the first order of a unit that was just declared: to run, if nothing is against it,
// in the adopted process if that was started from this very declaration.
func (p *post) begin(held bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case held:
		p.place(order{want: wantHold})
	case p.now.unit.Disabled:
		p.place(order{want: wantStop})
	case p.now.fits():
		p.place(order{want: wantRun, serial: p.now.serial})
	default:
		p.place(order{want: wantRun, serial: p.issue()})
	}
}

// redeclare takes a changed declaration. A process goes on when the change does not concern it.
func (p *post) redeclare(u holdfast.Unit) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before, was := p.now.unit, p.now.order
	if sameUnit(before, u) {
		p.now.unit.Files = u.Files
		return
	}
	p.now.unit = cloneUnit(u)
	changed := fingerprint(before) != fingerprint(u) || before.Blocked != u.Blocked
	switch {
	case was.want == wantHold:
	case u.Disabled:
		p.place(order{want: wantStop})
	case was.want == wantStop && before.Disabled, was.want == wantRun && changed:
		p.place(order{want: wantRun, serial: p.issue()})
	case was.want == wantRun:
		p.place(order{want: wantRun, serial: was.serial})
	}
}

// demand orders a start, or a new launch, and returns where its outcome will be told.
func (p *post) demand(fresh bool) <-chan error {
	p.mu.Lock()
	defer p.mu.Unlock()
	proof := make(chan error, 1)
	serial := p.now.order.serial
	if fresh || p.now.child == nil || p.now.order.want != wantRun {
		serial = p.issue()
	}
	p.place(order{want: wantRun, serial: serial, proof: proof})
	return proof
}

// wake tells all who wait for a change; the caller holds the lock.
func (p *post) wake() {
	close(p.now.changed)
	p.now.changed = make(chan struct{})
}

// vacate lets those go who wait for a unit that is gone.
func (p *post) vacate() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wake()
}

// enter changes the state and tells everybody.
func (p *post) enter(to holdfast.UnitState, detail string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	from, news := p.now.enter(to, detail, now)
	if !news {
		return
	}
	if from != to && !may(from, to) {
		p.log.Error("a unit changed state where the state machine has no edge",
			slog.String("unit", p.name), slog.String("from", string(from)), slog.String("to", string(to)))
	}
	p.wake()
	p.herald.note(Change{From: from, At: now, Status: p.now.status()}, p.now.launch())
}

// began makes a new process known.
func (p *post) began(child process.Child, o order, unit holdfast.Unit) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	p.now.began(child, o.serial, unit.Secrets, now)
	p.herald.board.touchLaunch(p.name)
	p.wake()
	p.herald.note(Change{From: p.now.state, At: now, Status: p.now.status()}, p.now.launch())
}

// adopt makes a process known that an earlier house started.
func (p *post) adopt(child process.Child, restarts []time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	p.now.adopted(child, restarts, now)
	p.herald.board.touchLaunch(p.name)
	p.herald.note(Change{From: holdfast.UnitStopped, At: now, Status: p.now.status(), Adopted: true}, p.now.launch())
	if p.now.unit.Ready == nil {
		p.now.state, p.now.upSince = holdfast.UnitRunning, p.now.launched
	}
}

// accept takes an adopted process for what the order in force wants, if it is.
func (p *post) accept() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.now.fits() {
		p.now.serial = p.now.order.serial
	}
}

// ended forgets the process; what outlived its end is said, not hidden.
func (p *post) ended(left error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now.ended(left)
	p.herald.board.touchLaunch(p.name)
	p.wake()
	if left != nil {
		p.log.Error("a unit did not end whole", slog.String("unit", p.name), slog.Any("error", left))
	}
}

// checked counts a check for the status files.
func (p *post) checked(well, ready bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now.checked(well, ready, time.Now())
	p.herald.board.touchUnit(p.name)
}

// fell counts a restart, and tells how long the launch before it ran and was up.
func (p *post) fell() (ran, up time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	ran, up = p.now.fell(now)
	if p.now.loops(now) {
		p.herald.scribe.noteLoop(p.name, len(p.now.restarts), now)
	}
	return ran, up
}

func (p *post) setHealthy(healthy bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.now.healthy != healthy {
		p.now.healthy = healthy
		p.wake()
	}
}
