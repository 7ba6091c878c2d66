// SPDX-License-Identifier: Apache-2.0

package holdfast

import "time"

// Usage counts the tokens of one model call by class. The classes are disjoint: Input leaves out
// the cached reads and cache writes, and Reasoning is a part of Output told apart for information.
type Usage struct {
	Input        int64 `json:"input"`
	CachedRead   int64 `json:"cached_read"`
	CacheWrite5m int64 `json:"cache_write_5m"`
	CacheWrite1h int64 `json:"cache_write_1h"`
	Output       int64 `json:"output"`
	Reasoning    int64 `json:"reasoning"`
}

// Total is the burn: every class, cached reads included; reasoning is inside output.
func (u Usage) Total() int64 {
	return u.Input + u.CachedRead + u.CacheWrite5m + u.CacheWrite1h + u.Output
}

// Add returns the sum of two usages.
func (u Usage) Add(v Usage) Usage {
	return Usage{
		Input: u.Input + v.Input, CachedRead: u.CachedRead + v.CachedRead,
		CacheWrite5m: u.CacheWrite5m + v.CacheWrite5m, CacheWrite1h: u.CacheWrite1h + v.CacheWrite1h,
		Output: u.Output + v.Output, Reasoning: u.Reasoning + v.Reasoning,
	}
}

// Breaker is how the token circuit breaker stands. State is armed, warn, halted, notify-only or
// blind; the caps and burns are tokens.
type Breaker struct {
	State    string    `json:"state"`
	Reason   string    `json:"reason,omitempty"`
	BurnHour int64     `json:"burn_hour"`
	BurnDay  int64     `json:"burn_day"`
	CapHour  int64     `json:"cap_hour"`
	CapDay   int64     `json:"cap_day"`
	Until    time.Time `json:"cooldown_until,omitzero"`
}
