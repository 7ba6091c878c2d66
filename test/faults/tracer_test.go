// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package faults

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"holdfast/holdfasttest/need"
)

// A call is one system call of the victim that changes a file of its home or speaks to
// PostgreSQL, or a word that it said (said is then not empty).
type call struct {
	step string // the step under way
	name string
	path string // under the home, or "socket"
	to   string
	nth  int // of its kind within the step
	said string

	fd     int32
	flags  uint64
	offset int64
	data   []byte
	length int64
}

// random are the parts of a name that differ from run to run.
var random = regexp.MustCompile(`\d{8}[-T]\d{6}[-.]\w+`)

func (c call) kind() string {
	where := c.path
	if c.to != "" {
		where += " to " + c.to
	}
	return c.step + " " + c.name + " " + random.ReplaceAllString(where, "ID")
}

// site names the place: step, system call, file, and its ordinal among its like within the step.
func (c call) site() string { return c.kind() + " #" + strconv.Itoa(c.nth) }

// A tracer runs a victim and sees its calls before the kernel does them.
type tracer struct {
	home string
	// kill tells, for a call not yet done, whether the victim dies now.
	kill func(call) bool
	// fail gives, for a call not yet done, the error that it has instead of being done, or 0.
	fail func(call) unix.Errno
	// whole follows each call to its end, one call at a time, so that calls can be done again.
	whole bool

	calls  []call
	killed *call // or failed
	forms  map[uint64]form
	step   string
	counts map[string]int
	group  int
	busy   int // the thread whose call is followed to its end
	now    call
	queue  []int
	status syscall.WaitStatus
}

// run starts the victim and returns when it is dead, however it died; output is what it said on
// its standard error.
func (t *tracer) run(ctx context.Context, env ...string) (output string, err error) {
	t.forms, t.counts, t.step = traced(), map[string]int{}, "start"
	said, err := os.CreateTemp("", "holdfast-faults-")
	if err != nil {
		return "", err
	}
	defer func() { _ = errors.Join(said.Close(), os.Remove(said.Name())) }()
	program, err := need.Self()
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, program)
	cmd.Env = append(os.Environ(), append(env, "FAULTS_HOME="+t.home, "FAULTS_TRACED=1")...)
	cmd.Stderr = said
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true, Setpgid: true, Pdeathsig: syscall.SIGKILL}
	ended := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // for good: a tracer is a thread, and this one ends with its victim
		ended <- t.follow(cmd)
	}()
	err = <-ended
	text, readErr := os.ReadFile(said.Name())
	return string(text), errors.Join(err, readErr)
}

func (t *tracer) follow(cmd *exec.Cmd) error {
	if err := cmd.Start(); err != nil {
		return err
	}
	t.group = cmd.Process.Pid
	defer func() { _ = cmd.Process.Release() }()
	var status syscall.WaitStatus
	if _, err := wait(t.group, &status); err != nil {
		return err
	}
	options := unix.PTRACE_O_TRACESECCOMP | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_EXITKILL | unix.PTRACE_O_TRACESYSGOOD
	if err := unix.PtraceSetOptions(t.group, options); err != nil {
		return errors.Join(err, unix.Kill(t.group, unix.SIGKILL))
	}
	if err := unix.PtraceCont(t.group, 0); err != nil {
		return err
	}
	for {
		tid, err := wait(-t.group, &status)
		if errors.Is(err, unix.ECHILD) {
			return nil
		}
		if err != nil {
			return err
		}
		if !status.Stopped() {
			if tid == t.group {
				t.status = status
			}
			continue
		}
		if err := t.stopped(tid, status); err != nil && !errors.Is(err, unix.ESRCH) {
			return errors.Join(err, unix.Kill(t.group, unix.SIGKILL))
		}
	}
}

func wait(pid int, status *syscall.WaitStatus) (int, error) {
	for {
		tid, err := syscall.Wait4(pid, status, unix.WALL, nil)
		if !errors.Is(err, unix.EINTR) {
			return tid, err
		}
	}
}

// stopped answers one stop of one thread.
func (t *tracer) stopped(tid int, status syscall.WaitStatus) error {
	switch sig := status.StopSignal(); {
	case status.TrapCause() == unix.PTRACE_EVENT_SECCOMP:
		if t.busy != 0 {
			t.queue = append(t.queue, tid)
			return nil
		}
		return t.enter(tid)
	case sig == unix.SIGTRAP|0x80:
		return t.leave(tid)
	case sig == unix.SIGTRAP, sig == unix.SIGSTOP:
		return t.resume(tid, 0)
	default:
		return t.resume(tid, int(sig))
	}
}

func (t *tracer) resume(tid, signal int) error {
	if tid == t.busy {
		return unix.PtraceSyscall(tid, signal)
	}
	return unix.PtraceCont(tid, signal)
}

