// SPDX-License-Identifier: Apache-2.0

package operation_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"holdfast"
	"holdfast/core/journal"
	"holdfast/core/operation"
	"holdfast/core/store"
	"holdfast/core/store/storetest"
)

func TestAStepThatHangsIsStuckAndNothingRunsBesideIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := storetest.SQLite(t, tables())
		l := &trail{}
		gate := make(chan struct{})
		hung := l.step("hung", func(context.Context) error { <-gate; return nil })
		hung.Timeout = time.Second
		r, _ := newRunner(t, s, kind("hangs", l.step("one", nil), hung))
		begun := time.Now()
		op, err := r.Run(t.Context(), operator, "hangs", nil)
		if err == nil || op.State != holdfast.OperationStuck || op.Failed != "hung" || l.String() != "+one +hung" {
			t.Errorf("%s at %s, %s, %v", op.State, op.Failed, l, err)
		}
		if took := time.Since(begun); took < time.Minute || took > 2*time.Minute {
			t.Errorf("took %s", took)
		}
		close(gate)
	})
}

func TestFollowersHearOfTheEndAndNotOfEachProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := storetest.SQLite(t, tables())
		l := &trail{}
		r, _ := newRunner(t, s, kind("chatty", l.step("one", func(ctx context.Context) error {
			for i := range 1000 {
				holdfast.Progress(ctx, float64(i)/10, "going on")
				<-time.After(time.Millisecond)
			}
			return nil
		})))
		op, err := r.Begin(t.Context(), operator, "chatty", nil)
		if err != nil {
			t.Fatal(err)
		}
		var last holdfast.Operation
		heard := 0
		for last, err = range r.Follow(t.Context(), op.ID) {
			if err != nil {
				t.Fatal(err)
			}
			heard++
		}
		if last.State != holdfast.OperationDone || heard < 5 || heard > 25 {
			t.Errorf("heard %d times, the last %s", heard, last.State)
		}
	})
}

// weak is a store whose writes fail for a while.
type weak struct {
	*store.Store
	fails func() bool
}

func (w weak) Write(ctx context.Context, fn func(context.Context, store.Tx) error) error {
	if w.fails() {
		return errors.New("the disk is full")
	}
	return w.Store.Write(ctx, fn)
}

func TestNothingIsUndoneWithoutARecordOfIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := storetest.SQLite(t, tables())
		l := &trail{}
		var full time.Time
		w := weak{s, func() bool { return time.Now().Before(full) }}
		r := operation.NewRunner(w, journal.New(s, "here"), nil)
		steps := kind("deploy", l.step("one", nil), l.step("two", func(context.Context) error {
			full = time.Now().Add(time.Minute)
			return errors.New("no")
		}))
		if err := r.Register(steps); err != nil {
			t.Fatal(err)
		}
		op, err := r.Begin(t.Context(), operator, "deploy", nil)
		if err != nil {
			t.Fatal(err)
		}
		<-time.After(50 * time.Second)
		if got := l.String(); got != "+one +two" {
			t.Errorf("while the disk is full: %s", got)
		}
		if err := r.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		op, err = r.Show(t.Context(), op.ID)
		if err != nil || op.State != holdfast.OperationFailed || !strings.HasSuffix(l.String(), "-two -one") {
			t.Errorf("%s: %s, %v", op.State, l, err)
		}
	})
}
