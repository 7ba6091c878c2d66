// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package logkeeper

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A voice writes numbered lines into one pipe, in order, from one goroutine.
type voice struct {
	pipe  *os.File
	texts chan string
	done  sync.WaitGroup
	mu    sync.Mutex
	said  []string // whole lines
	ahead int      // texts that are not written yet
}

func newVoice(pipe *os.File) *voice {
	v := &voice{pipe: pipe, texts: make(chan string, 100_000)}
	v.done.Go(func() {
		for text := range v.texts {
			_, _ = v.pipe.WriteString(text)
			v.mu.Lock()
			v.ahead--
			v.mu.Unlock()
		}
	})
	return v
}

// say has lines written with one write.
func (v *voice) say(lines ...string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.said = append(v.said, lines...)
	v.ahead++
	v.texts <- strings.Join(lines, "\n") + "\n"
}

func (v *voice) through() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.ahead == 0 && empty(v.pipe)
}

// speakUp has both streams write what a cycle brings: short lines together, an empty one, binary
// garbage, and a line that is longer than the pipe.
func speakUp(out, err *voice, cycle int) {
	name := fmt.Sprint("cycle ", cycle)
	out.say(name+" a", name+" b", "")
	err.say(name + " e \x00\xff\x1e\r")
	out.say(name + strings.Repeat(" long", 14<<10))
	err.say(name+" f", name+" g")
	out.say(name + " c")
}

// same complains of the first line that was lost, doubled or split.
func same(t *testing.T, stream string, got, want []string) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			t.Fatalf("%s: %d lines, want %d; %.60q is lost", stream, len(got), len(want), want[i])
		case i >= len(want):
			t.Fatalf("%s: %d lines, want %d; %.60q is too much", stream, len(got), len(want), got[i])
		case got[i] != want[i]:
			t.Fatalf("%s: line %d is %.60q (%d bytes), want %.60q (%d bytes)", stream, i, got[i], len(got[i]), want[i], len(want[i]))
		}
	}
}

// A blow says how a victim dies at one of its system calls.
type blow int

const (
	before  blow = iota // it is not done
	afterIt             // it is done
	halfway             // half of its bytes are moved
)

// TestKilledAtEverySystemCall kills the keeper before and after each system call of a run, and after
// half of each write and splice, while both streams are written to and the log is rotated. Each
// keeper begins where the one before died.
func TestKilledAtEverySystemCall(t *testing.T) {
	r := newRig(t, t.TempDir(), Settings{Size: 100 << 10})
	out, err := newVoice(r.out), newVoice(r.err)
	tried := map[string]int{}
	cycle := 0
	settled := func() bool { return out.through() && err.through() && r.phase() == 0 }
	strike := func(v *victim) string {
		v.settled, v.program = settled, shipped(t)
		site, fail := v.run(r)
		if fail != nil {
			t.Fatal(fail)
		}
		if site != "" {
			tried[v.String()+site]++
		}
		return site
	}
	for _, b := range []blow{before, afterIt, halfway} {
		for nth, more := 1, true; more; nth++ {
			cycle++
			speakUp(out, err, cycle)
			more = strike(&victim{blow: b, nth: nth}) != ""
		}
	}
	// Those that find a batch half done are killed at each call too, while they finish it.
	wounds := []victim{{blow: afterIt, nth: 1, only: "splice"}, {blow: halfway, nth: 2, only: "write"}}
	for nth, more := 1, true; more; nth++ {
		cycle++
		speakUp(out, err, cycle)
		wound := wounds[nth%2]
		strike(&wound)
		half := r.phase() == 1
		more = strike(&victim{blow: before, nth: nth, recovers: half}) != ""
	}
	last := r.process()
	await(t, "all is taken", func() bool { return out.through() && err.through() && r.phase() == 0 })
	_ = last.Process.Kill()
	_ = last.Wait()
	close(out.texts)
	close(err.texts)
	lines := r.lines()
	same(t, "stdout", lines[stdout], out.said)
	same(t, "stderr", lines[stderr], err.said)
	for _, site := range slices.Sorted(maps.Keys(tried)) {
		t.Logf("%5d × killed %s", tried[site], site)
	}
	t.Logf("%d keepers, %d + %d lines, %d files", cycle, len(out.said), len(err.said), len(r.files()))
	for _, want := range []string{
		"before tee", "after tee", "before splice", "within splice", "after splice", "before write", "within write",
		"after write", "before renameat", "after renameat", "while it finishes a batch: before write", "while it finishes a batch: before pread",
	} {
		if tried[want] == 0 {
			t.Errorf("no keeper was killed %s", want)
		}
	}
}

