// SPDX-License-Identifier: Apache-2.0

// Package wire holds what the dialects share at the level of bytes: a scanner for JSON that was
// checked, values that are read strictly with the path of what is wrong, a writer of JSON, the framing
// of server-sent events, edits in place, and the estimate of tokens.
//
// It knows no dialect and no network. All input is hostile: nothing panics, nothing grows without
// bound. Callers: the packages below gateway/dialect, the gateway and its providers.
package wire
