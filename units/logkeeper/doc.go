// SPDX-License-Identifier: Apache-2.0

// Package logkeeper keeps what units write: a small process of its own (Keep) that takes their
// standard output and error from pipes, stamps each line, appends it to the unit's log, rotates
// and compresses; and the Client by which the house starts it, hands out the pipes and replaces it.
//
// It is not for reading logs (units/logs) nor for deciding what a unit is. It guarantees that a
// keeper killed at any moment loses, doubles and splits no line: its successor goes on where it
// was. The bytes of a unit survive as long as the house, the watch (Hold) or the unit itself holds
// the pipe. holdfast-watch calls Keep and Hold, the app makes the Client.
package logkeeper
