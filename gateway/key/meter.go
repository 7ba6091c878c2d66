// SPDX-License-Identifier: Apache-2.0

package key

import (
	"sync"
	"time"
)

// seconds is how many the window of tokens has: a minute, and the second under way.
const seconds = 61

// A meter counts what one key does in any sixty seconds. Requests are counted exactly; tokens by
// the second, so that the window is up to a second longer than a minute, never shorter. Times are
// since the house began, which no clock that is set can turn back.
type meter struct {
	mu    sync.Mutex
	calls ring
	// tokens by second, of which last is the newest, and their sum.
	tokens [seconds]int64
	last   int64
	sum    int64
}

// take counts a call when it fits into both rates; else it counts nothing.
func (m *meter) take(now time.Duration, rpm, tpm, tokens int64) *Limited {
	m.mu.Lock()
	defer m.mu.Unlock()
	if rpm > 0 {
		if wait := m.calls.wait(now, int(rpm)); wait > 0 {
			return &Limited{Setting: settingRPM, Most: rpm, Wait: wait}
		}
	}
	if tpm > 0 {
		m.advance(now)
		switch {
		case tokens > tpm:
			return &Limited{Setting: settingTPM, Most: tpm}
		case m.sum+tokens > tpm:
			return &Limited{Setting: settingTPM, Most: tpm, Wait: m.room(now, tpm-tokens)}
		}
		m.add(m.last, tokens)
	}
	if rpm > 0 {
		m.calls.add(now)
	}
	return nil
}

// idle tells whether nothing of it counts any more.
func (m *meter) idle(now time.Duration) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.advance(now)
	_ = m.calls.wait(now, 1)
	return m.sum == 0 && m.calls.count == 0
}

// left is how many more tokens fit now.
func (m *meter) left(now time.Duration, tpm int64) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.advance(now)
	return max(tpm-m.sum, 0)
}

// correct replaces what was counted for a call by what it spent, where that is still in the window.
func (m *meter) correct(now, began time.Duration, counted, spent int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.advance(now)
	second := int64(began / time.Second)
	if m.last-second >= seconds {
		second, spent = m.last, max(spent-counted, 0)
		counted = 0
	}
	m.add(min(second, m.last), max(spent-counted, -m.tokens[((second%seconds)+seconds)%seconds]))
}

// advance moves the window to now.
func (m *meter) advance(now time.Duration) {
	to := int64(now / time.Second)
	if to-m.last >= seconds {
		m.tokens, m.sum, m.last = [seconds]int64{}, 0, to
	}
	for m.last < to {
		m.last++
		m.sum -= m.tokens[m.last%seconds]
		m.tokens[m.last%seconds] = 0
	}
}

func (m *meter) add(second, tokens int64) {
	m.tokens[(second%seconds+seconds)%seconds] += tokens
	m.sum += tokens
}

// room is how long until at most so many tokens are in the window.
func (m *meter) room(now time.Duration, most int64) time.Duration {
	left := m.sum
	for second := m.last - seconds + 1; second <= m.last; second++ {
		left -= m.tokens[(second%seconds+seconds)%seconds]
		if left <= most {
			return time.Duration(second+seconds)*time.Second - now
		}
	}
	return seconds * time.Second
}

// A ring holds when the last calls were admitted, oldest first, and grows as far as it must.
type ring struct {
	times []time.Duration
	first int
	count int
}

// wait is how long until a call fits; 0 when it does now.
func (r *ring) wait(now time.Duration, most int) time.Duration {
	for r.count > 0 && now-r.times[r.first] >= time.Minute {
		r.first, r.count = (r.first+1)%len(r.times), r.count-1
	}
	if r.count < most {
		return 0
	}
	// Where the rate was lowered, more calls than one have to slide out.
	return r.times[(r.first+r.count-most)%len(r.times)] + time.Minute - now
}

func (r *ring) add(now time.Duration) {
	if r.count == len(r.times) {
		grown := make([]time.Duration, max(8, 2*r.count))
		for i := range r.count {
			grown[i] = r.times[(r.first+i)%len(r.times)]
		}
		r.times, r.first = grown, 0
	}
	r.times[(r.first+r.count)%len(r.times)] = now
	r.count++
}
