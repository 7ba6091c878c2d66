// SPDX-License-Identifier: Apache-2.0

package operation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"holdfast"
	"holdfast/core/store"
)

var (
	errCancelled = errors.New("cancelled")
	errStopping  = errors.New("the house is stopping")
	errHung      = errors.New("it does not end although its time is over")
	// errLeft says that the operation is left as it is recorded, for the next start.
	errLeft = errors.New("left for the next start")
)

// run is one operation under way. Its goroutine alone moves the operation on; others read a
// snapshot, and ask.
type run struct {
	r     *Runner
	kind  Kind
	steps []holdfast.Step
	base  context.Context // never ends: records are written whatever happens
	house context.Context // the undos': ends with abandon
	ctx   context.Context // the steps': ends with Cancel too
	halt  context.CancelCauseFunc
	stop  context.CancelCauseFunc
	ended chan struct{}
	*board
}

// event is the detail of an operation's journal entries.
type event struct {
	Operation string   `json:"operation"`
	Step      string   `json:"step,omitempty"`
	Event     string   `json:"event,omitempty"`
	Then      string   `json:"then,omitempty"`
	Steps     []string `json:"steps,omitempty"`
	Error     string   `json:"error,omitempty"`
	took      time.Duration
}

func newRun(r *Runner, kind Kind, op saved, steps []holdfast.Step) *run {
	caller := holdfast.Caller{Tier: op.tier, Surface: "house"}
	class, name, _ := strings.Cut(op.Caller, ":")
	caller.Kind, caller.Name = holdfast.CallerKind(class), name
	base := holdfast.WithCaller(context.Background(), caller)
	house, halt := context.WithCancelCause(base)
	ctx, stop := context.WithCancelCause(house)
	return &run{
		r: r, kind: kind, steps: steps, base: base, house: house, ctx: ctx, halt: halt, stop: stop,
		ended: make(chan struct{}), board: &board{op: op, changed: make(chan struct{})},
	}
}

func (x *run) end() {
	x.halt(nil)
	close(x.ended)
	x.change(func(*saved) {})
}

// err is what Run answers after the end.
func (x *run) err() error {
	op := x.snapshot()
	switch {
	case op.State == holdfast.OperationDone:
		return nil
	case !op.State.Ended():
		return holdfast.Errorf(holdfast.CodeUnavailable, "operation %s goes on when the house starts again", op.ID)
	case op.Failed != "":
		return holdfast.Errorf(holdfast.CodeFailed, "%s %s %s at step %s: %s", op.Kind, op.ID, op.State, op.Failed, op.Error)
	}
	return holdfast.Errorf(holdfast.CodeFailed, "%s %s %s: %s", op.Kind, op.ID, op.State, op.Error)
}

// free refuses a second operation of an exclusive kind.
func (x *run) free(ctx context.Context, tx store.Tx) error {
	if !x.kind.Exclusive {
		return nil
	}
	id, started, err := unfinished(ctx, tx, x.op.node, x.op.Kind)
	if err != nil || id == "" {
		return err
	}
	return &holdfast.Refusal{
		Guard:  "busy",
		Reason: fmt.Sprintf("%s %s runs since %s", x.op.Kind, id, started.Format(time.RFC3339)),
		Remedy: "wait for it, or `holdfast operation cancel " + id + "`",
	}
}

func (x *run) askToCancel(ctx context.Context) (holdfast.Operation, error) {
	x.mu.Lock()
	state := x.op.State
	if state == holdfast.OperationRunning {
		x.op.ending = holdfast.OperationCancelled
	}
	x.mu.Unlock()
	if state != holdfast.OperationRunning {
		return x.snapshot(), holdfast.Errorf(holdfast.CodeConflict, "operation %s is %s: nothing to cancel", x.op.ID, state)
	}
	x.stop(errCancelled)
	// Recorded too, so that a crash before the undo does not resume it.
	err := x.r.store.Write(context.WithoutCancel(ctx), func(ctx context.Context, tx store.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE operations SET ending = ? WHERE id = ? AND state = ?",
			string(holdfast.OperationCancelled), x.op.ID, string(holdfast.OperationRunning))
		return err
	})
	return x.snapshot(), err
}

// abandon ends the step under way and leaves it begun.
func (x *run) abandon() {
	x.pause()
	x.halt(errStopping)
}

// life goes from where the records stand to the end, unless the house stops.
func (x *run) life() {
	if x.state() == holdfast.OperationRunning {
		x.forward()
	}
	if x.state() == holdfast.OperationUndoing {
		x.backward()
	}
}

func (x *run) forward() {
	for i := range x.steps {
		if x.step(i).State == stepDone {
			continue
		}
		if x.paused() {
			return
		}
		if errors.Is(context.Cause(x.ctx), errCancelled) {
			x.turn(-1, errCancelled)
			return
		}
		err := x.do(i)
		switch {
		case errors.Is(err, errLeft):
			return
		case errors.Is(err, errHung):
			x.finish(holdfast.OperationStuck, x.steps[i].Name, err)
			return
		case err != nil:
			x.turn(i, err)
			return
		}
	}
	x.finish(holdfast.OperationDone, "", nil)
}

