// SPDX-License-Identifier: Apache-2.0

package process_test

import (
	"encoding/json"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"holdfast/core/process"
)

// playTree plays the processes of launches that are hard to end.
func playTree(role string, args []string) {
	switch role {
	case "ghost": // leaves a daemon without the mark while its leader lives on
		ghost("shade")
		forever()
	case "gone": // leaves the same and ends
		ghost("shade")
	case "shade": // between the leader and the daemon
		daemon := again("stubborn")
		daemon.Env, daemon.Stdout = []string{roleVariable + "=stubborn"}, os.Stdout
		daemon.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if daemon.Start() != nil {
			os.Exit(1)
		}
	case "deaf": // has a child in its group that ignores TERM, and itself does not
		child := again("stubborn")
		child.Stdout = os.Stdout
		if child.Start() != nil {
			os.Exit(1)
		}
		_ = child.Wait()
	case "hopper":
		hop()
	case "bomb":
		bomb(args[0])
	case "headless": // its first thread ends, its others live on
		signal.Ignore(syscall.SIGTERM)
		headless()
	case "prey": // is traced by its own child
		prey()
	case "tracer":
		trace()
	case "eat":
		eat(256 << 20)
	case "spin":
		say(os.Getpid())
		for {
			runtime.Gosched()
		}
	case "breed":
		grouped()
		say(breed())
		forever()
	case "delegate": // a house within a group of version 2
		delegate(args[0], args[1], args[2])
	case "lord": // a house with one launch, which leaves a daemon without the mark
		lord(args[0])
	}
}

// ghost starts the one between and waits for it, without the mark.
func ghost(role string) {
	middle := again(role)
	middle.Env, middle.Stdout = []string{roleVariable + "=" + role}, os.Stdout
	middle.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if middle.Run() != nil {
		os.Exit(1)
	}
}

// fork is the bare call: what follows in the child may only be bare calls too.
//
//go:norace
//go:nosplit
func fork() uintptr {
	pid, _, errno := syscall.RawSyscall6(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0)
	if errno != 0 {
		return ^uintptr(0)
	}
	return pid
}

// spent tells whether the process, whichever it is by now, is to give up: a failed test must not
// leave it for ever.
//
//go:norace
//go:nosplit
func spent(until int64) bool {
	var now [2]int64
	syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, unix.CLOCK_MONOTONIC, uintptr(unsafe.Pointer(&now)), 0)
	return now[0] > until
}

func soon() int64 {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now)
	return now.Sec + 8
}

// hop goes on in a new process with a session of its own again and again, and the old one ends: who
// looks for it finds only where it was. It says so when nobody stopped it.
//
//go:norace
func hop() {
	say(os.Getpid())
	runtime.LockOSThread()
	for range 4000 {
		if fork() != 0 {
			syscall.RawSyscall(syscall.SYS_EXIT_GROUP, 0, 0, 0)
		}
		syscall.RawSyscall(syscall.SYS_SETSID, 0, 0, 0)
	}
	end := [...]byte{'f', 'r', 'e', 'e', '\n'}
	syscall.RawSyscall(syscall.SYS_WRITE, 1, uintptr(unsafe.Pointer(&end)), uintptr(len(end)))
	syscall.RawSyscall(syscall.SYS_EXIT_GROUP, 0, 0, 0)
}

// bomb forks in every process, each in a session of its own, as fast as it can, within the control
// group that bounds it.
//
//go:norace
func bomb(bound string) {
	if os.WriteFile(bound, []byte("0"), 0) != nil {
		os.Exit(1)
	}
	say(os.Getpid())
	runtime.LockOSThread()
	for until := soon(); !spent(until); {
		if fork() == 0 {
			syscall.RawSyscall(syscall.SYS_SETSID, 0, 0, 0)
		}
	}
	syscall.RawSyscall(syscall.SYS_EXIT_GROUP, 0, 0, 0)
}

// grouped waits until the house has put this process into its version 1 group, where there is one.
func grouped() {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		text, err := os.ReadFile("/proc/self/cgroup")
		_, pids, legacy := strings.Cut(string(text), ":pids:")
		if path, _, _ := strings.Cut(pids, "\n"); err != nil || !legacy || strings.Contains(path, "/holdfast-") {
			return
		}
	}
}

// breed counts how many children it may have, up to a hundred.
//
//go:norace
func breed() int {
	runtime.LockOSThread()
	for n := range 100 {
		switch fork() {
		case 0:
			for {
				syscall.RawSyscall6(syscall.SYS_PPOLL, 0, 0, 0, 0, 0, 0)
			}
		case ^uintptr(0):
			return n
		}
	}
	return 100
}

// headless ends its first thread: goroutines take up thread after thread until one has got that.
func headless() {
	ended := make(chan struct{})
	for range 64 {
		go func() {
			runtime.LockOSThread()
			if unix.Gettid() == os.Getpid() {
				close(ended)
				_, _, _ = syscall.Syscall(syscall.SYS_EXIT, 0, 0, 0)
			}
			select {}
		}()
	}
	<-ended
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		if data, err := os.ReadFile("/proc/self/stat"); err != nil || strings.Contains(string(data), ") Z ") {
			break
		}
	}
	say(os.Getpid())
	forever()
}

// prey lets a child of its own trace it, which never asks how it ended.
func prey() {
	_ = unix.Prctl(unix.PR_SET_PTRACER, ^uintptr(0), 0, 0, 0)
	child := again("tracer")
	child.Stdout = os.Stdout
	if child.Start() != nil {
		os.Exit(1)
	}
	forever()
}

func trace() {
	runtime.LockOSThread() // the thread is the tracer
	_, _, errno := syscall.Syscall6(syscall.SYS_PTRACE, unix.PTRACE_SEIZE, uintptr(os.Getppid()), 0, 0, 0, 0)
	if errno != 0 {
		say(-int(errno))
		os.Exit(1)
	}
	say(os.Getpid())
	select {}
}

func eat(size int) {
	say(os.Getpid())
	all := make([]byte, size)
	for i := 0; i < len(all); i += 4096 {
		all[i] = 1
	}
	say("full")
	forever()
}

func lord(house string) {
	_ = unix.Setrlimit(unix.RLIMIT_LOCKS, &unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}) // it is no launch itself
	options := process.Options{NoGroups: os.Getenv(process.GroupsVariable) == "off"}
	s := spec("ghost", process.Mark{House: house, Unit: "u", Launch: "1"})
	s.Stdout = os.Stdout
	child, err := process.NewMachine(options).Start(s)
	if err != nil {
		os.Exit(1)
	}
	data, _ := json.Marshal(child.Identity())
	say(string(data))
	forever()
}

func delegate(own, house, controller string) {
	err := os.WriteFile(filepath.Join(own, "cgroup.procs"), []byte("0"), 0)
	if err == nil {
		err = process.Delegate(own, house, controller)
	}
	if err != nil {
		say(err)
	} else {
		say("done")
	}
	forever()
}
