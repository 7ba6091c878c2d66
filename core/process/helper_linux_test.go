// SPDX-License-Identifier: Apache-2.0

package process_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/core/process"
	"holdfast/core/process/confine"
)

// roleVariable makes the test binary play a process of a unit instead of running tests.
const roleVariable = "PROCESS_TEST_ROLE"

func TestMain(m *testing.M) {
	if os.Args[0] == process.HelperName {
		os.Exit(confine.Main(os.Args[2:]))
	}
	if role := os.Getenv(roleVariable); role != "" {
		play(role, os.Args[1:])
		os.Exit(0)
	}
	code := m.Run()
	for _, pattern := range []string{"/sys/fs/cgroup/*/holdfast-", "/sys/fs/cgroup/holdfast-"} {
		if left, _ := filepath.Glob(pattern + testHouse() + "*"); len(left) > 0 {
			fmt.Println("control groups are left:", left)
			code = max(code, 1)
		}
	}
	if left, _ := (process.Machine{}).Marked(testHouse()); len(left) > 0 {
		fmt.Println("processes are left:", left)
		code = max(code, 1)
	}
	os.Exit(code)
}

func play(role string, args []string) {
	switch role {
	case "wait":
		say(os.Getpid())
		forever()
	case "stubborn":
		signal.Ignore(syscall.SIGTERM, syscall.SIGINT)
		say(os.Getpid())
		forever()
	case "exit":
		os.Exit(7)
	case "family": // leaves an orphan in a session of its own that ignores TERM
		middle := again("middle")
		middle.Stdout = os.Stdout
		if err := middle.Run(); err != nil {
			os.Exit(1)
		}
		forever()
	case "middle":
		orphan := again("stubborn")
		orphan.Stdout = os.Stdout
		orphan.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := orphan.Start(); err != nil {
			os.Exit(1)
		}
	case "house": // starts a launch and is killed by the test
		p, err := process.Start(spec("wait", process.Mark{House: args[1], Unit: "u", Launch: args[0]}))
		if err != nil {
			os.Exit(1)
		}
		data, _ := json.Marshal(p.Identity())
		say(string(data))
		forever()
	case "dial":
		conn, err := (&net.Dialer{}).DialContext(context.Background(), "unix", args[0])
		if err != nil {
			os.Exit(1)
		}
		_, _ = bufio.NewReader(conn).ReadString('\n')
	case "stripped": // starts the dialler without its own mark in the environment
		dial := again("dial", args[0])
		dial.Env = []string{roleVariable + "=dial"}
		if err := dial.Run(); err != nil {
			os.Exit(1)
		}
	default:
		playTree(role, args)
	}
}

func again(role string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(context.Background(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	return cmd
}

func say(line any) { fmt.Println(line) }

func forever() {
	held := make(chan os.Signal, 1)
	signal.Notify(held, syscall.SIGUSR1)
	<-held
}

func spec(role string, mark process.Mark, args ...string) process.Spec {
	return process.Spec{
		Argv: append([]string{os.Args[0]}, args...),
		Env:  []string{"PATH=" + os.Getenv("PATH"), roleVariable + "=" + role, process.GroupsVariable + "=" + os.Getenv(process.GroupsVariable)},
		Mark: mark,
	}
}

// launch starts a helper and returns it with a reader of what it says.
func launch(t *testing.T, role string, mark process.Mark, args ...string) (*process.Process, *bufio.Reader) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	s := spec(role, mark, args...)
	s.Stdout = w
	p, err := process.Start(s)
	if err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	t.Cleanup(func() {
		_ = p.End(context.Background(), syscall.SIGKILL, 0)
		_ = r.Close()
	})
	return p, bufio.NewReader(r)
}

func line(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	text, err := r.ReadString('\n')
	if err != nil {
		t.Fatalf("helper said nothing: %v", err)
	}
	return strings.TrimSpace(text)
}

func number(t *testing.T, r *bufio.Reader) int {
	t.Helper()
	var n int
	if _, err := fmt.Sscan(line(t, r), &n); err != nil {
		t.Fatal(err)
	}
	return n
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

// alive looks from outside: a zombie is dead.
func alive(pid int) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	text := string(data)
	state := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])[0]
	return state != "Z" && state != "X"
}

func wait(t *testing.T, p process.Child) process.Exit {
	t.Helper()
	select {
	case <-p.Done():
		return p.Exit()
	case <-time.After(time.Minute):
		t.Fatal("the process did not end within a minute")
		return process.Exit{}
	}
}

func itoa(n int) string { return strconv.Itoa(n) }

func parentOf(pid int) int {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	text := string(data)
	parent, _ := strconv.Atoi(strings.Fields(text[strings.LastIndexByte(text, ')')+1:])[1])
	return parent
}
