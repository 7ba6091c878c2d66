// SPDX-License-Identifier: Apache-2.0

package judge

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestPastKeepsTheAgeOfMinutes books by a clock that is set, while the machine is started anew at
// times, and asks how old each minute is: never older than it is, and past a day it is gone.
func TestPastKeepsTheAgeOfMinutes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c, began, boots := &clocks{}, time.Duration(0), 0
		look := func(p Past) Past {
			next, _ := p.Look(c.now(), fmt.Sprint("start ", boots), c.up-began)
			return next
		}
		p := look(Past{})
		booked := map[int64]time.Duration{} // what the clock said, and when that was last
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			c.up += time.Duration(rapid.Int64Range(0, 4*60*60).Draw(t, "seconds")) * time.Second
			p = look(p)
			switch rapid.IntRange(0, 5).Draw(t, "what") {
			case 0, 1:
				c.set += time.Duration(rapid.Int64Range(-400_000, 400_000).Draw(t, "by")) * time.Second
			case 2:
				began, boots = c.up, boots+1
			}
			p = look(p)
			booked[MinuteOf(c.now())] = c.up
		}
		head := MinuteOf(c.now())
		for minute, at := range booked {
			real := int64((c.up - at) / time.Minute)
			now, within := p.Now(minute)
			switch {
			case real < DayMinutes && !within:
				t.Fatalf("a minute burned %d minutes ago is forgotten", real)
			case within && (now > head || real < DayMinutes && head-now > real+2): // small steps are left out
				t.Fatalf("a minute burned %d minutes ago counts as %d minutes old", real, head-now)
			case real < DayMinutes && minute < head-DayMinutes-int64(p.Reach()/time.Minute)-1:
				t.Fatalf("%d is asked for no longer: the clock says %d, its reach is %s", minute, head, p.Reach())
			}
		}
		c.up += 26 * time.Hour
		p = look(p)
		for minute := range booked {
			if now, within := p.Now(minute); within && minute > MinuteOf(c.now())+3 {
				t.Fatalf("a day later %d counts as %d, now is %d", minute, now, MinuteOf(c.now()))
			}
		}
	})
}

func TestPastOfNobody(t *testing.T) {
	t.Parallel()
	if at, within := (Past{}).Now(77); at != 77 || !within {
		t.Errorf("%d, %v", at, within)
	}
	p, stepped := Past{}.Look(time.Unix(1_800_000_000, 0), "a start", time.Hour)
	if stepped || p.Reach() != 0 {
		t.Errorf("%+v, %v", p, stepped)
	}
	if p, stepped = p.Look(time.Unix(1_800_000_010, 0), "a start", time.Hour+9*time.Second); stepped {
		t.Errorf("a second is no step: %+v", p)
	}
	if p, stepped = p.Look(time.Unix(1_800_200_000, 0), "a start", time.Hour+10*time.Second); !stepped || p.Reach() < 55*time.Hour {
		t.Errorf("%+v, %v, %s", p, stepped, p.Reach())
	}
}

// TestAPastThatCannotBe begins anew: by none is what was burned in the last hours older than it is, and
// what is booked ahead of the clock is forgotten after a day.
func TestAPastThatCannotBe(t *testing.T) {
	t.Parallel()
	const start = "a start"
	now, up := time.Unix(1_800_000_000, 0), 30*time.Hour
	head := MinuteOf(now)
	for name, p := range map[string]Past{
		"the machine was taken back":  {Boot: start, Since: up + 5*time.Hour, At: now.Add(-time.Minute), From: 0},
		"a time that no machine runs": {Boot: start, Since: 9e18, At: now.Add(-time.Minute), From: 0},
		"another machine's, as long":  {Boot: "another", Since: 9e18, At: now.Add(-time.Minute), From: -9e18},
		"from after since":            {Boot: start, Since: time.Hour, At: now.Add(-29 * time.Hour), From: 9e18},
		"steps without an order":      {Boot: start, Since: time.Hour, At: now.Add(-29 * time.Hour), Steps: []Step{{After: 9e18, Before: -9e18, By: -9e18}}},
		"the first year":              {Boot: "another", Since: up, At: time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC), From: 0},
	} {
		next, _ := p.Look(now, start, up)
		for _, ago := range []int64{0, 1, 10, 59, 600, 1439} {
			if at, within := next.Now(head - ago); !within || at > head || head-at > ago+1 {
				t.Errorf("%s: what burned %d minutes ago counts as %d old, %v", name, ago, head-at, within)
			}
		}
		next, _ = next.Look(now.Add(26*time.Hour), start, up+26*time.Hour)
		if at, within := next.Now(head + 365*24*60); within && name != "the first year" {
			t.Errorf("%s: a day later the next year's counts as %d, %v", name, at, within)
		}
	}
}
