// SPDX-License-Identifier: Apache-2.0

package notify_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/core/notify"
)

// a manager is what systemd is to a service: a datagram socket.
type manager struct {
	t    *testing.T
	conn *net.UnixConn
}

func listen(t *testing.T, name string) manager {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return manager{t, conn}
}

// soon is how long a message may take on a machine that is busy.
const soon = time.Minute

// hear is the next message within a time, empty when none came.
func (m manager) hear(within time.Duration) string {
	m.t.Helper()
	if err := m.conn.SetReadDeadline(time.Now().Add(within)); err != nil {
		m.t.Fatal(err)
	}
	text := make([]byte, 4096)
	n, err := m.conn.Read(text)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return ""
	}
	if err != nil {
		m.t.Fatal(err)
	}
	return string(text[:n])
}

func environment(pairs ...string) func(string) string {
	return func(name string) string {
		for _, pair := range pairs {
			if value, ok := strings.CutPrefix(pair, name+"="); ok {
				return value
			}
		}
		return ""
	}
}

// a loop is the house's: it goes round whenever it is looked at, until it hangs.
type loop struct {
	count atomic.Uint64
	hangs atomic.Bool
}

func (l *loop) Advanced() uint64 {
	if l.hangs.Load() {
		return l.count.Load()
	}
	return l.count.Add(1)
}

// live runs the notifier and returns what ends it.
func live(t *testing.T, n *notify.Notifier) (end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- n.Capability().Run(ctx) }()
	end = func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(cancel)
	return end
}

func TestReadyComesOnceTheHouseIs(t *testing.T) {
	names := map[string]string{"path": filepath.Join(t.TempDir(), "notify")}
	if runtime.GOOS == "linux" {
		names["abstract"] = fmt.Sprintf("@holdfast-notify-%d", os.Getpid())
	}
	for kind, name := range names {
		t.Run(kind, func(t *testing.T) {
			m := listen(t, name)
			var ready atomic.Bool
			end := live(t, notify.New(notify.Options{
				Ready: ready.Load, Status: func() string { return "3 of 3 units up" }, Getenv: environment("NOTIFY_SOCKET=" + name),
			}))
			if early := m.hear(100 * time.Millisecond); early != "" {
				t.Errorf("before it is ready it says %q", early)
			}
			ready.Store(true)
			want := fmt.Sprintf("READY=1\nMAINPID=%d\nSTATUS=3 of 3 units up", os.Getpid())
			if got := m.hear(soon); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			end()
			if got := m.hear(soon); got != "STOPPING=1\nSTATUS=stopping every unit" {
				t.Errorf("at its end it says %q", got)
			}
		})
	}
}

func TestAStalledLoopGivesNoSignOfLife(t *testing.T) {
	name := filepath.Join(t.TempDir(), "notify")
	m := listen(t, name)
	house := &loop{}
	end := live(t, notify.New(notify.Options{
		Beat: house, Getenv: environment("NOTIFY_SOCKET="+name, "WATCHDOG_USEC=200000", fmt.Sprintf("WATCHDOG_PID=%d", os.Getpid())),
	}))
	if got := m.hear(soon); !strings.HasPrefix(got, "READY=1") || !strings.HasSuffix(got, "WATCHDOG_USEC=200000") {
		t.Fatalf("it begins with %q", got)
	}
	last := time.Now()
	for range 5 {
		if got := m.hear(soon); got != "WATCHDOG=1" {
			t.Fatalf("got %q", got)
		}
		if pause := time.Since(last); pause > 190*time.Millisecond {
			t.Logf("a pause of %s between two signs", pause) // a loaded machine; systemd is given four chances
		}
		last = time.Now()
	}
	house.hangs.Store(true)
	for n := 0; m.hear(500*time.Millisecond) != ""; n++ { // what was sent before, and the look that was under way
		if n == 100 {
			t.Fatal("the loop hangs, and yet it gives signs of life")
		}
	}
	house.hangs.Store(false)
	if got := m.hear(soon); got != "WATCHDOG=1" {
		t.Errorf("the loop goes on, and it says %q", got)
	}
	end()
}

