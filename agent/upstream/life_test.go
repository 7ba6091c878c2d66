// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"context"
	"testing"
	"time"

	"holdfast"
	"holdfast/holdfasttest/timing"
)

// waitedFor is the life of a server without a process, in a state, and a call that waits for it until
// the end.
func waitedFor(t *testing.T, state State) (l *life, giveUp func()) {
	t.Helper()
	s := New(Declaration{Name: "alpha", Stdio: &holdfast.ToolServer{}}, testNeeds(t, Settings{Idle: time.Nanosecond, Parallel: 1}))
	l = s.round.main
	l.move(state, nil)
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan struct{})
	go func() {
		defer close(over)
		if _, err := s.Call(ctx, Request{Name: "echo"}); err == nil {
			t.Error("a call without a process was answered")
		}
	}()
	giveUp = func() {
		cancel()
		<-over
	}
	t.Cleanup(giveUp)
	timing.Until(t, "the call waits", func() bool { return len(s.round.slots) == 1 })
	return l, giveUp
}

func TestAServerThatACallWaitsForIsNotIdle(t *testing.T) {
	s, giveUp := waitedFor(t, StateStarting)
	timing.Until(t, "it counts", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.running == 1
	})
	s.move(StateServing, nil)
	if s.idle() {
		t.Error("it was taken out of service before the call had it")
	}
	giveUp()
	timing.Until(t, "idle", s.idle)
}

func TestAWishForAServerDoesNotOutliveItsStart(t *testing.T) {
	s, _ := waitedFor(t, StateResting)
	timing.Until(t, "the call wants it", func() bool { return len(s.want) == 1 })
	s.move(StateStarting, nil)
	if len(s.want) > 0 {
		t.Error("the next rest would end at once, for nobody")
	}
}

// tools.idle says after how long without a call a process is stopped: 0 keeps it warm for good.
func TestIdleZeroKeepsAServerWarm(t *testing.T) {
	for idle, rests := range map[time.Duration]bool{0: false, time.Hour: true, 100 * time.Hour: false} {
		needs := testNeeds(t, Settings{Idle: idle})
		l := newLife(New(Declaration{Name: "alpha", Stdio: &holdfast.ToolServer{}}, needs), "")
		l.state, l.used = StateServing, time.Now().Add(-24*time.Hour)
		if got := l.idle(); got != rests {
			t.Errorf("after a day without a call, idle %s: rests %v", idle, got)
		}
	}
}

// A server that changes its lists now and then is followed at once; one that says so without end keeps
// the house listing no more than about once a second.
func TestListingsAreSpacedWhileAServerKeepsSayingThatItChanged(t *testing.T) {
	var lists spacing
	now := time.Unix(1_800_000_000, 0)
	listings := func(over, every time.Duration) (count int, longest time.Duration) {
		for end := now.Add(over); now.Before(end); count++ {
			wait := lists.next(now)
			longest = max(longest, wait)
			now = now.Add(max(wait, every))
		}
		return count, longest
	}
	if _, longest := listings(time.Minute, 3*time.Second); longest > 20*time.Millisecond {
		t.Errorf("a change each 3 s is taken up %s late", longest)
	}
	now = now.Add(time.Minute)
	if _, longest := listings(400*time.Millisecond, 150*time.Millisecond); longest > 100*time.Millisecond {
		t.Errorf("the third of three changes is taken up %s late", longest)
	}
	now = now.Add(time.Minute)
	if count, longest := listings(time.Minute, 0); count > 66 || longest != listsApart {
		t.Errorf("in a minute without end it was asked %d times, at last after %s", count, longest)
	}
}
