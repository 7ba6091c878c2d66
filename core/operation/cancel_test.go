// SPDX-License-Identifier: Apache-2.0

package operation_test

import (
	"context"
	"errors"
	"testing"

	"holdfast"
	"holdfast/core/journal"
	"holdfast/core/operation"
	"holdfast/core/store"
	"holdfast/core/store/storetest"
)

// held is a step that says when it begins and ends, successfully, only when let go: whatever
// becomes of its context.
func (l *trail) held(name string) (step holdfast.Step, begun <-chan struct{}, letGo func()) {
	began, gate := make(chan struct{}), make(chan struct{})
	step = l.step(name, func(context.Context) error {
		close(began)
		<-gate
		return nil
	})
	return step, began, func() { close(gate) }
}

func begin(t *testing.T, r *operation.Runner, kind string, begun <-chan struct{}) holdfast.Operation {
	t.Helper()
	op, err := r.Begin(t.Context(), operator, kind, nil)
	if err != nil {
		t.Fatal(err)
	}
	<-begun
	return op
}

func ended(t *testing.T, r *operation.Runner, id string) holdfast.Operation {
	t.Helper()
	if err := r.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	op, err := r.Show(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return op
}

func TestACancelledOperationBeginsNoFurtherStep(t *testing.T) {
	storetest.Each(t, tables(), func(t *testing.T, s *store.Store) {
		l := &trail{}
		deaf, begun, letGo := l.held("deaf")
		r, j := newRunner(t, s, kind("move", l.step("one", nil), deaf, l.step("three", nil)))
		op := begin(t, r, "move", begun)
		gone, cancel := context.WithCancel(t.Context())
		cancel() // who asked has hung up; the cancel counts all the same
		if now, err := r.Cancel(gone, op.ID); err != nil || now.State != holdfast.OperationRunning {
			t.Errorf("cancel: %s, %v", now.State, err)
		}
		letGo()
		op = ended(t, r, op.ID)
		if op.State != holdfast.OperationCancelled || op.Failed != "" || op.Error != "cancelled" {
			t.Errorf("%s at %q: %q", op.State, op.Failed, op.Error)
		}
		if l.String() != "+one +deaf -deaf -one" || states(op) != "one:undone deaf:undone three:pending" {
			t.Errorf("%s (%s)", l, states(op))
		}
		want := "started one.started one.done deaf.started deaf.done " +
			"undo.deaf.started undo.deaf.done undo.one.started undo.one.done cancelled..failed"
		if got := journaled(t, j); got != want {
			t.Errorf("journal:\n got %s\nwant %s", got, want)
		}
	})
}

func TestACancelDuringTheLastStepMayComeTooLate(t *testing.T) {
	s := storetest.SQLite(t, tables())
	l := &trail{}
	last, begun, letGo := l.held("last")
	r, _ := newRunner(t, s, kind("move", l.step("one", nil), last))
	op := begin(t, r, "move", begun)
	if _, err := r.Cancel(t.Context(), op.ID); err != nil {
		t.Fatal(err)
	}
	letGo()
	if op = ended(t, r, op.ID); op.State != holdfast.OperationDone || l.String() != "+one +last" {
		t.Errorf("%s: %s", op.State, l)
	}
}

// TestACancelSurvivesACrash dies after the cancel was acknowledged and before anything was undone.
// Without the cancel the step is repeatable, so that the next start would resume it.
func TestACancelSurvivesACrash(t *testing.T) {
	storetest.Each(t, tables(), func(t *testing.T, s *store.Store) {
		for _, cancelled := range []bool{false, true} {
			l := &trail{}
			name, want := "resumed", "+one +two +two +three"
			if cancelled {
				name, want = "cancelled", "+one +two -two -one"
			}
			held, begun, letGo := l.held("two")
			held.Repeatable = true
			f := &fate{left: -1}
			r := operation.NewRunner(mortalStore{s, f}, mortalJournal{journal.New(s, "here"), f}, nil)
			if err := r.Register(kind(name, l.step("one", nil), held, l.step("three", nil))); err != nil {
				t.Fatal(err)
			}
			op := begin(t, r, name, begun)
			if cancelled {
				if _, err := r.Cancel(t.Context(), op.ID); err != nil {
					t.Fatal(err)
				}
			}
			f.kill()
			letGo()
			if err := r.Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			again := l.step("two", nil)
			again.Repeatable = true
			next, _ := newRunner(t, s, kind(name, l.step("one", nil), again, l.step("three", nil)))
			if err := next.Recover(t.Context()); err != nil {
				t.Fatal(err)
			}
			op = ended(t, next, op.ID)
			if wanted := op.State == holdfast.OperationCancelled; wanted != cancelled || l.String() != want {
				t.Errorf("%s: %s, %s", name, op.State, l)
			}
		}
	})
}

func TestWhatCannotBeCancelledSaysSo(t *testing.T) {
	s := storetest.SQLite(t, tables())
	l := &trail{}
	undoing, gate := make(chan struct{}), make(chan struct{})
	back := l.step("one", nil)
	back.Undo = func(context.Context) error { close(undoing); <-gate; return nil }
	r, _ := newRunner(t, s, kind("fails", back, l.step("two", func(context.Context) error { return errors.New("no") })))
	op := begin(t, r, "fails", undoing)
	refused := func(id string, code holdfast.Code) {
		_, err := r.Cancel(t.Context(), id)
		if told, ok := errors.AsType[*holdfast.Error](err); !ok || told.Code != code {
			t.Errorf("cancel of %s: %v", id, err)
		}
	}
	refused(op.ID, holdfast.CodeConflict)
	close(gate)
	if op = ended(t, r, op.ID); op.State != holdfast.OperationFailed {
		t.Errorf("ended as %s", op.State)
	}
	refused(op.ID, holdfast.CodeConflict)
	refused("nobody", holdfast.CodeNotFound)
}
