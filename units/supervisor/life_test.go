// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"holdfast"
	"holdfast/core/process"
	"holdfast/core/process/processtest"
)

func TestRestartSchedule(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.set(plain("a"))
		begun := time.Now()
		pass(11 * time.Second)
		r.last("a").Kill()
		r.is("a", holdfast.UnitRunning) // at once: it had run for more than 10 s
		if n := len(r.fake.Of("a")); n != 2 || time.Since(begun) != 11*time.Second {
			t.Fatalf("%d launches after %v", n, time.Since(begun))
		}
		delays := []time.Duration{}
		for range 12 {
			ended := time.Now()
			r.last("a").Quit(1)
			st := r.is("a", holdfast.UnitBackingOff)
			if !strings.Contains(st.Detail, "exited with status 1; starts again in") {
				t.Fatalf("detail = %q", st.Detail)
			}
			for n := len(r.fake.Of("a")); len(r.fake.Of("a")) == n; {
				pass(10 * time.Millisecond)
			}
			delays = append(delays, time.Since(ended))
			r.is("a", holdfast.UnitRunning)
		}
		for i, d := range delays {
			want := min(time.Second<<i, DefaultCap)
			if d < max(want*79/100, time.Second) || d > min(want*121/100, DefaultCap+20*time.Millisecond) {
				t.Errorf("delay %d = %v, want about %v", i, d, want)
			}
		}
		pass(10*time.Minute + time.Second) // healthy long enough for all to be forgotten
		n := len(r.fake.Of("a"))
		r.last("a").Quit(1)
		r.is("a", holdfast.UnitRunning)
		if len(r.fake.Of("a")) != n+1 {
			t.Error("not restarted at once after ten healthy minutes")
		}
	})
}

func TestRestartLoopAlert(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.fake.OnStart = func(l *processtest.Launch) error { l.QuitAfter(time.Second, 3); return nil }
		rule := loopRule(r.roster)
		r.set(plain("a"))
		if alerts := rule.Firing(t.Context()); len(alerts) != 0 {
			t.Errorf("fires at once: %v", alerts)
		}
		pass(time.Minute)
		alerts := rule.Firing(t.Context())
		if len(alerts) != 1 || alerts[0].Subject != "a" {
			t.Fatalf("alerts = %v", alerts)
		}
		pass(time.Hour)
		st, _ := r.Status("a")
		if st.Restarts < 9 || st.Restarts > 17 {
			t.Errorf("%d restarts in the last hour of a crash loop", st.Restarts)
		}
		if got := r.journal.subjects("unit.restart_loop"); len(got) != 1 {
			t.Errorf("the loop was journaled %d times, want once: %v", len(got), got)
		}
		if again := rule.Firing(t.Context()); len(again) != 1 || !again[0].Since.Equal(alerts[0].Since) {
			t.Errorf("the alert is another one after an hour: %+v, was %+v", again, alerts)
		}
	})
}

func TestPolicies(t *testing.T) {
	for _, c := range []struct {
		policy holdfast.RestartPolicy
		code   int
		want   holdfast.UnitState
	}{
		{holdfast.RestartNever, 0, holdfast.UnitStopped},
		{holdfast.RestartNever, 1, holdfast.UnitFailed},
		{holdfast.RestartOnFailure, 0, holdfast.UnitStopped},
		{holdfast.RestartOnFailure, 1, holdfast.UnitBackingOff},
		{holdfast.RestartAlways, 0, holdfast.UnitBackingOff},
		{"", 0, holdfast.UnitBackingOff},
	} {
		bubble(t, func(t *testing.T, r *rig) {
			u := plain("a")
			u.Restart = c.policy
			r.set(u)
			r.last("a").Quit(c.code)
			r.is("a", c.want)
		})
	}
}

func TestDependencyOrder(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		slow := plain("slow")
		slow.Ready = &holdfast.Probe{Exec: []string{"check"}}
		opens := time.Now().Add(5 * time.Second)
		r.fake.OnStart = func(l *processtest.Launch) error {
			if strings.HasSuffix(l.Identity().Mark.Launch, probeSuffix) {
				if time.Now().Before(opens) {
					l.Quit(1)
				} else {
					l.Quit(0)
				}
			}
			return nil
		}
		booted := plain("booted")
		booted.Needs = []holdfast.Need{{Unit: "slow", Until: untilBooted}}
		r.set(plain("last", "middle"), plain("middle", "slow"), slow, booted)
		r.is("slow", holdfast.UnitStarting)
		r.is("booted", holdfast.UnitRunning)
		if st := r.is("middle", holdfast.UnitStarting); st.Detail != "waits until slow is ready; it is starting" {
			t.Errorf("detail = %q", st.Detail)
		}
		pass(6 * time.Second)
		for _, name := range []string{"last", "middle"} {
			r.is(name, holdfast.UnitRunning)
		}
		r.is("slow", holdfast.UnitReady)
		if r.last("last").Began.Before(r.last("middle").Began) || r.last("middle").Began.Before(opens) {
			t.Error("started before what it needs was ready")
		}
	})
}

func TestStopInReverseOrder(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, dir, &processtest.Host{})
		r.set(plain("c", "b"), plain("b", "a"), plain("a"))
		r.last("c").IgnoreTerm()
		if err := r.close(context.Background()); err != nil {
			t.Fatal(err)
		}
		at := func(name string) time.Time { return r.last(name).Exit().At }
		if at("c").After(at("b")) || at("b").After(at("a")) {
			t.Errorf("ended c %v, b %v, a %v", at("c"), at("b"), at("a"))
		}
		if at("c").Sub(r.last("c").Began) != defaultGrace {
			t.Errorf("c was killed after %v", at("c").Sub(r.last("c").Began))
		}
		r.is("a", holdfast.UnitStopped)
	})
}

