// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"holdfast"
	"holdfast/core/home"
	"holdfast/core/process"
	"holdfast/core/process/processtest"
)

// A ledger is a journal in memory that can be told to refuse.
type ledger struct {
	mu      sync.Mutex
	entries []holdfast.Entry
	refuse  error
}

func (l *ledger) Append(_ context.Context, e holdfast.Entry) (holdfast.Entry, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refuse != nil {
		return e, l.refuse
	}
	l.entries = append(l.entries, e)
	return e, nil
}

func (l *ledger) subjects(action string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	for _, e := range l.entries {
		if e.Action == action {
			out = append(out, e.Subject+" "+string(e.Detail))
		}
	}
	return out
}

type pocket map[string]string

func (p pocket) Get(name string) (holdfast.Secret, bool) {
	value, ok := p[name]
	return holdfast.NewSecret(value), ok
}

// A rig is a supervisor over a fake host.
type rig struct {
	*Supervisor
	t       *testing.T
	fake    *processtest.Host
	journal *ledger
	dir     string
}

func newRig(t *testing.T, dir string, fake *processtest.Host) *rig {
	t.Helper()
	r := &rig{t: t, fake: fake, journal: &ledger{}, dir: dir}
	r.Supervisor = New(Options{
		Home: home.At(dir), Host: fake, Journal: r.journal, Secrets: pocket{"KEY": "value"},
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err := r.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r
}

// bubble runs a test in fake time, with a supervisor that is stopped at its end.
func bubble(t *testing.T, body func(t *testing.T, r *rig)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, dir, &processtest.Host{})
		body(t, r)
		if err := r.Stop(context.Background()); err != nil {
			t.Error(err)
		}
		for _, l := range r.fake.Launches() {
			if l.Alive() {
				t.Errorf("%s outlived the house", l.Identity().Mark)
			}
		}
	})
}

func (r *rig) set(units ...holdfast.Unit) {
	r.t.Helper()
	if err := r.Set(r.t.Context(), "test", units); err != nil {
		r.t.Fatal(err)
	}
	synctest.Wait()
}

func (r *rig) is(name string, want holdfast.UnitState) holdfast.UnitStatus {
	r.t.Helper()
	synctest.Wait()
	st, err := r.Status(name)
	if err != nil {
		r.t.Fatal(err)
	}
	if st.State != want {
		r.t.Fatalf("%s is %s (%s), want %s", name, st.State, st.Detail, want)
	}
	return st
}

func (r *rig) last(unit string) *processtest.Launch {
	r.t.Helper()
	all := r.fake.Of(unit)
	if len(all) == 0 {
		r.t.Fatalf("%s was never started", unit)
	}
	return all[len(all)-1]
}

