// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"context"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast"
	"holdfast/agent/upstream/upstreamtest"
	"holdfast/holdfasttest/timing"
)

// held is what this process holds: goroutines and open files.
type held struct{ goroutines, files int }

func holding(t *testing.T) held {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return held{runtime.NumGoroutine(), len(open)}
}

// slack is what streams and idle connections of one session may hold besides, now or before; a leak in
// each round is more.
const slack = 15

// asBefore waits until nothing more is held than before.
func asBefore(t *testing.T, before held) {
	t.Helper()
	var now held
	defer func() {
		if t.Failed() {
			t.Logf("%+v before, %+v now", before, now)
		}
	}()
	timing.Until(t, "goroutines and files as before", func() bool {
		now = holding(t)
		return now.goroutines <= before.goroutines+slack && now.files <= before.files+slack
	})
}

// rounds is how often the leak tests go round: HOLDFAST_LONG=1 is what the house promises.
func rounds(short, long int) int {
	if os.Getenv("HOLDFAST_LONG") == "1" {
		return long
	}
	return short
}

// A thousand reconnects of stdio servers, of which one leaves children behind each time, leave
// nothing.
func TestReconnectsLeaveNothing(t *testing.T) {
	n := rounds(40, 1000)
	for kind, share := range map[string]int{"good": n, "both": n, "tree": max(n/40, 2)} {
		t.Run(kind, func(t *testing.T) {
			b := started(t, kind, nil)
			<-b.Tried()
			before := holding(t)
			for i := range share {
				if i%2 == 0 {
					b.kill()
				}
				b.Restart()
				<-b.Tried()
				if err := b.Trouble(); err != nil {
					t.Fatal(err)
				}
			}
			timing.Until(t, "what the last launch started is all that is left", func() bool { return b.launches() == 1 })
			asBefore(t, before)
		})
	}
}

func TestRemoteReconnectsLeaveNothing(t *testing.T) {
	n := rounds(40, 1000)
	for name, c := range map[string]struct {
		url    string
		legacy bool
	}{
		"with sessions": {serve(t, streamable(false)), false},
		"without":       {serve(t, streamable(true)), false},
		"older":         {serve(t, events()), true},
	} {
		t.Run(name, func(t *testing.T) {
			b := far(t, Remote{URL: c.url, Legacy: c.legacy}, nil)
			<-b.Tried()
			before := holding(t)
			for range n {
				b.Restart()
				<-b.Tried()
				if err := b.Trouble(); err != nil {
					t.Fatal(err)
				}
			}
			asBefore(t, before)
		})
	}
}

// A hundred servers that never answer initialize, each with children that ignore TERM, leave nothing
// once they were given up.
func TestHungInitializesLeaveNothing(t *testing.T) {
	const atOnce = 10
	before := holding(t)
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	needs := testNeeds(t, Settings{StartWithin: 300 * time.Millisecond, Parallel: 1})
	decl := holdfast.ToolServer{Name: "hung", Run: []string{binary}, Dir: t.TempDir(), Env: upstreamtest.Env("hungtree")}
	var group sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for range rounds(10, 100) {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			s := New(Declaration{Name: "hung", Stdio: &decl}, needs)
			ctx, cancel := context.WithCancel(context.Background())
			go s.Run(ctx)
			<-s.Tried()
			if said := s.Status().Error; !strings.Contains(said, "did not answer within") {
				t.Errorf("it says %q", said)
			}
			cancel()
			<-s.Over()
		})
	}
	group.Wait()
	b := &bench{t: t, Server: &Server{needs: needs}}
	timing.Until(t, "no process", func() bool { return b.left() == 0 })
	asBefore(t, before)
}
