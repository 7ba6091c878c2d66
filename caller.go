// SPDX-License-Identifier: Apache-2.0

package holdfast

import "context"

// CallerKind says what sort of party asks.
type CallerKind string

// The kinds of caller of the glossary, and nobody.
const (
	CallerOperator CallerKind = "operator"
	CallerOwner    CallerKind = "owner"
	CallerTenant   CallerKind = "tenant"
	CallerAgent    CallerKind = "agent"
	CallerSchedule CallerKind = "schedule"
	CallerWebhook  CallerKind = "webhook"
	CallerNobody   CallerKind = "nobody"
)

// A Caller is who asks for an action, and with what standing.
type Caller struct {
	Kind CallerKind `json:"kind"`
	// Name identifies the caller within its kind: an account, a key, a unit.
	Name string `json:"name"`
	Tier Tier   `json:"tier"`
	// Unit is the unit whose process asks, empty for people.
	Unit string `json:"unit,omitempty"`
	// Tenant is empty for the house itself.
	Tenant string `json:"tenant,omitempty"`
	// Key names the API key that the caller bore, empty for none.
	Key string `json:"key,omitempty"`
	// Surface is where the request came in: cli, http, mcp, chat, house.
	Surface string `json:"surface,omitempty"`
	// Only names the one action that a schedule or webhook was set up for.
	Only string `json:"only,omitempty"`
}

// Human tells whether the caller has the standing of a person of tier operator or above. A program may
// bear it: whether a person asks is for ByPerson.
func (c Caller) Human() bool {
	return (c.Kind == CallerOperator || c.Kind == CallerOwner) && c.Tier >= TierOperator
}

// String is the caller as the journal writes it: kind:name.
func (c Caller) String() string {
	if c.Name == "" {
		return string(c.Kind)
	}
	return string(c.Kind) + ":" + c.Name
}

// Nobody is a caller about whom nothing is known.
func Nobody(surface string) Caller {
	return Caller{Kind: CallerNobody, Tier: TierPublic, Surface: surface}
}

// Internal is the house acting for itself, on the one action named.
func Internal(name, only string) Caller {
	return Caller{Kind: CallerSchedule, Name: name, Tier: TierInternal, Surface: "house", Only: only}
}

type callerKey struct{}

// WithCaller attaches the caller to a context for the run of one action.
func WithCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// CallerFrom returns the caller of the action under way, nobody when there is none.
func CallerFrom(ctx context.Context) Caller {
	if c, ok := ctx.Value(callerKey{}).(Caller); ok {
		return c
	}
	return Nobody("")
}

// ByPerson tells whether a person of tier operator or above asks: only they confirm what destroys and
// give programs more. Three count: the owner at a terminal, a session of the Hub, and who bears an
// operator's key. None of them counts when a unit's process asks, when the request came in by MCP, or
// on behalf of an agent, whatever the caller's kind and tier: there a program speaks.
func ByPerson(ctx context.Context) bool {
	c := CallerFrom(ctx)
	return c.Human() && c.Unit == "" && c.Surface != "mcp" && AgentFrom(ctx) == ""
}

type agentKey struct{}

// WithAgent names the agent on whose behalf model and tool calls are made.
func WithAgent(ctx context.Context, agent string) context.Context {
	return context.WithValue(ctx, agentKey{}, agent)
}

// AgentFrom returns the agent on whose behalf a call is made, empty for none.
func AgentFrom(ctx context.Context) string {
	agent, _ := ctx.Value(agentKey{}).(string)
	return agent
}

// BypassVariable asks, when it is 1 in the environment of an owner's terminal, that one dispatch be
// let past a HALT. No unit and no worker ever has it.
const BypassVariable = "HOLDFAST_BREAKER_BYPASS"

// BypassHeader asks for the same on the control socket.
const BypassHeader = "Holdfast-Bypass"

type bypassKey struct{}

// WithBypass marks a request whose caller asked for the bypass. Who may have it is for the breaker.
func WithBypass(ctx context.Context) context.Context {
	return context.WithValue(ctx, bypassKey{}, true)
}

// BypassFrom tells whether the caller asked for the bypass.
func BypassFrom(ctx context.Context) bool {
	asked, _ := ctx.Value(bypassKey{}).(bool)
	return asked
}
