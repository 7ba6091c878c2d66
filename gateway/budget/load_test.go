// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"holdfast/core/store/storetest"
)

// TestReportsUnderLoadReconcile: a report beside calls that are made and settled all the time says
// that its sums agree.
func TestReportsUnderLoadReconcile(t *testing.T) {
	t.Parallel()
	b := opened(t, storetest.SQLite(t, whole()), limits("house", Limit{TokensPerDay: new(int64(1e9))}, "agent:a", Limit{TokensPerDay: new(int64(1e9))}))
	var over atomic.Bool
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := 0; !over.Load(); i++ {
				r, err := b.ledger.Reserve(t.Context(), callOf("a", fmt.Sprintf("%d-%d", worker, i)), 10, 10)
				if err != nil {
					t.Error(err)
					return
				}
				r.Settle(answered(7))
			}
		})
	}
	for range 20 {
		page, err := board{b.Budgets}.report(t.Context(), reportInput{})
		if err != nil || !page.Reconciled {
			t.Errorf("%v, %+v", err, page)
		}
	}
	over.Store(true)
	wg.Wait()
}
