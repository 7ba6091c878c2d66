// SPDX-License-Identifier: Apache-2.0

package process_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"holdfast/core/process"
)

// house names the launches of this run, so that two runs at a time do not end each other's.
func testHouse() string { return "test-" + strconv.Itoa(os.Getpid()) }

// A den starts launches on one machine and sees that nothing of them is left.
type den struct {
	t       *testing.T
	machine process.Machine
}

// eachWay runs a test with and without control groups, and where the kernel lists no children.
func eachWay(t *testing.T, test func(d den)) {
	t.Helper()
	for name, options := range map[string]process.Options{"groups": {}, "plain": {NoGroups: true}, "nolist": process.NoList(), "tint": process.OnlyTint()} {
		t.Run(name, func(t *testing.T) {
			if err := process.TakeOrphans(); err != nil {
				t.Fatal(err)
			}
			test(den{t, process.NewMachine(options)})
		})
	}
}

// A lair is one launch and what it says.
type lair struct {
	*process.Process
	*bufio.Reader
	t      *testing.T
	groups []string
}

func (d den) launch(role string, change ...func(*process.Spec)) lair {
	d.t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		d.t.Fatal(err)
	}
	s := spec(role, process.Mark{House: testHouse(), Unit: role, Launch: d.t.Name()[len("Test"):][:8] + strconv.FormatInt(time.Now().UnixNano(), 36)})
	s.Stdout = w
	for _, c := range change {
		c(&s)
	}
	child, err := d.machine.Start(s)
	_ = w.Close()
	if err != nil {
		d.t.Fatal(err)
	}
	p := child.(*process.Process)
	d.t.Cleanup(func() {
		_ = p.End(context.Background(), syscall.SIGKILL, 0)
		_ = r.Close()
	})
	return lair{p, bufio.NewReader(r), d.t, p.Groups()}
}

// end ends the launch and wants nobody to hold its output open any more, and no group of it left.
func (l lair) end(signal syscall.Signal, grace time.Duration) {
	l.t.Helper()
	if err := l.End(l.t.Context(), signal, grace); err != nil {
		l.t.Fatal(err)
	}
	rest := make(chan string, 1)
	go func() {
		text, _ := io.ReadAll(l.Reader)
		rest <- string(text)
	}()
	select {
	case text := <-rest:
		if strings.Contains(text, "free") {
			l.t.Error("the launch ended by itself")
		}
	case <-time.After(time.Minute):
		l.t.Fatal("somebody of the launch outlived End")
	}
	for _, dir := range l.groups {
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			l.t.Errorf("the group %s is left: %v", dir, err)
		}
	}
}

func TestEndTakesWhoClearedItsEnvironment(t *testing.T) {
	eachWay(t, func(d den) {
		l := d.launch("ghost")
		daemon := number(d.t, l.Reader)
		eventually(d.t, "the daemon has become an orphan", func() bool { return parentOf(daemon) == os.Getpid() })
		l.end(syscall.SIGTERM, 50*time.Millisecond)
		if alive(daemon) {
			d.t.Error("the daemon lives")
		}
	})
}

func TestEndAfterTheLeaderLeftADaemonWithoutEnvironment(t *testing.T) {
	eachWay(t, func(d den) {
		l := d.launch("gone")
		daemon := number(d.t, l.Reader)
		wait(d.t, l)
		other := d.launch("ghost") // whose daemon is none of it
		stranger := number(d.t, other.Reader)
		l.end(syscall.SIGKILL, 0)
		if alive(daemon) {
			d.t.Error("the daemon lives")
		}
		if !alive(stranger) || !alive(other.Identity().PID) {
			d.t.Error("another launch was ended too")
		}
		other.end(syscall.SIGKILL, 0)
	})
}

func TestEndNotesDescendantsOfALaunchWithoutBrand(t *testing.T) {
	d := den{t, process.NewMachine(process.Options{NoGroups: true})}
	if err := process.TakeOrphans(); err != nil {
		t.Fatal(err)
	}
	l := d.launch("wait")
	number(t, l.Reader)
	l.WithoutBrand()
	l.end(syscall.SIGTERM, time.Second)
}

func TestEndTakesADeafChildOfTheGroup(t *testing.T) {
	eachWay(t, func(d den) {
		l := d.launch("deaf")
		child := number(d.t, l.Reader)
		l.end(syscall.SIGTERM, 50*time.Millisecond)
		if alive(child) {
			d.t.Error("the child lives")
		}
	})
}

