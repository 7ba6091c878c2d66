// SPDX-License-Identifier: Apache-2.0

// Package watch is the small process outside the house that starts it again when it died or hangs,
// and what the house needs of it: to start it, end it, and tell it how the house stands.
//
// It is not for units, which the house watches, nor for a house that the system's own service
// manager runs. It guarantees one watch a home (a kernel lock), that no house is started beside a
// living one (the house's own lock), that nothing is started while `down` stands or cannot be read,
// that only the house's process is ever signalled, and that a machine that slept or a clock that
// jumped is no reason to do so. cmd/holdfast-watch runs it; app starts, feeds and ends it.
//
//	             starts                       died, or hangs twice in a row
//	up ──▶ house ──────▶ watch ──▶ attending ─────────────────────────▶ what now?
//	         ▲                                                            │
//	         ├── starts again, later each time ◀── neither down nor ended ┤
//	         └── ends what is left, starts nothing ◀── down stands ───────┤
//	                                     ends itself ◀── orderly end ─────┘
package watch
