// SPDX-License-Identifier: Apache-2.0

package operation_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"holdfast"
	"holdfast/core/journal"
	"holdfast/core/operation"
	"holdfast/core/store"
	"holdfast/core/store/storetest"
)

var operator = holdfast.Caller{Kind: holdfast.CallerOperator, Name: "ada", Tier: holdfast.TierOperator}

func tables() []store.Migration {
	return []store.Migration{
		{Package: "journal", FS: journal.Migrations()},
		{Package: "operation", FS: operation.Migrations()},
	}
}

// trail collects what steps did, in order.
type trail struct {
	mu   sync.Mutex
	acts []string
}

func (l *trail) add(act string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.acts = append(l.acts, act)
}

func (l *trail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.acts, " ")
}

func (l *trail) step(name string, do func(context.Context) error) holdfast.Step {
	return holdfast.Step{
		Name: name,
		Do: func(ctx context.Context) error {
			l.add("+" + name)
			if do == nil {
				return nil
			}
			return do(ctx)
		},
		Undo: func(context.Context) error {
			l.add("-" + name)
			return nil
		},
	}
}

func kind(name string, steps ...holdfast.Step) operation.Kind {
	return operation.Kind{
		Name:  name,
		Steps: func(context.Context, json.RawMessage) ([]holdfast.Step, error) { return steps, nil },
	}
}

func newRunner(t *testing.T, s *store.Store, kinds ...operation.Kind) (*operation.Runner, *journal.Journal) {
	t.Helper()
	j := journal.New(s, "here")
	r := operation.NewRunner(s, j, nil)
	if err := r.Register(kinds...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return r, j
}

func states(op holdfast.Operation) string {
	var out []string
	for _, s := range op.Steps {
		out = append(out, s.Name+":"+s.State)
	}
	return strings.Join(out, " ")
}

func journaled(t *testing.T, j *journal.Journal) string {
	t.Helper()
	entries, err := j.Show(t.Context(), journal.Query{Action: "operation"})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		var detail struct{ Step, Event string }
		if err := json.Unmarshal(e.Detail, &detail); err != nil {
			t.Fatal(err)
		}
		out = append(out, strings.Trim(fmt.Sprintf("%s.%s.%s", detail.Event, detail.Step, e.Outcome), "."))
	}
	return strings.Join(out, " ")
}

func TestEveryStepIsDoneInOrderAndJournaled(t *testing.T) {
	storetest.Each(t, tables(), func(t *testing.T, s *store.Store) {
		l := &trail{}
		r, j := newRunner(t, s, kind("deploy", l.step("fetch", nil), l.step("switch", nil)))
		op, err := r.Run(t.Context(), operator, "deploy", map[string]any{"app": "notes"})
		if err != nil {
			t.Fatal(err)
		}
		if op.State != holdfast.OperationDone || l.String() != "+fetch +switch" || states(op) != "fetch:done switch:done" {
			t.Errorf("%s: %s (%s)", op.State, l, states(op))
		}
		want := "started fetch.started fetch.done switch.started switch.done done.done"
		want = strings.Replace(want, "done.done", "done..done", 1)
		if got := journaled(t, j); got != want {
			t.Errorf("journal:\n got %s\nwant %s", got, want)
		}
		shown, err := r.Show(t.Context(), op.ID)
		if err != nil || shown.Caller != "operator:ada" || string(shown.Input) != `{"app":"notes"}` || shown.Ended.IsZero() {
			t.Errorf("shown: %+v, %v", shown, err)
		}
	})
}

func TestAFailedStepStopsTheRestAndUndoesInReverse(t *testing.T) {
	storetest.Each(t, tables(), func(t *testing.T, s *store.Store) {
		l := &trail{}
		r, j := newRunner(t, s, kind("deploy",
			l.step("fetch", nil),
			l.step("build", nil),
			l.step("switch", func(context.Context) error { return errors.New("disk is full") }),
			l.step("verify", nil)))
		op, err := r.Run(t.Context(), operator, "deploy", nil)
		if err == nil || !strings.Contains(err.Error(), "failed at step switch: disk is full") {
			t.Errorf("error = %v", err)
		}
		if op.State != holdfast.OperationFailed || op.Failed != "switch" || l.String() != "+fetch +build +switch -switch -build -fetch" {
			t.Errorf("%s at %s: %s", op.State, op.Failed, l)
		}
		if got := states(op); got != "fetch:undone build:undone switch:undone verify:pending" {
			t.Error(got)
		}
		if got := journaled(t, j); !strings.HasSuffix(got, "switch.started switch.failed undo.switch.started undo.switch.done undo.build.started undo.build.done undo.fetch.started undo.fetch.done failed.switch.failed") {
			t.Error(got)
		}
	})
}

