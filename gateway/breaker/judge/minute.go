// SPDX-License-Identifier: Apache-2.0

package judge

import "time"

// A Minute is what was burned in one minute, by whom: what windows are built of again.
type Minute struct {
	// At is the minute since 1970.
	At int64 `json:"at"`
	// Tenant and Key are empty where a call had none.
	Tenant string `json:"tenant,omitempty"`
	Key    string `json:"key,omitempty"`
	Tokens int64  `json:"tokens"`
}

// MinuteOf is the minute that a time is in.
func MinuteOf(t time.Time) int64 { return t.Unix() / 60 }
