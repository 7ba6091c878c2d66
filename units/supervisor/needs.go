// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"holdfast"
)

// A shortfall is the first need of a unit that is not met.
type shortfall struct {
	// reason is empty when every need is met.
	reason string
	// stuck tells that the need does not come by waiting alone.
	stuck bool
	// changed is closed when it is worth another look.
	changed <-chan struct{}
}

// unmet finds the first need that is not met.
func (r *roster) unmet(needs []holdfast.Need) shortfall {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, need := range needs {
		p, ok := r.posts[need.Unit]
		if !ok {
			return shortfall{reason: "needs " + need.Unit + ", which nobody declares", stuck: true, changed: r.changed}
		}
		now := p.look()
		if now.met(need.Until) {
			continue
		}
		lack := shortfall{
			reason:  fmt.Sprintf("waits until %s is %s; it is %s", need.Unit, stage(need.Until), now.state),
			stuck:   now.stuck(),
			changed: now.changed,
		}
		if why := cmp.Or(now.detail, aim(now.order.want)); lack.stuck && why != "" {
			lack.reason += ": " + why
		}
		return lack
	}
	return shortfall{}
}

// aim says why a unit does not run that is not wanted to.
func aim(w want) string {
	switch w {
	case wantHold:
		return "stopped by the operator"
	case wantStop:
		return "disabled"
	case wantRun, wantGone, wantLeave:
	}
	return ""
}

// stuck tells whether the unit does not come up by waiting alone: it failed, or nobody wants it to run.
func (s *standing) stuck() bool {
	switch s.order.want {
	case wantHold, wantStop:
		return true
	case wantGone, wantLeave:
		return false // soon nobody declares it
	case wantRun:
	}
	if s.state == holdfast.UnitBackingOff || s.state == holdfast.UnitUnhealthy {
		return true
	}
	if !slices.Contains([]holdfast.UnitState{holdfast.UnitBlocked, holdfast.UnitFailed, holdfast.UnitStopped}, s.state) {
		return false
	}
	select {
	case <-s.order.ended: // so it is by the order in force, not by the one before
		return true
	default:
		return false
	}
}

// awaitNeeds waits for the units that this one needs; false when another order came.
func (k *keeper) awaitNeeds(ctx context.Context, o order, unit holdfast.Unit) bool {
	for ctx.Err() == nil {
		lack := k.neighbours.unmet(unit.Needs)
		switch {
		case lack.reason == "":
			return true
		case lack.stuck:
			k.block(o, lack.reason)
		default:
			k.enter(holdfast.UnitStarting, lack.reason)
		}
		select {
		case <-lack.changed:
		case <-ctx.Done():
		}
	}
	return false
}

// block says why the unit cannot start, until something else changes.
func (k *keeper) block(o order, reason string) {
	o.settle()
	k.enter(holdfast.UnitBlocked, reason)
	o.answer(errors.New("it is blocked: " + reason))
}