func TestPanicsTimeoutsAndFailedUndos(t *testing.T) {
	s := storetest.SQLite(t, tables())
	l := &trail{}
	slow := l.step("slow", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
	slow.Timeout = time.Millisecond
	broken := l.step("broken", nil)
	broken.Undo = func(context.Context) error { return errors.New("no way back") }
	r, _ := newRunner(t, s,
		kind("panics", l.step("one", nil), l.step("two", func(context.Context) error { panic("oh") })),
		kind("slow", slow),
		kind("stuck", l.step("first", nil), broken, l.step("last", func(context.Context) error { return errors.New("no") })))
	for _, c := range []struct {
		kind  string
		state holdfast.OperationState
		text  string
	}{
		{"panics", holdfast.OperationFailed, "it panicked: oh"},
		{"slow", holdfast.OperationFailed, "it took longer than 1ms"},
		{"stuck", holdfast.OperationStuck, "cannot undo: no way back"},
	} {
		op, err := r.Run(t.Context(), operator, c.kind, nil)
		if err == nil || op.State != c.state || !strings.Contains(op.Error, c.text) {
			t.Errorf("%s: %s, %q, %v", c.kind, op.State, op.Error, err)
		}
	}
	stuck, err := r.List(t.Context(), operation.Query{State: holdfast.OperationStuck})
	if err != nil || len(stuck) != 1 || states(stuck[0]) != "first:done broken:undoing last:undone" {
		t.Errorf("stuck: %+v, %v", stuck, err)
	}
}

func TestCancelEndsTheStepAndUndoes(t *testing.T) {
	storetest.Each(t, tables(), func(t *testing.T, s *store.Store) {
		l := &trail{}
		begun := make(chan struct{})
		r, _ := newRunner(t, s, kind("long", l.step("one", nil), l.step("two", func(ctx context.Context) error {
			holdfast.Progress(ctx, 40, "two fifths")
			close(begun)
			<-ctx.Done()
			return errors.New("killed by a signal")
		})))
		op, err := r.Begin(t.Context(), operator, "long", nil)
		if err != nil {
			t.Fatal(err)
		}
		<-begun
		if now, _ := r.Show(t.Context(), op.ID); now.Steps[1].Percent != 40 || now.Steps[1].Message != "two fifths" {
			t.Errorf("progress: %+v", now.Steps[1])
		}
		if _, err := r.Cancel(t.Context(), op.ID); err != nil {
			t.Fatal(err)
		}
		var last holdfast.Operation
		for seen, err := range r.Follow(t.Context(), op.ID) {
			if err != nil {
				t.Fatal(err)
			}
			last = seen
		}
		if last.State != holdfast.OperationCancelled || l.String() != "+one +two -two -one" {
			t.Errorf("%s: %s", last.State, l)
		}
		if _, err := r.Cancel(t.Context(), op.ID); err == nil {
			t.Error("an operation that ended can be cancelled")
		}
	})
}

func TestAnExclusiveKindRefusesASecond(t *testing.T) {
	storetest.Each(t, tables(), func(t *testing.T, s *store.Store) {
		gate := make(chan struct{})
		l := &trail{}
		only := kind("backup", l.step("copy", func(context.Context) error { <-gate; return nil }))
		only.Exclusive = true
		r, _ := newRunner(t, s, only)
		first, err := r.Begin(t.Context(), operator, "backup", nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = r.Begin(t.Context(), operator, "backup", nil)
		refusal, ok := errors.AsType[*holdfast.Refusal](err)
		if !ok || refusal.Guard != "busy" || !strings.Contains(refusal.Remedy, first.ID) {
			t.Errorf("second: %v", err)
		}
		close(gate)
		if err := r.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Run(t.Context(), operator, "backup", nil); err != nil {
			t.Errorf("after the first: %v", err)
		}
	})
}

func TestStopLeavesTheRestForTheNextStart(t *testing.T) {
	storetest.Each(t, tables(), func(t *testing.T, s *store.Store) {
		l := &trail{}
		begun, gate := make(chan struct{}, 1), make(chan struct{})
		steps := kind("move", l.step("one", func(context.Context) error {
			select {
			case begun <- struct{}{}:
			default:
			}
			<-gate
			return nil
		}), l.step("two", nil))
		r, _ := newRunner(t, s, steps)
		op, err := r.Begin(t.Context(), operator, "move", nil)
		if err != nil {
			t.Fatal(err)
		}
		<-begun
		stopped := make(chan error)
		go func() { stopped <- r.Stop(t.Context()) }()
		for {
			if _, err := r.Begin(t.Context(), operator, "move", nil); err != nil {
				break // it is stopping
			}
		}
		close(gate)
		if err := <-stopped; err != nil {
			t.Fatal(err)
		}
		if now, _ := r.Show(t.Context(), op.ID); now.State != holdfast.OperationRunning || states(now) != "one:done two:pending" {
			t.Errorf("after stop: %s %s", now.State, states(now))
		}
		again, _ := newRunner(t, s, steps)
		if err := again.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := again.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		if now, _ := again.Show(t.Context(), op.ID); now.State != holdfast.OperationDone {
			t.Errorf("after recovery: %s %s", now.State, states(now))
		}
	})
}

func TestWhatCannotBeRebuiltIsStuckAndShown(t *testing.T) {
	s := storetest.SQLite(t, tables())
	l := &trail{}
	begun := make(chan struct{}, 2)
	wait := func(ctx context.Context) error { begun <- struct{}{}; <-ctx.Done(); return ctx.Err() }
	r, _ := newRunner(t, s, kind("gone", l.step("one", wait)), kind("other", l.step("one", wait)))
	for _, name := range []string{"gone", "other"} {
		if _, err := r.Begin(t.Context(), operator, name, nil); err != nil {
			t.Fatal(err)
		}
		<-begun
	}
	now, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Stop(now); err != nil {
		t.Fatal(err)
	}
	again, j := newRunner(t, s, kind("other", l.step("renamed", nil)))
	if err := again.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	found, err := again.List(t.Context(), operation.Query{State: holdfast.OperationStuck})
	if err != nil || len(found) != 2 {
		t.Fatalf("stuck: %+v, %v", found, err)
	}
	if !strings.Contains(found[0].Error+found[1].Error, `no operation of kind "gone"`) {
		t.Errorf("errors: %q, %q", found[0].Error, found[1].Error)
	}
	if got := journaled(t, j); !strings.HasSuffix(got, "stuck..failed stuck..failed") {
		t.Error(got)
	}
}

func TestKindsAndStepsAreChecked(t *testing.T) {
	s := storetest.SQLite(t, tables())
	l := &trail{}
	r, _ := newRunner(t, s, kind("twice", l.step("one", nil), l.step("one", nil)))
	if err := r.Register(kind("twice")); err == nil {
		t.Error("two kinds of one name")
	}
	if _, err := r.Run(t.Context(), operator, "twice", nil); err == nil {
		t.Error("two steps of one name")
	}
	if _, err := r.Run(t.Context(), operator, "nothing", nil); err == nil {
		t.Error("an unknown kind")
	}
	if found, _ := r.List(t.Context(), operation.Query{}); len(found) != 0 {
		t.Errorf("recorded: %v", found)
	}
	if got := l.String(); got != "" {
		t.Errorf("done: %s", got)
	}
	names := []string{}
	for _, a := range r.Actions() {
		names = append(names, a.Name)
	}
	if !slices.Equal(names, []string{"operation.list", "operation.show", "operation.cancel"}) {
		t.Error(names)
	}
}

// losing is a store whose next answers get lost after the commit, as when a connection is cut.
type losing struct {
	*store.Store
	answers int
}

func (l *losing) Write(ctx context.Context, fn func(context.Context, store.Tx) error) error {
	err := l.Store.Write(ctx, fn)
	if l.answers++; l.answers == 1 && err == nil {
		return errors.New("the answer was lost")
	}
	return err
}

func TestWhatWasRefusedDoesNotBeginAtTheNextStart(t *testing.T) {
	storetest.Each(t, tables(), func(t *testing.T, s *store.Store) {
		var did trail
		j := journal.New(s, "n1")
		begin := func(on operation.Store) *operation.Runner {
			r := operation.NewRunner(on, j, nil)
			if err := r.Register(kind("move", did.step("a", nil))); err != nil {
				t.Fatal(err)
			}
			return r
		}
		if _, err := begin(&losing{Store: s}).Run(t.Context(), operator, "move", nil); err == nil {
			t.Fatal("began without a record")
		}
		next := begin(s)
		if err := errors.Join(next.Recover(t.Context()), next.Wait(t.Context())); err != nil {
			t.Fatal(err)
		}
		if did.String() != "" {
			t.Errorf("the next start did %s", did.String())
		}
	})
}

func TestAnUndoWaitsForRoomOnTheDisk(t *testing.T) {
	s := storetest.SQLite(t, tables())
	var did trail
	step, tries := did.step("a", nil), 0
	step.Undo = func(context.Context) error {
		if tries++; tries == 1 {
			return fmt.Errorf("cannot write: %w", syscall.ENOSPC)
		}
		return nil
	}
	r, _ := newRunner(t, s, kind("move", step, did.step("b", func(context.Context) error { return errors.New("no") })))
	op, err := r.Run(t.Context(), operator, "move", nil)
	if err == nil || op.State != holdfast.OperationFailed || tries != 2 {
		t.Errorf("%s after %d tries: %v", op.State, tries, err)
	}
}
