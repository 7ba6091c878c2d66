// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"holdfast"
	"holdfast/core/home"
	"holdfast/core/process"
	"holdfast/core/process/processtest"
)

// A lineage is one home over several houses.
type lineage struct {
	t      *testing.T
	dir    string
	fake   *processtest.Host
	output *recorder
	boot   string
	house  *rig
}

// generations runs a test over houses that follow each other on one home.
func generations(t *testing.T, body func(l *lineage)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		l := &lineage{t: t, dir: dir, fake: &processtest.Host{}, output: &recorder{exits: map[string]process.Exit{}}, boot: "test"}
		l.next()
		body(l)
		l.end(Shutdown{})
	})
}

// next starts a house on what the one before left.
func (l *lineage) next(units ...holdfast.Unit) {
	l.t.Helper()
	l.output.straight = straight{home.At(l.dir)}
	r := &rig{t: l.t, fake: l.fake, journal: &ledger{}, dir: l.dir}
	r.Supervisor = New(Options{Home: home.At(l.dir), Host: l.fake, Journal: r.journal, Output: l.output})
	boot := l.boot
	of := func() string { return boot }
	r.estate.boot, r.estate.fates.boot, r.estate.limbo.boot = of, of, of
	r.launcher.limbo.boot, r.roster.fates.boot = of, of
	if err := r.open(l.t.Context()); err != nil {
		l.t.Fatal(err)
	}
	l.house = r
	if len(units) > 0 {
		r.set(units...)
	}
}

func (l *lineage) end(how Shutdown) {
	l.t.Helper()
	l.house.Plan(how)
	if err := l.house.close(context.Background()); err != nil {
		l.t.Error(err)
	}
}

// crash ends the house, and leaves its units and what is written of them; between runs before the
// next house does.
func (l *lineage) crash(between func(), units ...holdfast.Unit) {
	l.t.Helper()
	pass(time.Second)
	records, err := os.ReadFile(recordFile(home.At(l.dir)))
	if err != nil {
		l.t.Fatal(err)
	}
	l.end(Shutdown{LeaveAll: true})
	if err := os.WriteFile(recordFile(home.At(l.dir)), records, 0o600); err != nil {
		l.t.Fatal(err)
	}
	if between != nil {
		between()
	}
	l.next(units...)
}

func (l *lineage) ran(unit string, want int) {
	l.t.Helper()
	if n := len(l.fake.Of(unit)); n != want {
		l.t.Errorf("%s ran %d times, want %d", unit, n, want)
	}
}

func once(name string, policy holdfast.RestartPolicy) holdfast.Unit {
	return holdfast.Unit{Name: name, Run: []string{"/bin/" + name}, Restart: policy}
}

// TestWhatEndedStaysEnded ends units of each policy before the house dies, while none watches, with
// a status that nobody knows, and at their start; then two more houses follow.
func TestWhatEndedStaysEnded(t *testing.T) {
	type end struct {
		policy holdfast.RestartPolicy
		code   int
	}
	stays := map[end]holdfast.UnitState{
		{holdfast.RestartNever, 0}: holdfast.UnitStopped, {holdfast.RestartNever, 3}: holdfast.UnitFailed,
		{holdfast.RestartOnFailure, 0}: holdfast.UnitStopped, {holdfast.RestartOnFailure, 3}: "",
		{holdfast.RestartAlways, 0}: "", {holdfast.RestartAlways, 3}: "",
	}
	for e, state := range stays {
		for _, when := range []string{"before", "while", "unknown", "starting"} {
			t.Run(fmt.Sprintf("%s %d %s", e.policy, e.code, when), func(t *testing.T) {
				want := state
				switch {
				case when != "unknown" && when != "starting":
				case e.policy == holdfast.RestartNever:
					want = holdfast.UnitFailed
				default:
					want = ""
				}
				generations(t, func(l *lineage) { l.stays(once("a", e.policy), e.code, when, want) })
			})
		}
	}
}

// stays wants the unit to stand as it ended, or to run again when no state is wanted.
func (l *lineage) stays(unit holdfast.Unit, code int, when string, want holdfast.UnitState) {
	l.t.Helper()
	l.house.set(unit)
	quit := func() { l.house.last("a").Quit(code) }
	between := quit
	switch when {
	case "before":
		quit()
		between = nil
	case "while":
		l.output.exits["a"] = process.Exit{Known: true, Code: code}
	case "starting":
		between = func() {
			quit()
			h := home.At(l.dir)
			if err := os.Rename(launchedFile(h, "a"), h.Var("run", "launching", "a")); err != nil {
				l.t.Fatal(err)
			}
			if err := os.Remove(recordFile(h)); err != nil {
				l.t.Fatal(err)
			}
		}
	}
	pass(time.Minute)
	l.crash(between, unit)
	pass(2 * time.Minute)
	if want == "" {
		l.house.is("a", holdfast.UnitRunning)
		l.ran("a", 2)
		return
	}
	first := l.house.is("a", want)
	for range 2 {
		l.crash(nil, unit)
		pass(2 * time.Minute)
		if now := l.house.is("a", want); now.Detail != first.Detail || now.Detail == "" || !now.Since.Equal(first.Since) {
			l.t.Errorf("it is %q since %s, was %q since %s", now.Detail, now.Since, first.Detail, first.Since)
		}
	}
	l.ran("a", 1)
}

