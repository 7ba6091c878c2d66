// SPDX-License-Identifier: Apache-2.0

package anthropic

import (
	"bytes"
	"slices"

	"holdfast/gateway/dialect"
	"holdfast/gateway/dialect/wire"
)

// decodeEffort reads how much the model shall think and do.
func decodeEffort(v wire.Value, place *string) error {
	effort, err := v.Text()
	if err == nil && !slices.Contains([]string{"low", "medium", "high", "xhigh", "max"}, effort) {
		return wire.Wrong("must be low, medium, high, xhigh or max")
	}
	*place = effort
	return err
}

// turnEffort reads the effort that a system message amid the conversation sets; "" for none.
func turnEffort(message members, role dialect.Role) (effort string, err error) {
	err = message.with("output_config", func(v wire.Value) error {
		if role != dialect.System {
			return wire.Wrong("may stand in a system message alone")
		}
		m, err := membersOf(v)
		if err != nil {
			return err
		}
		return first(m.only("effort"), m.with("effort", func(v wire.Value) error { return decodeEffort(v, &effort) }))
	})
	return effort, err
}

// decodeTurns lets the effort that the conversation set last stand for the whole request, as no other
// dialect changes it on the way. It counts from the user's turn that it follows, else from the next
// one; results of tools alone are no turn. The messages were decoded, so that nothing in them is wrong.
func decodeTurns(r *dialect.Request, m members) error {
	if !bytes.Contains(m["messages"].Raw, []byte(`"output_config"`)) {
		return nil
	}
	inForce, next, turn := "", "", false
	err := m["messages"].List(func(_ int, v wire.Value) error {
		message, err := membersOf(v)
		if err != nil {
			return err
		}
		name, err := message.text("role")
		if err != nil {
			return err
		}
		role := dialect.Role(name)
		effort, err := turnEffort(message, role)
		switch {
		case effort != "" && turn:
			inForce, next = effort, ""
		case effort != "":
			next = effort
		case role == dialect.User && asks(message["content"]):
			turn = true
			if next != "" {
				inForce, next = next, ""
			}
		case role != dialect.System:
			turn = false
		}
		return err
	})
	if inForce != "" {
		reasoning(r).Effort = inForce
	}
	return err
}

// asks tells whether a user's message holds more than results of tools.
func asks(content wire.Value) bool {
	if !content.IsList() {
		return true
	}
	more := false
	_ = content.List(func(_ int, v wire.Value) error {
		block, err := membersOf(v)
		kind, _ := block.text("type")
		more = more || kind != "tool_result"
		return err
	})
	return more
}
