// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"fmt"
	"slices"
	"testing"
)

// TestSumsAreWrittenInOneOrder whatever order the calls came in.
func TestSumsAreWrittenInOneOrder(t *testing.T) {
	var first []sumKey
	for round := range 20 {
		rows := map[sumKey]*sumRow{}
		for i := range 60 {
			n := (i + round*7) % 60
			key := sumKey{span: int64(n % 2), agent: fmt.Sprint(n % 3), model: fmt.Sprint(n % 4), session: fmt.Sprint(n % 5)}
			rows[key] = &sumRow{sumKey: key}
		}
		var order []sumKey
		for _, row := range listed(rows) {
			order = append(order, row.sumKey)
		}
		if first == nil {
			first = order
		}
		if len(order) != 60 || !slices.Equal(order, first) {
			t.Fatalf("round %d writes %d rows in another order", round, len(order))
		}
	}
}
