// SPDX-License-Identifier: Apache-2.0

package process_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/core/process"
)

func mark(launch string) process.Mark {
	return process.Mark{House: testHouse(), Unit: "u", Launch: launch}
}

func TestExitStatus(t *testing.T) {
	p, _ := launch(t, "exit", mark("exit"))
	if exit := wait(t, p); exit.Code != 7 || !exit.Known || exit.Success() {
		t.Errorf("exit = %+v, want status 7", exit)
	}
	p, out := launch(t, "wait", mark("killed"))
	line(t, out)
	if err := p.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if exit := wait(t, p); exit.Signal != syscall.SIGKILL || exit.String() != "killed by signal KILL" {
		t.Errorf("exit = %v, want SIGKILL", exit)
	}
	if err := p.Signal(syscall.SIGTERM); !errors.Is(err, process.ErrGone) {
		t.Errorf("signal after the end = %v, want ErrGone", err)
	}
}

func TestStartRefuses(t *testing.T) {
	plain := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(plain, []byte("#!/bin/sh\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		spec process.Spec
		want string
	}{
		{process.Spec{}, "argument vector is empty"},
		{process.Spec{Argv: []string{"no-such-program"}, Env: []string{"PATH=/bin"}}, "cannot find program"},
		{process.Spec{Argv: []string{"./x"}, Dir: "/no/such"}, "cannot enter working folder"},
		{process.Spec{Argv: []string{plain}}, "not executable"},
		{process.Spec{Argv: []string{filepath.Dir(plain)}}, "it is a folder"},
	} {
		if _, err := process.Start(c.spec); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("Start(%v) = %v, want %q", c.spec.Argv, err, c.want)
		}
	}
}

