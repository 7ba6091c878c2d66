// SPDX-License-Identifier: Apache-2.0

// Package agent holds the agents of the house, which look like models to clients of the OpenAI API:
// passthrough_agent plans tool calls and carries them out, simple_agent uses one tool after the
// other, presets are one of the two with a name, a prompt and tools of their own, and agents of the
// home are Python modules. Tools that may run by themselves do; others wait for approval.
//
// It is not for the tools (agent/tools) nor for reaching models: it calls them in process through
// the gateway's own handler, so that every token is counted and capped there. It guarantees bounds
// on steps, tokens and time, that what a tool says is marked as data and can neither approve a call
// nor raise a tier, that an approved call is made once, and that a client that hangs up ends what
// runs for it. The gateway finds the agents by Lookup; app wires both.
package agent

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"holdfast"
	"holdfast/agent/countdown"
	"holdfast/agent/skills"
	"holdfast/agent/tools"
	"holdfast/agent/upstream"
	"holdfast/core/action"
	"holdfast/core/config"
	"holdfast/core/home"
	"holdfast/core/store"
	"holdfast/core/trace"
)

// A View is the tools that one caller has through one scope.
type View interface {
	// Soon lists the tools; it waits so long for servers that start, and tells which are late.
	Soon(ctx context.Context, wait time.Duration) (list []tools.Entry, late []string, err error)
	// Now does not wait.
	Now() []tools.Entry
	Call(ctx context.Context, r upstream.Request) (tools.Result, error)
	// Refused is told of a call that a model wanted and was not offered.
	Refused(ctx context.Context, name string, arguments json.RawMessage, why error)
	Instructions() map[string]string
}

// keys is where the key of the agent API lies.
type keys interface {
	Get(name string) (holdfast.Secret, bool)
	Set(ctx context.Context, name string, value holdfast.Secret) error
}

