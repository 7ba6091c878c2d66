// SPDX-License-Identifier: Apache-2.0

package operation

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"holdfast"
	"holdfast/core/store"
)

// Recover finds what a crash left unfinished, journals how each goes on (interrupted), and lets
// it: resumed when the step that was begun is Repeatable or none was, undone otherwise. It
// returns when all are under way; Wait waits for their ends. What cannot be rebuilt is stuck.
func (r *Runner) Recover(ctx context.Context) error {
	dialect := ""
	if named, ok := r.store.(interface{ Dialect() string }); ok {
		dialect = named.Dialect()
	}
	ours, node := store.OfNode(dialect, r.node())
	found, err := r.find(ctx, " WHERE state IN (?, ?) AND "+ours+" ORDER BY started_ns, id",
		append([]any{string(holdfast.OperationRunning), string(holdfast.OperationUndoing)}, node...)...)
	if err != nil {
		return err
	}
	var errs []error
	for _, op := range found {
		if _, live := r.running(op.ID); live {
			continue
		}
		if err := r.resume(ctx, op); err != nil {
			errs = append(errs, fmt.Errorf("cannot recover operation %s: %w", op.ID, err))
		}
	}
	return errors.Join(errs...)
}

func (r *Runner) resume(ctx context.Context, op saved) error {
	kind, steps, err := r.rebuild(ctx, op)
	x := newRun(r, kind, op, steps)
	if err != nil {
		return x.strand(ctx, err)
	}
	then, at := verdict(op, steps)
	e := event{Event: "interrupted", Then: then}
	if at >= 0 {
		e.Step = steps[at].Name
	}
	if err := x.note(ctx, holdfast.OutcomeNoted, e); err != nil {
		return err
	}
	if then == thenUndone && op.State == holdfast.OperationRunning {
		if err := x.turnBack(ctx, at); err != nil {
			return err
		}
	}
	if err := r.claim(x); err != nil {
		return err
	}
	r.start(x)
	return nil
}

const (
	thenResumed = "resumed"
	thenUndone  = "undone"
)

// verdict says how an unfinished operation goes on, and at which step (-1: between steps).
func verdict(op saved, steps []holdfast.Step) (then string, at int) {
	at = slices.IndexFunc(op.Steps, func(s holdfast.StepRecord) bool {
		return s.State == stepBegun || s.State == stepUndoing
	})
	switch {
	case op.State == holdfast.OperationUndoing, op.ending == holdfast.OperationCancelled:
		return thenUndone, at
	case at >= 0 && !steps[at].Repeatable:
		return thenUndone, at
	}
	return thenResumed, at
}

// turnBack records that an interrupted operation is undone from here on.
func (x *run) turnBack(ctx context.Context, at int) error {
	op := x.saved()
	op.State = holdfast.OperationUndoing
	op.Error = "interrupted by a crash"
	if op.ending == "" {
		op.ending = holdfast.OperationInterrupted
	}
	if at >= 0 {
		op.Failed = op.Steps[at].Name
	}
	err := x.r.store.Write(ctx, func(ctx context.Context, tx store.Tx) error { return updateOperation(ctx, tx, op) })
	if err == nil {
		x.change(func(o *saved) { *o = op })
	}
	return err
}

// rebuild builds the steps again and checks that they are those that were recorded.
func (r *Runner) rebuild(ctx context.Context, op saved) (Kind, []holdfast.Step, error) {
	kind, err := r.kind(op.Kind)
	if err != nil {
		return Kind{}, nil, err
	}
	steps, err := kind.Steps(ctx, op.Input)
	if err != nil {
		return kind, nil, fmt.Errorf("its steps cannot be built again: %w", err)
	}
	if err := wellFormed(steps); err != nil {
		return kind, nil, err
	}
	same := slices.EqualFunc(steps, op.Steps, func(s holdfast.Step, was holdfast.StepRecord) bool { return s.Name == was.Name })
	if !same {
		return kind, nil, fmt.Errorf("its steps are now %v: another program began it", names(steps))
	}
	return kind, steps, nil
}

// strand ends an operation that nobody here can finish, so that a person looks.
func (x *run) strand(ctx context.Context, cause error) error {
	op := x.saved()
	op.State, op.Ended = holdfast.OperationStuck, x.r.now().UTC()
	op.Error = "interrupted by a crash: " + cause.Error()
	if err := x.note(ctx, holdfast.OutcomeFailed, event{Event: string(op.State), Error: op.Error}); err != nil {
		return err
	}
	return x.r.store.Write(ctx, func(ctx context.Context, tx store.Tx) error { return updateOperation(ctx, tx, op) })
}
