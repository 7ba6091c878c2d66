// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"errors"
	"testing"

	"holdfast"
)

func TestAProgramOpensNoWayIn(t *testing.T) {
	h := lite(t)
	session := caller("ada")
	byMCP, unit := session, session
	byMCP.Surface, unit.Unit = "mcp", "notes.ui"
	for name, ctx := range map[string]context.Context{
		"by MCP":      holdfast.WithCaller(t.Context(), byMCP),
		"by a unit":   holdfast.WithCaller(t.Context(), unit),
		"by an agent": holdfast.WithAgent(holdfast.WithCaller(t.Context(), session), "passthrough_agent"),
	} {
		if _, err := h.createLink(ctx, linkIn{}); !isRefusal(err) {
			t.Errorf("a link was made %s: %v", name, err)
		}
	}
	if _, err := h.createLink(holdfast.WithCaller(t.Context(), session), linkIn{}); err != nil {
		t.Errorf("a person in the Hub: %v", err)
	}
}

func isRefusal(err error) bool {
	_, ok := errors.AsType[*holdfast.Refusal](err)
	return ok
}
