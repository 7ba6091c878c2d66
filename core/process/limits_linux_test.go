// SPDX-License-Identifier: Apache-2.0

package process_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast"
	"holdfast/core/process"
)

// eachDoor runs a test with limits that are entered through the helper, before the program runs,
// and after it began, where there is no helper.
func eachDoor(t *testing.T, limits holdfast.Limits, test func(d den, limited func(*process.Spec))) {
	t.Helper()
	for name, helper := range map[string]string{"helper": os.Args[0], "late": "/nonexistent"} {
		t.Run(name, func(t *testing.T) {
			d := den{t, process.NewMachine(process.Options{})}
			probe := d.launch("wait", func(s *process.Spec) { s.Helper, s.Limits = helper, limits })
			if lacks := probe.Lacks(); len(lacks) > 0 {
				t.Skipf("this machine lets nobody limit it: %v", lacks)
			}
			number(t, probe.Reader)
			probe.end(syscall.SIGKILL, 0)
			test(d, func(s *process.Spec) { s.Helper, s.Limits = helper, limits })
		})
	}
}

func TestMemoryLimit(t *testing.T) {
	eachDoor(t, holdfast.Limits{Memory: 64 << 20}, func(d den, limited func(*process.Spec)) {
		l := d.launch("eat", limited)
		number(d.t, l.Reader)
		exit := wait(d.t, l)
		if !exit.Memory || exit.String() != "killed for passing its memory limit" {
			d.t.Errorf("exit = %+v (%v)", exit, exit)
		}
		l.end(syscall.SIGKILL, 0)
		free := d.launch("eat") // the same without a limit
		number(d.t, free.Reader)
		if said := line(d.t, free.Reader); said != "full" {
			d.t.Errorf("it said %q", said)
		}
		free.end(syscall.SIGKILL, 0)
		if exit := free.Exit(); exit.Memory {
			d.t.Errorf("exit = %v, though it had no limit", exit)
		}
	})
}

func TestProcessLimit(t *testing.T) {
	eachDoor(t, holdfast.Limits{Processes: 30}, func(d den, limited func(*process.Spec)) {
		l := d.launch("breed", limited)
		if n := number(d.t, l.Reader); n == 0 || n >= 30 {
			d.t.Errorf("it had %d children within a limit of 30 processes and threads", n)
		}
		l.end(syscall.SIGTERM, 50*time.Millisecond)
	})
}

func TestCPULimit(t *testing.T) {
	eachDoor(t, holdfast.Limits{CPU: 0.2}, func(d den, limited func(*process.Spec)) {
		l := d.launch("spin", limited)
		number(d.t, l.Reader)
		used := func() time.Duration {
			all, err := d.machine.Usage(testHouse())
			if err != nil {
				d.t.Fatal(err)
			}
			return all[l.Identity().Mark].CPU
		}
		begun, before := time.Now(), used()
		eventually(d.t, "a second is over", func() bool { return time.Since(begun) > time.Second })
		if share := float64(used()-before) / float64(time.Since(begun)); share > 0.35 {
			d.t.Errorf("it used %.2f of a core, want about 0.2", share)
		}
		l.end(syscall.SIGKILL, 0)
	})
}

func TestLacksTellsWhatIsNotEnforced(t *testing.T) {
	d := den{t, process.NewMachine(process.Options{NoGroups: true})}
	l := d.launch("wait", func(s *process.Spec) { s.Limits = holdfast.Limits{Memory: 1 << 30, CPU: 1, Processes: 10} })
	number(t, l.Reader)
	lacks := l.Lacks()
	for i, want := range []string{"memory is not limited: ", "cpu is not limited: ", "processes is not limited: "} {
		if i >= len(lacks) || !strings.HasPrefix(lacks[i], want) {
			t.Errorf("lacks = %q, want %q at %d", lacks, want, i)
		}
	}
	l.end(syscall.SIGKILL, 0)
}

func TestUsageCountsTheWholeTree(t *testing.T) {
	eachWay(t, func(d den) {
		l, ghost := d.launch("deaf"), d.launch("ghost")
		number(d.t, l.Reader)
		number(d.t, ghost.Reader)
		measured := func(machine process.Machine, m process.Mark) process.Usage {
			all, err := machine.Usage(testHouse())
			if err != nil {
				d.t.Fatal(err)
			}
			return all[m]
		}
		stranger := process.NewMachine(process.Options{NoGroups: true}) // who did not start them
		for _, machine := range []process.Machine{d.machine, stranger} {
			if use := measured(machine, l.Identity().Mark); use.Processes != 2 || use.Memory < 1<<20 || use.CPU < 0 {
				d.t.Errorf("deaf uses %+v, want two processes", use)
			}
		}
		eventually(d.t, "the daemon is counted, and who was between has gone", func() bool {
			return measured(d.machine, ghost.Identity().Mark).Processes == 2
		})
		l.end(syscall.SIGKILL, 0)
		ghost.end(syscall.SIGKILL, 0)
	})
}

// TestDelegate puts a house into a group of version 2 where only leaves may have processes, with any
// controller that version 1 left free.
func TestDelegate(t *testing.T) {
	base, controller := freeController(t)
	own := filepath.Join(base, testHouse()+"-own")
	if err := os.Mkdir(own, 0o755); err != nil {
		t.Skipf("this machine lets nobody make control groups: %v", err)
	}
	house := filepath.Join(own, "holdfast-x")
	t.Cleanup(func() {
		for _, dir := range []string{house, house + ".house", own} {
			if err := os.Remove(dir); err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Error(err)
			}
		}
	})
	if err := os.WriteFile(filepath.Join(base, "cgroup.subtree_control"), []byte("+"+controller), 0); err != nil {
		t.Skipf("the controller %s cannot be had: %v", controller, err)
	}
	t.Cleanup(func() {
		_ = os.WriteFile(filepath.Join(base, "cgroup.subtree_control"), []byte("-"+controller), 0)
	})
	if err := os.Mkdir(house, 0o755); err != nil {
		t.Fatal(err)
	}
	d := den{t, process.NewMachine(process.Options{NoGroups: true})}
	l := d.launch("delegate", func(s *process.Spec) { s.Argv = append(s.Argv, own, house, controller) })
	if said := line(t, l.Reader); said != "done" {
		t.Errorf("delegate: %s", said)
	}
	enabled, err := os.ReadFile(filepath.Join(house, "cgroup.subtree_control"))
	if err != nil || !slices.Contains(strings.Fields(string(enabled)), controller) {
		t.Errorf("the house hands on %q %v, want %s", enabled, err, controller)
	}
	l.end(syscall.SIGKILL, 0)
}

func freeController(t *testing.T) (base, controller string) {
	t.Helper()
	for _, base := range []string{"/sys/fs/cgroup/unified", "/sys/fs/cgroup"} {
		data, err := os.ReadFile(filepath.Join(base, "cgroup.controllers"))
		if fields := strings.Fields(string(data)); err == nil && len(fields) > 0 {
			return base, fields[len(fields)-1]
		}
	}
	t.Skip("there is no controller of version 2")
	return "", ""
}
