// SPDX-License-Identifier: Apache-2.0

package countdown_test

import (
	"testing"
	"testing/synctest"
	"time"

	"holdfast/agent/countdown"
)

const limit = 10 * time.Second

// start runs a timer and tells after how long it was over, -1 while it is not.
func start(t *testing.T) (timer *countdown.Timer, took func() time.Duration) {
	t.Helper()
	began, over := time.Now(), make(chan time.Duration, 2)
	timer = countdown.AfterFunc(limit, func() { over <- time.Since(began) })
	return timer, func() time.Duration {
		synctest.Wait()
		if len(over) > 1 {
			t.Error("it was over twice")
		}
		select {
		case d := <-over:
			return d
		default:
			return -1
		}
	}
}

func pass(d time.Duration) { <-time.After(d) }

func TestAPauseTakesNoTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		timer, took := start(t)
		for range 3 {
			pass(2 * time.Second)
			resume := timer.Pause()
			pass(time.Minute)
			resume()
			resume() // as many times as one likes
		}
		pass(time.Hour)
		if got, want := took(), 3*time.Minute+limit; got != want {
			t.Errorf("over after %v, want %v", got, want)
		}
	})
}

// TestTwoPausesAtOnce: the time runs on only when the last of those that were asked has answered.
func TestTwoPausesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		timer, took := start(t)
		pass(4 * time.Second)
		first := timer.Pause()
		pass(time.Minute)
		second := timer.Pause()
		pass(time.Minute)
		first()
		first() // does not stand for the second
		pass(time.Minute)
		if got := took(); got != -1 {
			t.Fatalf("over after %v, while a person is asked", got)
		}
		second()
		pass(time.Hour)
		if got, want := took(), 3*time.Minute+limit; got != want {
			t.Errorf("over after %v, want %v", got, want)
		}
	})
}

func TestWhatEndedStaysEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		late, lateTook := start(t)
		stopped, stoppedTook := start(t)
		asking := stopped.Pause()
		stopped.Stop()
		asking()
		pass(limit)
		if got := lateTook(); got != limit {
			t.Errorf("over after %v, want %v", got, limit)
		}
		late.Pause()()
		pass(time.Hour)
		if lateTook() != -1 || stoppedTook() != -1 {
			t.Error("what was over, or stopped, was over once more")
		}
	})
}
