// SPDX-License-Identifier: Apache-2.0

package anthropic

import (
	"holdfast/gateway/dialect"
	"holdfast/gateway/dialect/wire"
)

// Coding agents with many tools hold most of them back: the model is shown a deferred tool only once
// the result of a search that they run themselves refers to it. Other dialects have no such tools,
// but the client sends all of its tools each time, so that they get those which are to be seen.

// shown are the tools that results of the conversation refer to. It is read only for requests with
// deferred tools, whose messages were decoded, so that nothing in them is wrong.
func shown(m members) map[string]bool {
	names := map[string]bool{}
	each := func(v wire.Value, read func(members)) {
		if v.IsList() {
			_ = v.List(func(_ int, v wire.Value) error {
				if block, err := membersOf(v); err == nil {
					read(block)
				}
				return nil
			})
		}
	}
	each(m["messages"], func(message members) {
		each(message["content"], func(block members) {
			each(block["content"], func(inner members) {
				if kind, _ := inner.text("type"); kind == "tool_reference" {
					name, _ := inner.text("tool_name")
					names[name] = true
				}
			})
		})
	})
	return names
}

// decodeReference reads what a search for tools found. The tool itself is among the tools; the model
// is told of it in words.
func decodeReference(m members) (dialect.Part, error) {
	name, err := m.text("tool_name")
	return dialect.Part{Text: "The tool " + name + " can be called now. "}, first(err, m.only("type", "tool_name", "cache_control"))
}
