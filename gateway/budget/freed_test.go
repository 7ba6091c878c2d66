// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"testing"
	"time"
)

// TestFreedOutOfOrder: settlements that meet at the end of a span in another order than their times
// are all remembered, and so are those around a clock that is set back.
func TestFreedOutOfOrder(t *testing.T) {
	end := time.Unix(1000*freedSpan, 0)
	for name, at := range map[string][]time.Time{
		"in order":     {end.Add(-2), end.Add(-1), end, end.Add(1)},
		"out of order": {end.Add(-2), end, end.Add(-1), end.Add(1)},
		"set back":     {end, end.Add(1), end.Add(-time.Hour), end.Add(1 - time.Hour)},
	} {
		var of tally
		for _, when := range at {
			of.free(when, Amount{Tokens: 10})
		}
		if lately := of.freed.now.Tokens + of.freed.before.Tokens; lately != 40 {
			t.Errorf("%s: %d of 40 tokens are remembered", name, lately)
		}
	}
}
