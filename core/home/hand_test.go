// SPDX-License-Identifier: Apache-2.0

package home_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/core/home"
)

// handVariable makes the test binary hold a home and become itself again, with the lock.
const handVariable = "HOME_TEST_HAND"

// heirVariable makes it become a shell with that script instead.
const heirVariable = "HOME_TEST_HEIR"

// TestTheLockOutlivesExecve: a process becomes another program again and again while others try to
// get the home; none of them ever does, and it stays the holder with the same pid.
func TestTheLockOutlivesExecve(t *testing.T) {
	if dir := os.Getenv(handVariable); dir != "" {
		becomeAgain(dir)
		return
	}
	place := home.At(t.TempDir())
	if err := place.Ensure(); err != nil {
		t.Fatal(err)
	}
	cmd, in, lines := becoming(t, place)
	for round := range 20 {
		if !lines.Scan() || lines.Text() != fmt.Sprintf("holds %d", cmd.Process.Pid) {
			t.Fatalf("round %d: %q", round, lines.Text())
		}
		held, err := place.Holder()
		if err != nil || held == nil || held.PID != cmd.Process.Pid {
			t.Fatalf("round %d: held by %v, %v", round, held, err)
		}
		_, _ = fmt.Fprintln(in, "again")
		for range 50 { // while it becomes the other
			if l, err := place.Lock(""); err == nil {
				_ = l.Unlock()
				t.Fatalf("round %d: somebody slipped in between", round)
			}
		}
	}
	_ = in.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	l, err := place.Lock("")
	if err != nil {
		t.Fatalf("after its end: %v", err)
	}
	_ = l.Unlock()
}

// becoming starts a process that holds a home and becomes another program at each line that it reads.
func becoming(t *testing.T, place home.Home, env ...string) (*exec.Cmd, io.WriteCloser, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestTheLockOutlivesExecve$")
	cmd.Env = append(append(os.Environ(), handVariable+"="+place.Dir()), env...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, in, bufio.NewScanner(out)
}

func becomeAgain(dir string) {
	l, err := home.At(dir).Lock("")
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Printf("holds %d\n", os.Getpid())
	line, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if err != nil || strings.TrimSpace(line) != "again" {
		os.Exit(0)
	}
	if err := l.Hand(); err != nil {
		os.Exit(3)
	}
	if script := os.Getenv(heirVariable); script != "" {
		fmt.Fprintln(os.Stderr, syscall.Exec("/bin/sh", []string{"sh", "-c", script}, os.Environ()))
	}
	fmt.Fprintln(os.Stderr, syscall.Exec("/proc/self/exe", os.Args, os.Environ()))
	os.Exit(4)
}

// What the program to which a home was handed leaves behind never holds the home: it is free once
// that process has ended, reaped or not, and held as long as it lives, whatever became of it.
func TestWhatAnHeirLeavesHoldsNothing(t *testing.T) {
	for name, script := range map[string]string{
		"it ends":  "sleep 1000 >/dev/null 2>&1 & echo $!; read line; exit 1",
		"it hangs": "sleep 1000 >/dev/null 2>&1 & echo $!; read line; exec sleep 1000 >/dev/null",
	} {
		t.Run(name, func(t *testing.T) {
			place := home.At(t.TempDir())
			if err := place.Ensure(); err != nil {
				t.Fatal(err)
			}
			cmd, in, lines := becoming(t, place, heirVariable+"="+script)
			defer func() { _ = cmd.Wait() }() // how it ends is what the test does to it
			defer func() { _ = cmd.Process.Kill() }()
			left := 0
			for _, line := range []string{"holds %d", "%d"} {
				if !lines.Scan() {
					t.Fatal("it says nothing")
				}
				if _, err := fmt.Sscanf(lines.Text(), line, &left); err != nil {
					t.Fatalf("%q: %v", lines.Text(), err)
				}
				_, _ = fmt.Fprintln(in, "again")
				if left == cmd.Process.Pid {
					continue
				}
				defer func() { _ = syscall.Kill(left, syscall.SIGKILL) }()
			}
			if name == "it hangs" {
				if _, err := place.Lock(""); err == nil {
					t.Error("somebody came in while it hangs")
				}
				if held, err := place.Holder(); err != nil || held == nil || held.PID != cmd.Process.Pid {
					t.Errorf("held by %v, %v", held, err)
				}
				_ = cmd.Process.Kill()
			}
			ended(t, place)
			if err := syscall.Kill(left, 0); err != nil {
				t.Fatalf("the child is gone: %v", err)
			}
			l, err := place.Lock("")
			if err != nil {
				t.Fatalf("what it left holds the home: %v", err)
			}
			if l.Handed() {
				t.Error("it counts as handed to a stranger")
			}
			_ = l.Unlock()
		})
	}
}

// ended waits until nobody holds the home.
func ended(t *testing.T, place home.Home) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for {
		held, err := place.Holder()
		if held == nil && err == nil {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("still held by %v, %v", held, err)
		case <-tick.C:
		}
	}
}

// A note of a process that is gone, or that has another birth, hands nothing over and holds nothing.
func TestAFalseHandIsNotTaken(t *testing.T) {
	place := home.At(t.TempDir())
	if err := place.Ensure(); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		"", "x", "{}", `{"pid":-1,"heir":"x"}`, `{"pid":999999999,"heir":"x"}`,
		fmt.Sprintf(`{"pid":%d,"heir":"another"}`, os.Getpid()), fmt.Sprintf(`{"pid":%d,"heir":"another"}`, os.Getppid()),
	} {
		if err := os.WriteFile(place.Var("run", "house.lock"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if held, err := place.Holder(); held != nil || err != nil {
			t.Errorf("%q: held by %v, %v", text, held, err)
		}
		l, err := place.Lock("")
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if l.Handed() {
			t.Errorf("%q: it counts as handed over", text)
		}
		if err := l.Unlock(); err != nil {
			t.Error(err)
		}
	}
}

// Who only looks never keeps anybody from the home.
func TestLookingKeepsNobodyOut(t *testing.T) {
	place := home.At(t.TempDir())
	if err := place.Ensure(); err != nil {
		t.Fatal(err)
	}
	done, looking := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(looking)
		for {
			select {
			case <-done:
				return
			default:
				_, _ = place.Holder()
			}
		}
	}()
	defer func() { close(done); <-looking }()
	for round := range 500 {
		l, err := place.Lock("")
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if err := l.Unlock(); err != nil {
			t.Fatal(err)
		}
	}
}
