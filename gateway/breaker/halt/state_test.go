// SPDX-License-Identifier: Apache-2.0

package halt

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"holdfast/core/home"
)

const changerVariable = "HOLDFAST_TEST_CHANGES_STATE_IN"

// changeState is one of several processes that halt and resume keys of their own, or with "hold" one
// that takes the lock and never lets go.
func changeState(f Files, args []string) {
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	if args[0] == "hold" {
		if _, err := claim(f, Patiently); err != nil {
			panic(err)
		}
		_, _ = os.Stdout.WriteString("held\n")
		select {} // until it is killed
	}
	for i := range each {
		flag := Flag{Reason: "odd", Cause: CausePerson, Scope: Key(fmt.Sprintf("%s-%d", args[0], i)), Since: time.Now()}
		must(second(f.Raise(flag)))
		must(f.Change(time.Minute, func(s *State) { s.Put(flag) }, nil))
		if i%2 == 1 {
			must(f.Change(time.Minute, func(s *State) { s.End(flag.Scope, flag.Since, time.Time{}, time.Now()) },
				func() error { return f.Lower(flag.Scope, time.Now()) }))
		}
	}
}

const each = 20

func changer(t *testing.T, dir string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env, cmd.Stderr = append(os.Environ(), changerVariable+"="+dir), os.Stderr
	return cmd
}

// TestManyProcessesChangeTheState: what one remembers no other forgets.
func TestManyProcessesChangeTheState(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f := In(home.At(dir))
	var all []*exec.Cmd
	for i := range 4 {
		all = append(all, changer(t, dir, fmt.Sprint("process", i)))
		if err := all[i].Start(); err != nil {
			t.Fatal(err)
		}
	}
	for _, cmd := range all {
		if err := cmd.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	state, err := f.State()
	if err != nil || len(state.Scopes) != 4*each/2 {
		t.Fatalf("%d HALTs are remembered, want %d: %v", len(state.Scopes), 4*each/2, err)
	}
	for _, s := range f.Standing() {
		if state.Of(s) == nil {
			t.Errorf("%s dropped out", s)
		}
	}
	if n := len(f.Standing()); n != 4*each/2 {
		t.Errorf("%d flags stand", n)
	}
}

// TestWhoHoldsTheLockIsKilled: no flag waits for the lock; what changes the state waits a bounded time,
// and goes on once the holder is killed.
func TestWhoHoldsTheLockIsKilled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f := In(home.At(dir))
	holder := changer(t, dir, "hold")
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	if !bufio.NewScanner(out).Scan() {
		t.Fatal("it holds nothing")
	}
	o := judging(t, lowCaps)
	o.files, o.places = f, f
	if err := os.WriteFile(f.ThresholdsPath(), []byte(lowCaps), 0o644); err != nil {
		t.Fatal(err)
	}
	o.house(1000, 0, 0)
	o.want(true, "the lock is held by somebody who hangs")
	if state, err := f.State(); err != nil || state.Halt != nil {
		t.Fatalf("it is remembered without the lock: %+v, %v", state, err)
	}
	if err := f.Change(Briefly, func(*State) {}, nil); err == nil {
		t.Fatal("it is changed without the lock")
	}
	if err := holder.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = holder.Wait() // killed
	o.look()
	o.look()
	if state, err := f.State(); err != nil || state.Halt == nil || state.Halt.Burn != 1000 {
		t.Errorf("the HALT is not remembered once the lock is free: %+v, %v", state, err)
	}
}

// TestAStateThatCannotBeRead begins anew with the flags that stand.
func TestAStateThatCannotBeRead(t *testing.T) {
	t.Parallel()
	f := In(home.At(t.TempDir()))
	for _, s := range []Scope{House, Tenant("acme"), Key("ci")} {
		if _, err := f.Raise(Flag{Reason: "x", Cause: CausePerson, Scope: s, Since: time.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(f.path(stateFile), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := f.Change(Briefly, func(s *State) { s.End(Key("ci"), time.Time{}, time.Time{}, time.Now()) }, nil); err != nil {
		t.Fatal(err)
	}
	state, err := f.State()
	if err != nil || state.Halt == nil || len(state.Scopes) != 1 || state.Of(Tenant("acme")) == nil {
		t.Errorf("%+v, %v", state, err)
	}
}

// TestOutsidePutsAScopesFlagBack, and remembers one that any program raised, while no house runs.
func TestOutsidePutsAScopesFlagBack(t *testing.T) {
	t.Parallel()
	o := judging(t, lowCaps)
	acme, ci := Tenant("acme"), Key("ci")
	for _, s := range []Scope{acme, ci} {
		if _, err := o.places.Raise(Flag{Reason: "odd", Cause: CausePerson, Scope: s, Since: o.now}); err != nil {
			t.Fatal(err)
		}
	}
	o.look()
	o.look()
	for _, s := range []Scope{acme, ci} {
		if err := os.Remove(o.places.FlagPath(s)); err != nil {
			t.Fatal(err)
		}
	}
	o.look()
	o.look()
	standing := o.places.Standing()
	slices.Sort(standing)
	if !slices.Equal(standing, []Scope{ci, acme}) {
		t.Fatalf("%v stand", standing)
	}
	events, err := o.places.Diary().History(10)
	if err != nil || len(events) != 2 || events[0].Event != EventRewritten || events[0].Scope() == House {
		t.Errorf("%+v, %v", events, err)
	}
}