func TestEndCatchesAHopper(t *testing.T) {
	eachWay(t, func(d den) {
		l := d.launch("hopper")
		number(d.t, l.Reader)
		wait(d.t, l)
		l.end(syscall.SIGTERM, 0)
	})
}

func TestEndDefusesABomb(t *testing.T) {
	eachWay(t, func(d den) {
		bound := bounded(d.t, 40)
		l := d.launch("bomb", func(s *process.Spec) { s.Argv = append(s.Argv, filepath.Join(bound, "cgroup.procs")) })
		number(d.t, l.Reader)
		eventually(d.t, "the bomb went off", func() bool {
			use, err := d.machine.Usage(testHouse())
			return err == nil && use[l.Identity().Mark].Processes > 20
		})
		l.end(syscall.SIGTERM, 20*time.Millisecond)
	})
}

// bounded makes a group for so many processes: a bomb is not set off without.
func bounded(t *testing.T, processes int) string {
	t.Helper()
	dir := filepath.Join("/sys/fs/cgroup/pids", testHouse()+"-bound")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Skipf("a bomb is not set off without a bound: %v", err)
	}
	t.Cleanup(func() {
		if err := os.Remove(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.WriteFile(filepath.Join(dir, "pids.max"), []byte(strconv.Itoa(processes)), 0); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestAProcessWithoutItsFirstThreadIsNotDead(t *testing.T) {
	eachWay(t, func(d den) {
		l := d.launch("headless")
		pid := number(d.t, l.Reader)
		select {
		case <-l.Done():
			d.t.Fatal("it counts as dead")
		default:
		}
		if found, err := d.machine.Adopt(l.Identity()); err != nil {
			d.t.Errorf("Adopt = %v %v", found, err)
		}
		l.end(syscall.SIGTERM, 50*time.Millisecond)
		if alive(pid) {
			d.t.Error("it lives")
		}
	})
}

func TestEndWakesWhoIsStopped(t *testing.T) {
	eachWay(t, func(d den) {
		l := d.launch("wait")
		number(d.t, l.Reader)
		if err := l.Signal(syscall.SIGSTOP); err != nil {
			d.t.Fatal(err)
		}
		l.end(syscall.SIGTERM, 5*time.Second)
		if exit := l.Exit(); exit.Signal != syscall.SIGTERM {
			d.t.Errorf("exit = %v, want the signal that it was asked by", exit)
		}
	})
}

func TestEndedLaunchesHoldNoDescriptor(t *testing.T) {
	d := den{t, process.NewMachine(process.Options{})}
	held := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		pidfds := 0
		for _, e := range entries {
			if target, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && strings.Contains(target, "pidfd") {
				pidfds++
			}
		}
		return pidfds
	}
	before := held()
	l := d.launch("exit")
	wait(t, l)
	l.end(syscall.SIGKILL, 0)
	if after := held(); after > before {
		t.Errorf("%d pidfds are open, before the launch it were %d", after, before)
	}
	if err := l.Signal(syscall.SIGTERM); !errors.Is(err, process.ErrGone) {
		t.Errorf("signal after the end = %v, want ErrGone", err)
	}
	if err := l.End(t.Context(), syscall.SIGTERM, time.Second); err != nil {
		t.Errorf("a second end: %v", err)
	}
}

func TestManyEndAtOnce(t *testing.T) {
	eachWay(t, func(d den) {
		var running sync.WaitGroup
		for i := range 24 {
			l := d.launch([]string{"wait", "family", "ghost", "gone"}[i%4])
			number(d.t, l.Reader)
			running.Go(func() { l.end(syscall.SIGTERM, 30*time.Millisecond) })
		}
		running.Wait()
		left, err := d.machine.Marked(testHouse())
		if err != nil || len(left) > 0 {
			d.t.Errorf("left: %+v %v", left, err)
		}
	})
}

func TestAdoptedLaunchEndsWholeWithItsDaemon(t *testing.T) {
	eachWay(t, func(d den) {
		house := d.launch("lord", func(s *process.Spec) {
			s.Argv = append(s.Argv, testHouse()+"-vassal")
			if !strings.HasSuffix(d.t.Name(), "groups") {
				s.Env = append([]string{process.GroupsVariable + "=off"}, s.Env...) // the first one counts
			}
		})
		id, daemon := process.Identity{}, 0
		for range 2 { // either may speak first
			if said := line(d.t, house.Reader); said[0] != '{' {
				daemon, _ = strconv.Atoi(said)
			} else if err := json.Unmarshal([]byte(said), &id); err != nil {
				d.t.Fatal(err)
			}
		}
		if err := syscall.Kill(house.Identity().PID, syscall.SIGKILL); err != nil {
			d.t.Fatal(err)
		}
		wait(d.t, house)
		child, err := d.machine.Adopt(id)
		if err != nil {
			d.t.Fatal(err)
		}
		found, err := d.machine.Marked(id.Mark.House)
		named := false
		for _, f := range found {
			named = named || f.PID == daemon && f.Mark == id.Mark
		}
		if err != nil || !named {
			d.t.Errorf("Marked does not name the daemon %d: %+v %v", daemon, found, err)
		}
		l := lair{child.(*process.Process), house.Reader, d.t, child.(*process.Process).Groups()}
		l.end(syscall.SIGTERM, 50*time.Millisecond)
		if alive(daemon) {
			d.t.Error("the daemon lives")
		}
		house.end(syscall.SIGKILL, 0)
	})
}

// A launch in its first moment has nothing but its tint, and tints are few: the end of another one
// that has the same must not take it along.
func TestEndSparesAnotherOfTheSameTint(t *testing.T) {
	d := den{t, process.NewMachine(process.OnlyTint())}
	mark := process.Mark{House: testHouse(), Unit: "twin"}
	tint, n := process.TintOf(mark), 0
	next := func(s *process.Spec) {
		s.Mark = mark
		for s.Mark.Launch == "" || process.TintOf(s.Mark) != tint {
			n++
			s.Mark.Launch = itoa(n)
		}
	}
	one, two := d.launch("ghost", next), d.launch("wait", next)
	daemon, other := number(t, one.Reader), number(t, two.Reader)
	one.end(syscall.SIGTERM, 0)
	if alive(daemon) || !alive(other) {
		t.Errorf("the launch that was ended lives: %v; the other one: %v", alive(daemon), alive(other))
	}
	three := d.launch("ghost", next) // the tint is free again
	daemon = number(t, three.Reader)
	two.end(syscall.SIGTERM, time.Second)
	if !alive(daemon) {
		t.Error("the end of a launch without a tint took one with it")
	}
	three.end(syscall.SIGTERM, 0)
	if alive(daemon) {
		t.Error("the daemon lives")
	}
}

func TestSweepRemovesOnlyEmptyGroups(t *testing.T) {
	d := den{t, process.NewMachine(process.Options{})}
	stale, living := d.launch("wait"), d.launch("wait")
	if len(stale.groups) == 0 {
		t.Skip("this machine lets nobody make control groups")
	}
	number(t, stale.Reader)
	empty := filepath.Join(filepath.Dir(stale.groups[0]), "left.0")
	if err := os.Mkdir(empty, 0o755); err != nil {
		t.Fatal(err)
	}
	stale.end(syscall.SIGKILL, 0)
	later := process.NewMachine(process.Options{}) // of the next house
	eventually(t, "the stale group is removed", func() bool {
		later.Sweep(testHouse())
		_, err := os.Stat(empty)
		return errors.Is(err, os.ErrNotExist)
	})
	if _, err := os.Stat(living.groups[0]); err != nil {
		t.Errorf("the group of a living launch: %v", err)
	}
	living.end(syscall.SIGKILL, 0)
	later.Sweep(testHouse())
	if _, err := os.Stat(filepath.Dir(living.groups[0])); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the house's folder is left: %v", err)
	}
}

// TestATracedDeathHoldsNobodyUp kills what is traced: the kernel keeps its status for the tracer, who
// does not ask, and others must not wait for that.
func TestATracedDeathHoldsNobodyUp(t *testing.T) {
	eachWay(t, func(d den) {
		l := d.launch("prey")
		if tracer := number(d.t, l.Reader); tracer < 0 {
			d.t.Skipf("this machine lets nobody trace: %v", syscall.Errno(-tracer))
		}
		if err := syscall.Kill(l.Identity().PID, syscall.SIGKILL); err != nil {
			d.t.Fatal(err)
		}
		if exit := wait(d.t, l); exit.Success() {
			d.t.Errorf("exit = %v, want no success", exit)
		}
		other := d.launch("exit")
		wait(d.t, other)
		l.end(syscall.SIGTERM, 50*time.Millisecond)
	})
}
