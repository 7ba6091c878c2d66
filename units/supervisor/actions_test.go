// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"encoding/json"
	"errors"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"holdfast"
	"holdfast/core/process"
)

func declared(t *testing.T, s *Supervisor, name string) holdfast.Action {
	t.Helper()
	for _, a := range (desk{s}).actions() {
		if a.Name == name {
			return a
		}
	}
	t.Fatalf("there is no action %s", name)
	return holdfast.Action{}
}

func do(t *testing.T, s *Supervisor, name, input string) (string, error) {
	t.Helper()
	a := declared(t, s, name)
	in, err := a.Decode(json.RawMessage(input))
	if err != nil {
		return "", err
	}
	out, err := a.Run(t.Context(), in)
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(out)
	return string(text), err
}

func judge(t *testing.T, g holdfast.Guard, a holdfast.Action, unit string) error {
	t.Helper()
	if !g.Judges(a) {
		return nil
	}
	return g.Judge(t.Context(), holdfast.Request{Action: a, Input: unitIn{Unit: unit}})
}

func TestGuards(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.set(plain("a"))
		intent, single := intentGuard(r.holds), singleGuard(r.roster)
		start, stop, restart := declared(t, r.Supervisor, "unit.start"), declared(t, r.Supervisor, "unit.stop"), declared(t, r.Supervisor, "unit.restart")
		refused := func(err error, guard string) bool {
			refusal, ok := errors.AsType[*holdfast.Refusal](err)
			return ok && refusal.Guard == guard && refusal.Reason != "" && refusal.Remedy != ""
		}
		if err := judge(t, single, start, "a"); !refused(err, "single") {
			t.Errorf("starting what runs: %v", err)
		}
		if err := judge(t, intent, restart, "a"); err != nil {
			t.Errorf("restarting what runs: %v", err)
		}
		if err := r.Stop(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		if err := judge(t, single, start, "a"); err != nil {
			t.Errorf("starting what is held: %v", err)
		}
		if err := judge(t, intent, restart, "a"); !refused(err, "intent") {
			t.Errorf("restarting what is held: %v", err)
		}
		if !stop.Safer || intent.Judges(stop) || single.Judges(stop) {
			t.Error("a stop can be refused")
		}
		blind := restart
		blind.Subject = nil
		if err := judge(t, intent, blind, "a"); err == nil {
			t.Error("a guard that cannot tell allows")
		}
	})
}

func TestActionsAnswer(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		u := plain("a", "b")
		u.Secrets, u.Port = []string{"KEY"}, 5300
		r.set(u, plain("b"))
		pid := r.is("a", holdfast.UnitRunning).PID
		for _, c := range []struct{ action, input, want string }{
			{"unit.list", `{}`, `"name":"a","owner":"test","state":"running"`},
			{"unit.list", `{"owner":"nobody"}`, `{"units":[]}`},
			{"unit.show", `{"unit":"a"}`, `"secrets":["KEY"],"needs":["b: ready"],"restart":"always","held":false`},
			{"unit.services", `{}`, `"port":5300,"status":"running","last_check":null`},
			{"unit.strays", `{}`, `{"strays":[]}`},
			{"unit.stop", `{"unit":"b"}`, `"state":"held"`},
			{"unit.start", `{"unit":"b"}`, `"state":"running"`},
			{"unit.restart", `{"unit":"a"}`, `"state":"running"`},
		} {
			got, err := do(t, r.Supervisor, c.action, c.input)
			if err != nil || !strings.Contains(got, c.want) {
				t.Errorf("%s %s = %s %v, want %s", c.action, c.input, got, err, c.want)
			}
		}
		if st := r.is("a", holdfast.UnitRunning); st.PID == pid {
			t.Error("restart kept the process")
		}
		for _, action := range []string{"unit.show", "unit.start", "unit.stop", "unit.restart"} {
			_, err := do(t, r.Supervisor, action, `{"unit":"none"}`)
			if e, ok := errors.AsType[*holdfast.Error](err); !ok || e.Code != holdfast.CodeNotFound {
				t.Errorf("%s of an unknown unit: %v", action, err)
			}
			if _, err := do(t, r.Supervisor, action, `{}`); err == nil {
				t.Errorf("%s takes no unit", action)
			}
		}
		for _, a := range (desk{r.Supervisor}).actions() {
			if !json.Valid(a.Input.Schema()) || !json.Valid(a.Output.Schema()) {
				t.Errorf("%s has no schema", a.Name)
			}
		}
	})
}

