// SPDX-License-Identifier: Apache-2.0

//go:build unix && !linux

package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"
)

// lookAgain is how often the end of a process that is not our child is looked for.
const lookAgain = 200 * time.Millisecond

// A Process is one launch under watch.
type Process struct {
	id    Identity
	child *os.Process
	done  chan struct{}
	exit  Exit
	lacks []string
}

// Lacks tells which of the launch's limits this machine does not enforce, and why.
func (p *Process) Lacks() []string { return p.lacks }

// Start starts a launch in a session and process group of its own; a confined one is there when its
// program runs.
func Start(spec Spec) (*Process, error) {
	program, err := spec.check()
	if err != nil {
		return nil, err
	}
	entrance, err := spec.entrance(program, nil)
	if err != nil {
		return nil, err
	}
	defer entrance.release()
	p, err := entrance.start(spec)
	if err != nil {
		return nil, err
	}
	if err := entrance.passed(); err != nil {
		<-p.Done()
		return nil, err
	}
	return p, nil
}

func (e *entrance) start(spec Spec) (*Process, error) {
	pid, _, err := syscall.StartProcess(e.program, e.argv, &syscall.ProcAttr{
		Dir: spec.Dir, Env: spec.environment(), Files: e.files,
		Sys: &syscall.SysProcAttr{Setsid: true, Credential: e.credential},
	})
	if err != nil {
		return nil, fmt.Errorf("cannot start %s: %w", e.program, err)
	}
	child, err := os.FindProcess(pid)
	if err != nil {
		return nil, fmt.Errorf("cannot watch pid %d: %w", pid, err)
	}
	p := &Process{id: Identity{PID: pid, Mark: spec.Mark}, child: child, done: make(chan struct{}), lacks: lacks(spec.Limits)}
	if all, err := table(); err == nil {
		p.id.Start = startOf(all, pid)
	}
	go p.await()
	return p, nil
}

// Adopt watches a living process by its identity, without being its parent.
func Adopt(id Identity) (*Process, error) {
	all, err := table()
	if err != nil {
		return nil, err
	}
	if start := startOf(all, id.PID); start == 0 || start != id.Start {
		return nil, ErrGone
	}
	p := &Process{id: id, done: make(chan struct{})}
	go p.await()
	return p, nil
}

func startOf(all []entry, pid int) uint64 {
	for _, e := range all {
		if e.pid == pid && !e.dead {
			return e.start
		}
	}
	return 0
}

func (p *Process) await() {
	defer close(p.done)
	if p.child != nil {
		p.exit = waitChild(p.child)
		return
	}
	ticker := time.NewTicker(lookAgain)
	defer ticker.Stop()
	for range ticker.C {
		all, err := table()
		if err == nil && startOf(all, p.id.PID) != p.id.Start {
			p.exit = Exit{At: time.Now()}
			return
		}
	}
}

func waitChild(child *os.Process) Exit {
	state, err := child.Wait()
	exit := Exit{At: time.Now()}
	if err != nil {
		return exit
	}
	status, ok := state.Sys().(syscall.WaitStatus)
	if !ok {
		return exit
	}
	exit.Known, exit.Code = true, status.ExitStatus()
	if status.Signaled() {
		exit.Signal, exit.Code = status.Signal(), 128+int(status.Signal())
	}
	return exit
}

// Signal sends to the process group while its leader lives, and to the marked ones after.
func (p *Process) Signal(signal syscall.Signal) error {
	select {
	case <-p.done:
		return ErrGone
	default:
	}
	err := syscall.Kill(-p.id.PID, signal)
	if errors.Is(err, syscall.ESRCH) {
		return ErrGone
	}
	if err != nil {
		return fmt.Errorf("cannot signal pid %d: %w", p.id.PID, err)
	}
	return nil
}

// End ends the whole tree of the launch.
func (p *Process) End(ctx context.Context, signal syscall.Signal, grace time.Duration) error {
	return endMarked(ctx, p, p.id.Mark, signal, grace)
}

func endMarked(ctx context.Context, leader *Process, m Mark, s syscall.Signal, grace time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	if left := askUntil(ctx, leader, m, s); left == 0 {
		return nil
	}
	patience, stop := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer stop()
	if left := askUntil(patience, leader, m, syscall.SIGKILL); left > 0 {
		return fmt.Errorf("cannot end %s: %d processes outlive SIGKILL", m, left)
	}
	return nil
}

// askUntil signals the group and all marked ones until they are gone or the context ends.
func askUntil(ctx context.Context, leader *Process, m Mark, signal syscall.Signal) int {
	asked := map[int]uint64{}
	if leader != nil {
		_ = leader.Signal(signal)
	}
	for {
		all, err := table()
		if err != nil {
			return 1
		}
		if signal == syscall.SIGKILL && leader.holds(all) {
			killWhole(leader.id.PID)
		}
		left := membersOf(all, leader, m)
		for _, e := range left {
			if asked[e.pid] != e.start || signal == syscall.SIGKILL {
				asked[e.pid] = e.start
				_ = syscall.Kill(e.pid, signal)
			}
		}
		if len(left) == 0 {
			return 0
		}
		select {
		case <-ctx.Done():
			return len(left)
		case <-time.After(lookAgain / 4):
		}
	}
}

// holds tells whether the process is a child of this one whose number nobody else has.
func (p *Process) holds(all []entry) bool {
	if p == nil || p.child == nil {
		return false
	}
	start := startOf(all, p.id.PID)
	return start == 0 || start == p.id.Start
}

// membersOf lists who lives of a launch: the leader's group, who carries the mark, whom the system
// knows to come from the leader, and all descendants of these.
func membersOf(all []entry, leader *Process, m Mark) []entry {
	in := map[int]bool{}
	if leader.holds(all) {
		for _, pid := range subtree(leader.id.PID) {
			in[pid] = true
		}
	}
	for _, e := range all {
		inGroup := leader != nil && e.group == leader.id.PID && e.start >= leader.id.Start
		in[e.pid] = in[e.pid] || inGroup || e.marked && e.mark == m
	}
	for grown := true; grown; {
		grown = false
		for _, e := range all {
			if !in[e.pid] && in[e.parent] && e.pid != os.Getpid() {
				in[e.pid], grown = true, true
			}
		}
	}
	return slices.DeleteFunc(all, func(e entry) bool { return e.dead || !in[e.pid] || e.pid == os.Getpid() })
}
