// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"holdfast"
	"holdfast/core/process"
	"holdfast/core/process/processtest"
)

func aWorker(name string) holdfast.Unit {
	u := plain(name)
	u.Worker, u.Restart = true, holdfast.RestartOnFailure
	return u
}

// strangers starts workers of another house.
func strangers(t *testing.T, fake *processtest.Host, n int) []*processtest.Launch {
	t.Helper()
	for i := range n {
		name := fmt.Sprintf("stranger%d", i)
		_, err := fake.Start(process.Spec{
			Argv: []string{"agent"},
			Mark: process.Mark{House: "elsewhere", Unit: name, Launch: newLaunch(time.Now(), fingerprint(aWorker(name)))},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	all := fake.Launches()
	return all[len(all)-n:]
}

func TestZombieGuardCountsTheMachine(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.crowd.limit(2)
		guard := zombieGuard(r.roster, r.crowd)
		request := func(name string) error {
			return guard.Judge(t.Context(), holdfast.Request{
				Action: holdfast.Action{Name: "unit.start", Labels: []string{labelStart}, Subject: unitSubject},
				Input:  unitIn{Unit: name},
			})
		}
		foreign := strangers(t, r.fake, 3)
		r.set(aWorker("one"), plain("service"))
		r.is("one", holdfast.UnitRunning) // the fourth: not more than twice the cap
		r.is("service", holdfast.UnitRunning)
		if err := request("one"); err != nil {
			t.Errorf("with four workers: %v", err)
		}
		r.set(aWorker("one"), aWorker("two"), plain("service"))
		r.is("two", holdfast.UnitRunning) // four lived, which is not more than twice the cap
		err := request("one")
		refusal, refused := errors.AsType[*holdfast.Refusal](err)
		if !refused || refusal.Guard != "zombie" || !strings.Contains(refusal.Reason, "5 workers live on this machine already, more than twice the cap of 2") {
			t.Errorf("with five workers: %v", err)
		}
		if err := request("service"); err != nil {
			t.Errorf("a unit that is no worker: %v", err)
		}
		if err := request("unknown"); err != nil {
			t.Errorf("an unknown unit is not the guard's: %v", err)
		}
		any := holdfast.Action{Name: "agent.start", Labels: []string{labelWorker}}
		if !guard.Judges(any) || guard.Judge(t.Context(), holdfast.Request{Action: any}) == nil {
			t.Error("another action that starts workers is allowed")
		}
		// A unit that is started at boot, or again, is held back as well.
		r.set(aWorker("one"), aWorker("two"), aWorker("three"), plain("service"))
		if st := r.is("three", holdfast.UnitBlocked); !strings.Contains(st.Detail, "more than twice the cap") {
			t.Errorf("detail = %q", st.Detail)
		}
		foreign[0].Kill()
		foreign[1].Kill()
		pass(recheckMost)
		r.is("three", holdfast.UnitRunning)
		foreign[2].Kill()
	})
}

// Many workers that start at the same time do not all see room for one.
func TestWorkersStartOneAfterTheOther(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.crowd.limit(3)
		var units []holdfast.Unit
		for i := range 40 {
			units = append(units, aWorker(fmt.Sprintf("w%02d", i)))
		}
		r.set(units...)
		pass(time.Minute)
		synctest.Wait()
		if n := len(r.fake.Launches()); n != 7 { // up to one more than twice the cap
			t.Errorf("%d workers were started under a cap of 3", n)
		}
		up, blocked := 0, 0
		for _, st := range r.List() {
			switch st.State { //nolint:exhaustive // there are no others
			case holdfast.UnitRunning:
				up++
			case holdfast.UnitBlocked:
				blocked++
			}
		}
		if up != 7 || blocked != 33 {
			t.Errorf("%d up, %d blocked", up, blocked)
		}
	})
}

// blind is a host that cannot list processes.
type blind struct{ process.Host }

func (blind) Marked(string) ([]process.Found, error) { return nil, errors.New("no /proc") }

func TestZombieGuardThatCannotTellRefuses(t *testing.T) {
	c := &crowd{host: blind{&processtest.Host{}}, cap: 1, admitted: map[string]bool{}}
	if reason := c.full(); !strings.Contains(reason, "cannot tell how many workers live") {
		t.Errorf("reason = %q", reason)
	}
}

func TestOutsidersAreNoWorkersAndNoStrays(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		mark := process.Mark{House: r.House(), Unit: "gone", Launch: newLaunch(time.Now(), fingerprint(aWorker("gone")))}
		for _, program := range []string{outsider, "agent"} {
			if _, err := r.fake.Start(process.Spec{Argv: []string{program}, Mark: mark}); err != nil {
				t.Fatal(err)
			}
		}
		r.crowd.limit(0)
		if reason := r.crowd.full(); !strings.Contains(reason, "1 workers live") {
			t.Errorf("reason = %q", reason)
		}
		strays, err := r.strays.list()
		if err != nil || len(strays) != 1 || strays[0].Name != "agent" {
			t.Errorf("strays = %+v %v", strays, err)
		}
		_ = r.options.Host.EndMarked(context.Background(), mark, 9, 0)
	})
}

func TestWorkersAreToldByTheirMarks(t *testing.T) {
	u := aWorker("a")
	mark := process.Mark{Launch: newLaunch(time.Now(), fingerprint(u))}
	if !isWorker(mark) {
		t.Errorf("%s is no worker's", mark.Launch)
	}
	mark.Launch += probeSuffix
	if !isWorker(mark) {
		t.Errorf("%s is not of a worker", mark.Launch)
	}
	u.Worker = false
	if mark.Launch = newLaunch(time.Now(), fingerprint(u)); isWorker(mark) {
		t.Errorf("%s is a worker's", mark.Launch)
	}
	for _, odd := range []string{"", "w", "-", "-w", "tools-server"} {
		_ = isWorker(process.Mark{Launch: odd}) // whatever others put there
	}
}
