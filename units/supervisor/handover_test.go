// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"holdfast"
	"holdfast/core/process"
	"holdfast/core/process/processtest"
)

// TestAllAreLeftAtAHandover ends a house whose process goes on as another program: every unit runs
// on, is adopted as it is, and what was held stays so.
func TestAllAreLeftAtAHandover(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		fake := &processtest.Host{}
		units := []holdfast.Unit{plain("db"), worker("job", "db"), plain("web", "db"), plain("held")}
		first := newRig(t, dir, fake)
		first.set(units...)
		first.is("web", holdfast.UnitRunning)
		first.is("job", holdfast.UnitRunning)
		if err := first.Stop(t.Context(), "held"); err != nil {
			t.Fatal(err)
		}
		first.Plan(Shutdown{LeaveAll: true})
		if err := first.close(context.Background()); err != nil {
			t.Fatal(err)
		}
		before := len(fake.Launches())
		if alive := names(fake.Launches()); !slices.Equal(alive, []string{"db", "job", "web"}) {
			t.Fatalf("left running: %v", alive)
		}
		second := newRig(t, dir, fake)
		second.set(units...)
		for _, name := range []string{"db", "job", "web"} {
			second.is(name, holdfast.UnitRunning)
		}
		second.is("held", holdfast.UnitHeld)
		if after := len(fake.Launches()); after != before {
			t.Errorf("%d units were started anew", after-before)
		}
		if err := second.close(context.Background()); err != nil {
			t.Fatal(err)
		}
		if alive := names(fake.Launches()); len(alive) > 0 {
			t.Errorf("left running: %v", alive)
		}
	})
}

// A poor host enforces no limits.
type poorHost struct{ *processtest.Host }

func (h poorHost) Start(spec process.Spec) (process.Child, error) {
	child, err := h.Host.Start(spec)
	if err != nil {
		return nil, err
	}
	return survivor{child, []string{"memory is not limited"}}, nil
}

// What a launch lacks is told by the next house, too.
func TestLacksOutliveTheHouse(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		fake := &processtest.Host{}
		poor := func(o *Options) { o.Host = poorHost{fake} }
		first := newRig(t, dir, fake, poor)
		first.set(plain("a"))
		was := first.is("a", holdfast.UnitRunning)
		pass(time.Minute)
		first.Plan(Shutdown{LeaveAll: true})
		if err := first.close(context.Background()); err != nil {
			t.Fatal(err)
		}
		second := newRig(t, dir, fake)
		second.set(plain("a"))
		now := second.is("a", holdfast.UnitRunning)
		if now.PID != was.PID || !slices.Equal(now.Lacks, []string{"memory is not limited"}) || !slices.Equal(was.Lacks, now.Lacks) {
			t.Errorf("adopted: %+v, was %+v", now, was)
		}
		if err := second.close(context.Background()); err != nil {
			t.Fatal(err)
		}
	})
}
