// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/test/outside"
)

// A peer is a supervisor as its manual says to run it.
type peer interface {
	name() string
	// note says which version it is, and what of its defaults shows in the table.
	note() string
	// have tells why the machine cannot run it; it may fetch it.
	have(ctx context.Context) error
	// write writes the declarations of units.
	write(r *run) error
	tool
}

// A tool is what an operator does with a supervisor.
type tool interface {
	// start begins the supervisor; the children tell the rest.
	start(ctx context.Context, r *run) error
	// stop stops one unit, and returns when the supervisor says that it is stopped.
	stop(ctx context.Context, r *run, unit string) error
	// end stops everything.
	end(ctx context.Context, r *run) error
	// main finds the supervisor's main process.
	main(r *run) (outside.Process, bool)
	// log lists the files that hold what a unit wrote.
	log(r *run, unit string) []string
}

// A unit is one child.
type unit struct {
	name string
	mode string
	more []string
	// logged units write lines that are kept; others write nothing.
	logged bool
}

// A run is one supervisor with its units, in a folder of its own.
type run struct {
	dir   string
	child string
	tape  string // where children tell what they do
	units []unit
	env   []string
	cmd   *exec.Cmd
}

func (r *run) path(parts ...string) string {
	return filepath.Join(append([]string{r.dir}, parts...)...)
}

// argv is how a unit's child is called.
func (r *run) argv(u unit) []string {
	return append([]string{r.child, u.mode, r.tape, u.name}, u.more...)
}

// newRun makes the folder of one supervisor with these units, the child's program within.
func (b *bench) newRun(p peer, units []unit) (*run, error) {
	b.runs++
	r := &run{dir: filepath.Join(b.work, fmt.Sprintf("%d-%s", b.runs, p.name())), units: units}
	r.child, r.tape = r.path("child"), r.path("tape")
	if err := os.MkdirAll(r.dir, 0o700); err != nil {
		return nil, err
	}
	if err := os.Link(b.child, r.child); err != nil {
		return nil, err
	}
	// By the variable the supervisor's own processes are found.
	r.env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + r.dir, "LANG=C.UTF-8", "SUPERVISE_BENCH=" + r.dir}
	return r, p.write(r)
}

// command is a command line of the supervisor's, in its folder and environment.
func (r *run) command(ctx context.Context, argv ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = r.dir, r.env
	return cmd
}

// do runs a command to its end.
func (r *run) do(ctx context.Context, argv ...string) error {
	if out, err := r.command(ctx, argv...).CombinedOutput(); err != nil {
		return fmt.Errorf("cannot %s: %w\n%s", strings.Join(argv[1:], " "), err, out)
	}
	return nil
}

// spawn starts a supervisor that stays in the foreground, and its output goes to a file.
func (r *run) spawn(ctx context.Context, argv ...string) error {
	out, err := os.OpenFile(r.path("supervisor.out"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = out.Close() }()
	r.cmd = r.command(context.WithoutCancel(ctx), argv...)
	r.cmd.Stdout, r.cmd.Stderr = out, out
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := r.cmd.Start(); err != nil {
		return err
	}
	go func(cmd *exec.Cmd) { _ = cmd.Wait() }(r.cmd)
	return nil
}

// spawned finds the process that spawn started.
func (r *run) spawned() (outside.Process, bool) {
	if r.cmd == nil || r.cmd.Process == nil {
		return outside.Process{}, false
	}
	return outside.Read(r.cmd.Process.Pid)
}

// signal asks the supervisor that spawn started to end, and waits until everything is gone.
func (r *run) signal(ctx context.Context, sig syscall.Signal) error {
	if p, ok := r.spawned(); ok {
		_ = syscall.Kill(p.PID, sig)
	}
	if !until(ctx, 15*time.Second, func() bool { return len(outside.Within(r.dir)) == 0 }) {
		return errors.New("processes were left")
	}
	return nil
}

// supervisors are the processes of the run that are not children.
func (r *run) supervisors() []outside.Process {
	return outside.All(func(p *outside.Process) bool {
		return p.Of(r.dir) && p.Exe != r.child && len(p.Args) > 0 && p.Args[0] != r.child
	})
}

// children are the processes of a unit.
func (r *run) children(unit string) []outside.Process {
	return outside.All(func(p *outside.Process) bool {
		return p.Exe == r.child && len(p.Args) > 3 && p.Args[3] == unit
	})
}

// A said is a line that a child told.
type said struct {
	what, unit string
	pid        int
	at         time.Duration // CLOCK_MONOTONIC
}

// told reads all that children told so far.
func (r *run) told() []said {
	data, _ := os.ReadFile(r.tape)
	var list []said
	for line := range strings.Lines(string(data)) {
		f := strings.Fields(line)
		if len(f) != 4 || !strings.HasSuffix(line, "\n") {
			continue
		}
		pid, _ := strconv.Atoi(f[2])
		ns, _ := strconv.ParseInt(f[3], 10, 64)
		list = append(list, said{f[0], f[1], pid, time.Duration(ns)})
	}
	return list
}

// up waits until every unit told its start, and gives the time of the last first start.
func (r *run) up(ctx context.Context, patience time.Duration) (last time.Duration, err error) {
	first := map[string]time.Duration{}
	if !until(ctx, patience, func() bool {
		clear(first)
		for _, s := range r.told() {
			if _, known := first[s.unit]; !known && s.what == "start" {
				first[s.unit] = s.at
			}
		}
		return len(first) == len(r.units)
	}) {
		return 0, fmt.Errorf("only %d of %d units came up within %s", len(first), len(r.units), patience)
	}
	for _, at := range first {
		last = max(last, at)
	}
	return last, nil
}

// close ends the run by the supervisor's own means and then for certain.
func (r *run) close(ctx context.Context, p peer) {
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), 40*time.Second)
	defer cancel()
	_ = p.end(bounded, r)
	outside.End(r.dir)
}

// monotonic is the clock that children tell.
func monotonic() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

// until asks every few milliseconds.
func until(ctx context.Context, patience time.Duration, done func() bool) bool {
	tick := time.NewTicker(4 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; {
		if done() {
			return true
		}
		if ctx.Err() != nil || time.Now().After(deadline) {
			return false
		}
		<-tick.C
	}
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
