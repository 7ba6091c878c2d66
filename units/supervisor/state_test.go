// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"holdfast"
	"holdfast/core/process"
	"holdfast/core/process/processtest"
)

// A trial is a unit, and how to bring it into the state that it is to be tried in.
type trial struct {
	*rig
	unit holdfast.Unit
	well atomic.Bool // its checks go well
	gate chan struct{}
}

// newTrial declares a unit with a readiness and a health check.
func newTrial(r *rig) *trial {
	s := &trial{rig: r, unit: plain("u"), gate: make(chan struct{})}
	s.unit.Ready = &holdfast.Probe{Exec: []string{"ready"}, Within: time.Hour}
	s.unit.Healthy = &holdfast.Probe{Exec: []string{"healthy"}, Every: time.Second, Failures: 2}
	s.unit.Stop.Grace = time.Minute
	s.well.Store(true)
	r.fake.OnStart = func(l *processtest.Launch) error {
		if strings.HasSuffix(l.Identity().Mark.Launch, probeSuffix) {
			l.Quit(map[bool]int{true: 0, false: 1}[s.well.Load()])
		}
		return nil
	}
	return s
}

// own is the present launch, its checks left out.
func (s *trial) own() *processtest.Launch {
	all := slices.DeleteFunc(s.fake.Of("u"), func(l *processtest.Launch) bool {
		return strings.HasSuffix(l.Identity().Mark.Launch, probeSuffix)
	})
	if len(all) == 0 {
		s.t.Fatal("it was never started")
	}
	return all[len(all)-1]
}

func (s *trial) declare(change func(u *holdfast.Unit)) {
	if change != nil {
		change(&s.unit)
	}
	s.set(s.unit)
}

// enterState brings the unit into a state.
func (s *trial) enterState(state holdfast.UnitState) {
	switch state {
	case holdfast.UnitStopped:
		s.declare(func(u *holdfast.Unit) { u.Disabled = true })
	case holdfast.UnitStarting:
		s.well.Store(false)
		s.declare(nil)
	case holdfast.UnitReady:
		s.declare(nil)
	case holdfast.UnitRunning:
		s.declare(func(u *holdfast.Unit) { u.Ready = nil })
	case holdfast.UnitUnhealthy:
		s.declare(func(u *holdfast.Unit) { u.Restart = holdfast.RestartNever })
		pass(11 * time.Second)
		s.well.Store(false)
		pass(3 * time.Second)
	case holdfast.UnitBackingOff:
		s.declare(nil)
		s.own().Quit(1)
	case holdfast.UnitFailed:
		s.declare(func(u *holdfast.Unit) { u.Restart = holdfast.RestartNever })
		s.own().Quit(1)
	case holdfast.UnitStopping:
		s.declare(nil)
		s.own().IgnoreTerm()
		go func() { _ = s.Stop(context.Background(), "u") }()
	case holdfast.UnitHeld:
		s.declare(nil)
		if err := s.Stop(s.t.Context(), "u"); err != nil {
			s.t.Fatal(err)
		}
	case holdfast.UnitBlocked:
		s.fake.Hold(9000, &process.Holder{PID: 7, Name: "nginx"})
		s.declare(func(u *holdfast.Unit) { u.Port = 9000 })
	}
	s.is("u", state)
}

// apply lets something happen to the unit and lets little time go by.
func (s *trial) apply(event string) {
	switch event {
	case "start":
		go func() { _ = s.Start(context.Background(), "u") }()
	case "stop":
		go func() { _ = s.Stop(context.Background(), "u") }()
	case "restart":
		go func() { _ = s.Restart(context.Background(), "u") }()
	case "ends well":
		s.own().Quit(0)
	case "fails":
		s.own().Quit(1)
	case "unwell":
		s.well.Store(false)
		pass(3 * time.Second)
	case "well":
		s.well.Store(true)
		pass(3 * time.Second)
	case "disable":
		s.declare(func(u *holdfast.Unit) { u.Disabled = true })
	case "enable":
		s.declare(func(u *holdfast.Unit) { u.Disabled = false })
	case "block":
		s.declare(func(u *holdfast.Unit) { u.Blocked = "a key is missing" })
	case "change":
		s.declare(func(u *holdfast.Unit) { u.Env = map[string]string{"A": "1"} })
	case "killed":
		s.own().Kill()
	case "port freed":
		s.fake.Hold(9000, nil)
		pass(recheckMost)
	case "time":
		pass(2 * time.Second)
	default:
		s.t.Fatalf("%q is no event", event)
	}
	synctest.Wait()
}

