// SPDX-License-Identifier: Apache-2.0

package route

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrExhausted ends a trip: every target was asked or rests.
var ErrExhausted = errors.New("nobody is left to ask")

// Resting is why a call is refused: everybody in its chain cools down.
type Resting struct {
	// Target is the one that may soonest be asked again, and For how long that takes.
	Target Target
	For    time.Duration
	// Limited tells that its provider limits the rate; else it broke down.
	Limited bool
	Reason  string
	// Others is how many more rest.
	Others int
}

func (r *Resting) Error() string {
	who := r.Target.String()
	if r.Others > 0 {
		who += " and all behind it"
	}
	return fmt.Sprintf("%s cool down for %s more (%s)", who, max(r.For, time.Second).Round(time.Second), r.Reason)
}

// A Trip is one call on its way along its chain. After each Next, exactly one verdict counts:
// Failed, Answered or Left. It is for one goroutine.
type Trip struct {
	router *Router
	chain  Chain
	at     int
	asked  bool
	// until is how long the trip may wait for a chain of which everybody rests.
	until time.Time
	// The target that is asked now.
	open    bool
	step    Step
	circuit *circuit
	turn    int
	probe   int
	trial   bool
	// kept is closed once the cooldowns that this trip began are on the disk; unkept tells that nobody
	// else writes them.
	kept   <-chan struct{}
	unkept bool
}

// Trip begins a call.
func (r *Router) Trip(chain Chain) Trip { return Trip{router: r, chain: chain} }

// Alias is the name that the call asked for, when it is an alias.
func (t *Trip) Alias() string { return t.chain.Alias }

// Target is who is asked now.
func (t *Trip) Target() Target { return t.step.Target }

// Last tells that nobody behind the target that is asked now could be asked instead.
func (t *Trip) Last() bool {
	_, ok := t.router.First(Chain{Targets: t.chain.Targets[t.at:]})
	return !ok
}

// Next gives the target to ask now. When nobody may be asked it waits as long as the settings
// allow, unless that is known to be too short; then it says *Resting. Once somebody was asked it
// does not wait: ErrExhausted.
func (t *Trip) Next(ctx context.Context) (Step, error) {
	t.Left()
	for {
		for t.at < len(t.chain.Targets) {
			at := t.at
			t.at++
			taken, err := t.take(ctx, at)
			if err != nil {
				return Step{}, err
			}
			if taken {
				t.asked = true
				return t.step, nil
			}
		}
		if t.asked {
			t.settle()
			return Step{}, ErrExhausted
		}
		if err := t.rest(ctx); err != nil {
			return Step{}, err
		}
		t.at = 0
	}
}

// take claims a target unless it rests. Of a target that has not answered lately, a few calls find
// out whether it does; others wait for them if there is somebody else to go to, and go there when it
// stays silent: it may be slow, or dead.
func (t *Trip) take(ctx context.Context, at int) (bool, error) {
	choosy := at < len(t.chain.Targets)-1
	var began time.Time
	for waited := time.Duration(0); ; {
		verdict, wait := t.claim(at, choosy, waited)
		if verdict == nil {
			return t.open, nil
		}
		if began.IsZero() {
			began = time.Now()
		}
		timer := time.NewTimer(wait)
		select {
		case <-verdict:
			waited = time.Since(began)
		case <-timer.C:
			waited = max(time.Since(began), waited+wait)
		case <-ctx.Done():
			timer.Stop()
			return false, context.Cause(ctx)
		}
		timer.Stop()
	}
}

