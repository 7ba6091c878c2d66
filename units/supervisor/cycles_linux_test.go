// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"holdfast"
	"holdfast/core/process"
)

// A thousand sessions (workers that are started, leave children behind in the group and in sessions
// of their own, and finish, idle out, or are taken away) leave nothing. With -short they are sixty.
func TestThousandSessionsLeaveNothing(t *testing.T) {
	const together = 20
	cycles := 1000
	if testing.Short() {
		cycles = 60
	}
	dir := t.TempDir()
	s := realHouse(t, dir)
	s.crowd.limit(cycles)
	round := func(from int) {
		var units []holdfast.Unit
		for i := range together {
			units = append(units, session(from+i))
		}
		if err := s.Set(t.Context(), "sessions", units); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the sessions are over", func() bool {
			for i, u := range units {
				st, err := s.Status(u.Name)
				over := st.State == holdfast.UnitStopped || (from+i)%4 == 2 && st.State.Up() || (from+i)%4 == 3 && st.State.Up() && from > 0
				if err != nil || !over {
					return false
				}
			}
			return true
		})
	}
	round(0) // whoever idles out is waited for once; later they are taken away
	var goroutines, files int
	measure := func() {
		if err := s.Set(t.Context(), "sessions", nil); err != nil {
			t.Fatal(err)
		}
		eventually(t, "no session's process lives", func() bool {
			found, err := process.Machine{}.Marked(s.House())
			return err == nil && len(found) == 0
		})
	}
	measure()
	goroutines, files = runtime.NumGoroutine(), descriptors(t)
	for from := together; from < cycles; from += together {
		round(from)
	}
	measure()
	eventually(t, "no more goroutines", func() bool { return runtime.NumGoroutine() <= goroutines+2 })
	eventually(t, "no more descriptors", func() bool { return descriptors(t) <= files+2 })
	for _, folder := range []string{"run/launching", "run/exits", "run/pipes", "status"} {
		eventually(t, "nothing is left in var/"+folder, func() bool {
			left, err := os.ReadDir(filepath.Join(dir, "var", folder))
			return os.IsNotExist(err) || err == nil && len(left) == 0
		})
	}
	if n := len(s.List()); n != 0 {
		t.Errorf("%d units are left", n)
	}
}

// session is a worker that comes to its end in one of four ways.
func session(i int) holdfast.Unit {
	u := holdfast.Unit{
		Name: fmt.Sprintf("session%04d", i), Restart: holdfast.RestartOnFailure, Worker: true,
		Stop: holdfast.Stop{Grace: time.Second},
	}
	switch i % 4 {
	case 0: // finishes, and leaves children
		u.Run = []string{"/bin/sh", "-c", "sleep 1000 & setsid sleep 1000 & exit 0"}
	case 1: // finishes
		u.Run = []string{"/bin/true"}
	case 2: // stays, and is taken away with its children
		u.Run = []string{"/bin/sh", "-c", "setsid sleep 1000 & sleep 1000"}
	case 3: // idles out
		u.Run, u.Idle = []string{"/bin/sleep", "1000"}, time.Second
	}
	return u
}

// descriptors counts what this process holds open.
func descriptors(t *testing.T) int {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(open)
}