// Needs is what the agents are made of.
type Needs struct {
	// Chat answers POST /v1/chat/completions for plain aliases, in process.
	Chat http.Handler
	// View is the catalogue as a caller sees it.
	View  func(holdfast.Caller, tools.Scope) View
	Keys  keys
	Store *store.Store
	Home  home.Home
	// Approvals is where calls wait for a person.
	Approvals *action.Queue
	// Standing is what lets a caller in, empty once nothing does; nil is never asked.
	Standing func(context.Context, holdfast.Caller) (string, error)
	// Master keeps the presets.
	Master *config.Master
	// Lends is what the host of an agent of the home is made of, and Environment what it finds there;
	// nil: there are none.
	Lends       func() upstream.Needs
	Environment func() map[string]string
	// Skills are those that agents may load when they need them; nil: none.
	Skills func() []skills.Skill
	// Budgets is what a scope may spend and has, and Required who is given which key; nil: not shown.
	Budgets  func(ctx context.Context, scope string) (any, error)
	Required func() []Secret
	// Knows tells whether the gateway knows a model now; nil is never asked.
	Knows func(model string) bool
	// Aliased tells whether a name is a model's, which stands before an agent's; nil is never asked.
	Aliased func(name string) bool
	// Node names this house among those with the same store; nil where it has it alone.
	Node func() string
	// Traces makes spans of requests, agents and tools; nil makes none.
	Traces *trace.Traces
	Log    *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Settings is the section `agent` of holdfast.yaml.
type Settings struct {
	// Model is the alias that the built-in agents ask; a client may ask for another as passthrough_agent/ALIAS.
	Model string `json:"model"`
	// Plan is how passthrough_agent has its model plan: tools, by the model's own tool calling, or json, by
	// a plan in JSON (response_format), for models that have no tool calling.
	Plan string `json:"plan" enum:"tools,json"`
	// Steps is how many model calls one request may make.
	Steps int `json:"steps"`
	// Tokens is how many tokens all model calls of one request may use together.
	Tokens int64 `json:"tokens"`
	// Time is how long one request may take.
	Time config.Duration `json:"time"`
	// Result is how much of a tool's result the model sees.
	Result config.Bytes `json:"result"`
	// Approval is how long a call waits for somebody to approve it.
	Approval config.Duration `json:"approval"`
}

// Check tells what is wrong with the settings.
func (s *Settings) Check() []holdfast.Problem {
	var problems []holdfast.Problem
	check := func(field string, ok bool, remedy string) {
		if !ok {
			problems = append(problems, holdfast.Problem{Field: field, Message: "is out of bounds", Remedy: remedy})
		}
	}
	check("model", s.Model != "" && !builtIn(s.Model), "the name of a model alias")
	check("plan", s.Plan == planTools || s.Plan == planJSON, "tools or json")
	check("steps", s.Steps >= 1 && s.Steps <= 100, "1 to 100")
	check("tokens", s.Tokens >= 1, "at least 1")
	check("time", s.Time > 0, "more than 0")
	check("approval", s.Approval >= config.Duration(time.Minute) && s.Approval <= config.Duration(7*24*time.Hour), "1m to 7d")
	check("result", s.Result >= 1<<10, "at least 1KiB")
	return problems
}

// Agents are the agents of the house.
type Agents struct {
	needs    Needs
	section  *Settings                // as the configuration filled it at start
	applied  atomic.Pointer[Settings] // what a reload put in its place
	now      func() time.Time
	traces   *traces
	parkings parkings
	carried  *carrying
	seal     seal
	presets  *presets
	homes    *homes
}

// New makes the agents.
func New(needs Needs) *Agents {
	now := needs.Now
	if now == nil {
		now = time.Now
	}
	kept := newTraces(needs.Store, now, needs.Log)
	if needs.Node != nil {
		kept.node = needs.Node
	}
	return &Agents{
		needs: needs, now: now, traces: kept, parkings: parkings{needs.Store, now}, carried: newCarrying(), seal: newSeal(),
		presets: &presets{master: needs.Master, log: needs.Log}, homes: newHomes(needs),
		section: &Settings{
			Model: "chat", Plan: planTools, Steps: 8, Tokens: 200_000, Time: config.Duration(5 * time.Minute), Result: 64 << 10,
			Approval: config.Duration(24 * time.Hour),
		},
	}
}

// Apply takes new settings while the house runs, for the requests to come.
func (a *Agents) Apply(s Settings) { a.applied.Store(&s) }

func (a *Agents) settings() *Settings {
	if s := a.applied.Load(); s != nil {
		return s
	}
	return a.section
}

// start ends the traces that an earlier house left running, and lets approved calls be made.
func (a *Agents) start(ctx context.Context) error {
	if err := a.traces.start(ctx); err != nil {
		return err
	}
	a.needs.Approvals.Carry(&action.Carrier{May: a.mayCarry, Carry: a.carry})
	a.homes.start()
	return nil
}

// stop ends approved calls under way and keeps the last traces.
func (a *Agents) stop(ctx context.Context) error {
	a.needs.Approvals.Carry(nil)
	a.carried.over()
	a.homes.stop()
	return a.traces.stop(ctx)
}

// Lookup finds the handler of POST /v1/chat/completions for a model that is an agent.
func (a *Agents) Lookup(model string) (http.Handler, bool) {
	as, ok := a.persona(model)
	if !ok {
		return nil, false
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { a.serve(w, r, as) }), true
}

func (a *Agents) serve(w http.ResponseWriter, r *http.Request, as persona) {
	asked, err := readRequest(w, r)
	if err != nil {
		refuse(w, err)
		return
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	if holdfast.AgentFrom(ctx) == "" {
		ctx = holdfast.WithAgent(ctx, as.name)
	}
	ctx, request := a.needs.Traces.Begin(ctx, trace.Server, "POST /v1/chat/completions", r.Header)
	defer request.End()
	ctx, span := a.needs.Traces.Begin(ctx, trace.Inner, "invoke_agent "+as.name, nil)
	defer span.End()
	run := a.newRun(ctx, w, asked, as)
	defer run.trace.end(errAborted, usage{})
	run.clock = countdown.AfterFunc(as.bounds.time, func() { cancel(errTime) })
	defer run.clock.Stop()
	run.trace.spanned(request, span)
	run.do(ctx)
}
