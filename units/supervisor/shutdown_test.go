// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"context"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"holdfast"
	"holdfast/core/home"
	"holdfast/core/process"
	"holdfast/core/process/processtest"
)

func worker(name string, needs ...string) holdfast.Unit {
	u := plain(name, needs...)
	u.Worker = true
	return u
}

func names(launches []*processtest.Launch) []string {
	var list []string
	for _, l := range launches {
		if l.Alive() {
			list = append(list, l.Identity().Mark.Unit)
		}
	}
	slices.Sort(list)
	return list
}

// TestWorkersAreLeftAndAdopted ends a house as `down` does, and starts the next.
func TestWorkersAreLeftAndAdopted(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		fake := &processtest.Host{}
		first := newRig(t, dir, fake)
		first.set(plain("db"), worker("job", "db"), worker("idle-job"), plain("web"))
		first.is("job", holdfast.UnitRunning)
		if err := first.Stop(t.Context(), "idle-job"); err != nil {
			t.Fatal(err)
		}
		if left := first.Plan(Shutdown{LeaveWorkers: true}); !slices.Equal(left, []string{"job"}) {
			t.Errorf("it will leave %v", left)
		}
		if err := first.close(context.Background()); err != nil {
			t.Fatal(err)
		}
		if alive := names(fake.Launches()); !slices.Equal(alive, []string{"job"}) {
			t.Fatalf("left running: %v", alive)
		}
		was := first.last("job").Identity()
		second := newRig(t, dir, fake)
		second.set(plain("db"), worker("job", "db"), worker("idle-job"), plain("web"))
		second.is("job", holdfast.UnitRunning)
		if now := second.last("job").Identity(); now != was {
			t.Errorf("the worker was started anew: %v, was %v", now, was)
		}
		second.is("idle-job", holdfast.UnitHeld)
		if err := second.close(context.Background()); err != nil {
			t.Fatal(err)
		}
		if alive := names(fake.Launches()); len(alive) > 0 {
			t.Errorf("left running: %v", alive)
		}
	})
}

// TestQuickEndsAllAtOnce has units that need each other and ignore their signal for long.
func TestQuickEndsAllAtOnce(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		fake := &processtest.Host{OnStart: func(l *processtest.Launch) error { l.IgnoreTerm(); return nil }}
		r := newRig(t, dir, fake)
		slow := plain("slow")
		slow.Stop.Grace = time.Minute
		r.set(slow, plain("web", "slow"), plain("top", "web"))
		r.is("top", holdfast.UnitRunning)
		r.Plan(Shutdown{Quick: true})
		began := time.Now()
		if err := r.close(context.Background()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > quickGrace+time.Second {
			t.Errorf("it took %s", took)
		}
		if alive := names(fake.Launches()); len(alive) > 0 {
			t.Errorf("left running: %v", alive)
		}
	})
}

// TestEndLeftEndsWhatADeadHouseLeft ends, without a house, what one left: known by its record, by
// its mark alone, and a check of a worker.
func TestEndLeftEndsWhatADeadHouseLeft(t *testing.T) {
	for _, leave := range []bool{true, false} {
		fake, h := &processtest.Host{}, home.At(t.TempDir())
		if err := makeFolders(h); err != nil {
			t.Fatal(err)
		}
		records := map[string]record{}
		for _, launch := range []struct{ unit, name string }{{"db", "1-a-b"}, {"db", "0-a-b"}, {"job", "1-a-b"}, {"job", "1-a-b" + probeSuffix}, {"web", "1-a-b"}} {
			mark := process.Mark{House: houseMark(h), Unit: launch.unit, Launch: launch.name}
			child, err := fake.Start(process.Spec{Argv: []string{"/bin/" + launch.unit}, Mark: mark})
			if err != nil {
				t.Fatal(err)
			}
			if launch.unit != "web" && launch.name == "1-a-b" {
				records[launch.unit] = record{Identity: child.Identity(), Worker: launch.unit == "job", Stop: holdfast.Stop{Signal: "INT"}}
			}
		}
		if err := replace(recordFile(h), records); err != nil {
			t.Fatal(err)
		}
		book := &ledger{}
		s := New(Options{Home: h, Host: fake, Journal: book})
		ended, left, err := s.EndLeft(t.Context(), Shutdown{LeaveWorkers: leave})
		want, stays := []string{"db", "job", "web"}, []string(nil)
		if leave {
			stays = []string{"job"}
		}
		if err != nil || !slices.Equal(ended, want) || !slices.Equal(left, stays) {
			t.Errorf("ended %v, left %v, %v", ended, left, err)
		}
		if alive := names(fake.Launches()); !slices.Equal(alive, stays) {
			t.Errorf("left running: %v", alive)
		}
		if got := fake.Of("db")[0].Signals(); !slices.Equal(got, []syscall.Signal{syscall.SIGINT}) {
			t.Errorf("db got %v", got)
		}
		if noted := book.subjects("unit.stray"); len(noted) != 5-len(stays) {
			t.Errorf("journaled %q", noted)
		}
	}
}
