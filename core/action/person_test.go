// SPDX-License-Identifier: Apache-2.0

package action_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"holdfast"
)

// asked is a request in which a program speaks with a person's standing.
type asked struct {
	name   string
	ctx    context.Context
	caller holdfast.Caller
}

func programs(t *testing.T) []asked {
	byMCP, unit := operator(), operator()
	byMCP.Surface, unit.Unit = "mcp", "notes.ui"
	return []asked{
		{"an operator's key by MCP", t.Context(), byMCP},
		{"a unit", t.Context(), unit},
		{"an agent of an operator", holdfast.WithAgent(t.Context(), "passthrough_agent"), operator()},
	}
}

func TestAProgramAllowsNoHeldCall(t *testing.T) {
	q := newQueue(t, sqlite(t))
	q.hold(t, "one")
	for _, p := range programs(t) {
		_, err := q.Dispatch(p.ctx, p.caller, "approval.allow", json.RawMessage(`{"id":"one"}`), nil)
		if refusal, ok := errors.AsType[*holdfast.Refusal](err); !ok || refusal.Guard != "approval" || q.state(t, "one").State != "pending" {
			t.Fatalf("%s: %v", p.name, err)
		}
	}
	if _, err := q.do(t, operator(), "approval.allow", `{"id":"one"}`, nil); err != nil || q.carried.Load() != 1 {
		t.Errorf("a person: %v, carried out %d times", err, q.carried.Load())
	}
}

func TestAProgramConfirmsNothing(t *testing.T) {
	b := newBench(t, sqlite(t))
	id := pending(t, b, agent())
	for _, p := range programs(t) {
		_, err := b.Dispatch(p.ctx, p.caller, "approval.allow", json.RawMessage(`{"id":"`+id+`"}`), nil)
		if refusal, ok := errors.AsType[*holdfast.Refusal](err); !ok || refusal.Guard != "inventory" {
			t.Errorf("%s allows: %v", p.name, err)
		}
		_, err = b.Dispatch(p.ctx, p.caller, "test.delete", json.RawMessage(`{"name":"y"}`), nil)
		if _, waits := errors.AsType[*holdfast.Pending](err); !waits {
			t.Errorf("%s destroys: %v", p.name, err)
		}
	}
	_, err := b.do(t, operator(), "test.delete", `{"name":"y"}`, nil)
	if _, shown := errors.AsType[*holdfast.Unconfirmed](err); !shown {
		t.Errorf("a person is shown no inventory: %v", err)
	}
}
