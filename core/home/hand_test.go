// SPDX-License-Identifier: Apache-2.0

package home_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"holdfast/core/home"
)

// handVariable makes the test binary hold a home and become itself again, with the lock.
const handVariable = "HOME_TEST_HAND"

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
	cmd := exec.Command(os.Args[0], "-test.run=^TestTheLockOutlivesExecve$")
	cmd.Env = append(os.Environ(), handVariable+"="+place.Dir())
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
	lines := bufio.NewScanner(out)
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

func becomeAgain(dir string) {
	l, err := home.At(dir).Lock("")
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Printf("holds %d\n", os.Getpid())
	if os.Getenv("HOLDFAST_LOCK") != "" {
		os.Exit(2)
	}
	line, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if err != nil || strings.TrimSpace(line) != "again" {
		os.Exit(0)
	}
	variable, err := l.Hand()
	if err != nil {
		os.Exit(3)
	}
	fmt.Fprintln(os.Stderr, syscall.Exec("/proc/self/exe", os.Args, append(os.Environ(), variable)))
	os.Exit(4)
}

// A variable that somebody else set hands nothing over.
func TestAFalseHandIsNotTaken(t *testing.T) {
	place := home.At(t.TempDir())
	if err := place.Ensure(); err != nil {
		t.Fatal(err)
	}
	other, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	for _, text := range []string{"", "x", "1:3", fmt.Sprintf("%d:0", os.Getpid()), fmt.Sprintf("%d:%d", os.Getpid(), other.Fd()), fmt.Sprintf("%d:-7", os.Getpid()), fmt.Sprintf("%d:999999", os.Getpid())} {
		t.Setenv("HOLDFAST_LOCK", text)
		l, err := place.Lock("")
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if err := l.Unlock(); err != nil {
			t.Error(err)
		}
	}
	if _, err := other.Stat(); err != nil {
		t.Errorf("a stranger's file was closed: %v", err)
	}
}
