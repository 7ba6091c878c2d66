// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"slices"

	"holdfast"
)

// nexts is the state machine of a unit, kind by kind the same: a process now, a container or a
// command set later.
//
//	            ┌─────────────── unit.start ───────────────┐
//	            ▼                                           │
//	stopped ─▶ starting ──▶ running (no readiness check) ─┐ │
//	  ▲ ▲       │ │ ▲ └───▶ ready ◀──▶ unhealthy ─────────┤ │
//	  │ │       │ │ │                                     ▼ │
//	  │ │       │ │ └──── backing-off ◀───────────── (it ended) ──▶ failed
//	  │ │       │ ▼                                       │
//	  │ │       │ blocked (port, secret, need: looked at again)
//	  │ │       ▼                                         ▼
//	  │ └──── stopping ◀───────────────────────── (order, or condemned)
//	  │         │
//	  └ held ◀──┘   held is left by unit.start alone
//
// Every state but stopping and failed may also turn to stopped, held or blocked at once, when no
// process is there to be ended.
func nexts(from holdfast.UnitState) []holdfast.UnitState {
	const (
		stopped, starting, ready     = holdfast.UnitStopped, holdfast.UnitStarting, holdfast.UnitReady
		running, unhealthy           = holdfast.UnitRunning, holdfast.UnitUnhealthy
		backingOff, failed, stopping = holdfast.UnitBackingOff, holdfast.UnitFailed, holdfast.UnitStopping
		held, blocked                = holdfast.UnitHeld, holdfast.UnitBlocked
	)
	switch from {
	case stopped:
		return []holdfast.UnitState{starting, held, blocked}
	case held:
		return []holdfast.UnitState{starting, stopped, blocked}
	case blocked:
		return []holdfast.UnitState{starting, stopped, held}
	case starting:
		return []holdfast.UnitState{ready, running, stopping, backingOff, failed, stopped, held, blocked}
	case ready, running:
		return []holdfast.UnitState{unhealthy, stopping, starting, backingOff, failed, stopped}
	case unhealthy:
		return []holdfast.UnitState{ready, running, stopping, starting, backingOff, failed, stopped}
	case backingOff:
		return []holdfast.UnitState{starting, stopped, held, blocked}
	case failed:
		return []holdfast.UnitState{starting, stopped, held, blocked}
	case stopping:
		return []holdfast.UnitState{stopped, held, blocked, starting, backingOff, failed}
	}
	return nil
}

// may tells whether the machine has an edge between two states.
func may(from, to holdfast.UnitState) bool { return slices.Contains(nexts(from), to) }
