// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"sync"
	"time"
)

// A Limiter lets each address try a few times at once and then once in a while.
type Limiter struct {
	now func() time.Time

	mu    sync.Mutex
	tries map[string]*bucket
}

type bucket struct {
	tokens float64
	last   time.Time
}

const (
	burst      = 20
	refill     = 3 * time.Second
	mostTriers = 4096
)

// NewLimiter makes a limiter by a clock.
func NewLimiter(now func() time.Time) *Limiter { return &Limiter{now: now} }

// Allow takes one try of the address, or tells how long to wait.
func (l *Limiter) Allow(address string) (time.Duration, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	b := l.tries[address]
	if b == nil {
		l.makeRoom(now)
		b = &bucket{tokens: burst, last: now}
		l.tries[address] = b
	}
	b.tokens = min(burst, b.tokens+max(0, now.Sub(b.last).Seconds())/refill.Seconds())
	b.last = now
	if b.tokens < 1 {
		return time.Duration((1 - b.tokens) * float64(refill)), false
	}
	b.tokens--
	return 0, true
}

// makeRoom forgets who would be full again, and everybody when that is not enough.
func (l *Limiter) makeRoom(now time.Time) {
	if l.tries != nil && len(l.tries) < mostTriers {
		return
	}
	for address, b := range l.tries {
		if now.Sub(b.last) > burst*refill {
			delete(l.tries, address)
		}
	}
	if l.tries == nil || len(l.tries) >= mostTriers {
		l.tries = map[string]*bucket{}
	}
}