func plain(name string, needs ...string) holdfast.Unit {
	u := holdfast.Unit{Name: name, Run: []string{"/bin/" + name}, Restart: holdfast.RestartAlways}
	for _, n := range needs {
		u.Needs = append(u.Needs, holdfast.Need{Unit: n})
	}
	return u
}

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
			if d < want*79/100 || d > min(want*121/100, DefaultCap+20*time.Millisecond) {
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
		rule := r.loopRule()
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
		if got := r.journal.subjects("unit.restart_loop"); len(got) == 0 {
			t.Error("the loop was not journaled")
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
		if err := r.Stop(context.Background()); err != nil {
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
		if err := r.StartUnit(t.Context(), "told"); err == nil || !strings.Contains(err.Error(), "missing secrets") {
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
		well := true
		r.fake.OnStart = func(l *processtest.Launch) error {
			if strings.HasSuffix(l.Identity().Mark.Launch, probeSuffix) {
				code := map[bool]int{true: 0, false: 1}[well]
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
		well = false
		pass(21 * time.Second)
		if n := launchesOf(r, "a"); n != 2 {
			t.Errorf("%d launches after two failures, want 2", n)
		}
		if st := r.is("never", holdfast.UnitUnhealthy); !strings.Contains(st.Detail, "exited with status 1") {
			t.Errorf("detail = %q", st.Detail)
		}
		well = true
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

func TestHoldSurvivesRestarts(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		fake := &processtest.Host{}
		r := newRig(t, dir, fake)
		r.set(plain("a"), plain("b"))
		ctx := holdfast.WithCaller(t.Context(), holdfast.Caller{Kind: holdfast.CallerOperator, Name: "me"})
		if err := r.StopUnit(ctx, "a"); err != nil {
			t.Fatal(err)
		}
		r.is("a", holdfast.UnitHeld)
		err := r.RestartUnit(ctx, "a")
		refusal, ok := errors.AsType[*holdfast.Refusal](err)
		if !ok || refusal.Guard != "intent" || !strings.Contains(refusal.Reason, "operator:me") {
			t.Errorf("restart of a held unit: %v", err)
		}
		changed := plain("a")
		changed.Run = []string{"/bin/other"}
		r.set(changed, plain("b"))
		r.is("a", holdfast.UnitHeld)
		if err := r.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		r = newRig(t, dir, fake)
		r.set(changed, plain("b"))
		r.is("a", holdfast.UnitHeld)
		r.is("b", holdfast.UnitRunning)
		if err := r.StartUnit(ctx, "a"); err != nil {
			t.Fatal(err)
		}
		r.is("a", holdfast.UnitRunning)
		if err := r.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		r = newRig(t, dir, fake)
		r.set(changed)
		r.is("a", holdfast.UnitRunning)
		if err := r.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestStopWinsOverARestartUnderWay(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		u := plain("a")
		u.Stop.Grace = time.Minute
		r.set(u)
		r.last("a").IgnoreTerm()
		restarted := make(chan error, 1)
		go func() { restarted <- r.RestartUnit(t.Context(), "a") }()
		pass(time.Second)
		r.is("a", holdfast.UnitStopping)
		if err := r.StopUnit(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		if err := <-restarted; !errors.Is(err, errSuperseded) {
			t.Errorf("restart = %v", err)
		}
		pass(time.Hour)
		r.is("a", holdfast.UnitHeld)
		if n := len(r.fake.Of("a")); n != 1 {
			t.Errorf("%d launches", n)
		}
	})
}

func TestRestartIsDoneOnlyWithFreshProof(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		sound := true
		r.fake.OnStart = func(l *processtest.Launch) error {
			if !sound {
				l.QuitAfter(500*time.Millisecond, 9)
			}
			return nil
		}
		r.set(plain("a"))
		begun := time.Now()
		if err := r.RestartUnit(t.Context(), "a"); err != nil || time.Since(begun) < settled {
			t.Errorf("restart = %v after %v", err, time.Since(begun))
		}
		sound = false
		err := r.RestartUnit(t.Context(), "a")
		if err == nil || !strings.Contains(err.Error(), "exited with status 9") {
			t.Errorf("restart of what dies = %v", err)
		}
	})
}

func TestSetDiffs(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.set(plain("stays"), plain("changes"), plain("goes"))
		stays, goes := r.last("stays"), r.last("goes")
		changed := plain("changes")
		changed.Env = map[string]string{"A": "1"}
		quiet := plain("stays")
		quiet.Restart, quiet.Stop.Grace = holdfast.RestartNever, time.Minute
		r.set(quiet, changed, plain("comes"))
		if !stays.Alive() || len(r.fake.Of("stays")) != 1 {
			t.Error("a unit was restarted by a change that does not concern its process")
		}
		if goes.Alive() {
			t.Error("a vanished unit runs")
		}
		if len(r.fake.Of("changes")) != 2 || !strings.Contains(strings.Join(r.last("changes").Spec.Env, " "), "A=1") {
			t.Error("a changed unit was not restarted with its change")
		}
		r.is("comes", holdfast.UnitRunning)
		if _, err := r.Status("goes"); err == nil {
			t.Error("a vanished unit is listed")
		}
		stays.Quit(1)
		r.is("stays", holdfast.UnitFailed) // the new policy counts
	})
}

func TestSetConcurrently(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		var wg sync.WaitGroup
		for i := range 8 {
			owner := string(rune('a' + i))
			wg.Go(func() {
				for round := range 10 {
					u := plain(owner + "unit")
					u.Env = map[string]string{"ROUND": string(rune('0' + round%3))}
					if err := r.Set(t.Context(), owner, []holdfast.Unit{u}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		synctest.Wait()
		for i := range 8 {
			name := string(rune('a'+i)) + "unit"
			r.is(name, holdfast.UnitRunning)
			alive := 0
			for _, l := range r.fake.Of(name) {
				if l.Alive() {
					alive++
				}
			}
			if alive != 1 {
				t.Errorf("%s runs %d times", name, alive)
			}
		}
	})
}

func TestAdoptionByDeclaration(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		fake := &processtest.Host{}
		dead := newRig(t, dir, fake)
		dead.set(plain("same"), plain("changed"), plain("gone"))
		pids := map[string]int{}
		for _, name := range []string{"same", "changed", "gone"} {
			pids[name] = dead.is(name, holdfast.UnitRunning).PID
		}
		// A crash: its keepers are frozen by taking their children from them, without a signal.
		abandon(dead)
		r := newRig(t, dir, fake)
		changed := plain("changed")
		changed.Run = []string{"/bin/new"}
		r.set(plain("same"), changed)
		if st := r.is("same", holdfast.UnitRunning); st.PID != pids["same"] {
			t.Errorf("same was restarted: pid %d, was %d", st.PID, pids["same"])
		}
		if st := r.is("changed", holdfast.UnitRunning); st.PID == pids["changed"] {
			t.Error("changed was adopted with its old command")
		}
		go r.endLeft(t.Context())
		pass(defaultSettle + time.Second)
		for _, l := range fake.Of("gone") {
			if l.Alive() {
				t.Error("a launch that nobody declares lives")
			}
		}
		if err := r.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

// abandon ends a supervisor's goroutines and leaves its processes.
func abandon(r *rig) {
	r.mu.Lock()
	for _, k := range r.keepers {
		k.child = nil
	}
	r.mu.Unlock()
	for _, l := range r.fake.Launches() {
		l.Forsake()
	}
	_ = r.Stop(context.Background())
}

func TestJournalRefusalIsRetried(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.journal.mu.Lock()
		r.journal.refuse = errors.New("disk full")
		r.journal.mu.Unlock()
		r.set(plain("a"))
		r.is("a", holdfast.UnitRunning) // the unit does not wait for the journal
		pass(10 * time.Second)
		r.journal.mu.Lock()
		r.journal.refuse = nil
		r.journal.mu.Unlock()
		pass(2 * journalRetry)
		synctest.Wait()
		lines := r.journal.subjects("unit.state")
		if len(lines) != 2 || !strings.Contains(lines[0], `"to":"starting"`) || !strings.Contains(lines[1], `"to":"running"`) {
			t.Errorf("journal = %v", lines)
		}
	})
}

func TestEnvironmentIsSmall(t *testing.T) {
	t.Setenv("SOMETHING_SECRET", "not for units")
	bubble(t, func(t *testing.T, r *rig) {
		u := plain("a")
		u.Env, u.Secrets = map[string]string{"OWN": "1"}, []string{"KEY"}
		r.set(u)
		for _, entry := range r.last("a").Spec.Env {
			name, _, _ := strings.Cut(entry, "=")
			switch name {
			case "PATH", "HOME", "LANG", "TZ", "OWN", "KEY":
			default:
				t.Errorf("the unit receives %s", name)
			}
		}
		if !strings.Contains(strings.Join(r.last("a").Spec.Env, "\n"), "KEY=value") {
			t.Error("the unit does not receive its key")
		}
		for _, line := range r.journal.subjects("unit.state") {
			if strings.Contains(line, "value") {
				t.Errorf("a secret is journaled: %s", line)
			}
		}
	})
}

func TestTornIntentStopsTheStart(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(dir+"/var", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/var/intent.json", []byte(`{"held":`), 0o600); err != nil {
		t.Fatal(err)
	}
	s := New(Options{Home: home.At(dir), Host: &processtest.Host{}})
	if err := s.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "which units are held") {
		t.Errorf("start with a torn intent file: %v", err)
	}
}

// pass lets fake time go by.
func pass(d time.Duration) { <-time.After(d) }
