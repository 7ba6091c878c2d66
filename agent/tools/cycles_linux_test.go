// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/agent/upstream"

	"holdfast/core/config"
	"holdfast/holdfasttest/timing"
)

// descriptors counts what this process holds open.
func descriptors(t *testing.T) int {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(open)
}

// A thousand sessions with tool servers, each started once, used and left to idle out, leave nothing: no
// process, no pipe, no goroutine. With -short they are sixty.
func TestThousandSessionsLeaveNothing(t *testing.T) {
	const servers, forced = 4, 3
	cycles := 1000
	if testing.Short() {
		cycles = 60
	}
	b := newBench(t, goServer(t, "alpha", "good"), goServer(t, "beta", "good"), goServer(t, "gamma", "good"), goServer(t, "delta", "good"), goServer(t, "tree", "tree"))
	b.section.Idle = config.Duration(time.Millisecond)
	b.up()
	resting := func() bool {
		for _, s := range b.desk().servers() {
			if s.State != upstream.StateResting {
				return false
			}
		}
		return true
	}
	timing.Until(t, "all rest", resting)
	goroutines, files := runtime.NumGoroutine(), descriptors(t)
	var group sync.WaitGroup
	for _, name := range []string{"alpha", "beta", "gamma", "delta", "tree"} {
		rounds := cycles / servers
		if name == "tree" {
			rounds = forced // it ends by force only, which takes its grace
		}
		group.Go(func() {
			for range rounds {
				b.must(name+"_echo", `{"text":"x"}`)
				timing.Until(t, name+" rests", func() bool { s, err := b.desk().server(name); return err == nil && s.State == upstream.StateResting })
			}
		})
	}
	group.Wait()
	timing.Until(t, "no process", func() bool { return len(b.left()) == 0 })
	timing.Until(t, "no more goroutines", func() bool { return runtime.NumGoroutine() <= goroutines+2 })
	timing.Until(t, "no more descriptors", func() bool { return descriptors(t) <= files+2 })
	for _, s := range b.desk().servers() {
		want := 1 + cycles/servers // the first is for the list of tools
		if s.Name == "tree" {
			want = 1 + forced
		}
		if s.Starts != want {
			t.Errorf("%d starts of %s, want %d", s.Starts, s.Name, want)
		}
	}
	left, err := os.ReadDir(b.home.Var("run"))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range left {
		if !strings.HasPrefix(entry.Name(), "tools-") && entry.IsDir() {
			within, _ := os.ReadDir(b.home.Var("run", entry.Name()))
			if len(within) > 20 {
				t.Errorf("%d files in var/run/%s", len(within), entry.Name())
			}
		}
	}
}
