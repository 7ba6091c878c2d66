// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"crypto/rand"
	"database/sql"
	"embed"
	"encoding/base64"
	"errors"

	"holdfast"
	"holdfast/agent/tools"
	"holdfast/core/action"
	"holdfast/core/house"
)

const (
	apiKeyName   = "AGENT_API_KEY" //nolint:gosec // the name of a key is no key
	apiKeyPrefix = "sk-"
)

//go:embed migrations
var migrations embed.FS

// Capability is what the agents contribute to the house.
func (a *Agents) Capability() house.Capability {
	return house.Capability{
		Name:   "agent",
		Config: a.section, Migrations: migrations,
		Actions: a.actions(),
		Start:   a.start, Run: a.traces.run, Stop: a.stop,
		Reason: "agents use the tools and are looked up by the gateway",
	}
}

// actions are those on agents and on presets.
func (a *Agents) actions() []holdfast.Action { return append(desk{a}.all(), shelf{a}.all()...) }

// An Info is one agent.
type Info struct {
	Name    string `json:"name"`
	Kind    string `json:"kind" enum:"built-in,home"`
	Summary string `json:"summary"`
	Model   string `json:"model" help:"the alias that it plans with"`
	Tools   int    `json:"tools" help:"how many tools a caller of the asker's tier has with it"`
	Alone   int    `json:"alone" help:"how many of them run without approval"`
	Steps   int    `json:"steps"`
	Tokens  int64  `json:"tokens"`
	Seconds int64  `json:"seconds"`
	Problem string `json:"problem,omitempty" help:"why it cannot be used, as far as is known"`
}

type agentList struct {
	Agents   []Info             `json:"agents"`
	Problems []holdfast.Problem `json:"problems,omitempty" help:"what lies in agents/ and cannot be an agent"`
}

type traceInput struct {
	ID    string `json:"id" pos:"1" help:"a trace, as the header X-Holdfast-Trace of an answer names it; without it the newest are listed"`
	Limit int    `json:"limit" default:"20" min:"1" max:"200" help:"how many to list"`
}

type traceFilter struct {
	Agent string `json:"agent" help:"of this agent or preset alone"`
	State string `json:"state" enum:",running,done,waiting,stopped,cancelled,failed" help:"in this state alone"`
	Limit int    `json:"limit" default:"50" min:"1" max:"2000" help:"how many to list"`
}

type traceList struct {
	Traces []Trace `json:"traces"`
}

type apiKey struct {
	APIKey string `json:"api_key"`
}

// a desk is the actions on agents.
type desk struct{ *Agents }

func (a desk) all() []holdfast.Action {
	return []holdfast.Action{
		a.showAction(),
		action.NewAction(holdfast.Action{
			Name: "agent.list", Short: "agents", Summary: "List the agents: built-in ones and those of the home; presets are under preset list",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectRead,
			Routes: []holdfast.ActionRoute{{Method: "GET", Path: "/api/supervisor/agents/built-in"}},
		}, a.agents),
		action.NewAction(holdfast.Action{
			Name: "agent.trace", Summary: "Show what requests to agents did: plans, tool calls, timings, tokens",
			Help: "The newest 2,000 of the last 14 days are kept, over restarts of the house.",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectRead, Examples: []string{"holdfast agent trace", "holdfast agent trace 4k2mzq7vhd3w5x6a"},
		}, a.trace),
		action.NewAction(holdfast.Action{
			Name: "agent.traces", Summary: "List what was asked of agents, newest first",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectRead, Examples: []string{"holdfast agent traces", "holdfast agent traces --state failed"},
		}, a.list),
		action.NewAction(holdfast.Action{
			Name: "agent.api_key", Summary: "Show the key of the agent API",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectRead, Reveals: true,
			Routes: []holdfast.ActionRoute{{Method: "GET", Path: "/api/supervisor/agents/api-key"}},
		}, a.showKey),
		action.NewAction(holdfast.Action{
			Name: "agent.regenerate_key", Summary: "Replace the key of the agent API; clients with the old one are refused",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectChange, Reveals: true,
			Routes: []holdfast.ActionRoute{{Method: "POST", Path: "/api/supervisor/agents/api-key/regenerate"}, {Method: "POST", Path: "/api/supervisor/agents/regenerate"}},
		}, a.regenerate),
	}
}

func (a desk) agents(ctx context.Context, _ action.Nothing) (agentList, error) {
	settings := a.settings()
	entries, _, err := a.needs.View(holdfast.CallerFrom(ctx), tools.Scope{}).Soon(ctx, soon)
	if err != nil {
		return agentList{}, err
	}
	info := Info{
		Kind: "built-in", Model: settings.Model, Tools: len(entries),
		Steps: settings.Steps, Tokens: settings.Tokens, Seconds: int64(settings.Time.Std().Seconds()),
	}
	for _, e := range entries {
		if e.Passthrough {
			info.Alone++
		}
	}
	planner, simple := info, info
	planner.Name, planner.Summary = Name, "Plans tool calls, runs those that may run by themselves, and hands the others to the client for approval"
	simple.Name, simple.Summary = Simple, "Reasons, calls one tool, looks at what it says, and goes on; with the same approvals"
	list := agentList{Agents: []Info{planner, simple}, Problems: a.homes.stray()}
	presets := a.presets.all()
	for _, name := range a.homes.names() {
		one := Info{Name: name, Kind: "home", Summary: "A Python module of the home: agents/" + name + "/agent.py", Seconds: info.Seconds}
		if _, hidden := presets[name]; hidden {
			one.Problem = "a preset has its name, and answers in its place"
		} else if err := a.homes.trouble(name); err != nil {
			one.Problem = err.Error()
		}
		list.Agents = append(list.Agents, one)
	}
	return list, nil
}

func (a desk) trace(ctx context.Context, in traceInput) (traceList, error) {
	if in.ID == "" {
		return a.list(ctx, traceFilter{Limit: in.Limit})
	}
	found, err := a.traces.find(ctx, in.ID)
	if errors.Is(err, sql.ErrNoRows) {
		err = holdfast.Errorf(holdfast.CodeNotFound, "there is no trace %q: the newest %d of the last 14 days are kept", in.ID, manyTraces)
	}
	return traceList{Traces: []Trace{found}}, err
}

func (a desk) list(ctx context.Context, in traceFilter) (traceList, error) {
	list, err := a.traces.newest(ctx, in.Limit, in.Agent, in.State)
	for i := range list {
		list[i] = list[i].brief()
	}
	return traceList{Traces: list}, err
}

func (a desk) showKey(context.Context, action.Nothing) (apiKey, error) {
	key, ok := a.needs.Keys.Get(apiKeyName)
	if !ok || key.Empty() {
		return apiKey{}, holdfast.Errorf(holdfast.CodeNotFound, "%s is not set: `holdfast agent regenerate_key` makes one", apiKeyName)
	}
	return apiKey{key.Reveal()}, nil
}

func (a desk) regenerate(ctx context.Context, _ action.Nothing) (apiKey, error) {
	random := make([]byte, 32)
	_, _ = rand.Read(random) // never fails
	key := holdfast.NewSecret(apiKeyPrefix + base64.RawURLEncoding.EncodeToString(random))
	if err := a.needs.Keys.Set(ctx, apiKeyName, key); err != nil {
		return apiKey{}, err
	}
	return apiKey{key.Reveal()}, nil
}
