// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"log/slog"
	"strconv"
)

// meter is what the gateway needs of the house's metrics.
type meter interface {
	Counter(name, help string, labels ...string) (add func(n float64, values ...string), err error)
	Histogram(name, help string, buckets []float64, labels ...string) (observe func(v float64, values ...string), err error)
}

// meters are the gateway's figures. Label values come from the configuration and from fixed words.
type meters struct {
	requests, tokens, fallbacks, retries func(n float64, values ...string)
	first                                func(v float64, values ...string)
}

func newMeters(m meter, log *slog.Logger) meters {
	none := func(float64, ...string) {}
	all := meters{none, none, none, none, none}
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
	count(&all.requests, "holdfast_gateway_requests_total", "Model calls by the client's dialect, who answered, and the status the client got.", "dialect", "provider", "status")
	count(&all.tokens, "holdfast_gateway_tokens_total", "Tokens of model calls by provider and class.", "provider", "class")
	count(&all.fallbacks, "holdfast_gateway_fallbacks_total", "Model calls that another than the first of the chain answered.", "provider")
	count(&all.retries, "holdfast_gateway_retries_total", "Times that the last of a chain was asked again.", "provider")
	first, err := m.Histogram("holdfast_gateway_first_token_seconds", "Time from the request to the first word of the answer.",
		[]float64{.01, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}, "provider")
	if err != nil {
		log.Error("cannot measure model calls", "error", err)
		return all
	}
	all.first = first
	return all
}

func (m *meters) retried(provider string) { m.retries(1, provider) }

// observe counts a call that ended.
func (m *meters) observe(c *call) {
	status := strconv.Itoa(c.status)
	if c.ended.Status != "" && c.status == 200 && c.ended.Status != "ok" {
		status = c.ended.Status // a stream that began well and broke
	}
	m.requests(1, c.client.Name, c.ended.Provider, status)
	if c.ended.Status != "" {
		m.ended(c)
	}
}

func (m *meters) ended(c *call) {
	name, u := c.ended.Provider, c.ended.Usage
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
			m.tokens(float64(class.n), name, class.name)
		}
	}
	if c.ended.FirstToken > 0 {
		m.first(c.ended.FirstToken.Seconds(), name)
	}
	if c.ended.Fallback > 0 {
		m.fallbacks(1, name)
	}
}
