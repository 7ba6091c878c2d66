// SPDX-License-Identifier: Apache-2.0

//go:build linux

package outside

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// clockVariable tells this program that it is to become another one, under a filter of the clock.
const clockVariable = "HOLDFAST_TEST_CLOCK"

// ErrNoClock says that this machine gives no program a clock of its own.
var ErrNoClock = errors.New("this machine lets nobody answer for its clock")

// A Clock is the clock of what programs start: the machine's plus an offset. What asks the kernel
// for the time of day is answered by this process (seccomp's user notifications), and a program
// without the kernel's own code for it (the vDSO) has no other way to know the time. It takes root.
type Clock struct {
	offset atomic.Int64
	asked  atomic.Int64
	pid    atomic.Int64
}

// Set makes the clock differ by so much from the machine's.
func (c *Clock) Set(d time.Duration) { c.offset.Store(int64(d)) }

// Asked is how often the clock was asked.
func (c *Clock) Asked() int64 { return c.asked.Load() }

// PID is the process that goes by this clock, the latest.
func (c *Clock) PID() int { return int(c.pid.Load()) }

// Run runs a command until it ends, and until all that it forked has become another program or ended.
// Those programs go by this clock; itself and what they start go by the machine's. The command's output
// must be files.
func (c *Clock) Run(ctx context.Context, cmd *exec.Cmd) error {
	ended := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // for good: a tracer is a thread, and what it still traces goes free with it
		ended <- c.run(ctx, cmd)
	}()
	return <-ended
}

func (c *Clock) run(ctx context.Context, cmd *exec.Cmd) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("cannot find the program itself: %w", err)
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "clock"), os.NewFile(uintptr(pair[1]), "clock")
	defer func() { _ = ours.Close() }()
	cmd.Args = append([]string{self, cmd.Path}, cmd.Args[1:]...)
	cmd.Path, cmd.Env, cmd.ExtraFiles = self, append(cmd.Env, clockVariable+"=1"), []*os.File{theirs}
	err = cmd.Start()
	_ = theirs.Close()
	if err != nil {
		return err
	}
	pid := cmd.Process.Pid
	_ = cmd.Process.Release()
	stop := context.AfterFunc(ctx, func() { _ = unix.Kill(pid, unix.SIGKILL) })
	defer stop()
	listener, err := receive(pair[0])
	if err == nil {
		go c.serve(listener)
	}
	return errors.Join(err, c.follow(pid))
}

// receive takes the descriptor of the filter's notifications.
func receive(socket int) (int, error) {
	space := make([]byte, unix.CmsgSpace(4))
	for {
		_, n, _, _, err := unix.Recvmsg(socket, make([]byte, 1), space, unix.MSG_CMSG_CLOEXEC)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return 0, err
		}
		messages, err := unix.ParseSocketControlMessage(space[:n])
		if err != nil || len(messages) != 1 {
			return 0, ErrNoClock
		}
		list, err := unix.ParseUnixRights(&messages[0])
		if err != nil || len(list) != 1 {
			return 0, ErrNoClock
		}
		return list[0], nil
	}
}

// follow sees the command to its end, and takes the vDSO from each program that it starts. What it
// forked is waited for too: a process whose tracer ends before its first stop stays stopped for ever.
func (c *Clock) follow(pid int) (ended error) {
	var status syscall.WaitStatus
	for traced := (tracees{pid: 1}); traced.some(); {
		tid, err := syscall.Wait4(-1, &status, unix.WALL|unix.WNOTHREAD, nil)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return fmt.Errorf("cannot wait for the command: %w", err)
		case !status.Stopped():
			if tid == pid && status.ExitStatus() != 0 {
				ended = fmt.Errorf("exit status %d", status.ExitStatus())
			}
			traced[tid]--
			continue
		}
		if err := c.stopped(tid, pid, status, traced); err != nil && !errors.Is(err, unix.ESRCH) {
			return errors.Join(err, unix.Kill(pid, unix.SIGKILL))
		}
	}
	return ended
}

