// SPDX-License-Identifier: Apache-2.0

package judge

import "time"

// The minutes of a sliding hour and day: the one under way, and all the whole ones.
const (
	HourMinutes = 60 + 1
	DayMinutes  = 24*60 + 1
)

const recentMinutes = int64(RecentSpan / time.Minute)

// A Slide sums tokens over the sliding hour and day, in minutes. A minute counts while any part of
// it is inside, so a window is up to a minute longer than its name, never shorter. It slides with the
// time that passes, not with the clock: what was burned keeps its age when the clock is set, forward
// or back. The minutes that it is told and tells are those of the clock as it stands; what comes from
// ahead of it counts as of now. The zero value is empty.
type Slide struct {
	// Uptime, unless nil, is asked when the clock and this process disagree on the time that passed.
	Uptime Uptime

	pace   Pace
	head   int64         // the minute on the clock
	line   time.Duration // what the clock would say had nobody set it
	minute int64         // that of the line: it only grows, and tokens go by it
	tokens [DayMinutes]int64

	hour, day, recent int64
}

// Advance moves the windows by the time that passed since the last time.
func (s *Slide) Advance(now time.Time) {
	if s.head = MinuteOf(now); s.pace.last.IsZero() {
		s.line = time.Duration(now.UnixNano())
	}
	s.line += s.pace.Passed(now, s.Uptime)
	to := int64(s.line / time.Minute)
	if to-s.minute >= DayMinutes {
		s.minute, s.tokens, s.hour, s.day, s.recent = to, [DayMinutes]int64{}, 0, 0, 0
	}
	for s.minute < to {
		s.minute++
		s.day -= s.ago(DayMinutes)
		s.hour -= s.ago(HourMinutes)
		s.recent -= s.ago(recentMinutes)
		s.tokens[s.minute%DayMinutes] = 0
	}
}

func (s *Slide) ago(minutes int64) int64 {
	return s.tokens[((s.minute-minutes)%DayMinutes+DayMinutes)%DayMinutes]
}

// Add counts tokens of a minute, which may be negative where something is taken back; what is older
// than a day is left out.
func (s *Slide) Add(minute, tokens int64) {
	ago := max(s.head-minute, 0)
	if ago >= DayMinutes || minute < 0 {
		return
	}
	*s.at(ago) += tokens
	s.day += tokens
	if ago < HourMinutes {
		s.hour += tokens
	}
	if ago < recentMinutes {
		s.recent += tokens
	}
}

func (s *Slide) at(ago int64) *int64 {
	return &s.tokens[((s.minute-ago)%DayMinutes+DayMinutes)%DayMinutes]
}

// Raise makes a minute count at least so many tokens.
func (s *Slide) Raise(minute, tokens int64) {
	if minute > s.head || s.head-minute >= DayMinutes || minute < 0 {
		return
	}
	if more := tokens - *s.at(s.head - minute); more > 0 {
		s.Add(minute, more)
	}
}

// Minutes are the minutes that have tokens, oldest first, each with its tokens.
func (s *Slide) Minutes() [][2]int64 {
	list := make([][2]int64, 0, HourMinutes)
	for ago := int64(DayMinutes - 1); ago >= 0; ago-- {
		if tokens := *s.at(ago); tokens != 0 {
			list = append(list, [2]int64{s.head - ago, tokens})
		}
	}
	return list
}

// Head is the minute on the clock.
func (s *Slide) Head() int64 { return s.head }

// Burn is what the windows hold, with what is reserved beside them.
func (s *Slide) Burn(reserved int64) Burn {
	return Burn{Hour: max(s.hour, 0), Day: max(s.day, 0), Recent: max(s.recent, 0), Reserved: max(reserved, 0)}
}
