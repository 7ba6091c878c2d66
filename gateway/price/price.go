// SPDX-License-Identifier: Apache-2.0

// Package price tells what model calls cost.
//
// It is for the embedded table of prices, the operator's overrides, and the sum of one call. It is
// not for budgets, which spend what it says. A price that is not known is unknown, never 0; an
// explicit 0 is kept. Amounts are whole nano-dollars, so that sums reconcile. Callers: the ledger at
// every reservation and settlement, and the lists of prices.
package price

// A Cost is an amount of money in billionths of a US dollar, where it is known.
type Cost struct {
	Nano  int64
	Known bool
}
