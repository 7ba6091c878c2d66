// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"sync"
	"time"

	"holdfast"
)

const (
	// gather is how long changes are gathered before the files are written again.
	gather = 20 * time.Millisecond
	// gatherEach is what each unit adds to the least time between two writings, up to gatherMost.
	gatherEach = 2 * time.Millisecond
	gatherMost = time.Second
)

// A Change is one change of a unit's state.
type Change struct {
	From    holdfast.UnitState
	At      time.Time
	Status  holdfast.UnitStatus
	Adopted bool
}

// A herald tells what becomes of the units to the journal, to the files that other programs read,
// and to those who listen. It does so behind the units' backs: a slow disk never delays a restart.
type herald struct {
	scribe   *scribe
	board    *board
	audience *audience
	closed   chan struct{}
	running  sync.WaitGroup
}

func newHerald(s *scribe, b *board) *herald {
	return &herald{scribe: s, board: b, audience: newAudience(), closed: make(chan struct{})}
}

func (h *herald) start() {
	h.running.Go(func() { h.scribe.keep(h.closed) })
	h.running.Go(func() { h.board.keep(h.closed) })
}

// close writes what is left and ends.
func (h *herald) close() {
	close(h.closed)
	h.running.Wait()
	h.audience.end()
}

// note takes a change. The unit's lock is held, so all that hear of it do no more than remember.
func (h *herald) note(change Change, launch string) {
	h.board.touchUnit(change.Status.Name)
	h.audience.tell(change)
	if change.From != change.Status.State { // else only the detail is new
		h.scribe.note(change, launch)
	}
}

func poke(to chan struct{}) {
	select {
	case to <- struct{}{}:
	default:
	}
}
