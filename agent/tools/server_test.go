// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"holdfast"
	"holdfast/core/config"
)

// waitedFor is a server without a process, in a state, and a call that waits for it until the end.
func waitedFor(t *testing.T, state State) (s *server, giveUp func()) {
	t.Helper()
	settings := &Settings{Idle: config.Duration(time.Nanosecond), Parallel: 1}
	s = newServer(holdfast.ToolServer{Name: "alpha"}, nil, func() *Settings { return settings }, slog.New(slog.DiscardHandler), func() {})
	s.move(state, nil)
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan struct{})
	go func() {
		defer close(over)
		if _, err := s.call(ctx, "echo", nil, 0); err == nil {
			t.Error("a call without a process was answered")
		}
	}()
	giveUp = func() {
		cancel()
		<-over
	}
	t.Cleanup(giveUp)
	until(t, "the call waits", func() bool { return len(s.slots) == 1 })
	return s, giveUp
}

func TestAServerThatACallWaitsForIsNotIdle(t *testing.T) {
	s, giveUp := waitedFor(t, StateStarting)
	until(t, "it counts", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.running == 1
	})
	s.move(StateServing, nil)
	if s.idle() {
		t.Error("it was taken out of service before the call had it")
	}
	giveUp()
	until(t, "idle", s.idle)
}

func TestAWishForAServerDoesNotOutliveItsStart(t *testing.T) {
	s, _ := waitedFor(t, StateResting)
	until(t, "the call wants it", func() bool { return len(s.want) == 1 })
	s.move(StateStarting, nil)
	if len(s.want) > 0 {
		t.Error("the next rest would end at once, for nobody")
	}
}
