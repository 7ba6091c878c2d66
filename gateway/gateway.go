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
	"os"
	"sync"
	"sync/atomic"
	"time"

	"holdfast"
	"holdfast/core/home"
	"holdfast/core/house"
	"holdfast/gateway/breaker"
	"holdfast/gateway/dialect/openai"
	"holdfast/gateway/ledger"
	"holdfast/gateway/provider"
	upstream "holdfast/gateway/provider/openai"
	"holdfast/gateway/provider/rehearsal"
)

// secrets is what the gateway needs of the house's keys.
type secrets interface {
	Get(name string) (holdfast.Secret, bool)
}

// agents are the house's agents, which are called like models.
type agents interface {
	Lookup(model string) (http.Handler, bool)
	Models() []string
}

// Needs is what a gateway is made of.
type Needs struct {
	Home    home.Home
	Config  *Config
	Ledger  *ledger.Ledger
	Breaker *breaker.Breaker
	Keys    secrets
	Log     *slog.Logger
}

// A Gateway relays model calls. Its handlers may serve many requests.
type Gateway struct {
	needs  Needs
	agents agents
	routes atomic.Pointer[table]

	cooling  cooldowns
	flights  flights
	requests atomic.Int64
	began    time.Time
	bodies   sync.Pool
	streams  sync.Pool
}

// New names a gateway; providers are made at Start.
func New(needs Needs) *Gateway {
	if needs.Log == nil {
		needs.Log = slog.New(slog.DiscardHandler)
	}
	g := &Gateway{needs: needs, began: time.Now()}
	needs.Breaker.OnHalt(g.halt)
	return g
}

// SetAgents lets models be agents too; call it before Start.
func (g *Gateway) SetAgents(a agents) { g.agents = a }

// Capability is the gateway's part of the house.
func (g *Gateway) Capability() house.Capability {
	chat, models := http.HandlerFunc(g.chat), http.HandlerFunc(g.models)
	route := func(pattern string, auth house.Auth, loopback bool, summary string, h http.Handler) house.Route {
		return house.Route{Pattern: pattern, Auth: auth, Loopback: loopback, Summary: summary, Handler: h}
	}
	return house.Capability{
		Name: "gateway", Section: "models", Config: g.needs.Config,
		Actions: g.actions(),
		Routes: []house.Route{
			route("POST /v1/chat/completions", house.AuthKey, true, "chat with a model or agent", chat),
			route("GET /v1/models", house.AuthKey, true, "list models and agents", models),
			route("POST /api/agent/v1/chat/completions", house.AuthEither, false, "the same, through the front door", chat),
			route("GET /api/agent/v1/models", house.AuthEither, false, "the same, through the front door", models),
		},
		Start:  g.Start,
		Stop:   g.Stop,
		Reason: "after the ledger and the breaker, which every call passes",
	}
}

// Start makes the providers.
func (g *Gateway) Start(context.Context) error { return g.Apply(*g.needs.Config) }

// Apply takes up another configuration; calls under way keep the old one. When it cannot be used
// nothing changes.
func (g *Gateway) Apply(c Config) error {
	t := &table{config: c, providers: map[string]provider.Provider{}}
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
	t.resolveAll()
	closeAll(g.routes.Swap(t))
	return nil
}

func (g *Gateway) make(p Provider, t Timeouts) (provider.Provider, error) {
	if p.Kind == kindOpenAI {
		opt := upstream.Options{URL: p.URL, Connect: t.Connect.Std()}
		if p.Key != "" {
			opt.Key = func() (holdfast.Secret, error) { return g.key(p.Key) }
		}
		return upstream.New(opt)
	}
	var script []byte
	if p.Script != "" {
		var err error
		if script, err = os.ReadFile(g.needs.Home.Path(p.Script)); err != nil {
			return nil, holdfast.BadInput("", holdfast.Problem{File: p.Script, Message: "cannot read the rehearsal's script: " + err.Error()})
		}
	}
	return rehearsal.New(p.Script, script)
}

// key reads a provider's key when it is needed.
func (g *Gateway) key(name string) (holdfast.Secret, error) {
	if g.needs.Keys != nil {
		if secret, ok := g.needs.Keys.Get(name); ok && !secret.Empty() {
			return secret, nil
		}
	}
	return holdfast.Secret{}, &keyMissing{name}
}

// keyMissing says that the operator has not set a provider's key.
type keyMissing struct{ name string }

func (k *keyMissing) Error() string {
	return fmt.Sprintf("the key %s is not set (`holdfast keys set %s`)", k.name, k.name)
}

// Stop gives up idle connections.
func (g *Gateway) Stop(context.Context) error {
	closeAll(g.routes.Load())
	return nil
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

// halt cuts every call under way.
func (g *Gateway) halt(flag breaker.Flag) { g.flights.cut(&haltedError{reason: flag.Reason}) }

// haltedError is why a call under way was cut.
type haltedError struct{ reason string }

func (e *haltedError) Error() string { return breaker.Reason + ": " + e.reason }

// flights are the calls under way.
type flights struct {
	mu   sync.Mutex
	next int64
	all  map[int64]context.CancelCauseFunc
}

func (f *flights) begin(cancel context.CancelCauseFunc) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.all == nil {
		f.all = map[int64]context.CancelCauseFunc{}
	}
	f.next++
	f.all[f.next] = cancel
	return f.next
}

func (f *flights) end(id int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.all, id)
}

func (f *flights) cut(cause error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, cancel := range f.all {
		cancel(cause)
	}
}

// refuse answers with an error of the house.
func refuse(w http.ResponseWriter, e *openai.Error) { e.Write(w) }
