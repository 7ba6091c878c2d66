// SPDX-License-Identifier: Apache-2.0

package home_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"holdfast"
	"holdfast/core/home"
	"holdfast/core/home/disk"
)

// TestMain lets this test program be the other process of the lock tests.
func TestMain(m *testing.M) {
	if dir := os.Getenv("TEST_HOLD_HOME"); dir != "" {
		hold(dir)
		return
	}
	os.Exit(m.Run())
}

// hold takes the lock, listens, says so, and waits for the end of its input.
func hold(dir string) {
	h := home.At(dir)
	lock, err := h.Lock("http://127.0.0.1:1")
	if err != nil {
		_, _ = os.Stdout.WriteString(err.Error() + "\n")
		os.Exit(3)
	}
	if _, err := h.Listen("control"); err != nil {
		panic(err)
	}
	_, _ = os.Stdout.WriteString("held\n")
	_, _ = io.Copy(io.Discard, os.Stdin)
	_ = lock.Unlock()
}

func holder(t *testing.T, h home.Home) (kill func()) {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), os.Args[0])
	cmd.Env = append(os.Environ(), "TEST_HOLD_HOME="+h.Dir())
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
	stop := sync.OnceFunc(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = in.Close()
	})
	t.Cleanup(stop)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "held\n" {
		t.Fatalf("the other process said %q, %v", line, err)
	}
	return stop
}

func newHome(t *testing.T) home.Home {
	t.Helper()
	h := home.At(t.TempDir())
	if err := h.Ensure(); err != nil {
		t.Fatal(err)
	}
	return h
}

func TestLockNamesTheHolderAndEndsWithIt(t *testing.T) {
	h := newHome(t)
	kill := holder(t, h)
	_, err := h.Lock("")
	held, ok := errors.AsType[*home.LockedError](err)
	if !ok || held.PID == 0 || held.Address != "http://127.0.0.1:1" || time.Since(held.Since) > time.Minute {
		t.Fatalf("got %#v, %v", held, err)
	}
	refusal, ok := errors.AsType[*holdfast.Refusal](err)
	if !ok || refusal.Guard != "single" || !strings.Contains(err.Error(), "since") {
		t.Errorf("the refusal is %v", refusal)
	}
	if who, err := h.Holder(); err != nil || who == nil || who.PID != held.PID {
		t.Errorf("the holder is %v, %v", who, err)
	}
	if _, err := h.Listen("control"); !errors.As(err, &held) {
		t.Errorf("took the socket of a house that runs: %v", err)
	}
	kill()
	// What the dead process left means nothing: neither its lock nor its socket.
	lock, err := h.Lock("")
	if err != nil {
		t.Fatal(err)
	}
	l, err := h.Listen("control")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(l.Close(), lock.Unlock()); err != nil {
		t.Error(err)
	}
	if who, err := h.Holder(); who != nil || err != nil {
		t.Errorf("the holder is %v, %v", who, err)
	}
}

func TestOfManyLocksOneWins(t *testing.T) {
	h := newHome(t)
	var won, lost atomic.Int32
	var tries sync.WaitGroup
	var locks [16]*home.Lock // a lock that nobody knows any more is collected, and its file closed
	for i := range locks {
		tries.Go(func() {
			lock, err := h.Lock("")
			locks[i] = lock
			if _, held := errors.AsType[*home.LockedError](err); held {
				lost.Add(1)
				return
			}
			if err == nil {
				won.Add(1)
			}
		})
	}
	tries.Wait()
	if won.Load() != 1 || lost.Load() != 15 {
		t.Errorf("%d won, %d lost", won.Load(), lost.Load())
	}
	runtime.KeepAlive(locks)
}

func TestSocketsAtAnyDepth(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	for _, depth := range []int{0, 4} {
		dir := filepath.Join(t.TempDir(), strings.Repeat("a-long-folder-name-for-a-home/", depth))
		h := home.At(dir)
		if err := h.Ensure(); err != nil {
			t.Fatal(err)
		}
		lock, err := h.Lock("")
		if err != nil {
			t.Fatal(err)
		}
		l, err := h.Listen("control")
		if err != nil {
			t.Fatal(err)
		}
		answered := make(chan error, 2)
		go func() {
			for range 2 {
				conn, err := l.Accept()
				if err == nil {
					err = conn.Close()
				}
				answered <- err
			}
		}()
		conn, err := h.Dial(t.Context(), "control")
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
		var d net.Dialer
		other, err := d.DialContext(t.Context(), "unix", h.Socket("control"))
		if err != nil {
			t.Fatalf("depth %d: other programs cannot reach %s: %v", depth, h.Socket("control"), err)
		}
		_ = other.Close()
		if err := errors.Join(<-answered, <-answered); err != nil {
			t.Error(err)
		}
		if info, err := os.Stat(h.Var("run", "control.sock")); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the socket is %v, %v", info, err)
		}
		if err := errors.Join(l.Close(), lock.Unlock()); err != nil {
			t.Error(err)
		}
		if _, err := os.Lstat(h.Var("run", "control.sock")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the socket stays: %v", err)
		}
	}
	if left, _ := os.ReadDir(os.TempDir()); len(left) != 0 {
		t.Errorf("left in the folder for temporary files: %v", left)
	}
}

func TestListenLeavesWhatIsNoSocket(t *testing.T) {
	h := newHome(t)
	path := h.Var("run", "control.sock")
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Listen("control"); err == nil {
		t.Error("took away a file")
	}
}

func TestEnsure(t *testing.T) {
	h := home.At(filepath.Join(t.TempDir(), "new", "home"))
	for range 2 {
		if err := h.Ensure(); err != nil {
			t.Fatal(err)
		}
	}
	leaving := disk.TemporaryName(h.Path("master_config.json"))
	if err := errors.Join(os.WriteFile(leaving, []byte("{"), 0o600), os.Chmod(h.Var("run"), 0o755)); err != nil {
		t.Fatal(err)
	}
	if err := h.Ensure(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(leaving); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a crash's leavings stay: %v", err)
	}
	if info, err := os.Stat(h.Var("run")); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("var/run is %v, %v", info.Mode(), err)
	}
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("HOLDFAST_HOME", "")
	t.Setenv("XDG_DATA_HOME", "/data")
	t.Chdir(dir)
	check := func(flag, want string) {
		t.Helper()
		h, err := home.Find(flag)
		if err != nil || h.Dir() != want {
			t.Errorf("%q found %s, %v; want %s", flag, h.Dir(), err, want)
		}
	}
	check("", "/data/holdfast")
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("holdfast.yaml", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	check("", here)
	other := t.TempDir()
	t.Setenv("HOLDFAST_HOME", other)
	check("", other)
	check(".", here)
	if _, err := home.Find("nowhere"); err == nil || !strings.Contains(err.Error(), "holdfast init nowhere") {
		t.Errorf("got %v", err)
	}
}

func TestPathsOfTheConfigurationArePlaced(t *testing.T) {
	h := home.At("/srv/house")
	for path, want := range map[string]string{
		"": "/srv/house", "a/b": "/srv/house/a/b", "../x": "/srv/x", "/etc//x/": "/etc/x", "/a/../b": "/b",
	} {
		if got := h.Place(path); got != want {
			t.Errorf("%q is %s, want %s", path, got, want)
		}
	}
}
