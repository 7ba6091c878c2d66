// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/holdfasttest/timing"
)

// asking has a client that is asked and says nothing until answer; the call's end comes by done.
func (b *bench) asking() (answer func(), done <-chan string) {
	b.t.Helper()
	peer, ended := &client{era: Legacy, can: able(), hold: make(chan struct{})}, make(chan string, 1)
	go func() {
		answer, err := b.Call(WithPeer(b.t.Context(), peer), Request{Name: "elicit"})
		if err != nil {
			ended <- err.Error()
			return
		}
		ended <- text(answer)
	}()
	timing.Until(b.t, "the question", func() bool { return peer.questions() == 1 })
	return func() { close(peer.hold) }, ended
}

// A client that is asked and says nothing holds up neither the calls of others nor, in the end, its own.
func TestAnOpenQuestionHoldsNoSeat(t *testing.T) {
	for name, taken := range map[string]func(*bench){
		"the only slot": func(b *bench) { b.round.slots = make(chan struct{}, 1) },
		"the turn": func(b *bench) {
			b.round.main.calls.turns, b.round.main.calls.keeps = make(chan struct{}, 1), 0
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := standing(t, "legacy", nil)
			taken(b)
			b.up()
			answer, done := b.asking()
			for range 3 {
				if _, err := b.as(&client{era: Legacy, can: able()}, "can"); err != nil {
					t.Fatal(err)
				}
			}
			answer()
			if got := <-done; got != "accept Ada" {
				t.Errorf("the one that was asked: %s", got)
			}
			if n := len(b.round.slots) + len(b.round.main.calls.turns); n > 0 {
				t.Errorf("%d seats are held when nothing is under way", n)
			}
		})
	}
}

// Who waits for the turn keeps no slot from the call whose turn it is.
func TestWhoWaitsForTheTurnHoldsNoSlot(t *testing.T) {
	b := standing(t, "legacy", nil)
	b.round.slots = make(chan struct{}, 1)
	main := b.round.main
	main.calls.turns, main.calls.keeps = make(chan struct{}, 1), time.Hour
	b.up()
	answer, done := b.asking()
	second := make(chan error, 1)
	go func() {
		_, err := b.as(&client{era: Legacy, can: able()}, "can")
		second <- err
	}()
	timing.Until(t, "the second call", func() bool {
		main.mu.Lock()
		defer main.mu.Unlock()
		return main.running == 2
	})
	answer()
	timing.Until(t, "the end of the call that was answered", func() bool { return len(done) == 1 })
	if got, err := <-done, <-second; got != "accept Ada" || err != nil {
		t.Errorf("the one that was asked: %s, the other: %v", got, err)
	}
	if n := len(b.round.slots) + len(main.calls.turns); n > 0 {
		t.Errorf("%d seats are held when nothing is under way", n)
	}
}

func TestWhoWaitsInVainWasNotCalled(t *testing.T) {
	b := standing(t, "legacy", nil)
	b.round.slots = make(chan struct{}, 1)
	b.round.slots <- struct{}{}
	b.up()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := b.Call(ctx, Request{Name: "can"})
	if !errors.Is(err, ErrQueued) || !strings.Contains(err.Error(), "it was not called: 1 calls of the tools of alpha are under way already") {
		t.Errorf("error is %v", err)
	}
}

func TestAFreeSeatIsNotTakenWhenTheTimeIsOver(t *testing.T) {
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	of := make(chan struct{}, 1)
	for range 100 {
		if _, err := sit(gone, of); err == nil || len(of) > 0 {
			t.Fatalf("%d are taken: %v", len(of), err)
		}
	}
}

func TestASeatIsTakenOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		of := make(chan struct{}, 1)
		mine, err := sit(t.Context(), of)
		if err != nil {
			t.Fatal(err)
		}
		mine.lend()
		mine.lend() // two questions of one call at a time
		other, err := sit(t.Context(), of)
		if err != nil {
			t.Fatal(err)
		}
		if err := mine.back(t.Context()); err != nil || mine.held {
			t.Errorf("held while something is still asked: %v", err)
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		mine.lend()
		if err := mine.back(t.Context()); err != nil {
			t.Error(err)
		}
		if err := mine.back(gone); err == nil {
			t.Error("taken though another has it")
		}
		mine.leave()
		if len(of) != 1 {
			t.Error("the seat of another was freed")
		}
		other.leave()
		if len(of) != 0 {
			t.Error("the seat is still taken")
		}
	})
}