func TestCycleAndOtherMistakes(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.set(plain("base"))
		err := r.Set(t.Context(), "other", []holdfast.Unit{plain("x", "y"), plain("y", "z"), plain("z", "x")})
		if err == nil || !strings.Contains(err.Error(), "x → y → z → x") {
			t.Errorf("cycle: %v", err)
		}
		err = r.Set(t.Context(), "other", []holdfast.Unit{plain("base")})
		if err == nil || !strings.Contains(err.Error(), "already a unit of test") {
			t.Errorf("taken name: %v", err)
		}
		err = r.Set(t.Context(), "other", []holdfast.Unit{{Name: "../x", Run: []string{"x"}}, {Name: "empty"}, plain("e2"), plain("e2")})
		for _, want := range []string{`"../x" is no name`, "empty.run: is empty", "e2: is declared twice"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v lacks %q", err, want)
			}
		}
		if n := len(r.List()); n != 1 {
			t.Errorf("%d units after refused declarations", n)
		}
	})
}

func TestBlocked(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.fake.Hold(9000, &process.Holder{PID: 7, Name: "nginx"})
		port := plain("port")
		port.Port = 9000
		key := plain("key")
		key.Secrets = []string{"ABSENT"}
		told := plain("told")
		told.Blocked = "missing secrets: X"
		r.set(port, key, told, plain("lonely", "nobody"))
		if st := r.is("port", holdfast.UnitBlocked); st.Detail != "port 9000 is held by nginx (pid 7)" {
			t.Errorf("detail = %q", st.Detail)
		}
		if st := r.is("key", holdfast.UnitBlocked); !strings.Contains(st.Detail, "the key ABSENT is not set") {
			t.Errorf("detail = %q", st.Detail)
		}
		if st := r.is("told", holdfast.UnitBlocked); st.Detail != "missing secrets: X" {
			t.Errorf("detail = %q", st.Detail)
		}
		if st := r.is("lonely", holdfast.UnitBlocked); !strings.Contains(st.Detail, "nobody declares") {
			t.Errorf("detail = %q", st.Detail)
		}
		if err := r.Start(t.Context(), "told"); err == nil || !strings.Contains(err.Error(), "missing secrets") {
			t.Errorf("start of a blocked unit: %v", err)
		}
		pass(time.Hour)
		before := len(r.journal.subjects("unit.state"))
		pass(time.Hour)
		if after := len(r.journal.subjects("unit.state")); after != before {
			t.Errorf("%d journal entries in an hour of being blocked", after-before)
		}
		r.fake.Hold(9000, nil)
		if err := r.Set(t.Context(), "else", []holdfast.Unit{plain("nobody")}); err != nil {
			t.Fatal(err)
		}
		r.is("lonely", holdfast.UnitRunning)
		pass(recheckMost)
		r.is("port", holdfast.UnitRunning)
		if len(r.fake.Of("told"))+len(r.fake.Of("key")) != 0 {
			t.Error("a blocked unit was started")
		}
		told.Blocked = ""
		r.set(port, key, told)
		r.is("told", holdfast.UnitRunning)
	})
}

func TestHealthChecks(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		var well atomic.Bool
		well.Store(true)
		r.fake.OnStart = func(l *processtest.Launch) error {
			if strings.HasSuffix(l.Identity().Mark.Launch, probeSuffix) {
				code := map[bool]int{true: 0, false: 1}[well.Load()]
				l.Quit(code)
			}
			return nil
		}
		u := plain("a")
		u.Healthy = &holdfast.Probe{Exec: []string{"check"}, Every: 10 * time.Second, Failures: 2}
		never := u
		never.Name, never.Restart = "never", holdfast.RestartNever
		r.set(u, never)
		pass(30 * time.Second)
		first := r.last("never")
		well.Store(false)
		pass(21 * time.Second)
		if n := launchesOf(r, "a"); n != 2 {
			t.Errorf("%d launches after two failures, want 2", n)
		}
		if st := r.is("never", holdfast.UnitUnhealthy); !strings.Contains(st.Detail, "exited with status 1") {
			t.Errorf("detail = %q", st.Detail)
		}
		well.Store(true)
		pass(11 * time.Second)
		r.is("never", holdfast.UnitRunning)
		if launchesOf(r, "never") != 1 || !first.Alive() && len(r.fake.Of("never")) == 0 {
			t.Error("a unit that is never restarted was restarted")
		}
	})
}

// launchesOf leaves the checks out.
func launchesOf(r *rig, unit string) int {
	n := 0
	for _, l := range r.fake.Of(unit) {
		if !strings.HasSuffix(l.Identity().Mark.Launch, probeSuffix) {
			n++
		}
	}
	return n
}

func TestNotReadyInTime(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.fake.OnStart = func(l *processtest.Launch) error {
			if strings.HasSuffix(l.Identity().Mark.Launch, probeSuffix) {
				l.Quit(1)
			}
			return nil
		}
		u := plain("a")
		u.Ready = &holdfast.Probe{Exec: []string{"check"}, Within: 20 * time.Second}
		r.set(u)
		pass(19 * time.Second)
		r.is("a", holdfast.UnitStarting)
		pass(2 * time.Second)
		if n := launchesOf(r, "a"); n != 2 {
			t.Errorf("%d launches, want 2", n)
		}
		found := false
		for _, line := range r.journal.subjects("unit.state") {
			found = found || strings.Contains(line, "not ready within 20s: check exited with status 1")
		}
		if !found {
			t.Errorf("the reason was not journaled: %v", r.journal.subjects("unit.state"))
		}
	})
}
