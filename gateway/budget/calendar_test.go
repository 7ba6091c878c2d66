// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	at, err := time.LoadLocation(name)
	if err != nil {
		t.Skip(err)
	}
	return at
}

func moment(t testing.TB, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestDaysBeginAtTheOperatorsMidnight(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ zone, now, day, next, week, month string }{
		{"UTC", "2026-11-21T07:00:00Z", "2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z", "2026-11-16T00:00:00Z", "2026-11-01T00:00:00Z"},
		// A Monday and a first of a month belong to the week and month that they begin.
		{"UTC", "2026-06-01T00:00:00Z", "2026-06-01T00:00:00Z", "2026-06-02T00:00:00Z", "2026-06-01T00:00:00Z", "2026-06-01T00:00:00Z"},
		{"UTC", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2025-12-29T00:00:00Z", "2026-01-01T00:00:00Z"},
		// Days of 23 and 25 hours.
		{"Europe/Berlin", "2026-03-29T10:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", "2026-03-22T23:00:00Z", "2026-02-28T23:00:00Z"},
		{"Europe/Berlin", "2026-10-25T22:30:00Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z", "2026-10-18T22:00:00Z", "2026-09-30T22:00:00Z"},
		// Midnight is skipped: the day begins at one.
		{"America/Sao_Paulo", "2018-11-04T12:00:00Z", "2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z", "2018-10-29T03:00:00Z", "2018-11-01T03:00:00Z"},
		// The hour before midnight comes twice; the day before has 25 hours.
		{"America/Sao_Paulo", "2018-02-18T02:30:00Z", "2018-02-17T02:00:00Z", "2018-02-18T03:00:00Z", "2018-02-12T02:00:00Z", "2018-02-01T02:00:00Z"},
		// Midnight itself comes twice: the day begins at the first.
		{"America/Havana", "2026-11-01T12:00:00Z", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z", "2026-10-26T04:00:00Z", "2026-11-01T04:00:00Z"},
		// A whole day is skipped.
		{"Pacific/Apia", "2011-12-31T09:00:00Z", "2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z", "2011-12-26T10:00:00Z", "2011-12-01T10:00:00Z"},
		{"Asia/Kathmandu", "2026-11-20T18:15:00Z", "2026-11-20T18:15:00Z", "2026-11-21T18:15:00Z", "2026-11-15T18:15:00Z", "2026-10-31T18:15:00Z"},
	} {
		cal := calendar{zone: zone(t, c.zone)}
		cal.turn(moment(t, c.now))
		for what, want := range map[string]struct {
			got  time.Time
			want string
		}{
			"day": {cal.now[day].since, c.day}, "next day": {cal.now[day].till, c.next},
			"week": {cal.now[week].since, c.week}, "month": {cal.now[month].since, c.month},
		} {
			if !want.got.Equal(moment(t, want.want)) {
				t.Errorf("%s at %s: the %s begins %s, want %s", c.zone, c.now, what, want.got.UTC().Format(time.RFC3339), want.want)
			}
		}
	}
}

// TestDaysLeaveNoGap: every moment lies in exactly one day, whatever the zone and the order of asking.
func TestDaysLeaveNoGap(t *testing.T) {
	t.Parallel()
	zones := []string{"UTC", "Europe/Berlin", "America/Sao_Paulo", "America/Havana", "Pacific/Apia", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Kiritimati", "America/St_Johns"}
	rapid.Check(t, func(rt *rapid.T) {
		cal := calendar{zone: zone(t, rapid.SampledFrom(zones).Draw(rt, "zone"))}
		for range 8 {
			at := time.Unix(rapid.Int64Range(0, 2_000_000_000).Draw(rt, "at"), rapid.Int64Range(0, 999_999_999).Draw(rt, "ns"))
			on := cal.dayOf(at)
			if at.Before(cal.begins(on)) || !at.Before(cal.begins(on+1)) {
				rt.Fatalf("%s is not within day %d of %s", at.UTC(), on, cal.zone)
			}
			cal.turn(at)
			for p, s := range cal.now {
				if at.Before(s.since) || !at.Before(s.till) || cal.today != on {
					rt.Fatalf("%s is not within its %s %s to %s", at.UTC(), periods[p], s.since, s.till)
				}
			}
		}
	})
}
