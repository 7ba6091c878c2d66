// SPDX-License-Identifier: Apache-2.0

package process

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// signalGroup is PIDFD_SIGNAL_PROCESS_GROUP of Linux 6.9: the group that the process of the
// pidfd leads or led, whatever became of its number since.
const signalGroup = 1 << 2

// tracerPatience is how long, roughly, a tracer may take to ask for the status of what it traces.
const tracerPatience = 500 * time.Millisecond

// A Process is one launch under watch. Its pidfd waits in the runtime's poller, so that a launch
// costs a goroutine and no thread.
type Process struct {
	id    Identity
	pidfd *os.File
	child bool
	done  chan struct{}
	exit  Exit

	ground *ground
	berth  *berth
	brand  brand
	// branded tells that the process carries the brand, reaper that orphans of it come to us.
	branded, reaper bool
}

// lives tells whether the process of the identity is there and not a zombie. A process that
// overwrote its environment (as PostgreSQL does) is still known by its start.
func lives(id Identity) bool {
	if id.Boot != "" && id.Boot != bootID() {
		return false
	}
	s, err := readStat(id.PID)
	if err != nil || s.dead() || s.start != id.Start {
		return false
	}
	mark, found, err := environMark(id.PID)
	return err != nil || !found || mark == id.Mark
}

func (g *ground) watch(p *Process, pidfd int) (*Process, error) {
	if err := unix.SetNonblock(pidfd, true); err != nil {
		_ = unix.Close(pidfd)
		return nil, fmt.Errorf("cannot watch pid %d: %w", p.id.PID, err)
	}
	p.ground, p.done, p.pidfd = g, make(chan struct{}), os.NewFile(uintptr(pidfd), "pidfd")
	g.register(p)
	go p.await()
	return p, nil
}

// await tells of the end, and then puts away what is empty now.
func (p *Process) await() {
	p.wait()
	close(p.done)
	p.ground.tidy(p)
}

// wait parks until the process is a zombie or gone, then keeps its status.
func (p *Process) wait() {
	conn, err := p.pidfd.SyscallConn()
	if err == nil {
		err = conn.Read(func(fd uintptr) bool { return readable(int(fd)) })
	}
	if err != nil { // the poller does not take pidfds: wait in a thread
		_ = p.control(func(fd int) error { return pollForever(fd) })
	}
	p.exit = p.status()
	p.exit.Memory = p.exit.Signal == syscall.SIGKILL && p.berth.memory != "" && memoryKills(p.berth.memory) > 0
	p.exit.At = time.Now()
}

func (p *Process) status() Exit {
	if !p.child {
		if exit, ours := p.inherited(); ours {
			return exit
		}
		return p.inspect()
	}
	for pause := time.Millisecond; ; pause *= 2 {
		status, err := p.ground.reap(p)
		if err == nil {
			return exitOf(status)
		}
		if !errors.Is(err, errHeld) || pause > tracerPatience {
			p.ground.forget(p)
			return Exit{}
		}
		time.Sleep(pause)
	}
}

func exitOf(status syscall.WaitStatus) Exit {
	if status.Signaled() {
		return Exit{Known: true, Code: 128 + int(status.Signal()), Signal: status.Signal()}
	}
	return Exit{Known: true, Code: status.ExitStatus()}
}

// Lacks tells which of the launch's limits this machine does not enforce, and why.
func (p *Process) Lacks() []string { return slices.Clone(p.berth.lacks) }

func (p *Process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Signal sends to the process group that the process leads, or led while it lived. It answers
// ErrGone when nobody of the group is left.
func (p *Process) Signal(signal syscall.Signal) error {
	err := p.control(func(fd int) error { return unix.PidfdSendSignal(fd, signal, nil, signalGroup) })
	if errors.Is(err, unix.EINVAL) {
		err = p.signalOld(signal)
	}
	switch {
	case errors.Is(err, unix.ESRCH), errors.Is(err, os.ErrClosed):
		return ErrGone
	case err != nil:
		return fmt.Errorf("cannot signal pid %d: %w", p.id.PID, err)
	}
	return nil
}

// signalOld serves kernels before 6.9: the group's number is safe while its leader is there.
func (p *Process) signalOld(signal syscall.Signal) error {
	s, err := readStat(p.id.PID)
	if err != nil || s.start != p.id.Start {
		return unix.ESRCH
	}
	return syscall.Kill(-p.id.PID, signal)
}

func (p *Process) control(do func(fd int) error) error {
	conn, err := p.pidfd.SyscallConn()
	if err != nil {
		return err
	}
	var result error
	if err := conn.Control(func(fd uintptr) { result = do(int(fd)) }); err != nil {
		return os.ErrClosed // it says so in other words
	}
	return result
}

func readable(fd int) bool {
	set := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(set, 0)
	return err == nil && n == 1
}

func pollForever(fd int) error {
	set := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		if _, err := unix.Poll(set, -1); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// errHeld says that a child has no status for its parent: it lives, or its tracer was not told yet.
var errHeld = errors.New("its status is not there")

func wait4(pid, options int) (syscall.WaitStatus, error) {
	var status syscall.WaitStatus
	for {
		got, err := syscall.Wait4(pid, &status, options, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err == nil && got != pid {
			err = errHeld
		}
		return status, err
	}
}
