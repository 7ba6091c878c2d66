// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"holdfast"
	"holdfast/core/process/processtest"
)

// proofOf answers a start or restart that must be answered within a second.
func (r *rig) proofOf(verb func() error) error {
	r.t.Helper()
	proof := make(chan error, 1)
	go func() { proof <- verb() }()
	pass(time.Second + time.Millisecond)
	synctest.Wait()
	select {
	case err := <-proof:
		return err
	default:
		r.t.Fatal("it does not answer")
		return nil
	}
}

// TestStartAnswersWhenANeedIsStuck wants an answer at once that names the need and why it does not
// come, and the unit to go on by itself when the need does come.
func TestStartAnswersWhenANeedIsStuck(t *testing.T) {
	broken := errors.New("no such program")
	for _, c := range []struct {
		name  string
		need  func(u *holdfast.Unit)
		set   func(r *rig) error // what makes the need come
		wants string
	}{
		{
			"blocked", func(u *holdfast.Unit) { u.Secrets = []string{"NOPE"} }, nil,
			"waits until b is ready; it is blocked: the key NOPE is not set",
		},
		{
			"disabled", func(u *holdfast.Unit) { u.Disabled = true },
			func(r *rig) error { return r.Start(r.t.Context(), "b") },
			"waits until b is ready; it is stopped: disabled",
		},
		{
			"failed", func(u *holdfast.Unit) { u.Restart, u.Run = holdfast.RestartNever, []string{"fails"} },
			func(r *rig) error { return r.Start(r.t.Context(), "b") },
			"waits until b is ready; it is failed: no such program",
		},
		{
			"crashing", func(u *holdfast.Unit) { u.Run = []string{"fails"} }, nil,
			"waits until b is ready; it is backing-off: no such program; starts again in",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				fails := true
				r.fake.OnStart = func(l *processtest.Launch) error {
					if fails && l.Spec.Argv[0] == "fails" {
						return broken
					}
					return nil
				}
				b := plain("b")
				c.need(&b)
				r.set(b, plain("x", "b"), plain("y", "x"))
				for _, verb := range []func() error{
					func() error { return r.Start(t.Context(), "x") }, func() error { return r.Restart(t.Context(), "x") },
				} {
					if err := r.proofOf(verb); err == nil || !strings.Contains(err.Error(), c.wants) {
						t.Errorf("answer = %v", err)
					}
				}
				if st := r.is("x", holdfast.UnitBlocked); !strings.Contains(st.Detail, c.wants) {
					t.Errorf("x is blocked: %s", st.Detail)
				}
				err := r.proofOf(func() error { return r.Start(t.Context(), "y") })
				if err == nil || !strings.Contains(err.Error(), "waits until x is ready; it is blocked: "+c.wants) {
					t.Errorf("who needs what is stuck = %v", err)
				}
				fails = false
				if c.set == nil {
					r.set(plain("b"), plain("x", "b"), plain("y", "x"))
				} else if err := c.set(r); err != nil {
					t.Error(err)
				}
				pass(time.Second)
				r.is("x", holdfast.UnitRunning)
				r.is("y", holdfast.UnitRunning)
			})
		})
	}
}

func TestStartAnswersWhenANeedIsHeld(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.set(plain("b"), plain("x", "b"))
		for _, name := range []string{"x", "b"} {
			if err := r.Stop(t.Context(), name); err != nil {
				t.Fatal(err)
			}
		}
		err := r.proofOf(func() error { return r.Start(t.Context(), "x") })
		if err == nil || !strings.Contains(err.Error(), "waits until b is ready; it is held: stopped by the operator") {
			t.Errorf("answer = %v", err)
		}
		r.is("x", holdfast.UnitBlocked)
		if err := r.Start(t.Context(), "b"); err != nil {
			t.Error(err)
		}
		r.is("x", holdfast.UnitRunning)
	})
}

// A need that is on its way is waited for, and so are needs that were just declared with the unit.
func TestStartWaitsForANeedThatStarts(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		slow := plain("b")
		slow.Ready = &holdfast.Probe{Exec: []string{"ask"}, Within: 20 * time.Second, Every: time.Second}
		slow.Restart = holdfast.RestartNever
		r.fake.OnStart = func(l *processtest.Launch) error {
			if strings.HasSuffix(l.Identity().Mark.Launch, probeSuffix) {
				l.Quit(1)
			}
			return nil
		}
		r.set(slow, plain("x", "b"))
		proof := make(chan error, 1)
		go func() { proof <- r.Start(t.Context(), "x") }()
		pass(10 * time.Second)
		if st := r.is("x", holdfast.UnitStarting); st.Detail != "waits until b is ready; it is starting" {
			t.Errorf("x: %s", st.Detail)
		}
		begun := time.Now()
		if err := <-proof; err == nil || !strings.Contains(err.Error(), "it is failed: not ready within 20s") || time.Since(begun) > 15*time.Second {
			t.Errorf("answer after %v: %v", time.Since(begun), err)
		}
		for _, line := range r.journal.subjects("unit.state") {
			if strings.HasPrefix(line, "x ") && strings.Contains(line, "it is stopped") {
				t.Errorf("x was stuck before b had a chance: %s", line)
			}
		}
	})
}

// What is to run once is started when it ran and ended well, and not when it failed.
func TestStartOfWhatRunsOnce(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		var code atomic.Int32
		r.fake.OnStart = func(l *processtest.Launch) error {
			l.QuitAfter(100*time.Millisecond, int(code.Load()))
			return nil
		}
		once, retried, always := plain("once"), plain("retried"), plain("always")
		once.Restart, retried.Restart = holdfast.RestartNever, holdfast.RestartOnFailure
		r.set(once, retried, always)
		pass(time.Second)
		for _, name := range []string{"once", "retried"} {
			if err := r.proofOf(func() error { return r.Start(t.Context(), name) }); err != nil {
				t.Errorf("%s ended well: %v", name, err)
			}
			r.is(name, holdfast.UnitStopped)
		}
		if err := r.proofOf(func() error { return r.Restart(t.Context(), "always") }); err == nil {
			t.Error("what is to run always is up though it ends at once")
		}
		code.Store(3)
		if err := r.proofOf(func() error { return r.Start(t.Context(), "once") }); err == nil || !strings.Contains(err.Error(), "exited with status 3") {
			t.Errorf("once failed: %v", err)
		}
	})
}
