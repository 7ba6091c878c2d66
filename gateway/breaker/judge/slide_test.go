// SPDX-License-Identifier: Apache-2.0

package judge

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestSlideIsTheSumOfItsMinutes holds the running sums against a plain list.
func TestSlideIsTheSumOfItsMinutes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := int64(30_000_000)
		var s Slide
		s.Advance(time.Unix(now*60, 0))
		type booked struct{ minute, tokens int64 }
		var all []booked
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now += rapid.SampledFrom([]int64{0, 0, 1, 7, 59, 61, 700, 2000}).Draw(t, "minutes")
			s.Advance(time.Unix(now*60+30, 0))
			s.Advance(time.Unix(now*60-4000, 0)) // a clock set back changes nothing
			b := booked{now - rapid.SampledFrom([]int64{0, 0, 3, 60, 61, 1440, 1441}).Draw(t, "late"), rapid.Int64Range(0, 1000).Draw(t, "tokens")}
			s.Add(b.minute, b.tokens)
			all = append(all, b)
		}
		var want Burn
		for _, b := range all {
			ago := now - b.minute
			if ago < DayMinutes {
				want.Day += b.tokens
			}
			if ago < HourMinutes {
				want.Hour += b.tokens
			}
			if ago < recentMinutes {
				want.Recent += b.tokens
			}
		}
		if got := s.Burn(0); got != want {
			t.Fatalf("got %+v, want %+v", got, want)
		}
	})
}

func TestSlideOfOddMinutes(t *testing.T) {
	t.Parallel()
	var s Slide
	now := time.Unix(30_000_000*60, 0)
	s.Advance(now)
	s.Add(MinuteOf(now)+500, 10) // from ahead: a clock was set back
	s.Add(-1, 10)
	s.Add(MinuteOf(now), -4)
	s.Raise(MinuteOf(now), 3)
	s.Raise(MinuteOf(now)-1, 7)
	s.Raise(MinuteOf(now)+1, 1000)
	if got := s.Burn(-5); got != (Burn{Hour: 13, Day: 13, Recent: 13}) {
		t.Errorf("%+v", got)
	}
	s.Add(MinuteOf(now), -100)
	if got := s.Burn(2); got != (Burn{Reserved: 2}) {
		t.Errorf("below nothing: %+v", got)
	}
}

// TestSlideWithItsClockSetBack: nothing that slid out comes back, and what comes from ahead counts now.
func TestSlideWithItsClockSetBack(t *testing.T) {
	t.Parallel()
	var s Slide
	now := int64(30_000_000)
	s.Advance(time.Unix(now*60, 0))
	s.Add(now, 5)
	s.Advance(time.Unix((now-120)*60, 0))
	s.Add(now-120, 7)
	s.Add(now+60, 1)
	if got := s.Burn(0); got.Day != 13 || got.Hour != 6 {
		t.Errorf("%+v", got)
	}
}