// states tells what becomes of a unit in each state by each event: from, event, to. Where a unit
// restarts by its policy at once, it is the state after that.
const states = `
stopped     | start      | ready
stopped     | stop       | held
stopped     | restart    | stopped  # refused: it is disabled
stopped     | enable     | ready
stopped     | change     | stopped
stopped     | block      | stopped

starting    | well       | ready
starting    | stop       | held
starting    | restart    | starting
starting    | fails      | backing-off
starting    | ends well  | backing-off
starting    | disable    | stopped
starting    | block      | blocked
starting    | change     | starting

ready       | unwell     | ready  # within the start period
ready       | fails      | backing-off
ready       | ends well  | backing-off
ready       | killed     | backing-off
ready       | stop       | held
ready       | restart    | ready
ready       | disable    | stopped
ready       | block      | blocked
ready       | change     | ready
ready       | time       | ready

running     | fails      | backing-off
running     | stop       | held
running     | restart    | running
running     | disable    | stopped
running     | block      | blocked
running     | change     | running

unhealthy   | well       | ready
unhealthy   | unwell     | unhealthy
unhealthy   | fails      | failed
unhealthy   | ends well  | stopped
unhealthy   | stop       | held
unhealthy   | restart    | starting
unhealthy   | disable    | stopped
unhealthy   | block      | blocked

backing-off | time       | ready
backing-off | start      | ready
backing-off | restart    | ready
backing-off | stop       | held
backing-off | disable    | stopped
backing-off | block      | blocked
backing-off | change     | ready

failed      | time       | failed  # never again by itself
failed      | start      | ready
failed      | restart    | ready
failed      | stop       | held
failed      | disable    | stopped
failed      | block      | blocked
failed      | change     | ready

stopping    | killed     | held
stopping    | start      | stopping  # the grace is not cut short
stopping    | stop       | stopping
stopping    | disable    | stopping

held        | start      | ready
held        | restart    | held  # refused
held        | stop       | held
held        | change     | held
held        | disable    | held
held        | enable     | held
held        | block      | held
held        | time       | held

blocked     | port freed | ready
blocked     | time       | blocked
blocked     | stop       | held
blocked     | start      | blocked
blocked     | restart    | blocked
blocked     | disable    | stopped
blocked     | change     | blocked
`

func TestStatesByEvents(t *testing.T) {
	for line := range strings.Lines(states) {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Split(line, "|")
		if len(fields) != 3 {
			continue
		}
		from, event, to := strings.TrimSpace(fields[0]), strings.TrimSpace(fields[1]), strings.TrimSpace(fields[2])
		t.Run(from+" "+event, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				s := newTrial(r)
				s.enterState(holdfast.UnitState(from))
				s.apply(event)
				s.is("u", holdfast.UnitState(to))
				s.well.Store(true)
			})
		})
	}
}

// Every state is left by an edge, and no edge leads to where none is.
func TestMachineIsWhole(t *testing.T) {
	all := []holdfast.UnitState{
		holdfast.UnitStopped, holdfast.UnitStarting, holdfast.UnitReady, holdfast.UnitRunning, holdfast.UnitUnhealthy,
		holdfast.UnitBackingOff, holdfast.UnitFailed, holdfast.UnitStopping, holdfast.UnitHeld, holdfast.UnitBlocked,
	}
	reached := map[holdfast.UnitState]bool{}
	for _, from := range all {
		next := nexts(from)
		if len(next) == 0 {
			t.Errorf("%s is never left", from)
		}
		for _, to := range next {
			reached[to] = true
			if !slices.Contains(all, to) || to == from {
				t.Errorf("there is an edge from %s to %q", from, to)
			}
		}
		if may(from, holdfast.UnitFailed) && from != holdfast.UnitStarting && !from.Up() && from != holdfast.UnitUnhealthy && from != holdfast.UnitStopping {
			t.Errorf("%s fails without a process", from)
		}
	}
	for _, s := range all {
		if !reached[s] {
			t.Errorf("%s is never reached", s)
		}
	}
	if nexts("nonsense") != nil {
		t.Error("a state that is none has edges")
	}
}
