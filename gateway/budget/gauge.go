// SPDX-License-Identifier: Apache-2.0

package budget

// mostGauges bounds how many budgets are served as metrics.
const mostGauges = 500

// Gauge gives each budget in force, as memory has it, to the metrics: what counts against it with what
// is reserved, and its quota, in tokens or US dollars as its limit's name says. Beyond 500 it stops.
func (b *Budgets) Gauge(give func(scope, limit string, used, quota float64)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.started {
		return
	}
	b.book.turn(b.needs.Now())
	given := 0
	b.book.each(func(t *tally) {
		for _, l := range t.bounds {
			if given++; given > mostGauges {
				return
			}
			used := t.sums[l.period].of(l.money) - t.archived[l.period].of(l.money) + t.reserved.of(l.money)
			give(t.scope, l.name, measured(used, l.money), measured(l.quota, l.money))
		}
	})
}
