// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"strings"
	"testing"
	"time"

	"holdfast"
	"holdfast/core/process"
)

// A kind that is not built in is a mistake of who declares it; one that slips through stays blocked.
func TestKindThatIsNotBuiltIn(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		u := plain("box")
		u.Kind = holdfast.KindContainer
		err := r.Set(t.Context(), "test", []holdfast.Unit{u})
		if err == nil || !strings.Contains(err.Error(), "containers are not built into this version") {
			t.Errorf("set = %v", err)
		}
		if _, err := r.roster.set(t.Context(), "test", []holdfast.Unit{u}); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		if st := r.is("box", holdfast.UnitBlocked); st.Detail != "containers are not built into this version" || st.Kind != holdfast.KindContainer {
			t.Errorf("status = %+v", st)
		}
		none := r.roster.carriers.of(holdfast.KindContainer)
		if _, err := none.spawn(u); err == nil {
			t.Error("it was started")
		}
		if _, err := none.adopt(u, leftover{}); err == nil {
			t.Error("it was adopted")
		}
		if _, err := none.probing(u, process.Mark{}); err == nil {
			t.Error("it was probed")
		}
	})
}

// Another kind has the same states, order, backoff and holds.
func TestAnotherKind(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.roster.carriers[holdfast.KindContainer] = r.launcher
		u := plain("box", "a")
		u.Kind = holdfast.KindContainer
		if _, err := r.roster.set(t.Context(), "test", []holdfast.Unit{plain("a"), u}); err != nil {
			t.Fatal(err)
		}
		r.is("box", holdfast.UnitRunning)
		r.last("box").Quit(1)
		r.is("box", holdfast.UnitBackingOff)
		if err := r.Stop(t.Context(), "box"); err != nil {
			t.Fatal(err)
		}
		r.is("box", holdfast.UnitHeld)
	})
}