func TestStraysAndReap(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.set(plain("a"))
		stray := process.Mark{House: r.House(), Unit: "a", Launch: "older"}
		tool := process.Mark{House: r.House(), Unit: "tools.x", Launch: "mcp-1"}
		for _, mark := range []process.Mark{stray, tool} {
			if _, err := r.fake.Start(process.Spec{Argv: []string{"left"}, Mark: mark}); err != nil {
				t.Fatal(err)
			}
		}
		r.Claim(func(m process.Mark) bool { return strings.HasPrefix(m.Unit, "tools.") })
		reap := declared(t, r.Supervisor, "unit.reap")
		inventory, err := reap.Inventory(t.Context(), reapIn{})
		if err != nil || len(inventory.Categories) != 1 || len(inventory.Categories[0].Items) != 1 {
			t.Fatalf("inventory = %+v %v", inventory, err)
		}
		if got, err := do(t, r.Supervisor, "unit.reap", `{}`); err != nil || !strings.Contains(got, `"launch":"older"`) {
			t.Errorf("reap = %s %v", got, err)
		}
		for _, l := range r.fake.Launches() {
			if want := l.Identity().Mark != stray; l.Alive() != want {
				t.Errorf("%s alive: %v, want %v", l.Identity().Mark, l.Alive(), want)
			}
		}
		for _, l := range r.fake.Of("tools.x") {
			_ = l.Signal(syscall.SIGKILL)
		}
	})
}

func TestListStream(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.set(plain("a"))
		enough := errors.New("enough")
		seen := make(chan holdfast.UnitState, 100)
		ended := make(chan error, 1)
		go func() {
			ended <- desk{r.Supervisor}.streamList(t.Context(), listIn{}, func(event any) error {
				state := event.(listOut).Units[0].State
				seen <- state
				if state == holdfast.UnitHeld {
					return enough
				}
				return nil
			})
		}()
		synctest.Wait()
		if state := <-seen; state != holdfast.UnitRunning {
			t.Errorf("first = %s", state)
		}
		if err := r.Stop(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; !errors.Is(err, enough) {
			t.Errorf("stream ended with %v", err)
		}
	})
}

func TestStateMachine(t *testing.T) {
	all := []holdfast.UnitState{
		holdfast.UnitStopped, holdfast.UnitStarting, holdfast.UnitReady, holdfast.UnitRunning, holdfast.UnitUnhealthy,
		holdfast.UnitBackingOff, holdfast.UnitFailed, holdfast.UnitStopping, holdfast.UnitHeld, holdfast.UnitBlocked,
	}
	for _, from := range all {
		if len(nexts(from)) == 0 {
			t.Errorf("%s is a dead end", from)
		}
		if may(from, from) {
			t.Errorf("%s may turn to itself", from)
		}
	}
	for _, up := range []holdfast.UnitState{holdfast.UnitReady, holdfast.UnitRunning, holdfast.UnitUnhealthy} {
		if may(up, holdfast.UnitHeld) || may(up, holdfast.UnitBlocked) {
			t.Errorf("%s may be left with its process running", up)
		}
		if may(holdfast.UnitHeld, up) || may(holdfast.UnitStopped, up) {
			t.Errorf("%s is reached without a start", up)
		}
	}
}
