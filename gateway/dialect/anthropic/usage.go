// SPDX-License-Identifier: Apache-2.0

package anthropic

import (
	"holdfast"
	"holdfast/gateway/dialect/wire"
)

// counted is usage as the dialect counts it: input, reads and writes of the cache are disjoint,
// thinking is part of output.
type counted struct {
	input, read, written int64
	written5m, written1h int64
	output, thinking     int64
	unbelievable         bool
}

// take reads a usage object. The counts of a stream are cumulative and some servers repeat zeros, so
// the largest holds.
func (c *counted) take(raw []byte) {
	ok := true
	larger := func(place *int64, raw []byte) {
		*place = max(*place, wire.Count(raw, &ok))
	}
	eachMember(raw, func(key, value []byte) {
		switch string(key) {
		case "input_tokens":
			larger(&c.input, value)
		case "cache_read_input_tokens":
			larger(&c.read, value)
		case "cache_creation_input_tokens":
			larger(&c.written, value)
		case "output_tokens":
			larger(&c.output, value)
		case "cache_creation":
			eachMember(value, func(key, value []byte) {
				switch string(key) {
				case "ephemeral_5m_input_tokens":
					larger(&c.written5m, value)
				case "ephemeral_1h_input_tokens":
					larger(&c.written1h, value)
				}
			})
		case "output_tokens_details":
			eachMember(value, func(key, value []byte) {
				if string(key) == "thinking_tokens" {
					larger(&c.thinking, value)
				}
			})
		}
	})
	c.unbelievable = c.unbelievable || !ok
}

// usage is the count in the house's classes; false when it says nothing believable. Writes whose life
// is not told are of five minutes, the dialect's default.
func (c *counted) usage() (holdfast.Usage, bool) {
	u := holdfast.Usage{
		Input: c.input, CachedRead: c.read, CacheWrite5m: c.written5m, CacheWrite1h: c.written1h,
		Output: c.output, Reasoning: min(c.thinking, c.output),
	}
	u.CacheWrite5m += max(0, c.written-c.written5m-c.written1h)
	return u, !c.unbelievable && u.Total() > 0
}

func eachMember(raw []byte, each func(key, value []byte)) {
	s := wire.Scanner{B: raw}
	s.Members(func(m wire.Member) bool {
		each(m.Key, raw[m.Start:m.End])
		return true
	})
}

// writeUsage writes usage as a whole message has it.
func writeUsage(j *wire.JSON, u holdfast.Usage) {
	j.Open()
	writeCounts(j, u)
	j.Key("cache_creation").Open()
	j.Key("ephemeral_5m_input_tokens").Int(u.CacheWrite5m)
	j.Key("ephemeral_1h_input_tokens").Int(u.CacheWrite1h)
	j.Close()
	j.Key("service_tier").Null()
	j.Close()
}

func writeCounts(j *wire.JSON, u holdfast.Usage) {
	j.Key("input_tokens").Int(u.Input)
	j.Key("cache_creation_input_tokens").Int(u.CacheWrite5m + u.CacheWrite1h)
	j.Key("cache_read_input_tokens").Int(u.CachedRead)
	j.Key("output_tokens").Int(u.Output)
	if u.Reasoning > 0 {
		j.Key("output_tokens_details").Open()
		j.Key("thinking_tokens").Int(u.Reasoning)
		j.Close()
	}
	j.Key("server_tool_use").Null()
}