func TestOnlyTheProcessThatIsMeantGivesSigns(t *testing.T) {
	for _, dog := range [][]string{
		{"WATCHDOG_USEC=100000", "WATCHDOG_PID=1"}, {"WATCHDOG_USEC=no"}, {"WATCHDOG_USEC=-1"}, {"WATCHDOG_USEC=9223372036854775807"}, nil,
	} {
		name := filepath.Join(t.TempDir(), "notify")
		m := listen(t, name)
		end := live(t, notify.New(notify.Options{Beat: &loop{}, Getenv: environment(append(dog, "NOTIFY_SOCKET="+name)...)}))
		if got := m.hear(soon); !strings.HasPrefix(got, "READY=1") || strings.Contains(got, "WATCHDOG_USEC") {
			t.Errorf("with %v it begins with %q", dog, got)
		}
		if got := m.hear(200 * time.Millisecond); got != "" {
			t.Errorf("with %v it says %q", dog, got)
		}
		end()
	}
}

func TestAHandoverIsAReloadAndNoStop(t *testing.T) {
	name := filepath.Join(t.TempDir(), "notify")
	m := listen(t, name)
	n := notify.New(notify.Options{Getenv: environment("NOTIFY_SOCKET=" + name)})
	end := live(t, n)
	m.hear(soon)
	if err := n.HandOver(); err != nil {
		t.Fatal(err)
	}
	got := m.hear(soon)
	for _, want := range []string{"RELOADING=1", "WATCHDOG_USEC=300000000"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q has no %s", got, want)
		}
	}
	if runtime.GOOS == "linux" && !strings.Contains(got, "\nMONOTONIC_USEC=") {
		t.Errorf("%q has no MONOTONIC_USEC", got)
	}
	end()
	if got := m.hear(200 * time.Millisecond); got != "" {
		t.Errorf("after the handover it says %q", got)
	}
}

// A manager that is gone, reads nothing, or is named in a way that nobody knows, hurts nobody.
func TestAnAbsentManagerHurtsNobody(t *testing.T) {
	for _, name := range []string{"", filepath.Join(t.TempDir(), "nobody"), "vsock:2:1234", "/" + strings.Repeat("x", 200)} {
		end := live(t, notify.New(notify.Options{Beat: &loop{}, Getenv: environment("NOTIFY_SOCKET=" + name)}))
		end()
	}
	name := filepath.Join(t.TempDir(), "full")
	listen(t, name)
	line, err := notify.Open(environment("NOTIFY_SOCKET=" + name))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = line.Close() }()
	for range 10000 {
		if err = line.Send("STATUS=" + strings.Repeat("x", 1000)); err != nil {
			break
		}
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a manager that reads nothing: %v", err)
	}
}

func TestTellKept(t *testing.T) {
	name := filepath.Join(t.TempDir(), "notify")
	m := listen(t, name)
	if err := notify.TellKept(environment("NOTIFY_SOCKET="+name), "it stays down"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"READY=1\nSTATUS=it stays down", "STOPPING=1"} {
		if got := m.hear(soon); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if err := notify.TellKept(environment(), "it stays down"); err != nil {
		t.Error(err)
	}
}

func TestKeeper(t *testing.T) {
	for pair, want := range map[string]string{
		"HOLDFAST_SERVICE=systemd": "systemd", "HOLDFAST_SERVICE=launchd": "launchd", "HOLDFAST_SERVICE=rc.d": "",
		"NOTIFY_SOCKET=/run/systemd/notify": "systemd", "INVOCATION_ID=abc": "",
	} {
		if got := notify.Keeper(environment(pair)); got != want {
			t.Errorf("%s: kept by %q, want %q", pair, got, want)
		}
	}
}
