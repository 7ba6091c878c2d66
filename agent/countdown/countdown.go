// SPDX-License-Identifier: Apache-2.0

// Package countdown is a timer that stands still while a person is asked: a person may think for
// longer than a tool or a request may work.
//
// It is not for limits that nobody is asked under: those are deadlines of a context. It guarantees
// that the time runs only while nobody at all is asked, however many are asked at once. agent and
// agent/tools call it.
package countdown

import (
	"sync"
	"time"
)

// A Timer counts the time left while it is not paused. It is good for several goroutines.
type Timer struct {
	mu     sync.Mutex
	timer  *time.Timer
	left   time.Duration
	since  time.Time // when it last began to run
	paused int       // how many pauses are under way
	ended  bool
}

// AfterFunc starts a timer that calls over, in a goroutine of its own, when its time is used up.
func AfterFunc(limit time.Duration, over func()) *Timer {
	return &Timer{left: limit, since: time.Now(), timer: time.AfterFunc(limit, over)}
}

// Pause stops the time until resume is called; a second call of resume does nothing.
func (t *Timer) Pause() (resume func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.paused++; t.paused == 1 {
		t.ended = !t.timer.Stop() || t.ended
		t.left = max(0, t.left-time.Since(t.since))
	}
	return sync.OnceFunc(t.resume)
}

func (t *Timer) resume() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.paused--; t.paused == 0 && !t.ended {
		t.since = time.Now()
		t.timer.Reset(t.left)
	}
}

// Stop ends the timer for good: over is not called any more.
func (t *Timer) Stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	t.timer.Stop()
}
