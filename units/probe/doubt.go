// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"fmt"
	"os"
	"time"
)

// A Vital is what is seen of a unit from outside, without asking it.
type Vital struct {
	// Known tells that the processes could be looked at; without it only Other counts.
	Known bool
	// State is that of the first process as the system shows it: 'T' is stopped, 'Z' a zombie.
	State byte
	// CPU is what all processes of the launch used so far.
	CPU time.Duration
	// Log changes when the unit writes.
	Log LogMark
	// Asked tells that the other question was put; Other is its answer.
	Asked bool
	Other error
}

// A LogMark changes with every write to a log.
type LogMark struct {
	Changed, Size int64
}

// MarkLog reads the mark of a log file, the zero one when there is none.
func MarkLog(path string) LogMark {
	info, err := os.Stat(path)
	if err != nil {
		return LogMark{}
	}
	return LogMark{Changed: info.ModTime().UnixNano(), Size: info.Size()}
}

// A Doubt looks for a second sign, independent of the first, that a stale unit hangs:
//
//	first sign        second sign                                    killed
//	heartbeat stale   its first process is stopped, or a zombie      at once
//	 or line silent   its readiness check fails, too, N times        after the N-th
//	                  no CPU used and no line written for one Every  after that Every
//	                  none of these                                  never
//
// A unit that computes or writes on is never killed for being stale.
type Doubt struct {
	quiet Quiet
	other int
}

// Clear forgets what was seen, for the unit is well.
func (d *Doubt) Clear() { *d = Doubt{} }

// Look takes what is seen of a stale unit now; it names the second sign, empty for none. q is the
// question that went stale, other what else can be asked.
func (d *Doubt) Look(v Vital, q, other *Question, now time.Time) string {
	if second := d.refused(v, other); second != "" {
		return second
	}
	if !v.Known {
		return ""
	}
	switch v.State {
	case 'T':
		return "its first process is stopped by a signal"
	case 'Z':
		return "its first process is a zombie"
	}
	if quiet := d.quiet.For(v, now); quiet >= q.Every {
		return fmt.Sprintf("it used no CPU and wrote no line for %s", quiet.Round(span(quiet)))
	}
	return ""
}

func (d *Doubt) refused(v Vital, other *Question) string {
	switch {
	case !v.Asked || other == nil:
	case v.Other == nil:
		d.other = 0
	default:
		if d.other++; d.other >= other.Failures {
			return fmt.Sprintf("its readiness check fails, too: %v", v.Other)
		}
	}
	return ""
}

// A Quiet tells for how long a unit did nothing: wrote no line and used next to no CPU.
type Quiet struct {
	began time.Time
	start Vital
}

// For takes what is seen now and tells for how long the unit was quiet.
func (q *Quiet) For(v Vital, now time.Time) time.Duration {
	used := v.CPU - q.start.CPU // it falls when a process ends that nobody waited for
	if q.began.IsZero() || !v.Known || v.Log != q.start.Log || max(used, -used) > rest(now.Sub(q.began)) {
		q.began, q.start = now, v
		return 0
	}
	return now.Sub(q.began)
}

// rest is how much CPU time a unit may use within a time and still count as doing nothing: a
// thousandth, and what one look at the clock cannot tell.
func rest(within time.Duration) time.Duration { return max(10*time.Millisecond, within/1000) }
