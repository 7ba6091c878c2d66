// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"testing"
	"time"

	"holdfast/core/store"
	"holdfast/core/store/storetest"
)

// TestWhatIsSpentWhileAClockWasAhead counts in the hour, also once the clock is right again.
func TestWhatIsSpentWhileAClockWasAhead(t *testing.T) {
	t.Parallel()
	storetest.Each(t, tables(), func(t *testing.T, s *store.Store) {
		l := open(t, s, wide())
		now := time.Unix(1_800_000_000, 0)
		clock := now.Add(3 * time.Hour) // wrong
		l.needs.Now = func() time.Time { return clock }
		if _, err := l.Burn(t.Context()); err != nil {
			t.Fatal(err)
		}
		clock = now
		l.Book(call("a"), done(40, 2), time.Second)
		if burn, err := l.Burn(t.Context()); err != nil || burn.Hour != 42 || burn.Day != 42 || burn.Recent != 42 {
			t.Errorf("%+v, %v", burn, err)
		}
	})
}

// TestACallEndsNotBeforeItBegan counts a call in the day that admitted it, though the clock was set back
// to one that may be spent.
func TestACallEndsNotBeforeItBegan(t *testing.T) {
	t.Parallel()
	storetest.Each(t, tables(), func(t *testing.T, s *store.Store) {
		l := open(t, s, wide())
		clock := time.Unix(1_800_000_000, 0)
		l.needs.Now = func() time.Time { return clock }
		ahead := clock.Add(40 * time.Hour)
		clock = ahead
		r, err := l.Reserve(t.Context(), call("a"), 40, 2)
		if err != nil {
			t.Fatal(err)
		}
		clock = clock.Add(-60 * time.Hour)
		r.Settle(done(40, 2))
		summary(t, l) // has what waits written
		if rows(t, s, "SELECT COUNT(*) FROM ledger_calls WHERE time_ns = ? AND latency_ns >= 0", ahead.UnixNano()) != 1 {
			t.Errorf("no call ended at %v", ahead)
		}
	})
}

// TestMidnight: also where the clocks skip it, a day begins in that day, and one begins when the one
// before ends.
func TestMidnight(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"UTC", "Europe/Lisbon", "America/Santiago", "Africa/Cairo", "Asia/Beirut", "America/Havana", "Asia/Kathmandu", "Australia/Lord_Howe"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		last := time.Time{}
		for step := range 4 * 800 {
			at := time.Unix(1_700_000_000+int64(step)*6*3600, 0).In(zone)
			begin := Midnight(at)
			if begin.After(at) || begin.Day() != at.Day() || begin.Add(-1).Day() == at.Day() || at.Sub(begin) > 25*time.Hour {
				t.Fatalf("the day of %v begins at %v", at, begin)
			}
			if next := Midnight(last.Add(30 * time.Hour)); !last.IsZero() && !begin.Equal(last) && !begin.Equal(next) {
				t.Fatalf("after %v comes %v, not %v", last, begin, next)
			}
			last = begin
		}
	}
}
