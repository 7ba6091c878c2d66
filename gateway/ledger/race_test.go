// SPDX-License-Identifier: Apache-2.0

//go:build race

package ledger

// checks is how many random histories are tried where each takes ten times as long.
const checks = "20"
