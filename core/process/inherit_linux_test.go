// SPDX-License-Identifier: Apache-2.0

package process_test

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/core/process"
)

// TestAnInheritedChildIsReaped: after an upgrade the units are still children of the process, which
// knows them only by their identity. Each of several who adopt one learns how it ended, and no
// zombie stays.
func TestAnInheritedChildIsReaped(t *testing.T) {
	for name, end := range map[string]struct {
		script string
		want   process.Exit
	}{
		"exit":   {"read _; exit 7", process.Exit{Known: true, Code: 7}},
		"signal": {"read _; kill -KILL $$", process.Exit{Known: true, Code: 137, Signal: syscall.SIGKILL}},
	} {
		t.Run(name, func(t *testing.T) {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command("/bin/sh", "-c", end.script) // its Wait is never called
			cmd.Stdin, cmd.SysProcAttr = r, &syscall.SysProcAttr{Setsid: true}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			_ = r.Close()
			id := process.Identity{PID: cmd.Process.Pid, Start: startOf(t, cmd.Process.Pid)}
			var watchers []*process.Process
			for range 3 {
				p, err := process.Adopt(id)
				if err != nil {
					t.Fatal(err)
				}
				watchers = append(watchers, p)
			}
			_ = w.Close()
			for _, p := range watchers {
				exit, err := p.Wait(t.Context())
				exit.At = time.Time{}
				if err != nil || exit != end.want {
					t.Errorf("it %s: %v", exit, err)
				}
			}
			awaitReaped(t, id.PID)
		})
	}
}

func startOf(t *testing.T, pid int) uint64 {
	t.Helper()
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		t.Fatal(err)
	}
	start, err := strconv.ParseUint(strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+2:]))[19], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return start
}

func awaitReaped(t *testing.T, pid int) {
	t.Helper()
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := os.Stat("/proc/" + strconv.Itoa(pid)); os.IsNotExist(err) {
			return
		}
		select {
		case <-deadline.C:
			t.Fatalf("process %d is a zombie for good", pid)
		case <-tick.C:
		}
	}
}
