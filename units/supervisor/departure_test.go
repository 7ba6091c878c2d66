// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"context"
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

// A recorder is an output that notes what it is told and knows how launches ended.
type recorder struct {
	straight
	mu    sync.Mutex
	told  []string
	exits map[string]process.Exit // by unit
}

func (r *recorder) note(what, log string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.told = append(r.told, what+" "+log)
}

func (r *recorder) Began(log string, _ process.Identity) { r.note("began", log) }
func (r *recorder) Ended(log string, _ process.Identity) { r.note("ended", log) }

func (r *recorder) Exit(_ context.Context, id process.Identity) (process.Exit, bool) {
	exit, known := r.exits[id.Mark.Unit]
	return exit, known
}

func houseWith(t *testing.T, dir string, fake *processtest.Host, o *recorder) *rig {
	t.Helper()
	o.straight = straight{home.At(dir)}
	r := &rig{t: t, fake: fake, journal: &ledger{}, dir: dir}
	r.Supervisor = New(Options{Home: home.At(dir), Host: fake, Journal: r.journal, Output: o})
	r.estate.boot = func() string { return "test" }
	if err := r.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r
}

// crashed runs a house until its units are up and one is held, and leaves it as a crash does; then
// some of its units end.
func crashed(t *testing.T, dir string, fake *processtest.Host, units []holdfast.Unit, ended ...string) {
	t.Helper()
	first := houseWith(t, dir, fake, &recorder{})
	first.set(units...)
	if err := first.Stop(t.Context(), "held"); err != nil {
		t.Fatal(err)
	}
	pass(time.Minute) // the record is written by then
	records, err := os.ReadFile(recordFile(home.At(dir)))
	if err != nil {
		t.Fatal(err)
	}
	first.Plan(Shutdown{LeaveAll: true})
	if err := first.close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(recordFile(home.At(dir)), records, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range ended {
		first.last(name).Quit(0)
	}
}

// TestEndedWhileNoHouseRan wants the policy of a unit to decide by how it ended while nobody watched:
// what nobody knows counts as a failure.
func TestEndedWhileNoHouseRan(t *testing.T) {
	dir := t.TempDir()
	unit := func(name string, policy holdfast.RestartPolicy) holdfast.Unit {
		return holdfast.Unit{Name: name, Run: []string{"/bin/" + name}, Restart: policy}
	}
	units := []holdfast.Unit{
		unit("done", holdfast.RestartOnFailure), unit("failed", holdfast.RestartOnFailure), unit("never", holdfast.RestartNever),
		unit("unknown", holdfast.RestartNever), unit("changed", holdfast.RestartNever), unit("held", holdfast.RestartAlways),
		unit("lives", holdfast.RestartNever),
	}
	synctest.Test(t, func(t *testing.T) {
		fake := &processtest.Host{}
		crashed(t, dir, fake, units, "done", "failed", "never", "unknown", "changed")
		o := &recorder{exits: map[string]process.Exit{
			"done": {Known: true}, "failed": {Known: true, Code: 3}, "never": {Known: true}, "changed": {Known: true},
		}}
		second := houseWith(t, dir, fake, o)
		defer func() {
			if err := second.close(context.Background()); err != nil {
				t.Error(err)
			}
		}()
		units[4].Run = append(units[4].Run, "another argument")
		second.set(units...)
		pass(2 * firstDelay)
		for name, want := range map[string]struct {
			state  holdfast.UnitState
			detail string
		}{
			"done":    {holdfast.UnitStopped, "exited with status 0 while no house ran"},
			"failed":  {holdfast.UnitRunning, ""},
			"never":   {holdfast.UnitStopped, "exited with status 0 while no house ran"},
			"unknown": {holdfast.UnitFailed, "ended with unknown status while no house ran"},
			"changed": {holdfast.UnitRunning, ""},
			"held":    {holdfast.UnitHeld, ""},
			"lives":   {holdfast.UnitRunning, ""},
		} {
			if now := second.is(name, want.state); !strings.Contains(now.Detail, want.detail) {
				t.Errorf("%s: %q, want %q", name, now.Detail, want.detail)
			}
		}
		if now := second.is("failed", holdfast.UnitRunning); now.Restarts != 1 {
			t.Errorf("failed was restarted %d times", now.Restarts)
		}
		if n := len(second.fake.Of("lives")); n != 1 {
			t.Errorf("lives was launched %d times", n)
		}
		// Start by an operator is no matter of what was.
		if err := second.Start(t.Context(), "unknown"); err != nil {
			t.Error(err)
		}
		o.mu.Lock()
		defer o.mu.Unlock()
		if told := strings.Join(o.told, ", "); !strings.Contains(told, "began lives") || !strings.Contains(told, "began failed") {
			t.Errorf("the output was told %s", told)
		}
	})
}
