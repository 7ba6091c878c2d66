// SPDX-License-Identifier: Apache-2.0

// Package gateway is the one place through which every agent in the house reaches its models, so
// that every token is seen.
//
// It is for relaying calls: resolving a name to a chain of providers, falling back before the
// first byte, passing streams on untouched with the usage tapped at the side. It is not for
// counting (gateway/ledger), deciding what is too much (gateway/breaker) or speaking to a provider
// (gateway/provider/…). A call is reserved in the ledger before it is made and settled after,
// however it ends; a client that hangs up cancels the upstream; a stream that breaks ends in an
// error event. No body and no key reaches a log. Callers: clients over the routes, agents in
// process through Inner.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"holdfast"
	"holdfast/core/home"
	"holdfast/core/house"
	"holdfast/core/trace"
	"holdfast/gateway/breaker"
	"holdfast/gateway/cache"
	"holdfast/gateway/drill"
	"holdfast/gateway/ledger"
	"holdfast/gateway/provider"
	"holdfast/gateway/route"
)

// secrets is what the gateway needs of the house's keys.
type secrets interface {
	Get(name string) (holdfast.Secret, bool)
}

// agents are the house's agents, which are called like models.
type agents interface {
	Lookup(model string) (http.Handler, bool)
	Models(context.Context) []holdfast.AgentModel
}

// Needs is what a gateway is made of.
type Needs struct {
	Home    home.Home
	Config  *Config
	Ledger  *ledger.Ledger
	Breaker *breaker.Breaker
	Keys    secrets
	// Limits bounds what each key may call; nil for no bounds.
	Limits limits
	// Budgets lets calls wait for approval; nil when none may.
	Budgets budgets
	// Bounded tells whether any budget is in force, and Prices what models cost; nil for not known.
	Bounded func() bool
	Prices  prices
	// Journal is told how rehearsals end; nil for nobody.
	Journal journal
	// Traces makes a span a call; nil makes none.
	Traces *trace.Traces
	// Meter counts calls; nil counts nothing.
	Meter meter
	Log   *slog.Logger
}

// A Gateway relays model calls. Its handlers may serve many requests.
type Gateway struct {
	needs   Needs
	agents  agents
	tongues tongues
	routes  atomic.Pointer[table]
	meters  meters
	tape    tape // of capture
	lines   tape // of the request log

	router   *route.Router
	drills   drill.Drills
	drilled  chan struct{} // a rehearsal began
	flights  flights
	rooms    rooms
	requests atomic.Int64
	began    time.Time
	buffers  buffers
	cache    cache.Cache
}

// New names a gateway; providers are made at Start.
func New(needs Needs) *Gateway {
	if needs.Log == nil {
		needs.Log = slog.New(slog.DiscardHandler)
	}
	g := &Gateway{needs: needs, began: time.Now(), tongues: allTongues(), meters: newMeters(needs.Meter, needs.Log)}
	g.drilled = make(chan struct{}, 1)
	g.router = route.New(route.Options{File: needs.Home.Var("gateway", "cooldowns.json"), Log: needs.Log})
	g.tape.path, g.lines.path = needs.Home.Var("gateway", "capture.jsonl"), needs.Home.Var("gateway", "requests.jsonl")
	needs.Breaker.OnHalt(g.halt)
	gauges(g, needs.Meter)
	return g
}

// SetAgents lets models be agents too; call it before Start.
func (g *Gateway) SetAgents(a agents) { g.agents = a }

// Capability is the gateway's part of the house.
func (g *Gateway) Capability() house.Capability {
	return house.Capability{
		Name: "gateway", Section: "models", Config: g.needs.Config,
		Actions: routing{g}.allActions(),
		Routes:  g.clientRoutes(),
		Start:   g.Start,
		Run:     routing{g}.run,
		Alerts:  routing{g}.alerts(),
		Report:  routing{g}.report,
		Stop:    g.Stop,
		Reason:  "after the ledger and the breaker, which every call passes",
	}
}

// clientRoutes are where clients call models: on this machine below /v1, and through the front door.
func (g *Gateway) clientRoutes() []house.Route {
	var list []house.Route
	add := func(method, path, summary string, h http.HandlerFunc) {
		list = append(list,
			house.Route{Pattern: method + " /v1/" + path, Auth: house.AuthKey, Loopback: true, Summary: summary, Handler: h},
			house.Route{Pattern: method + " /api/agent/v1/" + path, Auth: house.AuthEither, Summary: summary + ", through the front door", Handler: h})
	}
	add("POST", "chat/completions", "chat with a model or agent", g.chat)
	add("POST", "responses", "ask a model, in OpenAI's newer form", g.serving(provider.Responses))
	add("POST", "embeddings", "embed texts", g.serving(provider.Embeddings))
	add("POST", "messages", "ask a model, in Anthropic's form", g.serving(provider.Messages))
	add("POST", "messages/count_tokens", "count the tokens of a request", g.count)
	add("GET", "models", "list models and agents", g.models)
	add("GET", "models/{id...}", "one model or agent", g.model)
	return list
}

// Start makes the providers and takes up what rested.
func (g *Gateway) Start(context.Context) error {
	g.router.Load()
	return g.Apply(*g.needs.Config)
}

// Apply takes up another configuration; calls under way keep the old one. When it cannot be used
// nothing changes.
func (g *Gateway) Apply(c Config) error {
	t := &table{config: c, providers: map[string]provider.Provider{}, drills: &g.drills}
	var problems []holdfast.Problem
	for name, p := range c.Providers {
		made, err := g.make(p, c.Timeouts)
		if wrong, ok := errors.AsType[*holdfast.Error](err); ok {
			problems = append(problems, wrong.Problems...)
			continue
		}
		if err != nil {
			return fmt.Errorf("cannot set up provider %s: %w", name, err)
		}
		t.providers[name] = made
	}
	if len(problems) > 0 {
		return holdfast.BadInput("the rehearsal's script has mistakes", problems...)
	}
	t.layOut()
	g.router.SetWait(c.Wait.Std())
	old := g.routes.Swap(t)
	g.cache.Apply(c.Cache)
	routing{g}.forget(old, t)
	closeAll(old)
	return nil
}

// Stop gives up idle connections and writes down what rests.
func (g *Gateway) Stop(context.Context) error {
	closeAll(g.routes.Load())
	return g.router.Flush()
}

func closeAll(t *table) {
	if t == nil {
		return
	}
	for _, p := range t.providers {
		if c, ok := p.(interface{ Close() }); ok {
			c.Close()
		}
	}
}

// Inner serves chat completions of models alone, for agents that call models in process. The
// agent is holdfast.AgentFrom of the request's context, the caller its holdfast.CallerFrom.
func (g *Gateway) Inner() http.Handler { return http.HandlerFunc(g.innerChat) }

// haltedError is why a call under way was cut.
type haltedError struct{ reason string }

func (e *haltedError) Error() string { return breaker.Reason + ": " + e.reason }