// do runs one step. The journal hears of each change before the record has it, so that a crash
// between the two leaves nothing recorded that was not journaled.
func (x *run) do(i int) error {
	name, begun := x.steps[i].Name, x.r.now().UTC()
	if err := x.note(x.base, holdfast.OutcomeStarted, event{Step: name}); err != nil {
		return err
	}
	err := x.setStep(i, func(s *holdfast.StepRecord) {
		*s = holdfast.StepRecord{Name: s.Name, State: stepBegun, Begun: begun}
	})
	if err != nil {
		return fmt.Errorf("cannot record the step: %w", err)
	}
	if err := x.call(x.ctx, i, x.steps[i].Do); err != nil {
		return x.leftOr(err)
	}
	ended := x.r.now().UTC()
	if err := x.note(x.base, holdfast.OutcomeDone, event{Step: name, took: ended.Sub(begun)}); err != nil {
		return err
	}
	err = x.setStep(i, func(s *holdfast.StepRecord) { s.State, s.Ended, s.Percent = stepDone, ended, 100 })
	if err != nil {
		return fmt.Errorf("cannot record the step: %w", err)
	}
	return nil
}

// leftOr tells a step that the stopping house broke off from one that failed.
func (x *run) leftOr(err error) error {
	if x.house.Err() != nil && !errors.Is(err, errHung) {
		return errLeft
	}
	return err
}

// call runs a step's function within its time. One that outlives its time by the grace is hung:
// nothing may run beside it, so the operation is stuck.
func (x *run) call(parent context.Context, i int, fn func(context.Context) error) error {
	limit := x.steps[i].Timeout
	if limit <= 0 {
		limit = x.kind.Timeout
	}
	if limit <= 0 {
		limit = timeout
	}
	ctx, cancel := context.WithTimeoutCause(parent, limit, fmt.Errorf("it took longer than %s", limit))
	defer cancel()
	ctx = holdfast.WithProgress(ctx, func(percent float64, message string) { x.progress(i, percent, message) })
	result := make(chan error, 1)
	go x.guarded(ctx, fn, result)
	select {
	case err := <-result:
		return because(ctx, err)
	case <-ctx.Done():
	}
	patience := time.NewTimer(grace)
	defer patience.Stop()
	select {
	case err := <-result:
		return because(ctx, err)
	case <-patience.C:
		return errHung
	}
}

// because says why a step ended when its context did.
func because(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return context.Cause(ctx)
	}
	return err
}

