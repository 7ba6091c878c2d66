// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"

	"holdfast"
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