func TestEndKillsWhoIgnoresTerm(t *testing.T) {
	p, out := launch(t, "stubborn", mark("stubborn"))
	pid := number(t, out)
	begun := time.Now()
	if err := p.End(t.Context(), syscall.SIGTERM, 100*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if alive(pid) {
		t.Error("it outlived End")
	}
	if took := time.Since(begun); took < 100*time.Millisecond {
		t.Errorf("killed after %v, before the grace was over", took)
	}
	if exit := p.Exit(); exit.Signal != syscall.SIGKILL {
		t.Errorf("exit = %v", exit)
	}
}

func TestEndTakesGrandchildInItsOwnSession(t *testing.T) {
	p, out := launch(t, "family", mark("family"))
	orphan := number(t, out)
	if !alive(orphan) {
		t.Fatal("no orphan to end")
	}
	if err := p.End(t.Context(), syscall.SIGTERM, 200*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if alive(orphan) {
		t.Errorf("the double-forked grandchild %d outlived End", orphan)
	}
}

func TestEndAfterTheLeaderDied(t *testing.T) {
	p, out := launch(t, "family", mark("headless"))
	orphan := number(t, out)
	if err := syscall.Kill(p.Identity().PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	wait(t, p)
	if err := p.End(t.Context(), syscall.SIGKILL, time.Second); err != nil {
		t.Fatal(err)
	}
	if alive(orphan) {
		t.Errorf("grandchild %d outlived End", orphan)
	}
}

func TestEndMarkedNeedsOnlyTheMark(t *testing.T) {
	p, out := launch(t, "family", mark("by-mark"))
	orphan := number(t, out)
	other, out2 := launch(t, "wait", mark("bystander"))
	line(t, out2)
	if err := (process.Machine{}).EndMarked(t.Context(), mark("by-mark"), syscall.SIGTERM, 200*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if wait(t, p); alive(orphan) {
		t.Error("the orphan lives")
	}
	if !alive(other.Identity().PID) {
		t.Error("another launch of the unit was ended too")
	}
}

func TestReusedPidIsNeverTouched(t *testing.T) {
	p, out := launch(t, "wait", mark("reused"))
	line(t, out)
	id := p.Identity()
	id.Start-- // as if the pid had been another process's, which died
	if _, err := process.Adopt(id); !errors.Is(err, process.ErrGone) {
		t.Errorf("Adopt of a reused pid = %v, want ErrGone", err)
	}
	id = p.Identity()
	id.Mark.Launch = "someone else's"
	if _, err := process.Adopt(id); !errors.Is(err, process.ErrGone) {
		t.Errorf("Adopt with another mark = %v, want ErrGone", err)
	}
	id = p.Identity()
	id.Boot = "another boot"
	if _, err := process.Adopt(id); !errors.Is(err, process.ErrGone) {
		t.Errorf("Adopt from another boot = %v, want ErrGone", err)
	}
	if !alive(p.Identity().PID) {
		t.Error("the process was touched")
	}
}

func TestZombieCountsAsDead(t *testing.T) {
	cmd := again("exit")
	cmd.Env = append(cmd.Env, process.MarkVariable+"="+testHouse()+"/zombie/1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Wait() })
	eventually(t, "the child is a zombie", func() bool {
		data, _ := os.ReadFile(filepath.Join("/proc", itoa(cmd.Process.Pid), "stat"))
		return strings.Contains(string(data), ") Z ")
	})
	if _, err := process.Adopt(process.Identity{PID: cmd.Process.Pid}); !errors.Is(err, process.ErrGone) {
		t.Errorf("Adopt of a zombie = %v, want ErrGone", err)
	}
	begun := time.Now()
	err := process.Machine{}.EndMarked(t.Context(), process.Mark{House: testHouse(), Unit: "zombie", Launch: "1"}, syscall.SIGTERM, time.Minute)
	if err != nil || time.Since(begun) > 30*time.Second {
		t.Errorf("EndMarked of a zombie = %v after %v", err, time.Since(begun))
	}
}

func TestAdoptionAfterTheHouseWasKilled(t *testing.T) {
	house, out := launch(t, "house", process.Mark{House: testHouse() + "-helper", Unit: "house", Launch: "1"}, "adopted", testHouse())
	var id process.Identity
	if err := json.Unmarshal([]byte(line(t, out)), &id); err != nil {
		t.Fatal(err)
	}
	// Killed alone, as a crash does it; its launch lives on.
	if err := syscall.Kill(house.Identity().PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	wait(t, house)
	found, err := process.Machine{}.Marked(testHouse())
	if err != nil {
		t.Fatal(err)
	}
	seen := false
	for _, f := range found {
		seen = seen || f.Identity == id && f.Leader
	}
	if !seen {
		t.Fatalf("Marked does not list %+v: %+v", id, found)
	}
	for range 2 { // a watcher may be dropped and made again
		p, err := process.Adopt(id)
		if err != nil {
			t.Fatal(err)
		}
		select {
		case <-p.Done():
			t.Fatal("adopted as dead")
		default:
		}
	}
	p, err := process.Adopt(id)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.End(t.Context(), syscall.SIGTERM, 5*time.Second); err != nil {
		t.Fatal(err)
	}
	if alive(id.PID) {
		t.Error("the adopted process outlived End")
	}
	if exit := wait(t, p); exit.Success() {
		t.Errorf("exit = %v, want no success", exit)
	}
}

func TestExitOfAnAdoptedProcess(t *testing.T) {
	_, out := launch(t, "house", process.Mark{House: testHouse() + "-helper", Unit: "house", Launch: "2"}, "status", testHouse())
	var id process.Identity
	if err := json.Unmarshal([]byte(line(t, out)), &id); err != nil {
		t.Fatal(err)
	}
	p, err := process.Adopt(id)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	exit := wait(t, p)
	if !exit.Known {
		t.Skip("this kernel keeps no exit status for those who are not the parent")
	}
	if exit.Signal != syscall.SIGKILL {
		t.Errorf("exit = %v", exit)
	}
}

func TestReapOrphans(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	reaped := make(chan error, 1)
	go func() { reaped <- process.ReapOrphans(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-reaped; err != nil {
			t.Error(err)
		}
	})
	p, out := launch(t, "family", mark("orphans"))
	orphan := number(t, out)
	eventually(t, "the orphan comes to us", func() bool { return parentOf(orphan) == os.Getpid() })
	if _, marked := process.MarkOf(orphan); !marked {
		t.Error("a descendant counts as unmarked")
	}
	if err := p.End(t.Context(), syscall.SIGKILL, 0); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the orphan is reaped", func() bool {
		_, err := os.Stat(filepath.Join("/proc", itoa(orphan)))
		return errors.Is(err, os.ErrNotExist)
	})
}

func TestMarkOf(t *testing.T) {
	p, out := launch(t, "family", mark("marks"))
	orphan := number(t, out)
	for _, pid := range []int{p.Identity().PID, orphan} {
		if got, ok := process.MarkOf(pid); !ok || got != mark("marks") {
			t.Errorf("MarkOf(%d) = %v %v", pid, got, ok)
		}
	}
	if got, ok := process.MarkOf(os.Getpid()); ok {
		t.Errorf("MarkOf(self) = %v, want none", got)
	}
	if got, ok := process.MarkOf(1 << 30); !ok || got != process.UnreadableMark() {
		t.Errorf("MarkOf(nobody) = %v %v, want unreadable", got, ok)
	}
}

// TestWhoLeftItsFamilyStaysMarked asks about a daemon that cleared its environment and whose parents
// died while no house took orphans: its brand tells, or else its group.
func TestWhoLeftItsFamilyStaysMarked(t *testing.T) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	for name, options := range map[string]process.Options{"group": {}, "brand": {NoGroups: true}} {
		t.Run(name, func(t *testing.T) {
			d := den{t, process.NewMachine(options)}
			l := d.launch("ghost")
			daemon := number(t, l.Reader)
			eventually(t, "the daemon's parent has ended", func() bool {
				environ, _ := os.ReadFile(filepath.Join("/proc", itoa(parentOf(daemon)), "environ")) // init shows none
				return !strings.Contains(string(environ), roleVariable)
			})
			if name == "group" {
				if len(l.groups) == 0 {
					t.Skip("this machine lets nobody make control groups")
				}
				free := unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}
				if err := unix.Prlimit(daemon, unix.RLIMIT_LOCKS, &free, nil); err != nil {
					t.Fatal(err)
				}
			}
			if mark, marked := process.MarkOf(daemon); !marked {
				t.Errorf("MarkOf = %v %v, want marked", mark, marked)
			}
			l.end(syscall.SIGKILL, 0)
		})
	}
}

func TestPeerOf(t *testing.T) {
	for _, c := range []struct {
		role   string
		marked bool
	}{{"dial", true}, {"stripped", true}, {"plain", false}} {
		t.Run(c.role, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "s")
			l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = l.Close() })
			if c.role == "plain" {
				cmd := again("dial", path)
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = cmd.Wait() })
			} else {
				launch(t, c.role, mark("peer"), path)
			}
			conn, err := l.AcceptUnix()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = conn.Close() })
			peer, err := process.PeerOf(conn)
			if err != nil || peer.Marked != c.marked || peer.UID != os.Getuid() {
				t.Fatalf("PeerOf = %+v %v, want marked %v", peer, err, c.marked)
			}
			if c.marked && peer.Mark != mark("peer") {
				t.Errorf("mark = %v", peer.Mark)
			}
		})
	}
}

func TestPortHolder(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	holder, held := process.PortHolder(port)
	if !held || holder.PID != os.Getpid() || holder.Name == "" {
		t.Errorf("PortHolder = %+v %v, want this process", holder, held)
	}
	_ = l.Close()
	if holder, held := process.PortHolder(port); held {
		t.Errorf("a free port is held by %v", holder)
	}
}
