// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"time"

	"holdfast/gateway/breaker/judge"
)

const (
	hourBuckets   = 60 + 1 // the minute under way, and sixty whole ones
	dayBuckets    = 24*60 + 1
	recentBuckets = int64(judge.RecentSpan / time.Minute)
)

// window sums tokens over the sliding hour and day, in buckets of a minute. A bucket counts while
// any part of it is inside, so a window is up to a minute longer than its name: never shorter.
// A clock that is set back does not bring back what slid out.
type window struct {
	minute  int64
	buckets [dayBuckets]int64
	hour    int64
	day     int64
	recent  int64
}

func minuteOf(t time.Time) int64 { return t.Unix() / 60 }

// advance moves the window to now.
func (w *window) advance(now time.Time) {
	to := minuteOf(now)
	if to <= w.minute {
		return
	}
	if to-w.minute >= dayBuckets {
		*w = window{minute: to}
		return
	}
	for w.minute < to {
		w.minute++
		w.day -= w.at(dayBuckets)
		w.hour -= w.at(hourBuckets)
		w.recent -= w.at(recentBuckets)
		w.buckets[w.minute%dayBuckets] = 0
	}
}

// at is the bucket of so many minutes ago.
func (w *window) at(ago int64) int64 {
	return w.buckets[((w.minute-ago)%dayBuckets+dayBuckets)%dayBuckets]
}

// spend counts tokens burned just now: in the newest minute, for when the clock was ahead and was set
// back, now is behind the window, and would slide out of it too soon.
func (w *window) spend(tokens int64) { w.add(time.Unix(w.minute*60, 0), tokens) }

// add counts tokens burned at a time that is not ahead of the window.
func (w *window) add(at time.Time, tokens int64) {
	minute := min(minuteOf(at), w.minute)
	ago := w.minute - minute
	if ago >= dayBuckets {
		return
	}
	w.buckets[minute%dayBuckets] += tokens
	w.day += tokens
	if ago < hourBuckets {
		w.hour += tokens
	}
	if ago < recentBuckets {
		w.recent += tokens
	}
}
