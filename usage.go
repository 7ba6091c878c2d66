// SPDX-License-Identifier: Apache-2.0

package holdfast

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