// guarded answers for fn even when it panics or ends its goroutine.
func (x *run) guarded(ctx context.Context, fn func(context.Context) error, result chan<- error) {
	err := errors.New("it ended without an answer")
	defer func() {
		if p := recover(); p != nil {
			x.r.log.Error("a step panicked", slog.String("operation", x.op.ID), slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
			err = fmt.Errorf("it panicked: %v", p)
		}
		result <- err
	}()
	err = fn(ctx)
}

// turn begins the undo, because step i failed, or because of a cancel between steps (-1).
func (x *run) turn(i int, cause error) {
	ending, failed := holdfast.OperationFailed, ""
	if errors.Is(context.Cause(x.ctx), errCancelled) {
		ending, cause = holdfast.OperationCancelled, errCancelled
	}
	if i >= 0 {
		failed = x.steps[i].Name
		x.tryNote(holdfast.OutcomeFailed, event{Step: failed, Error: cause.Error()})
	}
	now := x.r.now().UTC()
	x.change(func(op *saved) {
		op.State, op.ending, op.Failed, op.Error = holdfast.OperationUndoing, ending, failed, cause.Error()
		if i >= 0 && op.Steps[i].State == stepBegun {
			op.Steps[i].State, op.Steps[i].Ended, op.Steps[i].Error = stepFailed, now, cause.Error()
		}
	})
	x.insistWrite(func(ctx context.Context, tx store.Tx) error {
		op := x.saved()
		if i >= 0 {
			if err := updateStep(ctx, tx, op.ID, i, op.Steps[i]); err != nil {
				return err
			}
		}
		return updateOperation(ctx, tx, op)
	})
}

func (x *run) backward() {
	for i, step := range slices.Backward(x.steps) {
		state := x.step(i).State
		if step.Undo == nil || state == stepPending || state == stepUndone {
			continue
		}
		if x.paused() {
			return
		}
		err := x.undo(i)
		if errors.Is(err, errLeft) {
			return
		}
		if err != nil {
			x.tryNote(holdfast.OutcomeFailed, event{Step: step.Name, Event: "undo", Error: err.Error()})
			x.finish(holdfast.OperationStuck, step.Name, fmt.Errorf("cannot undo: %w", err))
			return
		}
	}
	x.mu.Lock()
	ending := x.op.ending
	x.mu.Unlock()
	x.finish(ending, "", nil)
}

// undo is not cancelled by what cancelled the step, only by the end of the house.
func (x *run) undo(i int) error {
	name, begun := x.steps[i].Name, x.r.now()
	x.tryNote(holdfast.OutcomeStarted, event{Step: name, Event: "undo"})
	if !x.insistStep(i, func(s *holdfast.StepRecord) { s.State, s.Percent, s.Message = stepUndoing, 0, "" }) {
		return errLeft
	}
	if err := x.undoWithRoom(i); err != nil {
		return x.leftOr(err)
	}
	x.tryNote(holdfast.OutcomeDone, event{Step: name, Event: "undo", took: x.r.now().Sub(begun)})
	if !x.insistStep(i, func(s *holdfast.StepRecord) { s.State, s.Percent = stepUndone, 100 }) {
		return errLeft
	}
	return nil
}

// undoWithRoom waits for room on a full disk, which is a person's to make, rather than leave an
// operation stuck half undone.
func (x *run) undoWithRoom(i int) error {
	var failed error
	tried := x.insist(func() error {
		failed = x.call(x.house, i, x.steps[i].Undo)
		if store.Full(failed) {
			return failed
		}
		return nil
	})
	if !tried {
		return errLeft
	}
	return failed
}

// finish journals and records the end.
func (x *run) finish(state holdfast.OperationState, failed string, cause error) {
	op := x.saved()
	op.State, op.Ended = state, x.r.now().UTC()
	if cause != nil {
		op.Failed = failed
		op.Error = strings.TrimPrefix(op.Error+"; "+cause.Error(), "; ")
	}
	outcome := holdfast.OutcomeFailed
	if state == holdfast.OperationDone {
		outcome = holdfast.OutcomeDone
	}
	end := event{Event: string(state), Step: op.Failed, Error: op.Error, took: op.Ended.Sub(op.Started)}
	if !x.insist(func() error { return x.note(x.base, outcome, end) }) {
		return
	}
	if !x.insistWrite(func(ctx context.Context, tx store.Tx) error { return updateOperation(ctx, tx, op) }) {
		return
	}
	x.change(func(o *saved) { o.State, o.Ended, o.Failed, o.Error = op.State, op.Ended, op.Failed, op.Error })
}

// setStep records a step, and shows it when it is recorded.
func (x *run) setStep(i int, edit func(*holdfast.StepRecord)) error {
	s := x.step(i)
	edit(&s)
	err := x.r.store.Write(x.base, func(ctx context.Context, tx store.Tx) error {
		return updateStep(ctx, tx, x.op.ID, i, s)
	})
	if err == nil {
		x.change(func(op *saved) { op.Steps[i] = s })
	}
	return err
}

func (x *run) insistStep(i int, edit func(*holdfast.StepRecord)) bool {
	s := x.step(i)
	edit(&s)
	if !x.insistWrite(func(ctx context.Context, tx store.Tx) error { return updateStep(ctx, tx, x.op.ID, i, s) }) {
		return false
	}
	x.change(func(op *saved) { op.Steps[i] = s })
	return true
}

func (x *run) insistWrite(fn func(context.Context, store.Tx) error) bool {
	return x.insist(func() error { return x.r.store.Write(x.base, fn) })
}

// insist records, again and again when the store fails (a full disk), for undoing without a record
// of it could be resumed after a crash as if nothing had been undone. It gives up only when the
// house stops; the records then tell the truth of before.
func (x *run) insist(record func() error) bool {
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 10*time.Second) {
		err := record()
		if err == nil {
			return true
		}
		x.r.log.Error("cannot go on with an operation, trying again", slog.String("operation", x.op.ID), slog.Any("error", err))
		again := time.NewTimer(wait)
		select {
		case <-again.C:
		case <-x.house.Done():
		}
		again.Stop()
		if x.paused() {
			return false
		}
	}
}

func (x *run) note(ctx context.Context, outcome holdfast.Outcome, e event) error {
	e.Operation = x.op.ID
	detail, err := json.Marshal(e)
	if err != nil {
		return err
	}
	_, err = x.r.journal.Append(ctx, holdfast.Entry{
		Caller:   x.op.Caller,
		Tier:     x.op.tier,
		Action:   "operation." + x.op.Kind,
		Subject:  x.op.Subject,
		Outcome:  outcome,
		Duration: e.took,
		Detail:   detail,
	})
	return err
}

// tryNote journals what must go on even when it cannot be journaled.
func (x *run) tryNote(outcome holdfast.Outcome, e event) {
	if err := x.note(x.base, outcome, e); err != nil {
		x.r.log.Error("cannot journal an operation", slog.String("operation", x.op.ID), slog.Any("error", err))
	}
}
