// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"encoding/json"
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
	alias  string // asked for plans and answers
	prompt string
	bounds bounds
}

// bounds are those of one request.
type bounds struct {
	steps  int
	tokens int64
	time   time.Duration
}

// plans tells the planner from the plain loop.
func (p persona) plans() bool { return p.base == Name }

// persona finds what a model's name stands for: a built-in agent, with an alias behind it or not.
func (a *Agents) persona(model string) (persona, bool) {
	s := a.settings()
	name, alias, with := strings.Cut(model, "/")
	if with && (alias == "" || builtIn(alias)) {
		return persona{}, false
	}
	p := persona{name: name, base: name, alias: s.Model, bounds: bounds{s.Steps, s.Tokens, s.Time.Std()}}
	if with {
		p.alias = alias
	}
	return p, name == Name || name == Simple
}

// a view is the tools that one caller has with one persona.
type view struct {
	tools  catalogue
	caller holdfast.Caller
}

func (a *Agents) view(caller holdfast.Caller, _ persona) view { return view{a.needs.Tools, caller} }

func (v view) List(ctx context.Context) ([]tools.Entry, error) { return v.tools.List(ctx, v.caller) }

func (v view) Call(ctx context.Context, name string, arguments json.RawMessage) (tools.Result, error) {
	return v.tools.Call(ctx, v.caller, name, arguments)
}

func (v view) Instructions() map[string]string { return v.tools.Instructions() }

// Models lists the agents as models.
func (a *Agents) Models() []string { return []string{Name, Simple} }
