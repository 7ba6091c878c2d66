// SPDX-License-Identifier: Apache-2.0

// Package logs reads what units wrote: the last lines of one unit or of all, merged by time, over
// rotated and compressed files, filtered and followed; and it declares how logs are kept.
//
// It is not for writing logs, which the log keeper does (units/logkeeper), nor for the house's
// journal. It guarantees that a followed log neither misses nor doubles a line over a rotation,
// and that any bytes come out as valid text of bounded length. The app wires it.
package logs
