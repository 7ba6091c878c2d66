// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"errors"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"holdfast"
	"holdfast/core/process"
	"holdfast/core/process/processtest"
)

// A gate starts nothing while its error stands, and counts how often it was asked.
type gate struct {
	asked atomic.Int64
	open  atomic.Bool
}

func refusing(r *rig, err error) *gate {
	g := &gate{}
	r.fake.OnStart = func(*processtest.Launch) error {
		g.asked.Add(1)
		if g.open.Load() {
			return nil
		}
		return err
	}
	return g
}

// TestWhatIsRefusedIsBlocked tells a launch that the system does not let be made from one that only
// failed.
func TestWhatIsRefusedIsBlocked(t *testing.T) {
	for _, c := range []struct {
		name   string
		err    error
		policy holdfast.RestartPolicy
		want   holdfast.UnitState
	}{
		{"refused", &process.Refusal{Why: "it may not"}, holdfast.RestartAlways, holdfast.UnitBlocked},
		{"refused, to run once", &process.Refusal{Why: "it may not"}, holdfast.RestartNever, holdfast.UnitBlocked},
		{"no process to be had now", syscall.EAGAIN, holdfast.RestartAlways, holdfast.UnitBackingOff},
		{"no memory to be had now", syscall.ENOMEM, holdfast.RestartAlways, holdfast.UnitBackingOff},
		{"failed, to run once", errors.New("no such program"), holdfast.RestartNever, holdfast.UnitFailed},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				refusing(r, c.err)
				u := plain("a")
				u.Restart = c.policy
				r.set(u)
				st := r.is("a", c.want)
				if c.want == holdfast.UnitBlocked && (st.Detail != "it may not" || st.Restarts != 0) {
					t.Errorf("blocked after %d restarts by %q", st.Restarts, st.Detail)
				}
			})
		})
	}
}

func TestARefusedUnitComesBack(t *testing.T) {
	for name, undo := range map[string]func(t *testing.T, r *rig, u holdfast.Unit){
		"by another declaration": func(_ *testing.T, r *rig, u holdfast.Unit) {
			u.Limits.NoFile = 10
			r.set(u)
		},
		"by its start": func(t *testing.T, r *rig, _ holdfast.Unit) {
			if err := r.Start(t.Context(), "a"); err != nil {
				t.Error(err)
			}
		},
		"by itself, seldom": func(*testing.T, *rig, holdfast.Unit) { pass(DefaultCap) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				g := refusing(r, &process.Refusal{Why: "it may not"})
				u := plain("a")
				r.set(u)
				r.is("a", holdfast.UnitBlocked)
				if err := r.Start(t.Context(), "a"); err == nil || !strings.Contains(err.Error(), "it may not") || g.asked.Load() != 2 {
					t.Errorf("a start that is refused: %v after %d tries", err, g.asked.Load())
				}
				pass(DefaultCap - time.Second)
				if g.asked.Load() != 2 {
					t.Errorf("%d tries within a few minutes", g.asked.Load())
				}
				g.open.Store(true)
				undo(t, r, u)
				r.is("a", holdfast.UnitRunning)
			})
		})
	}
}
