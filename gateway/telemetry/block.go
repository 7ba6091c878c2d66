// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"slices"
	"time"
)

// blockEnd is board.blockEnd over the minutes in which there were calls.
func blockEnd(minutes []int64, now time.Time) (end time.Time, ok bool) {
	slices.Sort(minutes)
	for _, minute := range minutes {
		at := time.Unix(minute*60, 0).UTC()
		if !at.Before(end) {
			end = at.Truncate(time.Hour).Add(block)
		}
	}
	return end, now.Before(end)
}
