// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"testing"
	"time"
)

// TestWhatIsSpentWhileAClockWasAhead counts in the hour, also once the clock is right again.
func TestWhatIsSpentWhileAClockWasAhead(t *testing.T) {
	t.Parallel()
	var w window
	now := time.Unix(1_800_000_000, 0)
	w.advance(now.Add(3 * time.Hour)) // wrong
	w.advance(now)
	w.spend(42)
	if w.hour != 42 || w.day != 42 || w.recent != 42 {
		t.Errorf("hour %d, day %d, recent %d", w.hour, w.day, w.recent)
	}
}
