// SPDX-License-Identifier: Apache-2.0

// Package operation runs journaled operations: named steps with timeouts, undo, progress and
// cancel, found and finished after a crash at any point.
//
// It is not for single acts (core/action) nor for what the steps do. Capabilities declare Kinds
// and call Runner.Run; app calls Runner.Recover at start, before any capability runs.
package operation

import (
	"context"
	"encoding/json"

	"holdfast"
)

// A Kind is one kind of operation: how its steps are built, at first and again after a crash,
// from the stored input alone.
type Kind struct {
	Name    string
	Summary string
	Steps   func(ctx context.Context, input json.RawMessage) ([]holdfast.Step, error)
	// Subject gives what the operation acts on, for the journal.
	Subject func(input json.RawMessage) string
	// Exclusive kinds run one at a time; a second Run is refused by guard busy.
	Exclusive bool
}
