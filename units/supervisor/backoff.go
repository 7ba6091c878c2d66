// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"math/rand/v2"
	"time"

	"holdfast"
)

const (
	// firstAtOnce is how long a unit must have run for its first failure to be restarted at once.
	firstAtOnce = 10 * time.Second
	firstDelay  = time.Second
	// DefaultCap bounds the delay between restarts.
	DefaultCap = 5 * time.Minute
	// healthyReset is how long a unit must be healthy for its failures to be forgotten.
	healthyReset = 10 * time.Minute
	// jitter is the part of a delay that chance adds or takes, so that units do not restart in step.
	jitter = 0.2
	// loopWindow and loopLimit say when restarts are a loop: more than the limit in the window.
	loopWindow = time.Hour
	loopLimit  = 3
)

// A backoff remembers the failures of one unit in a row.
type backoff struct {
	failures int
	// chance gives a number in [0,1); nil means the real one.
	chance func() float64
}

// delay is how long to wait after a launch that ran, and was healthy without a break, this long.
func (b *backoff) delay(ran, healthy, most time.Duration) time.Duration {
	if healthy >= healthyReset {
		b.failures = 0
	}
	if b.failures == 0 && ran >= firstAtOnce {
		b.failures = 1
		return 0
	}
	step := max(b.failures-1, 0)
	if b.failures == 0 {
		b.failures = 1
	}
	b.failures++
	d := most
	if step < 20 { // 2^20 s is past every cap
		d = min(firstDelay<<step, most)
	}
	return max(min(b.shake(d), most), min(firstDelay, most)) // never more than one start in a second
}

func (b *backoff) shake(d time.Duration) time.Duration {
	chance := b.chance
	if chance == nil {
		chance = rand.Float64
	}
	return time.Duration(float64(d) * (1 - jitter + 2*jitter*chance()))
}

// forget starts anew, as an operator's start or restart does.
func (b *backoff) forget() { b.failures = 0 }

// again tells whether a unit that ended starts again by its policy.
func again(policy holdfast.RestartPolicy, failure bool) bool {
	switch policy {
	case holdfast.RestartNever:
		return false
	case holdfast.RestartOnFailure:
		return failure
	case holdfast.RestartAlways:
	}
	return true
}

// within drops the times before a window that ends now.
func within(times []time.Time, now time.Time, window time.Duration) []time.Time {
	i := 0
	for i < len(times) && now.Sub(times[i]) > window {
		i++
	}
	return times[i:]
}