// enter sees a call that the kernel has not done yet.
func (t *tracer) enter(tid int) error {
	s, err := stopOf(tid)
	if err != nil {
		return err
	}
	if s.op != stopSeccomp {
		return fmt.Errorf("cannot tell why thread %d stopped: %d", tid, s.op)
	}
	c, err := t.see(tid, s)
	if err != nil || c.name == "" {
		return errors.Join(err, unix.PtraceCont(tid, 0))
	}
	kind := c.kind()
	t.counts[kind]++
	c.nth = t.counts[kind]
	if c.said == "" && t.kill != nil && t.kill(c) {
		t.killed = &c
		return unix.Kill(t.group, unix.SIGKILL)
	}
	if c.said == "" && t.fail != nil {
		if errno := t.fail(c); errno != 0 {
			t.killed = &c
			return errors.Join(refuse(tid, errno), unix.PtraceCont(tid, 0))
		}
	}
	if !t.whole || c.said != "" || c.path == "socket" {
		t.calls = append(t.calls, c)
		return unix.PtraceCont(tid, 0)
	}
	t.busy, t.now = tid, c
	return unix.PtraceSyscall(tid, 0)
}

// leave sees the end of a followed call. One that failed changed nothing.
func (t *tracer) leave(tid int) error {
	s, err := stopOf(tid)
	if err != nil {
		return err
	}
	if s.op != stopExit {
		return fmt.Errorf("cannot tell how a call of thread %d ended: %d", tid, s.op)
	}
	if result := int64(s.words[0]); result >= 0 {
		c := t.now
		if c.data != nil {
			c.data = c.data[:result]
		}
		if c.name == "write" && c.offset < 0 {
			if c.offset, err = t.position(tid); err != nil {
				return err
			}
			c.offset -= result
		}
		t.calls = append(t.calls, c)
	}
	t.busy = 0
	if err := unix.PtraceCont(tid, 0); err != nil {
		return err
	}
	if len(t.queue) == 0 {
		return nil
	}
	next := t.queue[0]
	t.queue = t.queue[1:]
	return t.enter(next)
}

// position is where the next sequential write of the followed call's file goes.
func (t *tracer) position(tid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/fdinfo/%d", tid, t.now.fd))
	if err != nil {
		return 0, err
	}
	var at int64
	_, err = fmt.Sscanf(string(text), "pos:\t%d", &at)
	return at, err
}

// see reads what a call is about to do. A call about nothing of ours has no name.
func (t *tracer) see(tid int, s stop) (call, error) {
	f, args := t.forms[s.words[0]], s.words[1:7]
	c := call{step: t.step, name: f.name, offset: -1}
	if f.fd >= 0 && f.name == "write" && args[0] == 1 {
		return t.hear(tid, args)
	}
	where, err := t.target(tid, f, args)
	if err != nil || where == "" {
		return call{}, err
	}
	c.path = where
	if f.fd >= 0 {
		c.fd = int32(args[f.fd])
	}
	if f.to >= 0 {
		if c.to, err = t.resolve(tid, f.toDir, args, f.to); err != nil {
			return call{}, err
		}
	}
	if f.flags >= 0 {
		c.flags = args[f.flags]
	}
	if (f.name == "open" || f.name == "openat") && c.flags&(unix.O_CREAT|unix.O_TRUNC) == 0 {
		return call{}, nil
	}
	if f.length >= 0 {
		c.length = int64(args[f.length])
	}
	if f.offset >= 0 {
		c.offset = int64(args[f.offset])
	}
	if f.data >= 0 && t.whole && where != "socket" {
		c.data, err = memory(tid, args[f.data], int(c.length))
	}
	return c, err
}

// hear takes a word that the victim says on its standard output.
func (t *tracer) hear(tid int, args []uint64) (call, error) {
	raw, err := memory(tid, args[1], int(args[2]))
	if err != nil {
		return call{}, err
	}
	said := strings.TrimSpace(string(raw))
	if step, begins := strings.CutPrefix(said, "begin "); begins {
		t.step = step
	}
	return call{step: t.step, name: "say", said: said}, nil
}

// target is what a call works on: a path under the home, "socket", or nothing of ours.
func (t *tracer) target(tid int, f form, args []uint64) (string, error) {
	if f.fd < 0 {
		return t.resolve(tid, f.dir, args, f.path)
	}
	name, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", tid, int32(args[f.fd])))
	if errors.Is(err, os.ErrNotExist) {
		return "", nil // a bad descriptor is the victim's business
	}
	if err != nil {
		return "", err
	}
	if strings.HasPrefix(name, "socket:") {
		return "socket", nil
	}
	return t.ours(name), nil
}

func (t *tracer) resolve(tid, dir int, args []uint64, path int) (string, error) {
	name, err := text(tid, args[path])
	if err != nil || filepath.IsAbs(name) {
		return t.ours(name), err
	}
	folder := "cwd"
	if dir >= 0 && int32(args[dir]) != unix.AT_FDCWD {
		folder = fmt.Sprintf("fd/%d", int32(args[dir]))
	}
	base, err := os.Readlink(fmt.Sprintf("/proc/%d/%s", tid, folder))
	if err != nil {
		return "", err
	}
	return t.ours(filepath.Join(base, name)), nil
}

// ours is a path as seen from the home; what lies elsewhere is nothing. The home itself is ".".
func (t *tracer) ours(path string) string {
	relative, err := filepath.Rel(t.home, filepath.Clean(path))
	if err != nil || !filepath.IsLocal(relative) {
		return ""
	}
	return relative
}
