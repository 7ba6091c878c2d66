// SPDX-License-Identifier: Apache-2.0

package holdfast

import (
	"context"
	"encoding/json"
	"time"
)

// A Step is one named part of an operation. Do and Undo may be called again after a crash: Undo
// tolerates half-done work, and Do does so when Repeatable.
type Step struct {
	Name    string
	Timeout time.Duration // 0 means the operation's default
	// Repeatable steps are done again when a crash interrupted them; others are undone.
	Repeatable bool
	// Do works; it reports with Progress(ctx, …). Undo may be nil when there is nothing to undo.
	Do   func(context.Context) error
	Undo func(context.Context) error
}

// An OperationState is where an operation stands:
//
//	running ──▶ done
//	   │
//	   └──▶ undoing ──▶ failed (a step failed) | cancelled | interrupted (a crash)
//
// stuck means that an undo itself failed and a person must look.
type OperationState string

// The states of an operation.
const (
	OperationRunning     OperationState = "running"
	OperationUndoing     OperationState = "undoing"
	OperationDone        OperationState = "done"
	OperationFailed      OperationState = "failed"
	OperationCancelled   OperationState = "cancelled"
	OperationInterrupted OperationState = "interrupted"
	OperationStuck       OperationState = "stuck"
)

// Ended tells whether nothing more will happen.
func (s OperationState) Ended() bool { return s != OperationRunning && s != OperationUndoing }

// An Operation is a journaled run of named steps.
type Operation struct {
	ID      string          `json:"id"`
	Kind    string          `json:"kind"`
	Subject string          `json:"subject"`
	Caller  string          `json:"caller"`
	State   OperationState  `json:"state"`
	Input   json.RawMessage `json:"input,omitempty"`
	Started time.Time       `json:"started"`
	Ended   time.Time       `json:"ended,omitzero"`
	// Failed names the step that failed.
	Failed string       `json:"failed,omitempty"`
	Error  string       `json:"error,omitempty"`
	Steps  []StepRecord `json:"steps"`
}

// A StepRecord is how far one step came. State is pending, begun, done, failed, undoing, undone.
type StepRecord struct {
	Name    string    `json:"name"`
	State   string    `json:"state"`
	Begun   time.Time `json:"begun,omitzero"`
	Ended   time.Time `json:"ended,omitzero"`
	Percent float64   `json:"percent,omitempty"`
	Message string    `json:"message,omitempty"`
	Error   string    `json:"error,omitempty"`
}

type progressKey struct{}

// WithProgress attaches the receiver of a step's progress.
func WithProgress(ctx context.Context, report func(percent float64, message string)) context.Context {
	return context.WithValue(ctx, progressKey{}, report)
}

// Progress reports how far the step under way is, from 0 to 100; it is silent outside a step.
func Progress(ctx context.Context, percent float64, message string) {
	if report, ok := ctx.Value(progressKey{}).(func(float64, string)); ok {
		report(percent, message)
	}
}
