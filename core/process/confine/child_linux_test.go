// SPDX-License-Identifier: Apache-2.0

package confine_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/core/process"
	"holdfast/holdfasttest/need"
)

// triesVariable makes the test binary try what is listed in it, and tell how each went.
const triesVariable = "CONFINE_TEST_TRIES"

func TestMain(m *testing.M) {
	if os.Getenv(oldKernel) != "" && len(os.Args) > 1 && filepath.Base(os.Args[1]) == process.HelperName {
		os.Exit(becomeOld(os.Args[1:]))
	}
	if tries := os.Getenv(triesVariable); tries != "" {
		os.Exit(tryAll(tries))
	}
	os.Exit(m.Run())
}

func tryAll(text string) int {
	var tries [][]string
	if err := json.Unmarshal([]byte(text), &tries); err != nil {
		return 1
	}
	for _, try := range tries {
		fmt.Printf("%q\n", attempt(try[0], try[1:]))
	}
	return 0
}

// attempt does one thing and says "ok", what it learned, or the error of the kernel.
func attempt(verb string, args []string) string {
	said, err := do(verb, args)
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return unix.ErrnoName(errno)
	}
	if err != nil {
		return err.Error()
	}
	if said == "" {
		return "ok"
	}
	return said
}

func do(verb string, args []string) (string, error) {
	arg := func(i int) string { return args[i] }
	switch verb {
	case "read":
		_, err := os.ReadFile(arg(0))
		return "", err
	case "say":
		text, err := os.ReadFile(arg(0))
		return string(text), err
	case "list":
		_, err := os.ReadDir(arg(0))
		return "", err
	case "write":
		return "", os.WriteFile(arg(0), []byte("x"), 0o600)
	case "truncate":
		return "", os.Truncate(arg(0), 0)
	case "mkdir":
		return "", os.Mkdir(arg(0), 0o700)
	case "remove":
		return "", os.Remove(arg(0))
	case "rename":
		return "", os.Rename(arg(0), arg(1))
	case "link":
		return "", os.Link(arg(0), arg(1))
	case "symlink":
		return "", os.Symlink(arg(0), arg(1))
	case "device":
		return "", unix.Mknod(arg(0), unix.S_IFBLK|0o600, int(unix.Mkdev(7, 0)))
	case "mount":
		return "", unix.Mount("none", arg(0), "tmpfs", 0, "")
	case "run":
		out, err := exec.Command(arg(0), args[1:]...).CombinedOutput()
		if err != nil {
			return "", fmt.Errorf("%w: %s", err, bytes.TrimSpace(out))
		}
		return string(bytes.TrimSpace(out)), nil
	case "descriptors":
		return descriptors()
	}
	return doToOthers(verb, arg)
}

func doToOthers(verb string, arg func(int) string) (string, error) {
	switch verb {
	case "signal":
		pid, _ := strconv.Atoi(arg(0))
		return "", syscall.Kill(pid, 0)
	case "steal": // a descriptor of another process
		pid, _ := strconv.Atoi(arg(0))
		fd, err := unix.PidfdOpen(pid, 0)
		if err == nil {
			_, err = unix.PidfdGetfd(fd, 0, 0)
		}
		return "", err
	case "trace":
		pid, _ := strconv.Atoi(arg(0))
		return "", syscall.PtraceAttach(pid)
	case "dial":
		conn, err := net.DialTimeout(arg(0), arg(1), time.Second)
		if err == nil && strings.HasPrefix(arg(0), "udp") {
			_, err = conn.Write([]byte("x"))
		}
		return "", err
	case "listen":
		l, err := net.Listen(arg(0), arg(1))
		if err == nil {
			_ = l.Close()
		}
		return "", err
	case "socket":
		family, _ := strconv.Atoi(arg(0))
		_, err := unix.Socket(family, unix.SOCK_RAW, 0)
		return "", err
	case "pair":
		kind, _ := strconv.Atoi(arg(0))
		_, err := unix.Socketpair(unix.AF_UNIX, kind|unix.SOCK_CLOEXEC, 0)
		return "", err
	case "ring":
		if _, _, errno := unix.RawSyscall(unix.SYS_IO_URING_SETUP, 0, 0, 0); errno != 0 {
			return "", errno
		}
		return "", nil
	case "foreign": // getpid of the x32 kind
		_, _, errno := unix.RawSyscall(unix.SYS_GETPID|0x40000000, 0, 0, 0)
		return "", errno
	}
	return "", fmt.Errorf("nobody knows how to %s", verb)
}

