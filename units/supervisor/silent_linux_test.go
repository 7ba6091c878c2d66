// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"holdfast"
)

// beatEvery is what the units of these tests promise.
const beatEvery = time.Second

// pulse beats into a file, and says so, until the file names another mood.
func pulse(path, mood string) {
	done := make(chan bool)
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			if _, err := os.Stat(path + ".end"); err == nil {
				return
			}
			_ = os.WriteFile(path, fmt.Append(nil, i), 0o600)
			fmt.Println("beat", i)
			<-time.After(beatEvery / 10)
		}
	}()
	if mood == "zombie" {
		leaveThreads()
	}
	<-done
	switch mood {
	case "compute":
		for i := 0; ; i++ {
		}
	case "talk":
		for i := 0; ; i++ {
			fmt.Println("still here", i)
			<-time.After(beatEvery / 5)
		}
	}
	select {}
}

// leaveThreads ends the first thread and leaves the others: the process shows as a zombie and lives.
func leaveThreads() {
	for {
		left := make(chan bool)
		go func() {
			runtime.LockOSThread()
			defer close(left)
			if unix.Gettid() == os.Getpid() {
				_, _, _ = syscall.Syscall(syscall.SYS_EXIT, 0, 0, 0)
			}
		}()
		select {
		case <-left:
			runtime.Gosched()
		case <-time.After(100 * time.Millisecond):
			return
		}
	}
}

func pulsing(dir, name, mood string) holdfast.Unit {
	u := helper(name, "pulse", filepath.Join(dir, name), mood)
	u.Healthy = &holdfast.Probe{Heartbeat: filepath.Join(dir, name), Every: beatEvery}
	return u
}

// fallSilent makes a unit stop beating.
func fallSilent(t *testing.T, dir, name string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name)+".end", nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

// waitMore lets real time go by, for what must not happen meanwhile.
func waitMore(d time.Duration) { <-time.After(d) }

// Each combination of a first and a second sign, by real processes.
func TestRealStaleUnits(t *testing.T) {
	for _, c := range []struct {
		mood   string
		change func(u *holdfast.Unit)
		harm   func(t *testing.T, pid int) // nil: it stops beating by itself
		want   string                      // why it is killed, empty for not at all
	}{
		{mood: "compute"},
		{mood: "talk"},
		{mood: "sleep", want: "and it used no CPU and wrote no line for"},
		{mood: "stopped", harm: stopProcess, want: "and its first process is stopped by a signal"},
		{mood: "zombie", want: "and its first process is a zombie"},
		{mood: "compute", want: "and its readiness check fails, too", change: func(u *holdfast.Unit) {
			u.Ready = &holdfast.Probe{Exec: []string{"/usr/bin/test", "!", "-e", u.Run[1] + ".end"}, Every: beatEvery, Failures: 2}
		}},
		{mood: "sleep", want: "no line like", change: func(u *holdfast.Unit) {
			u.Healthy = &holdfast.Probe{Line: `^beat \d+$`, Every: beatEvery}
		}},
		{mood: "talk", change: func(u *holdfast.Unit) { u.Healthy = &holdfast.Probe{Line: `^beat \d+$`, Every: beatEvery} }},
	} {
		t.Run(c.mood+" "+c.want, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			s := realHouse(t, dir)
			u := pulsing(dir, "unit", c.mood)
			if c.change != nil {
				c.change(&u)
			}
			if err := s.Set(t.Context(), "test", []holdfast.Unit{u}); err != nil {
				t.Fatal(err)
			}
			first := awaitHealthy(t, s, "unit")
			if c.harm != nil {
				c.harm(t, first.PID)
			} else {
				fallSilent(t, dir, "unit")
			}
			if c.want != "" {
				eventually(t, "it is killed because "+c.want, func() bool { return condemned(s, c.want) })
				return
			}
			if st := reach(t, s, "unit", holdfast.UnitUnhealthy); !strings.HasPrefix(st.Detail, "no ") {
				t.Errorf("detail = %q", st.Detail)
			}
			waitMore(6 * beatEvery)
			if st := reach(t, s, "unit", holdfast.UnitUnhealthy); st.PID != first.PID {
				t.Errorf("a unit that %ss was killed for being stale", c.mood)
			}
		})
	}
}

func stopProcess(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
}

