// SPDX-License-Identifier: Apache-2.0

// Package redteam attacks a real house with a hostile tool server and a model that obeys whoever
// speaks to it, and holds what becomes of each attack against what docs/redteam.md promises.
//
// It is not for the parsers and guards by themselves, whose tests stand beside them. Each attack is a
// row: what is tried, who refuses it, and the entry of the journal that tells of it. `go test
// ./test/redteam -update` writes the table into the manual.
package redteam
