// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"fmt"
	"time"

	"holdfast/core/home"
	"holdfast/core/intent"
	"holdfast/units/upgrade/swap"
)

// A verdict is what the watch does next.
type verdict string

const (
	attend verdict = "attend" // the house lives: look after it
	wait   verdict = "wait"   // look again soon
	again  verdict = "again"  // start the house again
	settle verdict = "settle" // end what the house left, and nothing else
	leave  verdict = "leave"  // there is nothing to watch any more
)

// facts are what the watch can see.
type facts struct {
	gone       bool // the home is not there any more
	house      House
	known      bool // the house said how it stands, and did not take it back
	living     bool // that very process lives
	held       bool // somebody holds the home: a house that starts, or a command without a house
	intents    intent.Intents
	upgrading  bool // an upgrade is under way, and looks after the house itself
	unreadable error
}

// judge says what to do, and why.
func judge(f facts) (verdict, string) {
	switch {
	case f.gone:
		return leave, "the home is gone"
	case f.unreadable != nil:
		return judgeBlind(f)
	case f.living && f.house.Watched:
		return attend, ""
	case f.living:
		return leave, "the house wants no watch"
	case f.held:
		return wait, "another process holds the home"
	case !f.known:
		return leave, "the house ended in order"
	case f.intents.Down != nil:
		return settle, fmt.Sprintf("`down` by %s at %s", f.intents.Down.By, f.intents.Down.Since.Format(time.RFC3339))
	case f.upgrading:
		return wait, "an upgrade is under way"
	case f.house.Stage == Ending:
		return leave, "the house was asked to end and died over it; what it left waits for the next `up`"
	case !f.house.Watched:
		return leave, "the house wanted no watch"
	case f.house.Stage == Failed:
		return again, "the house failed"
	}
	return again, "the house died"
}

// judgeBlind is for when it cannot be read what is wanted: then nothing is started.
func judgeBlind(f facts) (verdict, string) {
	if f.living && f.known && f.house.Watched {
		return attend, ""
	}
	return wait, fmt.Sprintf("nothing is started: %v", f.unreadable)
}

// see gathers the facts of a home.
func (w *Watch) see() facts {
	f := facts{gone: w.homeGone()}
	if f.gone {
		return f
	}
	f.house, f.known, f.unreadable = ReadHouse(w.home)
	if f.known && f.unreadable == nil {
		f.living = w.machine.lives(f.house.Identity)
	}
	if f.living {
		return f
	}
	f.held, f.upgrading = held(w.home), upgrading(w.home, time.Now())
	in, err := intent.Read(w.home)
	f.intents = in
	if err != nil && f.unreadable == nil {
		f.unreadable = err
	}
	return f
}

// upgradeWithin is how long an upgrade may take before it counts as hung.
const upgradeWithin = 10 * time.Minute

// upgrading tells whether a living upgrade looks after the house. One that was killed does not: it
// is taken back before the house is started again.
func upgrading(h home.Home, now time.Time) bool {
	r, err := swap.Read(h)
	return err == nil && r != nil && now.Sub(r.Since).Abs() < upgradeWithin && swap.Busy(h)
}

// held tells whether a process holds the home; what cannot be told counts as held.
func held(h home.Home) bool {
	holder, err := h.Holder()
	return err != nil || holder != nil
}