func awaitHealthy(t *testing.T, s *Supervisor, name string) holdfast.UnitStatus {
	t.Helper()
	eventually(t, name+" is healthy", func() bool {
		u, err := s.roster.look(name)
		return err == nil && u.healthy && u.state.Up()
	})
	st, err := s.Status(name)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// condemned tells whether a unit was stopped for a reason.
func condemned(s *Supervisor, why string) bool {
	book, ok := s.options.Journal.(*ledger)
	if !ok {
		return false
	}
	for _, line := range book.subjects("unit.state") {
		if strings.Contains(line, why) && strings.Contains(line, `"to":"stopping"`) {
			return true
		}
	}
	return false
}

func TestRealIdleUnit(t *testing.T) {
	dir := t.TempDir()
	s := realHouse(t, dir)
	idle, busy := pulsing(dir, "idle", "sleep"), pulsing(dir, "busy", "talk")
	idle.Healthy, busy.Healthy = nil, nil
	idle.Idle, busy.Idle = 3*time.Second, 3*time.Second
	if err := s.Set(t.Context(), "test", []holdfast.Unit{idle, busy}); err != nil {
		t.Fatal(err)
	}
	first := reach(t, s, "idle", holdfast.UnitRunning)
	waitMore(2 * idle.Idle)
	if st := reach(t, s, "idle", holdfast.UnitRunning); st.PID != first.PID {
		t.Fatal("a unit that beats was ended as idle")
	}
	fallSilent(t, dir, "idle")
	fallSilent(t, dir, "busy") // it talks on
	if st := reach(t, s, "idle", holdfast.UnitStopped); !strings.HasPrefix(st.Detail, "idle for ") {
		t.Errorf("detail = %q", st.Detail)
	}
	if alive(first.PID) {
		t.Error("it lives")
	}
	reach(t, s, "busy", holdfast.UnitRunning)
	if err := s.Start(t.Context(), "idle"); err != nil {
		t.Fatal(err)
	}
	reach(t, s, "idle", holdfast.UnitRunning)
}

// What a unit uses is counted with all that it started, in sessions of their own as well.
func TestRealUsage(t *testing.T) {
	dir := t.TempDir()
	s := realHouse(t, dir)
	tree := holdfast.Unit{
		Name: "tree", Run: []string{"/bin/sh", "-c", "setsid sleep 1000 & (setsid sleep 1000 &) ; sleep 1000"},
		Restart: holdfast.RestartAlways, Stop: holdfast.Stop{Grace: time.Second},
	}
	busy := tree
	busy.Name, busy.Run = "busy", []string{"/bin/sh", "-c", "while :; do :; done"}
	if err := s.Set(t.Context(), "test", []holdfast.Unit{tree, busy}); err != nil {
		t.Fatal(err)
	}
	var out usageOut
	eventually(t, "what they use is told", func() bool {
		var err error
		if out, err = (desk{s}).usage(t.Context(), usageIn{}); err != nil || len(out.Units) != 2 {
			t.Fatalf("usage = %+v %v", out, err)
		}
		b, tr := out.Units[0], out.Units[1]
		return b.CPU > 0.05 && b.Processes == 1 && tr.Processes == 4 && tr.CPU < 0.05 && tr.Memory > 1<<20
	})
	if out.House.Memory < 1<<20 || out.House.Processes != 1 {
		t.Errorf("the house uses %+v", out.House)
	}
}

// Workers of another house on this machine count.
func TestRealWorkersOfTwoHouses(t *testing.T) {
	one, two := realHouse(t, t.TempDir()), realHouse(t, t.TempDir())
	workerOf := func(name string) holdfast.Unit {
		return holdfast.Unit{Name: name, Run: []string{"/bin/sleep", "1000"}, Worker: true, Restart: holdfast.RestartNever}
	}
	if err := one.Set(t.Context(), "test", []holdfast.Unit{workerOf("a"), workerOf("b"), workerOf("c")}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b", "c"} {
		reach(t, one, name, holdfast.UnitRunning)
	}
	two.crowd.limit(0) // one is too many
	if err := two.Set(t.Context(), "test", []holdfast.Unit{workerOf("d")}); err != nil {
		t.Fatal(err)
	}
	st := reach(t, two, "d", holdfast.UnitBlocked)
	var n int
	if _, err := fmt.Sscanf(st.Detail, "%d workers live on this machine already", &n); err != nil || n < 3 {
		t.Errorf("detail = %q", st.Detail)
	}
	two.crowd.limit(1000)
	reach(t, two, "d", holdfast.UnitRunning)
}
