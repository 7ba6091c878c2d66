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
