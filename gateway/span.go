// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"cmp"
	"context"
	"net/http"

	"holdfast/core/trace"
	"holdfast/gateway/ledger"
	"holdfast/gateway/provider"
)

// spanning is a call as its span tells of it.
type spanning struct{ *call }

// begin begins the call's span below that of its context or its client; the names of what is said of it
// are those of OpenTelemetry's conventions for generative AI, and beside them holdfast.*. Switched off
// it is a nil check.
func (c spanning) begin(ctx context.Context) context.Context {
	if !c.g.needs.Traces.On() {
		return ctx
	}
	doing := "chat"
	if c.client.Name == provider.Embeddings {
		doing = "embeddings"
	}
	ctx, c.span = c.g.needs.Traces.Begin(ctx, trace.Client, doing+" "+c.req.Model, c.header)
	if c.span == nil {
		return ctx
	}
	c.span.Set(
		trace.String("gen_ai.operation.name", doing),
		trace.String("gen_ai.request.model", c.req.Model),
		trace.String("holdfast.dialect", c.client.Name),
	)
	if c.req.Stream {
		c.span.Set(trace.Bool("gen_ai.request.stream", true))
	}
	if c.req.MaxOutput > 0 {
		c.span.Set(trace.Int("gen_ai.request.max_tokens", c.req.MaxOutput))
	}
	if alias := c.trip.Alias(); alias != "" {
		c.span.Set(trace.String("holdfast.alias", alias))
	}
	return ctx
}

// missed tells metrics and span of an attempt that gave no answer.
func (c spanning) missed(s step, f *failure) {
	c.g.meters.missed(c.call, s, f)
	if c.span == nil {
		return
	}
	list := []trace.Attr{
		trace.String("holdfast.provider", s.Provider), trace.String("gen_ai.response.model", s.Model), trace.Int("holdfast.fallback", int64(s.At)),
		trace.String("error.type", cmp.Or(f.code, "halted")), trace.Bool("holdfast.cooldown", f.cool),
	}
	if f.status > 0 {
		list = append(list, trace.Int("http.response.status_code", int64(f.status)))
	}
	if f.retryAfter > 0 {
		list = append(list, trace.Float("holdfast.retry_after", f.retryAfter.Seconds()))
	}
	c.span.Event("holdfast.attempt.failed", list...)
}

// end says how the call ended and ends its span.
func (c spanning) end() {
	if c.span == nil {
		return
	}
	c.span.Set(trace.Int("http.response.status_code", int64(c.status)))
	for _, one := range [...]struct{ name, value string }{
		{"holdfast.request_id", c.id},
		{"holdfast.caller", c.asked.Caller},
		{"holdfast.tenant", c.asked.Tenant},
		{"gen_ai.agent.name", c.asked.Agent},
		{"gen_ai.conversation.id", c.asked.Session},
	} {
		if one.value != "" {
			c.span.Set(trace.String(one.name, one.value))
		}
	}
	if c.ended.Status != "" {
		c.facts()
	}
	switch {
	case c.status == http.StatusOK && (c.ended.Status == ledger.StatusOK || c.ended.Status == ledger.StatusCached):
	case c.code != "":
		c.span.Fail(c.code)
	default:
		c.span.Fail(cmp.Or(c.ended.Status, "refused"))
	}
	c.span.End()
}

// facts says what was booked.
func (c spanning) facts() {
	e, u := c.ended, c.ended.Usage
	c.span.Set(
		trace.String("gen_ai.provider.name", c.vendor(e.Provider)),
		trace.String("holdfast.provider", e.Provider),
		trace.Int("holdfast.fallback", int64(e.Fallback)),
		trace.String("holdfast.status", e.Status),
		trace.Bool("holdfast.estimated", e.Estimated),
		trace.Int("gen_ai.usage.input_tokens", u.Input+u.CachedRead+u.CacheWrite5m+u.CacheWrite1h),
		trace.Int("gen_ai.usage.output_tokens", u.Output),
	)
	for _, one := range [...]struct {
		name string
		n    int64
	}{
		{"gen_ai.usage.cache_read.input_tokens", u.CachedRead},
		{"gen_ai.usage.cache_creation.input_tokens", u.CacheWrite5m + u.CacheWrite1h},
		{"gen_ai.usage.reasoning.output_tokens", u.Reasoning},
	} {
		if one.n > 0 {
			c.span.Set(trace.Int(one.name, one.n))
		}
	}
	if c.status == http.StatusOK {
		c.span.Set(trace.String("gen_ai.response.model", e.Model))
	}
	if e.ResponseID != "" {
		c.span.Set(trace.String("gen_ai.response.id", e.ResponseID))
	}
	if e.FirstToken > 0 && c.req.Stream {
		c.span.Set(trace.Float("gen_ai.response.time_to_first_chunk", e.FirstToken.Seconds()))
	}
	if e.Status == ledger.StatusCached {
		c.span.Set(trace.Float("holdfast.cost_usd", 0))
		return
	}
	if c.g.needs.Prices == nil {
		return
	}
	if cost := c.g.needs.Prices.Cost(e.Provider, e.Model, u); cost.Known {
		c.span.Set(trace.Float("holdfast.cost_usd", float64(cost.Nano)/1e9))
	}
}

// vendor is a provider as OpenTelemetry calls it where it has a name for it, else as the operator does.
func (c spanning) vendor(name string) string {
	flavored, ok := c.table.providers[name].(interface{ Flavor() string })
	if !ok {
		return name
	}
	switch flavor := flavored.Flavor(); flavor {
	case "openai", "anthropic", "groq":
		return flavor
	case "azure":
		return "azure.ai.openai"
	case "gemini":
		return "gcp.gemini"
	case "mistral":
		return "mistral_ai"
	default:
		return name
	}
}
