// SPDX-License-Identifier: Apache-2.0

package budget

// InForce tells whether any budget binds anybody.
func (b *Budgets) InForce() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.book.config.Limits)+len(b.book.set) > 0
}