// watched are the system calls that a keeper may be killed at.
func watched() map[uint64]string {
	return map[uint64]string{
		unix.SYS_TEE: "tee", unix.SYS_SPLICE: "splice", unix.SYS_READ: "read", unix.SYS_WRITE: "write",
		unix.SYS_PREAD64: "pread", unix.SYS_FTRUNCATE: "ftruncate", unix.SYS_FALLOCATE: "fallocate",
		unix.SYS_OPENAT: "openat", unix.SYS_RENAMEAT: "renameat", unix.SYS_UNLINKAT: "unlinkat",
		unix.SYS_MKDIRAT: "mkdirat", unix.SYS_MKNODAT: "mknodat", unix.SYS_FLOCK: "flock", unix.SYS_FSTAT: "fstat",
		unix.SYS_INOTIFY_ADD_WATCH: "inotify_add_watch", unix.SYS_MMAP: "mmap", unix.SYS_EPOLL_CTL: "epoll_ctl",
	}
}

// A victim is a keeper under ptrace.
type victim struct {
	blow blow
	nth  int
	only string // the calls that count, all when empty
	// recovers tells that the keeper before it left a batch half done.
	recovers bool
	settled  func() bool
	program  string

	count  int
	site   string
	dying  int // the thread whose call is to be the last
	leader int
}

func (v *victim) String() string {
	if v.recovers {
		return "while it finishes a batch: before "
	}
	return []string{"before ", "after ", "within "}[v.blow]
}

// run returns the system call at which the keeper was killed, empty when it came to rest before.
func (v *victim) run(r *rig) (string, error) {
	ended := make(chan error, 1)
	started := make(chan int, 1)
	go func() {
		runtime.LockOSThread() // for good: a tracer is a thread
		ended <- v.trace(r, started)
	}()
	pid := <-started
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	calm := 0
	for {
		select {
		case err := <-ended:
			return v.site, err
		case <-tick.C:
			if calm++; !v.settled() {
				calm = 0
			}
			if calm == 20 && pid > 0 {
				_ = unix.Kill(pid, unix.SIGKILL)
			}
		}
	}
}

func (v *victim) trace(r *rig, started chan<- int) error {
	cmd := exec.CommandContext(context.Background(), v.program, "keep", "--home", r.home.Dir())
	cmd.Stderr = nil
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true, Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		started <- 0
		return err
	}
	v.leader = cmd.Process.Pid
	started <- v.leader
	defer func() { _ = cmd.Process.Release() }()
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(v.leader, &status, unix.WALL, nil); err != nil {
		return err
	}
	options := unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_EXITKILL | unix.PTRACE_O_TRACESYSGOOD
	if err := errors.Join(unix.PtraceSetOptions(v.leader, options), unix.PtraceSyscall(v.leader, 0)); err != nil {
		return err
	}
	for {
		tid, err := syscall.Wait4(-v.leader, &status, unix.WALL, nil)
		switch {
		case errors.Is(err, unix.ECHILD):
			return nil
		case errors.Is(err, unix.EINTR) || err == nil && !status.Stopped():
			continue
		case err != nil:
			return err
		}
		signal := 0
		switch s := status.StopSignal(); {
		case s == unix.SIGTRAP|0x80:
			err = v.stopped(tid)
		case s != unix.SIGTRAP && s != unix.SIGSTOP:
			signal = int(s)
		}
		if err == nil {
			err = unix.PtraceSyscall(tid, signal)
		}
		if err != nil && !errors.Is(err, unix.ESRCH) {
			return errors.Join(err, unix.Kill(v.leader, unix.SIGKILL))
		}
	}
}