// descriptors lists what is open beside what the runtime of Go opens, and what is in it.
func descriptors() (string, error) {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return "", err
	}
	var list []string
	for _, e := range entries {
		target, err := os.Readlink("/proc/self/fd/" + e.Name())
		if err != nil || strings.HasPrefix(target, "anon_inode:") {
			continue // the poller's
		}
		if n, _ := strconv.Atoi(e.Name()); n > 2 && !strings.HasPrefix(target, "/proc/") && !strings.HasPrefix(target, "/sys/") {
			text := make([]byte, 100)
			count, _ := os.NewFile(uintptr(n), "").Read(text)
			list = append(list, e.Name()+"="+string(text[:max(count, 0)]))
		}
	}
	slices.Sort(list)
	return strings.Join(list, " "), nil
}

// helper is the program that confines.
func helper(t testing.TB) string {
	t.Helper()
	path, err := need.Watch()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// tryIn starts the test binary confined as the spec says, lets it try, and gives its answers.
func tryIn(t *testing.T, s process.Spec, tries ...[]string) []string {
	t.Helper()
	p, out := start(t, s, tries...)
	text := read(t, out)
	<-p.Done()
	if exit := p.Exit(); !exit.Success() {
		t.Fatalf("the child %s: %s", exit, text)
	}
	var answers []string
	for line := range strings.Lines(text) {
		answer, err := strconv.Unquote(strings.TrimSpace(line))
		if err != nil {
			t.Fatalf("the child says %q", line)
		}
		answers = append(answers, answer)
	}
	if len(answers) != len(tries) {
		t.Fatalf("%d answers to %d tries: %q", len(answers), len(tries), text)
	}
	return answers
}

// start starts the test binary with its output in a pipe; it is gone when the test ends.
func start(t *testing.T, s process.Spec, tries ...[]string) (*process.Process, *os.File) {
	t.Helper()
	text, err := json.Marshal(tries)
	if err != nil {
		t.Fatal(err)
	}
	if s.Argv == nil {
		s.Argv = []string{self(t)}
	}
	if s.Sandbox != nil {
		s.Sandbox.Read = append(s.Sandbox.Read, self(t))
	}
	s.Env = append(s.Env, "PATH="+os.Getenv("PATH"), triesVariable+"="+string(text))
	p, out, err := begin(t, s)
	if err != nil {
		t.Fatal(err)
	}
	return p, out
}

func begin(t *testing.T, s process.Spec) (*process.Process, *os.File, error) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	s.Helper, s.Stdout, s.Stderr = helper(t), w, w
	s.Mark = process.Mark{House: "confine", Unit: "u", Launch: t.Name()}
	p, err := process.Start(s)
	_ = w.Close()
	t.Cleanup(func() { _ = r.Close() })
	if err == nil {
		t.Cleanup(func() {
			if err := p.End(t.Context(), syscall.SIGKILL, 0); err != nil {
				t.Error(err)
			}
		})
	}
	return p, r, err
}

func read(t *testing.T, f *os.File) string {
	t.Helper()
	if err := f.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	var all bytes.Buffer
	if _, err := all.ReadFrom(f); err != nil {
		t.Fatalf("%v after %q", err, all.String())
	}
	return all.String()
}

func self(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func asRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		need.Missing(t, "only root may do this")
	}
}