// tracees are how often each was forked, less how often it went: its end may be told before its parent
// tells that it forked it.
type tracees map[int]int

// some tells whether any is traced still.
func (t tracees) some() bool {
	for _, forked := range t {
		if forked > 0 {
			return true
		}
	}
	return false
}

func (c *Clock) stopped(tid, pid int, status syscall.WaitStatus, traced tracees) error {
	sig := status.StopSignal()
	switch cause := status.TrapCause(); {
	case cause == unix.PTRACE_EVENT_FORK, cause == unix.PTRACE_EVENT_VFORK, cause == unix.PTRACE_EVENT_CLONE:
		child, err := unix.PtraceGetEventMsg(tid)
		if err != nil {
			return err
		}
		traced[int(child)]++
		return unix.PtraceCont(tid, 0)
	case cause == unix.PTRACE_EVENT_EXEC && tid != pid:
		traced[tid]--
		err := dropVDSO(tid)
		c.pid.Store(int64(tid))
		return errors.Join(err, unix.PtraceDetach(tid))
	case sig == unix.SIGTRAP && cause == 0 && tid == pid: // the command's own program has begun
		options := unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACEFORK | unix.PTRACE_O_TRACEVFORK | unix.PTRACE_O_TRACEEXEC
		return errors.Join(unix.PtraceSetOptions(tid, options), unix.PtraceCont(tid, 0))
	case sig == unix.SIGTRAP, sig == unix.SIGSTOP:
		return unix.PtraceCont(tid, 0)
	default:
		return unix.PtraceCont(tid, int(sig))
	}
}

// dropVDSO takes the kernel's code for the time from a program that has not begun: its entry in the
// auxiliary vector, which stands on the stack behind arguments and environment, becomes one to ignore.
func dropVDSO(pid int) error {
	const (
		ignore = 1  // AT_IGNORE
		vdso   = 33 // AT_SYSINFO_EHDR
	)
	var info struct {
		_      [8]byte
		ip, sp uint64
		_      [64]byte
	} // struct ptrace_syscall_info
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_GET_SYSCALL_INFO, uintptr(pid), unsafe.Sizeof(info), uintptr(unsafe.Pointer(&info)), 0, 0)
	if errno != 0 {
		return fmt.Errorf("cannot see the stack of %d: %w", pid, errno)
	}
	mem, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", pid), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { _ = mem.Close() }()
	word := make([]byte, 8)
	ends := 0 // of arguments, of environment
	for at := int64(info.sp) + 8; ; at += 8 {
		if _, err := mem.ReadAt(word, at); err != nil {
			return fmt.Errorf("cannot read the stack of %d: %w", pid, err)
		}
		value := binary.NativeEndian.Uint64(word)
		switch {
		case ends < 2:
			if value == 0 {
				ends++
			}
			continue
		case value == 0:
			return nil
		case value == vdso:
			_, err := mem.WriteAt(binary.NativeEndian.AppendUint64(nil, ignore), at)
			return err
		}
		at += 8 // its value
	}
}

// Clocked makes this process another program, under a filter of the clock, when Clock.Run started it
// for that, and then never returns. Programs that use a Clock call it first.
func Clocked() {
	if os.Getenv(clockVariable) == "" {
		return
	}
	runtime.LockOSThread()
	fmt.Fprintln(os.Stderr, "clock:", become())
	os.Exit(1)
}

func become() error {
	const socket = 3
	unix.CloseOnExec(socket)
	listener, err := filterClock()
	if err != nil {
		return err
	}
	if err := unix.Sendmsg(socket, []byte{0}, unix.UnixRights(listener), nil, 0); err != nil {
		return err
	}
	var env []string
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, clockVariable+"=") {
			env = append(env, entry)
		}
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_PTRACE, unix.PTRACE_TRACEME, 0, 0); errno != 0 {
		return errno
	}
	return syscall.Exec(os.Args[1], os.Args[1:], env)
}
