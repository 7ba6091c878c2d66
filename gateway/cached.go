// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"time"

	"holdfast"
	"holdfast/core/action"
	"holdfast/core/trace"
	"holdfast/gateway/cache"
	"holdfast/gateway/ledger"
	"holdfast/gateway/route"
)

// cachedBy is who the ledger says answered a call that was answered from memory, with who had answered
// before as the model: no provider was asked.
const cachedBy = "cache"

// caching is a call that may be answered from memory.
type caching struct{ *call }

// run answers a deterministic request from memory, or keeps what it is answered. Of identical requests at
// the same time each is asked, and the last answer stays.
func (c caching) run(ctx context.Context, chain route.Chain) {
	key, ok := c.key(ctx, chain)
	began := c.g.cache.Age()
	if !ok || c.g.routes.Load() != c.table { // or the providers are others by now
		c.call.run(ctx)
		return
	}
	if answer, ago, found := c.g.cache.Get(key); found {
		c.replay(ctx, answer, ago)
		return
	}
	c.said("miss")
	heard := &ear{ResponseWriter: c.w, most: c.settings.Cache.MaxAnswerKB << 10}
	c.w = heard
	c.call.run(ctx)
	c.w = heard.ResponseWriter
	if c.whole(chain.Targets[0], heard) {
		c.g.cache.Put(key, began, cache.Answer{
			Body: bytes.Clone(heard.kept.Bytes()), Kind: c.w.Header().Get("Content-Type"),
			Provider: c.ended.Provider, Model: c.ended.Model, ID: c.ended.ResponseID,
		})
	}
}

// key is the request's in the cache; false when it has none, or a drill stands in front of its model.
func (c caching) key(ctx context.Context, chain route.Chain) (cache.Key, bool) {
	if len(chain.Targets) == 0 {
		return cache.Key{}, false
	}
	if _, drilled := c.table.drills.Front(chain.Targets[0]); drilled {
		return cache.Key{}, false
	}
	caller := holdfast.CallerFrom(ctx)
	r := cache.Request{
		Dialect: c.client.Name, Body: c.body, Header: c.header, Tenant: caller.Tenant, Caller: caller.String(), Key: caller.Key,
		Agent: holdfast.AgentFrom(ctx), Alias: chain.Alias, Targets: make([]string, len(chain.Targets)),
	}
	for i, target := range chain.Targets {
		r.Targets[i] = target.String()
	}
	return cache.KeyOf(r, c.settings.Cache.AcrossKeys)
}

// said tells client, metrics and span what the cache had.
func (c caching) said(what string) {
	c.g.meters.cache(1, what)
	c.span.Set(trace.String("holdfast.cache", what))
	c.w.Header()["X-Holdfast-Cache"] = []string{what}
}

// replay answers from memory. HALT and the key's limits refuse it as any call; budgets and burn do not
// know of it, for nothing is spent.
func (c caching) replay(ctx context.Context, answer cache.Answer, ago time.Duration) {
	caller := holdfast.CallerFrom(ctx)
	if refusal := c.g.needs.Breaker.Refusal(); refusal != nil {
		c.refuse(refused(refusal))
		return
	}
	if flag, halted := c.g.needs.Breaker.HaltedFor(caller.Tenant, caller.Key); halted {
		c.refuse(haltError(&haltedError{flag.Reason}))
		return
	}
	if err := c.allowed(ctx, caller); err != nil {
		c.refuse(c.g.notAdmitted(ctx, err))
		return
	}
	given := route.Target{Provider: answer.Provider, Model: answer.Model}
	c.name(ctx, caller, route.Target{Provider: cachedBy, Model: given.String()})
	c.ended = ledger.Result{Provider: cachedBy, Model: given.String(), Status: ledger.StatusCached, ResponseID: answer.ID}
	c.g.needs.Ledger.Book(c.asked, c.ended, time.Since(c.began))
	c.said("hit")
	c.head(step{Step: route.Step{Target: given}})
	h := c.w.Header()
	h["Age"] = []string{strconv.FormatInt(int64(ago/time.Second), 10)}
	h["Content-Type"] = []string{answer.Kind}
	if c.req.Stream {
		h["Cache-Control"], h["X-Accel-Buffering"] = []string{"no-cache"}, []string{"no"}
	} else {
		h["Content-Length"] = []string{strconv.Itoa(len(answer.Body))}
	}
	c.status = http.StatusOK
	c.w.WriteHeader(http.StatusOK)
	_, _ = c.w.Write(answer.Body) // a client that is gone was booked
}

// allowed asks the key's limits: a hit is a request of no tokens.
func (c caching) allowed(ctx context.Context, caller holdfast.Caller) error {
	if c.g.needs.Limits == nil || caller.Key == "" {
		return nil
	}
	model := c.req.Model
	if agent := holdfast.AgentFrom(ctx); agent != "" {
		model = agent // a key that is for an agent is for the models that it asks
	}
	return c.g.needs.Limits.Allow(ctx, caller, model, 0)
}

// whole tells whether an answer may be kept: the first of the chain gave it, to its end, and the house
// did not bind it to a limit of its own.
func (c caching) whole(first route.Target, heard *ear) bool {
	return c.status == http.StatusOK && c.ended.Status == ledger.StatusOK && !heard.cut &&
		c.ended.Provider == first.Provider && c.ended.Model == first.Model && c.w.Header().Get("X-Holdfast-Limit") == ""
}

// forgotten is how many answers were forgotten.
type forgotten struct {
	Forgotten int `json:"forgotten"`
}

// clearing is the action that empties the cache.
func clearing(kept *cache.Cache) holdfast.Action {
	return action.NewAction(holdfast.Action{
		Name: "cache.clear", Tier: holdfast.TierOperator, Effect: holdfast.EffectChange,
		Summary:  "Forget every answer that is kept for identical requests",
		Help:     "A change of section models does so too. Whether answers are kept is models.cache.on.",
		Examples: []string{"holdfast cache clear"},
	}, func(context.Context, action.Nothing) (forgotten, error) {
		return forgotten{kept.Clear()}, nil
	})
}
