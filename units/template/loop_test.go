// SPDX-License-Identifier: Apache-2.0

package template

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestLoopGivesUpWhatFails: a task that fails is given up after its tries, one that was under way at
// a kill is tried again, and one that a limit stopped waits.
func TestLoopGivesUpWhatFails(t *testing.T) {
	folder := t.TempDir()
	k := claudeCode()
	v, err := k.view(agent{Name: "ada", Template: k.name, Model: "chat", Folder: folder})
	if err != nil {
		t.Fatal(err)
	}
	text, err := renderFile("shared/loop.sh", v)
	if err != nil {
		t.Fatal(err)
	}
	program := script(t, `read -r task; case $task in good) echo fine ;; limited) echo "429 the budget of agent:ada" >&2; exit 1 ;; *) exit 1 ;; esac`)
	for path, text := range map[string]string{"loop.sh": string(text), "inbox/bad": "bad\n", "inbox/limited": "limited\n", "doing/good": "good\n", "doing/good.out": "half"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(folder, path)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, path), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	loop := exec.CommandContext(t.Context(), "/bin/sh", "loop.sh", program)
	loop.Dir, loop.Env = folder, []string{"PATH=" + os.Getenv("PATH"), "TASK_TRIES=2", "PAUSE_SECONDS=0", v.Key + "=sk-x"}
	loop.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := loop.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = loop.Wait() }()
	defer func() { _ = syscall.Kill(-loop.Process.Pid, syscall.SIGKILL) }()
	for _, want := range []string{"failed/bad", "failed/bad.err", "done/good", "done/good.out", "heartbeat"} {
		awaitFile(t, filepath.Join(folder, want))
	}
	if out, err := os.ReadFile(filepath.Join(folder, "done/good.out")); string(out) != "fine\n" {
		t.Errorf("the answer is %q, %v", out, err)
	}
	if _, err := os.Stat(filepath.Join(folder, "failed/limited")); err == nil {
		t.Error("a limit counted as the task's fault")
	}
}

func awaitFile(t *testing.T, path string) {
	t.Helper()
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := os.Stat(path); err == nil {
			return
		}
		select {
		case <-deadline.C:
			t.Fatalf("%s did not come", path)
		case <-tick.C:
		}
	}
}
