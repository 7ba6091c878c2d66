// SPDX-License-Identifier: Apache-2.0

package home_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestALockThatAHolderLeaves keeps out nobody: who was killed may be there as a zombie, and a process
// that it was about to start has its files for a moment longer.
func TestALockThatAHolderLeaves(t *testing.T) {
	h := newHome(t)
	first, err := h.Lock("")
	if err != nil {
		t.Fatal(err)
	}
	path := h.Var("run", "house.lock")
	if err := first.Unlock(); err != nil {
		t.Fatal(err)
	}
	dead := zombie(t)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(map[string]any{"pid": dead, "since": time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(text, 0); err != nil {
		t.Fatal(err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if held, err := h.Holder(); err != nil || held == nil || held.PID != 0 || held.Left != dead {
		t.Errorf("the holder is %v, %v", held, err)
	}
	time.AfterFunc(500*time.Millisecond, func() { _ = f.Close() })
	lock, err := h.Lock("")
	if err != nil {
		t.Fatal(err)
	}
	if err := lock.Unlock(); err != nil {
		t.Error(err)
	}
}

// zombie is a process that ended and was not waited for.
func zombie(t *testing.T) (pid int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "true")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Wait() })
	for {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", cmd.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(stat), ") Z ") {
			return cmd.Process.Pid
		}
	}
}
