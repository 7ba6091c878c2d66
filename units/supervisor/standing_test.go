// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"errors"
	"slices"
	"testing"
	"time"

	"holdfast"
	"holdfast/core/process"
	"holdfast/core/process/processtest"
)

// launched is a child of a fake host, started from the declaration.
func launched(t *testing.T, u holdfast.Unit, at time.Time) process.Child {
	t.Helper()
	child, err := (&processtest.Host{}).Start(process.Spec{
		Argv: u.Run, Mark: process.Mark{House: "h", Unit: u.Name, Launch: newLaunch(at, fingerprint(u))},
	})
	if err != nil {
		t.Fatal(err)
	}
	return child
}

func TestStandingThroughALaunch(t *testing.T) {
	u := plain("a")
	u.Port, u.Secrets = 5300, []string{"KEY"}
	s := standing{unit: u, state: holdfast.UnitStopped}
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	if s.met(untilBooted) || s.launch() != "" || s.status().PID != 0 || s.service().PID != nil {
		t.Error("a unit without a process has one")
	}
	child := launched(t, u, at)
	s.began(child, 3, u.Secrets, at)
	if !s.met(untilBooted) || s.met("") || !s.fits() || !slices.Equal(s.received, u.Secrets) {
		t.Errorf("after its start: %+v", s)
	}
	if from, news := s.enter(holdfast.UnitReady, "", at.Add(time.Second)); !news || from != holdfast.UnitStopped {
		t.Errorf("enter = %s %v", from, news)
	}
	if _, news := s.enter(holdfast.UnitReady, "", at.Add(time.Minute)); news || !s.since.Equal(at.Add(time.Second)) {
		t.Error("the same state again is news")
	}
	s.healthy = true
	s.checked(false, false, at) // a look before it was ready
	s.checked(true, true, at)
	s.checked(false, true, at)
	if d := s.daemon(at); d.Details.ChecksPassed != 1 || d.Details.TotalChecks != 2 || d.Status != "running" {
		t.Errorf("daemon = %+v", d)
	}
	if st := s.status(); st.PID != child.Identity().PID || st.Port != 5300 || st.Log != "var/logs/a.log" || !s.met(untilHealthy) {
		t.Errorf("status = %+v", st)
	}
	left := errors.New("pid 7 lives")
	s.ended(left)
	if s.healthy || s.child != nil || s.received != nil || !errors.Is(s.left, left) || s.passed+s.checks != 0 {
		t.Errorf("after its end: %+v", s)
	}
	ran, up := s.fell(at.Add(time.Minute))
	if ran != time.Minute || up != 59*time.Second || len(s.restarts) != 1 {
		t.Errorf("ran %v, up %v, %d restarts", ran, up, len(s.restarts))
	}
	if ran, _ = s.fell(at.Add(2 * time.Hour)); ran != 0 || len(s.restarts) != 1 {
		t.Errorf("a fall without a launch ran %v; %d restarts are kept", ran, len(s.restarts))
	}
}

func TestStandingOfAnAdoptedProcess(t *testing.T) {
	u := plain("a")
	u.Secrets = []string{"KEY"}
	at := time.UnixMilli(1_790_000_000_000)
	s := standing{unit: u}
	s.adopted(launched(t, u, at), []time.Time{at}, at.Add(time.Hour))
	if !s.launched.Equal(at) || !s.since.Equal(at) || s.state != holdfast.UnitStarting || !s.fits() || len(s.received) != 1 {
		t.Errorf("adopted = %+v", s)
	}
	s.unit.Run = []string{"/bin/other"}
	if s.fits() {
		t.Error("a process of another declaration fits")
	}
}
