// SPDX-License-Identifier: Apache-2.0

package journal_test

import (
	"fmt"
	"sync"
	"testing"

	"holdfast"
	"holdfast/core/journal"
	"holdfast/core/store"
)

// Those who append several entries at once, beside others who append one, keep their own order and
// leave the chain whole.
func TestAppendAllKeepsOrder(t *testing.T) {
	each(t, func(t *testing.T, _ *store.Store, j *journal.Journal) {
		const callers, rounds, each = 4, 5, 300 // more than one write takes
		var wg sync.WaitGroup
		for c := range callers {
			wg.Go(func() {
				for r := range rounds {
					var entries []holdfast.Entry
					for i := range each {
						e := entry("unit.state")
						e.Subject, e.Caller = fmt.Sprintf("%06d", r*each+i), fmt.Sprintf("house:%d", c)
						entries = append(entries, e)
					}
					if n, err := j.AppendAll(t.Context(), entries); n != each || err != nil {
						t.Errorf("%d durable, %v", n, err)
					}
					add(t, j, entry("flag.flip"))
				}
			})
		}
		wg.Wait()
		for c := range callers {
			got, err := j.Show(t.Context(), journal.Query{Caller: fmt.Sprintf("house:%d", c)})
			if err != nil || len(got) != rounds*each {
				t.Fatalf("%d entries, %v", len(got), err)
			}
			for i, e := range got {
				if e.Subject != fmt.Sprintf("%06d", i) {
					t.Fatalf("caller %d: entry %d is %s", c, i, e.Subject)
				}
			}
		}
		if v, err := j.Verify(t.Context()); err != nil || v.Broken != nil || v.Entries != callers*rounds*(each+1) {
			t.Errorf("verification = %+v, %v", v, err)
		}
	})
}

func TestAppendAllOfNothingAndOfWhatCannotBe(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, j *journal.Journal) {
		if n, err := j.AppendAll(t.Context(), nil); n != 0 || err != nil {
			t.Errorf("nothing: %d, %v", n, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if n, err := j.AppendAll(t.Context(), []holdfast.Entry{entry("a.b"), entry("a.c")}); n != 0 || err == nil {
			t.Errorf("a store that is closed: %d, %v", n, err)
		}
	})
}
