// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"holdfast"
	"holdfast/core/action"
)

// A Page is all that is to know about one agent: what it may do, with what, and within which bounds.
type Page struct {
	Name         string `json:"name"`
	BaseAgent    string `json:"base_agent"`
	IsPreset     bool   `json:"is_preset"`
	Home         bool   `json:"home" help:"a Python module of the home"`
	Alias        string `json:"alias,omitempty" help:"the model that it asks"`
	SystemPrompt string `json:"system_prompt,omitempty"`
	// Tier is the standing that it acts with; it has none of its own.
	Tier      string          `json:"tier"`
	Tools     []ToolPage      `json:"tools" help:"what it may call for a caller of the asker's tier"`
	Alone     int             `json:"alone" help:"how many of them run without approval"`
	Asks      int             `json:"asks" help:"how many wait for approval"`
	Destroy   int             `json:"destroy" help:"how many destroy"`
	Secrets   []Secret        `json:"secrets" help:"keys that it, or the servers of its tools, are given"`
	Request   Budget          `json:"request" help:"bounds of one request"`
	Budgets   json.RawMessage `json:"budgets,omitempty" help:"what it may spend, and has"`
	Sandbox   Sandbox         `json:"sandbox"`
	Approval  int64           `json:"approval_seconds" help:"how long a call waits for approval"`
	LastTrace []Trace         `json:"last_traces" help:"its newest requests"`
	Problem   string          `json:"problem,omitempty" help:"why it cannot be used, as far as is known"`
}

// A ToolPage is one tool on an agent's page.
type ToolPage struct {
	Name        string        `json:"name"`
	Source      string        `json:"source"`
	Passthrough bool          `json:"passthrough"`
	Tier        holdfast.Tier `json:"tier"`
	ReadOnly    bool          `json:"read_only"`
	Destructive bool          `json:"destructive"`
}

// A Secret is a key that somebody is given, by name.
type Secret struct {
	Key  string `json:"key"`
	Who  string `json:"who" help:"the agent itself, or an extension"`
	Here bool   `json:"set"`
}

// A Sandbox is what an agent may touch besides its tools.
type Sandbox struct {
	Kind    string   `json:"kind" help:"in the house: it has no process, and does nothing but ask models and call tools; confined: a process of its own"`
	Read    []string `json:"read,omitempty"`
	Write   []string `json:"write,omitempty"`
	Network string   `json:"network,omitempty"`
}

type agentName struct {
	Name string `json:"name" required:"true" pos:"1" help:"an agent or preset, from agent list"`
}

func (a desk) showAction() holdfast.Action {
	return action.NewAction(holdfast.Action{
		Name: "agent.show", Summary: "Show what one agent may do: tools, tier, secrets, budget, sandbox, bounds",
		Tier: holdfast.TierOperator, Effect: holdfast.EffectRead, Examples: []string{"holdfast agent show passthrough_agent"},
	}, a.show)
}

func (a desk) show(ctx context.Context, in agentName) (Page, error) {
	as, ok := a.persona(in.Name)
	if !ok {
		return Page{}, holdfast.Errorf(holdfast.CodeNotFound, "there is no agent %q, or it is off: `holdfast agent list` shows those that there are", in.Name)
	}
	s := a.settings()
	p := Page{
		Name: as.name, BaseAgent: as.base, IsPreset: as.preset, Home: as.home, Alias: as.alias, SystemPrompt: as.prompt,
		Tier:  "that of whoever asks it; no tool, prompt or approval raises it",
		Tools: []ToolPage{}, Secrets: []Secret{}, Approval: int64(s.Approval.Std().Seconds()),
		Request: Budget{Steps: as.bounds.steps, Tokens: as.bounds.tokens, Seconds: int64(as.bounds.time.Seconds())},
	}
	if as.home {
		p.alone(a.Agents, as)
	} else {
		p.inHouse(ctx, a.Agents, as)
	}
	if a.needs.Budgets != nil {
		// What cannot be told now is left out: the rest of the page stands.
		if known, err := a.needs.Budgets(ctx, "agent:"+as.name); err == nil {
			p.Budgets = encode(known)
		}
	}
	var err error
	p.LastTrace, err = a.traces.newest(ctx, 5, as.name, "")
	for i := range p.LastTrace {
		p.LastTrace[i] = p.LastTrace[i].brief()
	}
	return p, err
}

// inHouse is the page of an agent that has no process.
func (p *Page) inHouse(ctx context.Context, a *Agents, as persona) {
	p.Sandbox = Sandbox{Kind: "in the house"}
	sources := map[string]bool{}
	for _, e := range a.view(holdfast.CallerFrom(ctx), as).Now() {
		p.Tools = append(p.Tools, ToolPage{e.Name, e.Source, e.Passthrough, e.Tier, e.ReadOnly, e.Destructive})
		if e.Passthrough {
			p.Alone++
		} else {
			p.Asks++
		}
		if e.Destructive {
			p.Destroy++
		}
		sources[e.Source] = true
	}
	if a.needs.Required == nil {
		return
	}
	for _, one := range a.needs.Required() {
		if sources[one.Who] || sources["extension "+one.Who] {
			_, one.Here = a.needs.Keys.Get(one.Key)
			p.Secrets = append(p.Secrets, one)
		}
	}
	slices.SortFunc(p.Secrets, func(x, y Secret) int { return strings.Compare(x.Key+x.Who, y.Key+y.Who) })
}

// alone is the page of an agent of the home, which has its own process.
func (p *Page) alone(a *Agents, as persona) {
	decl := a.homes.declare(as.name)
	p.Sandbox = Sandbox{Kind: "confined", Read: decl.Sandbox.Read, Write: decl.Sandbox.Write, Network: "on"}
	if _, ok := decl.Env["OPENAI_API_KEY"]; ok {
		p.Secrets = append(p.Secrets, Secret{Key: apiKeyName, Who: as.name, Here: true})
	}
	if err := a.homes.trouble(as.name); err != nil {
		p.Problem = err.Error()
	}
}
