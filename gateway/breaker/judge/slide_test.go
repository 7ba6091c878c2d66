// SPDX-License-Identifier: Apache-2.0

package judge

import (
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// clocks are the machine's time, and a clock that somebody sets.
type clocks struct{ up, set time.Duration }

func (c *clocks) now() time.Time { return time.Unix(30_000_000*60, 0).Add(c.up + c.set) }

func (c *clocks) uptime() (time.Duration, bool) { return c.up, true }

// TestSlideIsTheSumOfItsMinutes holds the running sums against a plain list, also while the clock is
// set forward and back: what was burned keeps its age.
func TestSlideIsTheSumOfItsMinutes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := &clocks{}
		s := Slide{Uptime: c.uptime}
		s.Advance(c.now())
		type booked struct{ minute, tokens int64 } // by the machine's time
		var all []booked
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			c.up += time.Duration(rapid.SampledFrom([]int64{0, 0, 1, 7, 59, 61, 700, 2000}).Draw(t, "minutes")) * time.Minute
			if rapid.Bool().Draw(t, "is set") {
				c.set += time.Duration(rapid.Int64Range(-5000, 5000).Draw(t, "by")) * time.Minute
			}
			s.Advance(c.now())
			s.Advance(c.now())
			late := rapid.SampledFrom([]int64{0, 0, 3, 60, 61, 1440, 1441}).Draw(t, "late")
			b := booked{int64(c.up/time.Minute) - late, rapid.Int64Range(0, 1000).Draw(t, "tokens")}
			s.Add(MinuteOf(c.now())-late, b.tokens)
			all = append(all, b)
		}
		var want Burn
		for _, b := range all {
			ago := int64(c.up/time.Minute) - b.minute
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
		again := Slide{}
		again.Advance(c.now())
		for _, m := range s.Minutes() {
			again.Add(m[0], m[1])
		}
		if got := again.Burn(0); got != want {
			t.Fatalf("told on it is %+v, want %+v", got, want)
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

// TestSlideWithoutTheMachinesTime goes by the clock alone: set back, it waits for it, and what comes
// from ahead of it counts now.
func TestSlideWithoutTheMachinesTime(t *testing.T) {
	t.Parallel()
	var s Slide
	now := int64(30_000_000)
	s.Advance(time.Unix(now*60, 0))
	s.Add(now, 5)
	s.Advance(time.Unix((now-120)*60, 0))
	s.Add(now-120, 7)
	s.Add(now+60, 1)
	if got := s.Burn(0); got.Day != 13 || got.Hour != 13 {
		t.Errorf("%+v", got)
	}
	s.Advance(time.Unix((now+61)*60, 0))
	if got := s.Burn(0); got.Day != 13 || got.Hour != 0 {
		t.Errorf("an hour later: %+v", got)
	}
}

// TestSlideBesideManyCallers: times that come in the wrong order make no time pass.
func TestSlideBesideManyCallers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var s Slide
		s.Advance(time.Now())
		s.Add(MinuteOf(time.Now()), 9)
		for range 10_000 {
			early := time.Now()
			<-time.After(time.Millisecond)
			s.Advance(time.Now())
			s.Advance(early)
		}
		<-time.After(59*time.Minute - 10*time.Second)
		s.Advance(time.Now())
		if got := s.Burn(0); got.Hour != 9 || got.Recent != 0 {
			t.Errorf("after 59 minutes: %+v", got)
		}
		<-time.After(2 * time.Minute)
		if s.Advance(time.Now()); s.Burn(0) != (Burn{Day: 9}) {
			t.Errorf("after 61 minutes: %+v", s.Burn(0))
		}
	})
}
