// SPDX-License-Identifier: Apache-2.0

// Package timing is what tests need of time: a clock that they set, and waiting for what becomes
// true.
//
// It is for tests alone, of every package; it imports nothing of the house. It is not for tests whose
// goroutines are all their own: those run in a bubble of testing/synctest.
package timing

import (
	"sync"
	"testing"
	"time"
)

// Clock stands still until a test moves it.
type Clock struct {
	mu sync.Mutex
	at time.Time
}

// At is a clock that shows a time.
func At(at time.Time) *Clock { return &Clock{at: at} }

// Now is what it shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

// Set has it show a time, also an earlier one.
func (c *Clock) Set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = at
}

// Pass moves it on, or back.
func (c *Clock) Pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// Until asks again and again whether something is so, and ends the test when it is not within a
// minute.
func Until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	if !Within(time.Minute, ok) {
		t.Fatalf("not within a minute: %s", what)
	}
}

// Within asks again and again whether something is so, and tells whether it came to be in time. It
// rests between as long as the asking takes, so that at least half of the time is left to what is
// waited for.
func Within(limit time.Duration, ok func() bool) bool {
	for end := time.Now().Add(limit); ; {
		asked := time.Now()
		if ok() {
			return true
		}
		now := time.Now()
		if now.After(end) {
			return false
		}
		<-time.After(min(max(now.Sub(asked), 5*time.Millisecond), 500*time.Millisecond))
	}
}
