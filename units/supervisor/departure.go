// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"time"

	"holdfast"
	"holdfast/core/process"
)

// A departure is a launch that ended whole while no house ran.
type departure struct {
	launch   string
	exit     process.Exit // unknown counts as a failure
	restarts []time.Time
}

func (d departure) why() string { return d.exit.String() + " while no house ran" }

// depart notes how a recorded launch ended that is not there any more. One from before the machine
// started again ended with it, and says nothing.
func (e *estate) depart(r record) {
	if r.Boot != e.boot() {
		return
	}
	exit, _ := e.output.Exit(r.Identity)
	e.gone[r.Mark.Unit] = departure{launch: r.Mark.Launch, exit: exit, restarts: r.Restarts}
}

// thisBoot names the boot that processes of this machine belong to, empty where they tell none.
func thisBoot() string {
	self, err := process.Self()
	if err != nil {
		return ""
	}
	return self.Boot
}

// depart hands a departure to the keeper of its unit, whose policy decides what follows, unless the
// unit is declared otherwise by now or another launch of it lives.
func (k *keeper) depart(d departure, known bool) {
	now := k.look()
	if !known || now.child != nil || launchDigest(d.launch) != fingerprint(now.unit) {
		return
	}
	k.departure = &d
	k.post.depart(d)
}

func (p *post) depart(d departure) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now.restarts, p.now.launched = d.restarts, earlier(launchTime(d.launch), time.Now())
}

// mourn decides by policy what follows a departure; false when there is none.
func (k *keeper) mourn(o order, unit holdfast.Unit) bool {
	d := k.departure
	k.departure = nil
	if d == nil || k.look().child != nil {
		return false
	}
	k.enter(holdfast.UnitStarting, d.why())
	k.decide(o.over, o, unit, d.why(), !d.exit.Success())
	return true
}
