// SPDX-License-Identifier: Apache-2.0

// Package agent holds the built-in agents of the house, which look like models to clients of the
// OpenAI API. passthrough_agent plans with native tool calling: tools that may run by themselves
// do, the others are handed to the client for approval, and DIRECT_RESPONSE or plain text ends it.
//
// It is not for the tools (agent/tools) nor for reaching models: it calls them in process through
// the gateway's own handler, so that every token is counted and capped there. It guarantees bounds
// on steps, tokens and time, that what a tool says is marked as data, and that a client that hangs
// up ends what runs for it. The gateway finds the agents by Lookup; app wires both.
package agent

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"holdfast"
	"holdfast/agent/tools"
	"holdfast/core/config"
	"holdfast/core/trace"
)

// catalogue is the tools that an agent may use.
type catalogue interface {
	List(context.Context, holdfast.Caller) ([]tools.Entry, error)
	Call(ctx context.Context, caller holdfast.Caller, name string, arguments json.RawMessage) (tools.Result, error)
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
	Chat  http.Handler
	Tools catalogue
	Keys  keys
	// Traces makes spans of requests, agents and tools; nil makes none.
	Traces *trace.Traces
	Log    *slog.Logger
}

// Settings is the section `agent` of holdfast.yaml.
type Settings struct {
	// Model is the alias that passthrough_agent plans with; a client may ask for another as passthrough_agent/ALIAS.
	Model string `json:"model"`
	// Steps is how many model calls one request may make.
	Steps int `json:"steps"`
	// Tokens is how many tokens all model calls of one request may use together.
	Tokens int64 `json:"tokens"`
	// Time is how long one request may take.
	Time config.Duration `json:"time"`
	// Result is how much of a tool's result the model sees.
	Result config.Bytes `json:"result"`
}

// Check tells what is wrong with the settings.
func (s *Settings) Check() []holdfast.Problem {
	var problems []holdfast.Problem
	check := func(field string, ok bool, remedy string) {
		if !ok {
			problems = append(problems, holdfast.Problem{Field: field, Message: "is out of bounds", Remedy: remedy})
		}
	}
	check("model", s.Model != "" && !isOwn(s.Model), "the name of a model alias")
	check("steps", s.Steps >= 1 && s.Steps <= 100, "1 to 100")
	check("tokens", s.Tokens >= 1, "at least 1")
	check("time", s.Time > 0, "more than 0")
	check("result", s.Result >= 1<<10, "at least 1KiB")
	return problems
}

// Name is the agent as a model.
const Name = "passthrough_agent"

// Agents are the built-in agents.
type Agents struct {
	needs   Needs
	section *Settings                // as the configuration filled it at start
	applied atomic.Pointer[Settings] // what a reload put in its place
	traces  *traces
	parked  *parked
}

// New makes the agents.
func New(needs Needs) *Agents {
	return &Agents{
		needs: needs, traces: newTraces(), parked: newParked(),
		section: &Settings{Model: "chat", Steps: 8, Tokens: 200_000, Time: config.Duration(5 * time.Minute), Result: 64 << 10},
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

// Models lists the agents as models.
func (a *Agents) Models() []string { return []string{Name} }

// Lookup finds the handler of POST /v1/chat/completions for a model that is an agent: its name, or
// its name with an alias behind it.
func (a *Agents) Lookup(model string) (http.Handler, bool) {
	alias := a.settings().Model
	if model != Name {
		named, ok := strings.CutPrefix(model, Name+"/")
		if !ok || named == "" || isOwn(named) {
			return nil, false
		}
		alias = named
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { a.serve(w, r, alias) }), true
}

// isOwn keeps an agent from planning with an agent.
func isOwn(model string) bool { return model == Name || strings.HasPrefix(model, Name+"/") }

func (a *Agents) serve(w http.ResponseWriter, r *http.Request, alias string) {
	asked, err := readRequest(w, r)
	if err != nil {
		refuse(w, err)
		return
	}
	ctx, cancel := context.WithTimeoutCause(r.Context(), a.settings().Time.Std(), errTime)
	defer cancel()
	if holdfast.AgentFrom(ctx) == "" {
		ctx = holdfast.WithAgent(ctx, Name)
	}
	ctx, request := a.needs.Traces.Begin(ctx, trace.Server, "POST /v1/chat/completions", r.Header)
	defer request.End()
	ctx, span := a.needs.Traces.Begin(ctx, trace.Inner, "invoke_agent "+Name, nil)
	defer span.End()
	run := a.newRun(ctx, w, asked, alias)
	run.trace.spanned(request, span)
	run.do(ctx)
}
