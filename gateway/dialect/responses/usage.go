// SPDX-License-Identifier: Apache-2.0

package responses

import (
	"holdfast"
	"holdfast/gateway/dialect/wire"
)

// parseUsage reads a usage object, in which tokens read from and written to a cache are part of the
// input and reasoning part of the output. It is false for an object that says nothing believable.
func parseUsage(raw []byte) (holdfast.Usage, bool) {
	var input, output, cached, written, reasoning int64
	ok := true
	each(raw, func(key, value []byte) {
		switch string(key) {
		case "input_tokens":
			input = wire.Count(value, &ok)
		case "output_tokens":
			output = wire.Count(value, &ok)
		case "input_tokens_details":
			each(value, func(key, value []byte) {
				switch string(key) {
				case "cached_tokens":
					cached = wire.Count(value, &ok)
				case "cache_write_tokens":
					written = wire.Count(value, &ok)
				}
			})
		case "output_tokens_details":
			each(value, func(key, value []byte) {
				if string(key) == "reasoning_tokens" {
					reasoning = wire.Count(value, &ok)
				}
			})
		}
	})
	cached = min(cached, input)
	written = min(written, input-cached)
	u := holdfast.Usage{
		Input: input - cached - written, CachedRead: cached, CacheWrite5m: written,
		Output: output, Reasoning: min(reasoning, output),
	}
	return u, ok && u.Total() > 0
}

func each(raw []byte, take func(key, value []byte)) {
	s := wire.Scanner{B: raw}
	s.Members(func(m wire.Member) bool {
		take(m.Key, raw[m.Start:m.End])
		return true
	})
}

func writeUsage(j *wire.JSON, u holdfast.Usage) {
	written := u.CacheWrite5m + u.CacheWrite1h
	input := u.Input + u.CachedRead + written
	j.Open()
	j.Key("input_tokens").Int(input)
	j.Key("input_tokens_details").Open()
	j.Key("cached_tokens").Int(u.CachedRead)
	j.Key("cache_write_tokens").Int(written)
	j.Close()
	j.Key("output_tokens").Int(u.Output)
	j.Key("output_tokens_details").Open()
	j.Key("reasoning_tokens").Int(u.Reasoning)
	j.Close()
	j.Key("total_tokens").Int(input + u.Output)
	j.Close()
}
