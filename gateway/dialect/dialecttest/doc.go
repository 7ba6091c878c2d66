// SPDX-License-Identifier: Apache-2.0

// Package dialecttest is the conformance suite of the dialects: requests, answers and streams that say
// the same in each of them are translated each to each, and must say the same on the other side.
//
// The fixtures are written by hand, as clients and servers send them, and streams are judged by a
// strict grammar of each dialect that shares no code with the dialects' own readers. It is for tests
// alone. Callers: the dialects' tests and those of the gateway.
package dialecttest
