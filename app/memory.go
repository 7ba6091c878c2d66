// SPDX-License-Identifier: Apache-2.0

package app

import (
	"runtime"
	"runtime/debug"
)

// ballast is memory that the house asks for and never touches, so that it costs none.
//
// What lives in a house is small, some 6 MB, and a collection comes when as much garbage lies beside
// it: under load after every few hundred model calls, for a tenth of what they cost. The collector
// counts the ballast as alive and so lets at least as much garbage gather. Unlike a larger GOGC it adds
// the same few megabytes to a large heap as to a small one, and unlike a limit it never makes the
// collector run without end.
const ballast = 12 << 20

// takeBallast gives back what only the start needed, and takes the ballast until its release.
func takeBallast() (release func()) {
	debug.FreeOSMemory()
	kept := make([]byte, ballast)
	return func() { runtime.KeepAlive(kept) }
}

// emptyPools gives back what pools of libraries keep for a second time that does not come. What reads the
// migrations of a first start leaves 16 MB in one: untouched, but counted, so that the collector would let
// as much garbage lie between what the house keeps, and the pages of both stay. A pool is empty after two
// collections, which take some milliseconds while the heap is small.
func emptyPools() {
	runtime.GC()
	runtime.GC()
}
