// SPDX-License-Identifier: Apache-2.0

// Package extension reads the folders under extensions/ and says what they contribute to the
// house: units to keep running, paths of the front door, and tools.
//
// It is not for running anything (units/supervisor does), for serving tools (agent/tools) nor for
// fetching extensions (the update queue). A manifest is read without executing anything, and one
// that is wrong hurts its own extension only: it is shown as broken, with file, line and column.
// Ports are given once per name and never again to another. Keys, the network and the like are
// granted at the first sight of a folder; what its files ask for beyond that waits for a person. What
// it settles stands in master_config.json and, written back, in each extension's config.json, where
// unknown fields stay as they are. Callers: app wires it; the rest reads it by small interfaces.
package extension
