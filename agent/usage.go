// SPDX-License-Identifier: Apache-2.0

package agent

import "encoding/json"

// usage is a usage object of the OpenAI API: numbers, and objects of numbers, whatever they are
// called, so that classes of tokens that come later are summed too.
type usage map[string]json.RawMessage

// add sums two usages, number by number.
func (u usage) add(v usage) usage {
	sum := usage{}
	for key, value := range u {
		sum[key] = value
	}
	for key, value := range v {
		sum[key] = addValues(sum[key], value)
	}
	return sum
}

func addValues(a, b json.RawMessage) json.RawMessage {
	var x, y float64
	if json.Unmarshal(b, &y) == nil && string(b) != "null" {
		_ = json.Unmarshal(a, &x) // absent is 0
		return encode(x + y)
	}
	var of usage
	if json.Unmarshal(b, &of) == nil && of != nil {
		var have usage
		_ = json.Unmarshal(a, &have)
		return encode(have.add(of))
	}
	if a != nil {
		return a
	}
	return b
}

func (u usage) number(key string) int64 {
	var n float64
	_ = json.Unmarshal(u[key], &n) // absent is 0
	return int64(n)
}

// total is all tokens; a provider that does not sum them is summed here.
func (u usage) total() int64 {
	return max(u.number("total_tokens"), u.number("prompt_tokens")+u.number("completion_tokens"))
}

// complete has the three numbers that every client reads.
func (u usage) complete() usage {
	whole := u.add(nil)
	for _, key := range []string{"prompt_tokens", "completion_tokens"} {
		whole[key] = encode(u.number(key))
	}
	whole["total_tokens"] = encode(u.total())
	return whole
}
