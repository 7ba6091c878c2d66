// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"holdfast"
	"holdfast/core/home"
	"holdfast/core/process/processtest"
)

func TestHoldSurvivesRestarts(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		fake := &processtest.Host{}
		r := newRig(t, dir, fake)
		r.set(plain("a"), plain("b"))
		ctx := holdfast.WithCaller(t.Context(), holdfast.Caller{Kind: holdfast.CallerOperator, Name: "me"})
		if err := r.Stop(ctx, "a"); err != nil {
			t.Fatal(err)
		}
		r.is("a", holdfast.UnitHeld)
		err := r.Restart(ctx, "a")
		refusal, ok := errors.AsType[*holdfast.Refusal](err)
		if !ok || refusal.Guard != "intent" || !strings.Contains(refusal.Reason, "operator:me") {
			t.Errorf("restart of a held unit: %v", err)
		}
		changed := plain("a")
		changed.Run = []string{"/bin/other"}
		r.set(changed, plain("b"))
		r.is("a", holdfast.UnitHeld)
		if err := r.close(t.Context()); err != nil {
			t.Fatal(err)
		}
		r = newRig(t, dir, fake)
		r.set(changed, plain("b"))
		r.is("a", holdfast.UnitHeld)
		r.is("b", holdfast.UnitRunning)
		if err := r.Start(ctx, "a"); err != nil {
			t.Fatal(err)
		}
		r.is("a", holdfast.UnitRunning)
		if err := r.close(t.Context()); err != nil {
			t.Fatal(err)
		}
		r = newRig(t, dir, fake)
		r.set(changed)
		r.is("a", holdfast.UnitRunning)
		if err := r.close(t.Context()); err != nil {
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
		go func() { restarted <- r.Restart(t.Context(), "a") }()
		pass(time.Second)
		r.is("a", holdfast.UnitStopping)
		if err := r.Stop(t.Context(), "a"); err != nil {
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
		var broken atomic.Bool
		r.fake.OnStart = func(l *processtest.Launch) error {
			if broken.Load() {
				l.QuitAfter(500*time.Millisecond, 9)
			}
			return nil
		}
		r.set(plain("a"))
		begun := time.Now()
		if err := r.Restart(t.Context(), "a"); err != nil || time.Since(begun) < settled {
			t.Errorf("restart = %v after %v", err, time.Since(begun))
		}
		broken.Store(true)
		err := r.Restart(t.Context(), "a")
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
		go r.estate.endUndeclared(t.Context(), r.options.Settle, r.roster.undeclared)
		pass(defaultSettle + time.Second)
		for _, l := range fake.Of("gone") {
			if l.Alive() {
				t.Error("a launch that nobody declares lives")
			}
		}
		if err := r.close(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

// abandon ends a supervisor's goroutines and leaves its processes.
func abandon(r *rig) {
	r.roster.mu.Lock()
	for _, p := range r.roster.posts {
		p.mu.Lock()
		p.now.child = nil
		p.mu.Unlock()
	}
	r.roster.mu.Unlock()
	for _, l := range r.fake.Launches() {
		l.Forsake()
	}
	_ = r.close(context.Background())
}

func TestJournalRefusalIsRetried(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.journal.Refuse(errors.New("disk full"))
		r.set(plain("a"))
		r.is("a", holdfast.UnitRunning) // the unit does not wait for the journal
		pass(10 * time.Second)
		r.journal.Refuse(nil)
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
	if err := s.open(t.Context()); err == nil || !strings.Contains(err.Error(), "remove the file to hold nothing") {
		t.Errorf("start with a torn intent file: %v", err)
	}
}