// TestEndedRunsAgain wants an orderly end, another boot, the operator and a changed declaration to
// start what had ended.
func TestEndedRunsAgain(t *testing.T) {
	unit := once("a", holdfast.RestartNever)
	changed := once("a", holdfast.RestartNever)
	changed.Run = append(changed.Run, "more")
	other := once("a", holdfast.RestartAlways)
	for name, again := range map[string]func(l *lineage){
		"orderly": func(l *lineage) { l.end(Shutdown{}); l.next(unit) },
		"quick":   func(l *lineage) { l.end(Shutdown{Quick: true}); l.next(unit) },
		"leaving workers": func(l *lineage) {
			l.end(Shutdown{LeaveWorkers: true})
			l.next(unit)
		},
		"down without a house": func(l *lineage) {
			l.crash(func() {
				s := New(Options{Home: home.At(l.dir), Host: l.fake})
				if _, _, err := s.EndLeft(l.t.Context(), Shutdown{}); err != nil {
					l.t.Error(err)
				}
			}, unit)
		},
		"boot":     func(l *lineage) { l.crash(func() { l.boot = "next" }, unit) },
		"operator": func(l *lineage) { l.crash(nil, unit); _ = l.house.Start(l.t.Context(), "a") },
		"restart":  func(l *lineage) { l.crash(nil, unit); _ = l.house.Restart(l.t.Context(), "a") },
		"changed":  func(l *lineage) { l.crash(nil, changed) },
		"policy":   func(l *lineage) { l.crash(nil, other) },
	} {
		t.Run(name, func(t *testing.T) {
			generations(t, func(l *lineage) {
				l.house.set(unit)
				l.house.last("a").Quit(0)
				l.house.is("a", holdfast.UnitStopped)
				again(l)
				pass(2 * time.Minute)
				l.house.is("a", holdfast.UnitRunning)
				l.ran("a", 2)
			})
		})
	}
}

// TestBackoffGoesOn wants the restarts, the failures in a row and the rest of a delay to outlive the
// house.
func TestBackoffGoesOn(t *testing.T) {
	generations(t, func(l *lineage) {
		l.fake.OnStart = func(launch *processtest.Launch) error { launch.QuitAfter(time.Millisecond, 1); return nil }
		unit := once("a", holdfast.RestartAlways)
		l.house.set(unit)
		pass(40 * time.Second) // 1, 2, 4, 8, 16: it waits for half a minute now
		before := l.house.is("a", holdfast.UnitBackingOff)
		runs := len(l.fake.Of("a"))
		l.crash(nil, unit)
		now := l.house.is("a", holdfast.UnitBackingOff)
		if now.Restarts != before.Restarts || !now.Since.Equal(before.Since) || !strings.Contains(now.Detail, "exited with status 1; starts again in ") {
			t.Errorf("it is %+v, was %+v", now, before)
		}
		l.ran("a", runs)
		pass(40 * time.Second)
		if now := l.house.is("a", holdfast.UnitBackingOff); now.Restarts != before.Restarts+1 {
			t.Errorf("it restarted %d times, before %d", now.Restarts, before.Restarts)
		}
		l.ran("a", runs+1)
	})
}

// TestIdleStaysIdle wants a unit that ended as idle to rest over a crash, whatever its policy.
func TestIdleStaysIdle(t *testing.T) {
	generations(t, func(l *lineage) {
		unit := once("a", holdfast.RestartAlways)
		l.house.set(unit)
		p := l.house.roster.posts["a"]
		k := &keeper{post: p, ground: l.house.roster.ground}
		k.conclude(unit, ending{Detail: "idle for 1m", Idle: true})
		l.crash(func() { l.house.last("a").Quit(0) }, unit)
		pass(time.Minute)
		if now := l.house.is("a", holdfast.UnitStopped); now.Detail != "idle for 1m" {
			t.Errorf("it is %q", now.Detail)
		}
		l.ran("a", 1)
	})
}

// TestForgottenUnits wants nothing kept of units that nobody declares any more.
func TestForgottenUnits(t *testing.T) {
	generations(t, func(l *lineage) {
		l.house.set(once("a", holdfast.RestartNever), once("b", holdfast.RestartNever))
		l.house.last("a").Quit(0)
		l.crash(nil, once("b", holdfast.RestartNever))
		l.house.estate.endUndeclared(l.t.Context(), l.house.options.Settle, l.house.roster.undeclared)
		for unit, want := range map[string]bool{"a": false, "b": true} {
			_, ended := l.house.estate.fates.ended(unit)
			_, launched := l.house.estate.fates.launched(unit)
			if (ended || launched) != want {
				t.Errorf("%s is kept: %v %v", unit, ended, launched)
			}
		}
	})
}
