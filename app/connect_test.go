// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"holdfast"
	"holdfast/core/home"
	"holdfast/surface/cli"
)

// vacant is a house of an empty home, which nobody runs.
func vacant(t *testing.T) *House {
	t.Helper()
	place := home.At(t.TempDir())
	if err := place.Ensure(); err != nil {
		t.Fatal(err)
	}
	h, err := New(place, &Options{})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// hold holds a home as a house does, until the test ends.
func hold(t *testing.T, place home.Home, address string) {
	t.Helper()
	lock, err := place.Lock(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lock.Unlock() })
}

func TestAHouseThatDoesNotAnswerIsNotCalledAbsent(t *testing.T) {
	h := vacant(t)
	_, _, err := h.connect(t.Context(), holdfast.Action{Name: "house.status"})
	if cli.Exit(err) != 4 || !strings.Contains(err.Error(), "holdfast up") {
		t.Errorf("nobody there: exit %d, %v", cli.Exit(err), err)
	}
	hold(t, h.Home, "http://127.0.0.1:9")
	_, _, err = h.connect(t.Context(), holdfast.Action{Name: "house.status"})
	if cli.Exit(err) != 4 || strings.Contains(err.Error(), "holdfast up") || !strings.Contains(err.Error(), "kill "+strconv.Itoa(os.Getpid())) {
		t.Errorf("somebody silent: exit %d, %v", cli.Exit(err), err)
	}
	for _, e := range []*silentError{{holder: &home.LockedError{}}, {holder: &home.LockedError{PID: 7}, starting: true}} {
		if strings.Contains(e.Error(), "kill") {
			t.Errorf("it proposes to kill what starts, or everything: %v", e)
		}
	}
}

func TestAHouseThatStartsIsWaitedForAndNotKilled(t *testing.T) {
	h := vacant(t)
	hold(t, h.Home, "")
	short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, _, err := h.connect(short, holdfast.Action{Name: "house.status"})
	if cli.Exit(err) != 4 || strings.Contains(err.Error(), "kill") || !strings.Contains(err.Error(), "ask again") {
		t.Errorf("a house that starts: exit %d, %v", cli.Exit(err), err)
	}
	asked, dials := make(chan struct{}), 0
	go func() {
		<-asked
		listener, err := h.Home.Listen("control")
		if err != nil {
			t.Error(err)
			return
		}
		t.Cleanup(func() { _ = listener.Close() })
	}()
	conn, err := arrival{h}.dialSoon(t.Context(), func(ctx context.Context) (net.Conn, error) {
		if dials++; dials == 2 {
			close(asked)
		}
		return h.Home.Dial(ctx, "control")
	})
	if err != nil {
		t.Fatalf("the house that came up was not asked: %v", err)
	}
	_ = conn.Close()
}

func TestQuoted(t *testing.T) {
	for path, want := range map[string]string{
		"/srv/agents": "/srv/agents", "/srv/my agents": "'/srv/my agents'", "": "''", "/it's": `'/it'\''s'`, "/ä$x": "'/ä$x'",
	} {
		if got := quoted(path); got != want {
			t.Errorf("%s is quoted as %s; want %s", path, got, want)
		}
	}
}