// claim takes a target or leaves it; a channel means: decide after the next verdict, or so much later.
func (t *Trip) claim(at int, choosy bool, waited time.Duration) (<-chan struct{}, time.Duration) {
	r, target := t.router, t.chain.Targets[at]
	now := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.circuit(target, now)
	if c == nil && choosy {
		c = r.keep(target, now)
	}
	t.circuit, t.trial, t.probe, t.turn, t.step = c, false, 0, 0, Step{Target: target, At: at}
	if c == nil {
		t.open = true
		return nil, 0
	}
	t.turn = c.turn
	switch c.state(now) {
	case StateCooling:
		return nil, 0
	case StateProbing:
		if c.probing == 0 {
			c.probes++
			c.probing, t.probe, t.step.Probe, t.open = c.probes, c.probes, true, true
		}
		return nil, 0
	case StateClosed:
	}
	if choosy && (c.answered.IsZero() || now.Sub(c.answered) > trust) {
		wait, ok := c.wait(now, waited)
		if wait > 0 {
			return c.next(), wait
		}
		if !ok {
			return nil, 0
		}
		c.try(now)
		t.trial = true
	}
	t.open = true
	return nil, 0
}

// rest waits for the soonest of a chain of which everybody rests.
func (t *Trip) rest(ctx context.Context) error {
	now := t.router.now()
	if t.until.IsZero() {
		t.until = now.Add(time.Duration(t.router.waiting.Load()))
	}
	resting, verdict := t.router.soonest(t.chain, now)
	if resting == nil {
		return nil
	}
	left := t.until.Sub(now)
	if left <= 0 || verdict == nil && resting.For > left {
		return resting
	}
	if resting.For > 0 {
		left = min(left, resting.For)
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-verdict:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

// Failed says that the target gave no answer: it rests. That goes to the disk while the next one is
// asked, and is there before the call is answered.
func (t *Trip) Failed(f Failure) {
	t.say(func(r *Router, now time.Time) {
		if t.circuit == nil {
			t.circuit = r.keep(t.step.Target, now)
		}
		if t.circuit != nil && t.circuit.fail(f, t.turn, now) && r.circuits[t.step.Target] == t.circuit {
			t.kept, t.unkept = r.hasten()
		} // else there are too many that rest already, or it is rehearsed
	})
}

// settle waits until the cooldowns that the trip began are on the disk, so that no crash after its
// answer forgets them; a disk that hangs is not waited for.
func (t *Trip) settle() {
	if t.unkept {
		_ = t.router.Flush() // Fault tells
		t.unkept = false
	}
	if t.kept == nil {
		return
	}
	timer := time.NewTimer(mostKeeping)
	defer timer.Stop()
	select {
	case <-t.kept:
	case <-timer.C:
	}
	t.kept = nil
}

// Answered says that the target answers: with its first word, not its last.
func (t *Trip) Answered() {
	if t.open {
		t.settle()
	}
	t.say(func(r *Router, now time.Time) {
		if c := t.circuit; c != nil {
			if !c.until.IsZero() {
				r.touch()
			}
			c.answer(t.turn, now)
		}
		if !r.rehearsed(t.step.Target, now) {
			r.answered(t.chain.Alias, t.step.Target)
		}
	})
}

// say gives the verdict of the target that is asked now, and lets go of it.
func (t *Trip) say(verdict func(r *Router, now time.Time)) {
	if !t.open {
		return
	}
	r := t.router
	now := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	verdict(r, now)
	t.release()
}

// Yield lets others find out how the target is while this call waits for something else, such as a
// person's approval; its own verdict still counts.
func (t *Trip) Yield() {
	if !t.open {
		return
	}
	t.router.mu.Lock()
	defer t.router.mu.Unlock()
	t.release()
	t.open, t.trial, t.probe = true, false, 0
}

// Left says nothing about the target: the call was given up, or was the client's own mistake. It
// does nothing after another verdict, so it may be deferred.
func (t *Trip) Left() {
	if !t.open {
		return
	}
	t.router.mu.Lock()
	defer t.router.mu.Unlock()
	t.release()
}

// release gives back what claim took.
func (t *Trip) release() {
	t.open = false
	c := t.circuit
	if c == nil {
		return
	}
	if t.trial {
		c.trying--
		c.tell()
	}
	if t.probe != 0 && c.probing == t.probe {
		c.probing = 0
		c.tell()
	}
}
