// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package faults

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"holdfast/core/home"
	"holdfast/holdfasttest/need"
)

// racer is a process that takes a home when it is told to, says how that went, and keeps what it
// has until its input ends.
func racer(dir string) error {
	in := bufio.NewReader(os.Stdin)
	fmt.Println("ready")
	if _, err := in.ReadString('\n'); err != nil {
		return err
	}
	lock, err := home.At(dir).Lock("")
	defer runtime.KeepAlive(lock) // else it is collected, and lets go
	if held, ok := errors.AsType[*home.LockedError](err); ok {
		fmt.Println("lost to", held.PID)
	} else if err != nil {
		return err
	} else {
		fmt.Println("won as", os.Getpid())
	}
	_, err = io.Copy(io.Discard, in)
	return err
}

// TestOfManyProcessesOneTakesTheHome lets processes take one home at the same moment, again and
// again, and kills the winner each time.
func TestOfManyProcessesOneTakesTheHome(t *testing.T) {
	h := home.At(scratch(t))
	if err := h.Ensure(); err != nil {
		t.Fatal(err)
	}
	rounds := 5
	if long() {
		rounds = 100
	}
	for range rounds {
		race(t, h, 6)
	}
}

type runner struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func race(t *testing.T, h home.Home, n int) {
	t.Helper()
	program, err := need.Self()
	if err != nil {
		t.Fatal(err)
	}
	runners := make([]runner, n)
	for i := range runners {
		cmd := exec.CommandContext(t.Context(), program)
		cmd.Env = append(os.Environ(), "FAULTS_RACE="+h.Dir())
		cmd.Stderr = os.Stderr
		in, err := cmd.StdinPipe()
		out, outErr := cmd.StdoutPipe()
		if err := errors.Join(err, outErr, cmd.Start()); err != nil {
			t.Fatal(err)
		}
		runners[i] = runner{cmd: cmd, in: in, out: bufio.NewReader(out)}
	}
	for _, r := range runners {
		if said := r.hear(t); said != "ready" {
			t.Errorf("a process said %q", said)
		}
	}
	for _, r := range runners {
		if _, err := io.WriteString(r.in, "go\n"); err != nil {
			t.Fatal(err)
		}
	}
	won := []string{}
	lost := []string{}
	for _, r := range runners {
		said := r.hear(t)
		if pid, ok := strings.CutPrefix(said, "won as "); ok {
			won = append(won, pid)
			continue
		}
		lost = append(lost, strings.TrimPrefix(said, "lost to "))
	}
	if len(won) != 1 {
		t.Errorf("%d of %d took the home", len(won), n)
	}
	for _, pid := range lost {
		if pid != "0" && pid != won[0] { // 0: the winner had not said its name yet
			t.Errorf("process %s took the home, and one was told of %s", won[0], pid)
		}
	}
	for _, r := range runners {
		_ = r.cmd.Process.Kill() // the winner too: what it leaves is no lock
		_ = r.cmd.Wait()
	}
}

func (r runner) hear(t *testing.T) string {
	t.Helper()
	line, err := r.out.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}
