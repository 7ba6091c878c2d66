// SPDX-License-Identifier: Apache-2.0

// Package outside sees processes as the kernel shows them: by /proc, never by asking who started them.
//
// It is for tests and benchmarks that must not believe the house: which processes belong to a
// folder, whose mark they bear, what they cost; and for ending all of them, by a guardian process
// even when the test itself is killed; for giving a program a clock that differs from the
// machine's; and for reading logs that the house or another supervisor packed. It is not for the
// house. Linux only. Callers: test/chaos, bench/supervise.
package outside
