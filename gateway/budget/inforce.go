// SPDX-License-Identifier: Apache-2.0

package budget

// InForce tells whether any budget binds anybody.
func (b *Budgets) InForce() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.started { // no house runs: what was set at run time is not read
		return len(b.needs.Config.Limits) > 0
	}
	return len(b.book.config.Limits)+len(b.book.set) > 0
}
