// SPDX-License-Identifier: Apache-2.0

package process

import (
	"os/exec"
	"syscall"
	"testing"
)

func TestSelfIsAdoptable(t *testing.T) {
	id, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	p, err := Adopt(id)
	if err != nil {
		t.Fatalf("this process is not found by %+v: %v", id, err)
	}
	select {
	case <-p.Done():
		t.Error("this process counts as ended")
	default:
	}
	id.Start++
	if _, err := Adopt(id); err == nil {
		t.Error("another start is the same process")
	}
}

// TestSignalFirstSparesTheGroup signals a shell, and not the child in its group.
func TestSignalFirstSparesTheGroup(t *testing.T) {
	shell := exec.CommandContext(t.Context(), "sh", "-c", "sleep 60 & echo $!; wait")
	shell.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	out, err := shell.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Kill(-shell.Process.Pid, syscall.SIGKILL) }()
	line := make([]byte, 16)
	if _, err := out.Read(line); err != nil {
		t.Fatal(err)
	}
	s, err := readStat(shell.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Adopt(Identity{PID: s.pid, Start: s.start, Boot: bootID()})
	if err != nil {
		t.Fatal(err)
	}
	if err := SignalFirst(p, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	if err := syscall.Kill(-shell.Process.Pid, 0); err != nil {
		t.Errorf("the group is gone with its first: %v", err)
	}
	if Traced(s.pid) {
		t.Error("what is dead is traced")
	}
}
