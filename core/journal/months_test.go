// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const day = 24 * time.Hour

func at(text string) time.Time {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		panic(err)
	}
	return t.Add(12 * time.Hour)
}

func sorted(now time.Time, times []time.Time) calendar {
	c := calendar{now: now.UnixNano()}
	for i, t := range times {
		c.add(int64(i+1), t.UnixNano())
	}
	return c
}

func spell(spans []span) string {
	var out []string
	for _, s := range spans {
		out = append(out, fmt.Sprintf("%s:%d-%d", s.month, s.first, s.last))
	}
	return strings.Join(out, " ")
}

func TestEntriesCountToMonthsWhateverTheClockDid(t *testing.T) {
	for _, c := range []struct{ name, now, times, want string }{
		{"in order", "2026-03-15", "2026-01-05 2026-01-31 2026-02-01 2026-03-15", "2026-01:1-2 2026-02:3-3 2026-03:4-4"},
		{"clock set back", "2026-03-15", "2026-01-05 2026-02-01 2026-01-20 2026-02-02", "2026-01:1-1 2026-02:2-4"},
		{"clock lost", "2026-03-15", "2026-01-05 1970-01-01 2026-01-06 2026-02-02", "2026-01:1-3 2026-02:4-4"},
		{"clock lost at first", "2026-03-15", "1970-01-01 2026-01-06", "1970-01:1-1 2026-01:2-2"},
		{"was ahead for a while", "2026-03-15", "2026-01-05 2099-07-01 2026-02-02 2026-03-01", "2026-01:1-2 2026-02:3-3 2026-03:4-4"},
		{"was ahead at first", "2026-03-15", "2099-07-01 2026-01-05 2026-02-02", "2026-01:1-2 2026-02:3-3"},
		{"is ahead now", "2099-07-02", "2026-01-05 2099-07-01 2026-02-02", "2026-01:1-1 2099-07:2-3"},
		{"is behind now", "1970-01-01", "2026-01-05 2026-02-02", ""},
		{"nothing", "2026-03-15", "", ""},
	} {
		var times []time.Time
		for _, text := range strings.Fields(c.times) {
			times = append(times, at(text))
		}
		sorts := sorted(at(c.now), times)
		if got := spell(sorts.spans); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// monthly is an entry in the middle of each month, from to to.
func monthly(from, to string) []time.Time {
	var times []time.Time
	for m := at(from); !m.After(at(to)); m = m.AddDate(0, 1, 0) {
		times = append(times, m)
	}
	return times
}

func TestWhatIsDue(t *testing.T) {
	for _, c := range []struct {
		name, now string
		keep      time.Duration
		times     []time.Time
		want      int // how many months
	}{
		{"a young house", "2026-03-15", 400 * day, monthly("2025-02-15", "2026-03-15"), 0},
		{"one month", "2026-03-15", 400 * day, monthly("2025-01-15", "2026-03-15"), 1},
		{"the month in which keep ends stays whole", "2026-03-07", 400 * day, append(monthly("2025-01-15", "2026-02-15"), at("2026-03-07")), 0},
		{"and goes a day later", "2026-03-08", 400 * day, append(monthly("2025-01-15", "2026-02-15"), at("2026-03-08")), 1},
		{"two years", "2026-03-15", 400 * day, monthly("2023-03-15", "2026-03-15"), 23},
		{"the shortest keep", "2026-03-15", 31 * day, monthly("2025-03-15", "2026-03-15"), 11},
		{"a clock that runs ahead moves nothing more", "2099-01-01", 400 * day, monthly("2025-02-15", "2026-03-15"), 0},
		{"and when it has written, leaves twelve months", "2099-01-01", 400 * day, append(monthly("2025-02-15", "2026-03-15"), at("2099-01-01")), 3},
		{"nor with a clock that was lost", "1970-01-01", 400 * day, monthly("2020-02-15", "2026-03-15"), 0},
		{"a house that slept keeps its months", "2026-03-15", 400 * day, append(monthly("2020-02-15", "2020-10-15"), at("2026-03-15")), 0},
		{"the newest month never goes", "2026-03-15", 31 * day, monthly("2020-02-15", "2020-02-15"), 0},
	} {
		sorts := sorted(at(c.now), c.times)
		newest := c.times[len(c.times)-1].UnixNano()
		if got := sorts.due(newest, c.keep); len(got) != c.want {
			t.Errorf("%s: %s, want %d of %s", c.name, spell(got), c.want, spell(sorts.spans))
		}
	}
}

// TestTheNewestStayWhateverTheClock: months are a partition in order, and enough of them stay.
func TestTheNewestStayWhateverTheClock(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		moment := rapid.Int64Range(0, at("2100-01-01").Unix())
		keep := time.Duration(rapid.IntRange(31, 900).Draw(t, "keep")) * day
		now := time.Unix(moment.Draw(t, "now"), 0)
		c := calendar{now: now.UnixNano()}
		n := int64(rapid.IntRange(1, 60).Draw(t, "entries"))
		newest := int64(0)
		for i := range n {
			newest = time.Unix(moment.Draw(t, "at"), 0).UnixNano()
			c.add(i+1, newest)
		}
		next, month := int64(1), ""
		for _, s := range c.spans {
			if s.first != next || s.last < s.first || s.month <= month || s.from > s.until {
				t.Fatalf("no partition: %s", spell(c.spans))
			}
			next, month = s.last+1, s.month
		}
		if len(c.spans) > 0 && next != n+1 {
			t.Fatalf("entries left over: %s", spell(c.spans))
		}
		due := c.due(newest, keep)
		if len(due) > 0 && len(c.spans)-len(due) < monthsIn(keep) {
			t.Fatalf("%d of %d months would go", len(due), len(c.spans))
		}
	})
}
