// SPDX-License-Identifier: Apache-2.0

//go:build !race

package ledger

// checks is how many random histories are tried.
const checks = "100"
