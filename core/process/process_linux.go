// SPDX-License-Identifier: Apache-2.0

package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// signalGroup is PIDFD_SIGNAL_PROCESS_GROUP of Linux 6.9: the group that the process of the
// pidfd leads or led, whatever became of its number since.
const signalGroup = 1 << 2

// A Process is one launch under watch. Its pidfd waits in the runtime's poller, so that a launch
// costs a goroutine and no thread.
type Process struct {
	id    Identity
	pidfd *os.File
	child bool
	done  chan struct{}
	exit  Exit
}

// Start starts a launch in a session and process group of its own; a confined one is there when its
// program runs.
func Start(spec Spec) (*Process, error) {
	entrance, err := spec.entrance(nil)
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
	pidfd := -1
	pid, _, err := syscall.StartProcess(e.program, e.argv, &syscall.ProcAttr{
		Dir: spec.Dir, Env: spec.environment(), Files: e.files,
		Sys: &syscall.SysProcAttr{Setsid: true, Credential: e.credential, PidFD: &pidfd},
	})
	if err != nil {
		return nil, fmt.Errorf("cannot start %s: %w", e.program, err)
	}
	id := Identity{PID: pid, Boot: bootID(), Mark: spec.Mark}
	if s, err := readStat(pid); err == nil { // it is not reaped yet, so this is it
		id.Start = s.start
	}
	if pidfd < 0 {
		if pidfd, err = unix.PidfdOpen(pid, 0); err != nil {
			_ = syscall.Kill(-pid, syscall.SIGKILL)
			_, _ = wait4(pid, 0)
			return nil, fmt.Errorf("cannot watch pid %d: %w", pid, err)
		}
	}
	return watch(id, pidfd, true)
}

// Adopt watches a living process by its identity. One that is our child all the same, because this
// program took the place of the one that started it, is reaped, and its status known.
func Adopt(id Identity) (*Process, error) {
	pidfd, err := unix.PidfdOpen(id.PID, 0)
	if errors.Is(err, unix.ESRCH) || errors.Is(err, unix.EINVAL) {
		return nil, ErrGone
	}
	if err != nil {
		return nil, fmt.Errorf("cannot watch pid %d: %w", id.PID, err)
	}
	if !lives(id) {
		_ = unix.Close(pidfd)
		return nil, ErrGone
	}
	return watch(id, pidfd, false)
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

func watch(id Identity, pidfd int, child bool) (*Process, error) {
	if err := unix.SetNonblock(pidfd, true); err != nil {
		_ = unix.Close(pidfd)
		return nil, fmt.Errorf("cannot watch pid %d: %w", id.PID, err)
	}
	p := &Process{
		id: id, child: child, done: make(chan struct{}),
		pidfd: os.NewFile(uintptr(pidfd), "pidfd"),
	}
	go p.await()
	return p, nil
}

// await parks until the process is a zombie or gone, then keeps its status.
func (p *Process) await() {
	defer close(p.done)
	conn, err := p.pidfd.SyscallConn()
	if err == nil {
		err = conn.Read(func(fd uintptr) bool { return readable(int(fd)) })
	}
	if err != nil { // the poller does not take pidfds: wait in a thread
		_ = p.control(func(fd int) error { return pollForever(fd) })
	}
	p.exit = p.status()
	p.exit.At = time.Now()
}

func (p *Process) status() Exit {
	if !p.child {
		if exit, ours := p.inherited(); ours {
			return exit
		}
		return p.inspect()
	}
	status, err := wait4(p.id.PID, 0)
	if err != nil {
		return Exit{}
	}
	return exitOf(status)
}

func exitOf(status syscall.WaitStatus) Exit {
	if status.Signaled() {
		return Exit{Known: true, Code: 128 + int(status.Signal()), Signal: status.Signal()}
	}
	return Exit{Known: true, Code: status.ExitStatus()}
}

// Identity tells which process this is.
func (p *Process) Identity() Identity { return p.id }

// Done is closed when the process has ended; our own children are reaped by then.
func (p *Process) Done() <-chan struct{} { return p.done }

// Exit is how the process ended.
func (p *Process) Exit() Exit { return p.exit }

// Wait waits for the end of the process.
func (p *Process) Wait(ctx context.Context) (Exit, error) {
	select {
	case <-p.done:
		return p.exit, nil
	case <-ctx.Done():
		return Exit{}, ctx.Err()
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
		return err
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

func wait4(pid, options int) (syscall.WaitStatus, error) {
	var status syscall.WaitStatus
	for {
		got, err := syscall.Wait4(pid, &status, options, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err == nil && got != pid {
			err = syscall.ECHILD
		}
		return status, err
	}
}
