// SPDX-License-Identifier: Apache-2.0

package holdfast_test

import (
	"testing"

	"holdfast"
)

func TestByPerson(t *testing.T) {
	owner := holdfast.Caller{Kind: holdfast.CallerOwner, Name: "terminal", Tier: holdfast.TierOwner, Surface: "cli"}
	session := holdfast.Caller{Kind: holdfast.CallerOperator, Name: "ada", Tier: holdfast.TierOperator, Surface: "http"}
	as := func(c holdfast.Caller, change func(*holdfast.Caller)) holdfast.Caller {
		change(&c)
		return c
	}
	for name, c := range map[string]struct {
		caller holdfast.Caller
		agent  string
		want   bool
	}{
		"the owner at a terminal":        {caller: owner, want: true},
		"a session of the Hub":           {caller: session, want: true},
		"an operator's key":              {caller: holdfast.Caller{Kind: holdfast.CallerOperator, Name: "supervisor-token", Tier: holdfast.TierOperator, Surface: "http"}, want: true},
		"a caller without a surface":     {caller: as(session, func(c *holdfast.Caller) { c.Surface = "" }), want: true},
		"the owner for an agent":         {caller: owner, agent: "passthrough_agent"},
		"the owner by MCP":               {caller: as(owner, func(c *holdfast.Caller) { c.Surface = "mcp" })},
		"a unit with the owner's":        {caller: as(owner, func(c *holdfast.Caller) { c.Unit = "notes.ui" })},
		"a session for an agent":         {caller: session, agent: "passthrough_agent"},
		"an operator's key by MCP":       {caller: as(session, func(c *holdfast.Caller) { c.Surface = "mcp" })},
		"a unit with an operator's":      {caller: as(session, func(c *holdfast.Caller) { c.Unit = "notes.ui" })},
		"an operator lowered to a peer":  {caller: as(session, func(c *holdfast.Caller) { c.Tier = holdfast.TierTenantPeer })},
		"an agent of the owner's tier":   {caller: as(owner, func(c *holdfast.Caller) { c.Kind = holdfast.CallerAgent })},
		"a tenant's owner":               {caller: holdfast.Caller{Kind: holdfast.CallerTenant, Tenant: "acme", Tier: holdfast.TierTenantOwner, Surface: "http"}},
		"a tenant of an operator's tier": {caller: as(session, func(c *holdfast.Caller) { c.Kind = holdfast.CallerTenant })},
		"a webhook":                      {caller: as(session, func(c *holdfast.Caller) { c.Kind = holdfast.CallerWebhook })},
		"the house itself":               {caller: holdfast.Internal("hangup", "config.reload")},
		"nobody":                         {caller: holdfast.Nobody("http")},
	} {
		ctx := holdfast.WithCaller(t.Context(), c.caller)
		if c.agent != "" {
			ctx = holdfast.WithAgent(ctx, c.agent)
		}
		if got := holdfast.ByPerson(ctx); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	if holdfast.ByPerson(t.Context()) {
		t.Error("a context without a caller is a person's")
	}
}
