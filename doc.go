// SPDX-License-Identifier: Apache-2.0

// Package holdfast holds the words of the house: the values and small interfaces that every
// other package speaks in, and nothing that touches a disk, a network or a clock.
//
// It is for naming things once. It is not for behaviour: what acts on these words lives in core
// and in the wings. Everybody imports it; it imports nothing of this module.
package holdfast
