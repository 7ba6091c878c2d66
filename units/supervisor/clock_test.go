// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"holdfast"
	"holdfast/core/home"
	"holdfast/core/process"
	"holdfast/core/process/processtest"
)

func TestLaunchNamesRiseWhateverTheClockDoes(t *testing.T) {
	n := &launchNames{}
	now := time.Now()
	var list []string
	for _, jump := range []time.Duration{0, 0, time.Hour, -time.Hour, -365 * 24 * time.Hour, 0, time.Minute} {
		now = now.Add(jump)
		list = append(list, newLaunch(n.next(now), "digest"))
	}
	ahead := newLaunch(time.Now().AddDate(1, 0, 0), "digest")
	n.follow(ahead)
	list = append(list, ahead, newLaunch(n.next(now), "digest"))
	for _, hostile := range []string{"zzzzzzzzzzz-x-y", "", "-", "zzzzzzzzzzzzzzzzzzzzzzz-1-2", "-1-2-3"} {
		n.follow(hostile)
	}
	list = append(list, newLaunch(n.next(now), "digest"))
	if !slices.IsSorted(list) {
		t.Errorf("launches do not sort by their order: %q", list)
	}
	if len(list[len(list)-1]) != len(list[0]) {
		t.Errorf("a name has another length: %q", list[len(list)-1])
	}
}

// left starts a launch as an earlier house did, when its clock said at.
func left(t *testing.T, fake *processtest.Host, house string, u holdfast.Unit, at time.Time) *processtest.Launch {
	t.Helper()
	mark := process.Mark{House: house, Unit: u.Name, Launch: newLaunch(at, fingerprint(u))}
	if _, err := fake.Start(process.Spec{Argv: u.Run, Mark: mark}); err != nil {
		t.Fatal(err)
	}
	all := fake.Of(u.Name)
	return all[len(all)-1]
}

// The clock was ahead while an earlier house ran: its launches have names from the future.
func TestAdoptionAfterTheClockWentBack(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		fake := &processtest.Host{}
		house := houseMark(home.At(dir))
		older := left(t, fake, house, plain("a"), time.Now().AddDate(0, 0, 2))
		newer := left(t, fake, house, plain("a"), time.Now().AddDate(0, 0, 1))
		r := newRig(t, dir, fake)
		r.set(plain("a"))
		st := r.is("a", holdfast.UnitRunning)
		if st.PID != newer.Identity().PID || older.Alive() {
			t.Errorf("adopted pid %d; the launch before it lives: %v", st.PID, older.Alive())
		}
		if st.Since.After(time.Now()) {
			t.Errorf("it stands so since %s, which is yet to come", st.Since)
		}
		pass(11 * time.Second)
		newer.Kill()
		r.is("a", holdfast.UnitRunning) // at once, for it ran for 11 s in this house
		third := r.last("a").Identity().Mark.Launch
		if third <= older.Identity().Mark.Launch || third <= newer.Identity().Mark.Launch {
			t.Errorf("the launch %s sorts before %s", third, older.Identity().Mark.Launch)
		}
		for range 3 { // a loop is found by the clock that goes on, not by the one that jumped
			r.last("a").Quit(1)
			pass(10 * time.Second)
		}
		if n := len(r.journal.subjects("unit.restart_loop")); n != 1 {
			t.Errorf("the loop was journaled %d times", n)
		}
		if err := r.close(context.Background()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestRestartsFromTheFutureAreForgottenInTime(t *testing.T) {
	now := time.Now()
	s := standing{unit: plain("a")}
	child, err := (&processtest.Host{}).Start(process.Spec{Argv: []string{"a"}, Mark: process.Mark{House: "h", Unit: "a", Launch: newLaunch(now.Add(time.Hour), "d")}})
	if err != nil {
		t.Fatal(err)
	}
	tomorrow := now.Add(24 * time.Hour)
	s.adopted(child, []time.Time{now.Add(-time.Minute), tomorrow, tomorrow, tomorrow}, now)
	if n := len(s.recent(now)); n != 4 || s.looping.IsZero() || s.launched.After(now) {
		t.Errorf("%d restarts, looping since %s, launched at %s", n, s.looping, s.launched)
	}
	if n := len(s.recent(now.Add(loopWindow + time.Second))); n != 0 {
		t.Errorf("%d restarts after more than an hour", n)
	}
}

// A port that is stolen between the check and the start: the unit ends, and it is said who has it.
func TestStolenPort(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.fake.OnStart = func(l *processtest.Launch) error {
			r.fake.Hold(9000, &process.Holder{PID: 7, Name: "nginx"})
			l.Quit(98)
			return nil
		}
		u := plain("a")
		u.Port = 9000
		r.set(u)
		if st := r.is("a", holdfast.UnitBackingOff); !strings.Contains(st.Detail, "exited with status 98; port 9000 is held by nginx (pid 7); starts again in") {
			t.Errorf("detail = %q", st.Detail)
		}
		pass(2 * time.Second)
		if st := r.is("a", holdfast.UnitBlocked); st.Detail != "port 9000 is held by nginx (pid 7)" {
			t.Errorf("detail = %q", st.Detail)
		}
		pass(time.Hour)
		if n := len(r.fake.Of("a")); n != 1 {
			t.Errorf("%d launches while the port is held", n)
		}
		r.fake.OnStart = nil
		r.fake.Hold(9000, nil)
		pass(recheckMost)
		r.is("a", holdfast.UnitRunning)
	})
}

func TestCrashLoopNeverStartsTwiceInASecond(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.fake.OnStart = func(l *processtest.Launch) error { l.Quit(1); return nil }
		var units []holdfast.Unit
		for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
			units = append(units, plain(name))
		}
		r.set(units...)
		pass(20 * time.Minute)
		for _, u := range units {
			launches := r.fake.Of(u.Name)
			for i := 1; i < len(launches); i++ {
				if gap := launches[i].Began.Sub(launches[i-1].Began); gap < time.Second || gap > DefaultCap+time.Second {
					t.Errorf("%s: start %d came %s after the one before", u.Name, i, gap)
				}
			}
		}
	})
}
