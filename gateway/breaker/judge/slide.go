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
// it is inside, so a window is up to a minute longer than its name, never shorter. It never goes
// back: a clock that is set back does not bring back what slid out, and what comes from ahead counts
// as of now. The zero value is empty.
type Slide struct {
	minute            int64
	tokens            [DayMinutes]int64
	hour, day, recent int64
}

// Advance moves the windows to now.
func (s *Slide) Advance(now time.Time) {
	to := MinuteOf(now)
	if to-s.minute >= DayMinutes {
		*s = Slide{minute: to}
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
	minute = min(minute, s.minute)
	ago := s.minute - minute
	if ago >= DayMinutes || minute < 0 {
		return
	}
	s.tokens[minute%DayMinutes] += tokens
	s.day += tokens
	if ago < HourMinutes {
		s.hour += tokens
	}
	if ago < recentMinutes {
		s.recent += tokens
	}
}

// Raise makes a minute count at least so many tokens.
func (s *Slide) Raise(minute, tokens int64) {
	if minute > s.minute || s.minute-minute >= DayMinutes || minute < 0 {
		return
	}
	if more := tokens - s.tokens[minute%DayMinutes]; more > 0 {
		s.Add(minute, more)
	}
}

// Minutes are the minutes that have tokens, oldest first, each with its tokens.
func (s *Slide) Minutes() [][2]int64 {
	list := make([][2]int64, 0, HourMinutes)
	for at := max(s.minute-DayMinutes+1, 0); at <= s.minute; at++ {
		if tokens := s.tokens[at%DayMinutes]; tokens != 0 {
			list = append(list, [2]int64{at, tokens})
		}
	}
	return list
}

// Head is the newest minute.
func (s *Slide) Head() int64 { return s.minute }

// Burn is what the windows hold, with what is reserved beside them.
func (s *Slide) Burn(reserved int64) Burn {
	return Burn{Hour: max(s.hour, 0), Day: max(s.day, 0), Recent: max(s.recent, 0), Reserved: max(reserved, 0)}
}
