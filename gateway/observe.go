// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"log/slog"
	"strconv"
	"time"

	"holdfast/gateway/ledger"
	"holdfast/gateway/route"
)

// meter is what the gateway needs of the house's metrics.
type meter interface {
	Counter(name, help string, labels ...string) (add func(n float64, values ...string), err error)
	Histogram(name, help string, buckets []float64, labels ...string) (observe func(v float64, values ...string), err error)
	Gauges(name, help string, read func(give func(v float64, values ...string)), labels ...string) error
}

// meters are the gateway's figures. Label values come from the configuration and from fixed words: a
// model that no chain names is other, whatever clients call it.
type meters struct {
	requests, tokens, cost, unpriced, fallbacks, retries, failures, refusals, cache func(n float64, values ...string)
	first, took                                                                     func(v float64, values ...string)
}

func newMeters(m meter, log *slog.Logger) meters {
	none := func(float64, ...string) {}
	all := meters{none, none, none, none, none, none, none, none, none, none, none}
	if m == nil {
		return all
	}
	count := func(into *func(float64, ...string), name, help string, labels ...string) {
		add, err := m.Counter(name, help, labels...)
		if err != nil {
			log.Error("cannot count model calls", "metric", name, "error", err)
			return
		}
		*into = add
	}
	measure := func(into *func(float64, ...string), name, help string, buckets []float64, labels ...string) {
		observe, err := m.Histogram(name, help, buckets, labels...)
		if err != nil {
			log.Error("cannot measure model calls", "metric", name, "error", err)
			return
		}
		*into = observe
	}
	count(&all.requests, "holdfast_gateway_requests_total", "Model calls by the client's dialect, who answered, and the status the client got.", "dialect", "provider", "status")
	count(&all.tokens, "holdfast_gateway_tokens_total", "Tokens of model calls by class.", "provider", "model", "class")
	count(&all.cost, "holdfast_gateway_cost_usd_total", "What model calls cost, in US dollars, where the price is known.", "provider", "model")
	count(&all.unpriced, "holdfast_gateway_unpriced_calls_total", "Model calls whose price is not known.", "provider", "model")
	count(&all.fallbacks, "holdfast_gateway_fallbacks_total", "Model calls that another than the first of the chain answered.", "provider")
	count(&all.retries, "holdfast_gateway_retries_total", "Times that the last of a chain was asked again.", "provider")
	count(&all.failures, "holdfast_gateway_attempt_failures_total", "Attempts that gave no answer, by why.", "provider", "model", "reason")
	count(&all.refusals, "holdfast_gateway_refusals_total", "Model calls that nobody was asked to answer, by why.", "reason")
	count(&all.cache, "holdfast_gateway_cache_total", "Deterministic requests by whether the cache had their answer: hit or miss.", "result")
	measure(&all.first, "holdfast_gateway_first_token_seconds", "Time from the request to the first word of the answer.",
		[]float64{.01, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}, "provider", "model")
	measure(&all.took, "holdfast_gateway_duration_seconds", "Time from the request to the end of the answer.",
		[]float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600}, "provider", "model")
	return all
}

// gauges serves what is under way and what rests.
func gauges(g *Gateway, m meter) {
	if m == nil {
		return
	}
	err := m.Gauges("holdfast_gateway_calls_open", "Attempts under way at a provider, plain or streamed.", func(give func(float64, ...string)) {
		plain, streams := g.flights.open()
		give(float64(plain), "false")
		give(float64(streams), "true")
	}, "stream")
	if err == nil {
		err = m.Gauges("holdfast_gateway_cooldown", "Models that rest or are to be probed: 1 each.", func(give func(float64, ...string)) {
			seen := map[[3]string]bool{}
			for _, c := range g.router.Cooldowns() {
				at := [3]string{c.Target.Provider, g.routes.Load().label(c.Target), string(c.State)}
				if !seen[at] {
					give(1, at[:]...)
				}
				seen[at] = true
			}
		}, "provider", "model", "state")
	}
	if err == nil {
		err = m.Gauges("holdfast_gateway_cache_bytes", "What the answers take that are kept for identical requests.", func(give func(float64, ...string)) {
			_, held := g.cache.Held()
			give(float64(held))
		})
	}
	if err != nil {
		g.needs.Log.Error("cannot serve what is under way", "error", err)
	}
}

func (m *meters) retried(provider string) { m.retries(1, provider) }

// missed counts an attempt that gave no answer.
func (m *meters) missed(c *call, s step, f *failure) {
	if f.code != "" {
		m.failures(1, s.Provider, c.table.label(s.Target), f.code)
	}
}

// observe counts a call that ended.
func (m *meters) observe(c *call) {
	status := strconv.Itoa(c.status)
	if c.ended.Status != "" && c.status == 200 && c.ended.Status != "ok" {
		status = c.ended.Status // a stream that began well and broke
	}
	m.requests(1, c.client.Name, c.ended.Provider, status)
	if c.ended.Status != "" {
		m.ended(c)
		return
	}
	if c.code != "" {
		m.refusals(1, c.code)
	}
}

func (m *meters) ended(c *call) {
	name, u := c.ended.Provider, c.ended.Usage
	model := c.table.label(route.Target{Provider: name, Model: c.ended.Model})
	for _, class := range [...]struct {
		name string
		n    int64
	}{
		{"input", u.Input},
		{"cached_read", u.CachedRead},
		{"cache_write", u.CacheWrite5m + u.CacheWrite1h},
		{"output", u.Output},
		{"reasoning", u.Reasoning},
	} {
		if class.n > 0 {
			m.tokens(float64(class.n), name, model, class.name)
		}
	}
	if c.g.needs.Prices != nil && c.ended.Status != ledger.StatusCached {
		if cost := c.g.needs.Prices.Cost(name, c.ended.Model, u); cost.Known {
			m.cost(float64(cost.Nano)/1e9, name, model)
		} else {
			m.unpriced(1, name, model)
		}
	}
	if c.ended.FirstToken > 0 {
		m.first(c.ended.FirstToken.Seconds(), name, model)
	}
	m.took(time.Since(c.began).Seconds(), name, model)
	if c.ended.Fallback > 0 {
		m.fallbacks(1, name)
	}
}