// callInfo is struct ptrace_syscall_info.
type callInfo struct {
	op     uint8
	_      [3]uint8
	arch   uint32
	ip, sp uint64
	words  [8]uint64
}

const (
	opEntry = 1
	opExit  = 2
)

// stopped sees a thread before or after a system call.
func (v *victim) stopped(tid int) error {
	if v.site != "" && v.dying != tid {
		return nil
	}
	var c callInfo
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_GET_SYSCALL_INFO, uintptr(tid), unsafe.Sizeof(c), uintptr(unsafe.Pointer(&c)), 0, 0)
	if errno != 0 {
		return errno
	}
	if v.dying == tid && c.op == opExit {
		return unix.Kill(v.leader, unix.SIGKILL)
	}
	if c.op != opEntry {
		return nil
	}
	name := watched()[c.words[0]]
	if name == "" || v.only != "" && name != v.only {
		return nil
	}
	length := 0
	if v.blow == halfway {
		if length = lengthArgument(name); length == 0 || c.words[1+length] < 2 {
			return nil
		}
	}
	if v.count++; v.count < v.nth {
		return nil
	}
	v.site, v.dying = name, tid
	switch v.blow {
	case before:
		return unix.Kill(v.leader, unix.SIGKILL)
	case halfway:
		return shorten(tid, length, c.words[1+length]/2)
	case afterIt:
	}
	return nil
}

// lengthArgument is which argument of a call says how many bytes it moves, 0 for those that are not
// cut short.
func lengthArgument(name string) int {
	return map[string]int{"write": 2, "splice": 4}[name]
}

// TestKilledAtAnyMoment kills keepers at random under load, with more than one log.
func TestKilledAtAnyMoment(t *testing.T) {
	r := newRig(t, t.TempDir(), Settings{Size: 1 << 20, Compress: true})
	voices := []*voice{newVoice(r.out), newVoice(r.err)}
	var writing sync.WaitGroup
	stop := make(chan struct{})
	for i, v := range voices {
		writing.Go(func() {
			chance := rand.New(rand.NewPCG(1, uint64(i)))
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				await(t, "the writer may go on", func() bool { v.mu.Lock(); defer v.mu.Unlock(); return v.ahead < 100 })
				var lines []string
				for range 1 + chance.IntN(50) {
					lines = append(lines, fmt.Sprint(n, ".", len(lines), " ", strings.Repeat("x", chance.IntN(200))))
				}
				v.say(lines...)
			}
		})
	}
	kills := 60
	if testing.Short() {
		kills = 10
	}
	chance := rand.New(rand.NewPCG(1, 9))
	for range kills {
		cmd := r.process()
		life := time.NewTimer(time.Duration(2+chance.IntN(60)) * time.Millisecond)
		<-life.C
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
	}
	close(stop)
	last := r.process()
	writing.Wait()
	await(t, "all is taken", func() bool { return voices[0].through() && voices[1].through() && r.phase() == 0 })
	_ = last.Process.Kill()
	_ = last.Wait()
	lines := r.lines()
	for i, v := range voices {
		close(v.texts)
		same(t, streamNames[i].record, lines[i], v.said)
	}
	t.Logf("%d kills, %d + %d lines", kills, len(lines[0]), len(lines[1]))
	if said := r.said.String(); said != "" {
		t.Errorf("the keepers said:\n%s", said)
	}
}
