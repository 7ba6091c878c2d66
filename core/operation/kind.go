// SPDX-License-Identifier: Apache-2.0

// Package operation runs journaled operations: named steps with timeouts, undo, progress and
// cancel, found and finished after a crash at any point.
//
// It is not for single acts (core/action) nor for what the steps do. Capabilities declare Kinds
// and call Runner.Run; app calls Runner.Recover when the capabilities have started, before any
// of them runs.
package operation

import (
	"context"
	"encoding/json"
	"time"

	"holdfast"
)

// A Kind is one kind of operation: how its steps are built, at first and again after a crash,
// from the stored input alone. A Secret in the input is stored as its mask: steps read secrets
// by name.
type Kind struct {
	Name    string
	Summary string
	Steps   func(ctx context.Context, input json.RawMessage) ([]holdfast.Step, error)
	// Subject gives what the operation acts on, for the journal.
	Subject func(input json.RawMessage) string
	// Exclusive kinds run one at a time; a second Run is refused by guard busy.
	Exclusive bool
	// Timeout is that of each step that names none; 0 means an hour.
	Timeout time.Duration
}

const (
	timeout = time.Hour
	// grace is how long a step may go on after its context ended, before it counts as hung.
	grace = time.Minute
)

// The states of a step:
//
//	pending ──▶ begun ──▶ done ────┐
//	              │                ├─▶ undoing ──▶ undone
//	              └────▶ failed ───┘
//
// A step found begun after a crash is the next step: done again when it is Repeatable, undone
// otherwise. A step without Undo keeps its state when the operation is undone.
const (
	stepPending = "pending"
	stepBegun   = "begun"
	stepDone    = "done"
	stepFailed  = "failed"
	stepUndoing = "undoing"
	stepUndone  = "undone"
)
