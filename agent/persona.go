// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"holdfast"
	"holdfast/agent/tools"
)

// The built-in agents, as models.
const (
	// Name plans: it may want several tools at once, and says so when it needs none.
	Name = "passthrough_agent"
	// Simple reasons, acts and observes: one tool after the other, by the model's own tool calling.
	Simple = "simple_agent"
)

// builtIn tells that a model is a built-in agent, alone or with an alias behind it.
func builtIn(model string) bool {
	name, _, _ := strings.Cut(model, "/")
	return name == Name || name == Simple
}

// a persona is what one request runs as: a built-in agent, or a preset of one.
type persona struct {
	name   string // as a model
	base   string
	preset bool
	home   bool   // it is one of the home's, and does all by itself
	alias  string // asked for plans and answers
	prompt string
	bounds bounds
	chosen *tools.Selection // nil inherits all
	// planning is how the planner has its model plan.
	planning string
}

// bounds are those of one request.
type bounds struct {
	steps  int
	tokens int64
	time   time.Duration
}

// plans tells the planner from the plain loop.
func (p persona) plans() bool { return p.base == Name }

// persona finds what a model's name stands for.
func (a *Agents) persona(model string) (persona, bool) {
	if builtIn(model) {
		return a.builtInPersona(model)
	}
	kept, ok := a.presets.all()[model]
	if !ok {
		return a.homePersona(model)
	}
	if kept.Enabled != nil && !*kept.Enabled {
		return persona{}, false
	}
	as, err := a.dress(model, kept)
	return as, err == nil
}

// builtInPersona is a built-in agent, with an alias behind its name or not.
func (a *Agents) builtInPersona(model string) (persona, bool) {
	s := a.settings()
	name, alias, with := strings.Cut(model, "/")
	if with && (alias == "" || builtIn(alias)) {
		return persona{}, false
	}
	p := persona{name: name, base: name, alias: s.Model, planning: s.Plan, bounds: bounds{s.Steps, s.Tokens, s.Time.Std()}}
	if with {
		p.alias = alias
	}
	return p, name == Name || name == Simple
}

// view is the tools that a caller has with a persona.
func (a *Agents) view(caller holdfast.Caller, as persona) View {
	return a.needs.View(caller, tools.Scope{Preset: as.chosen})
}

// Models lists the agents as models, with as many tools as the caller of ctx has with each.
func (a *Agents) Models(ctx context.Context) []holdfast.AgentModel {
	caller := holdfast.CallerFrom(ctx)
	var list []holdfast.AgentModel
	for _, name := range []string{Name, Simple} {
		as, _ := a.builtInPersona(name)
		list = append(list, holdfast.AgentModel{Name: name, BaseAgent: name, ToolCount: len(a.view(caller, as).Now())})
	}
	all := a.presets.all()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if as, ok := a.persona(name); ok && !builtIn(name) {
			list = append(list, holdfast.AgentModel{Name: name, BaseAgent: as.base, IsPreset: true, ToolCount: len(a.view(caller, as).Now())})
		}
	}
	for _, name := range a.homes.names() {
		if _, hidden := all[name]; !hidden {
			list = append(list, holdfast.AgentModel{Name: name, BaseAgent: name})
		}
	}
	return list
}
