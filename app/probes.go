// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"holdfast"
	"holdfast/core/house"
	"holdfast/surface/problem"
)

// probes are what programs outside ask of the house as a whole: is it alive, is it ready, what does
// it count. Metrics tell much about the house, so they are the operator's.
func (h *House) probes(p *parts) (house.Capability, error) {
	err := p.meter.Count("holdfast_journal_appends_total", "Journal entries acknowledged since the start.",
		func() float64 { return float64(p.book.Appended()) })
	err = errors.Join(err, gauges(p))
	scrape := sync.OnceValue(p.meter.Handler)
	counted := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if caller := holdfast.CallerFrom(r.Context()); caller.Tier < holdfast.TierOperator {
			problem.Write(w, &holdfast.Refusal{Guard: "tier", Reason: "metrics need tier operator", Remedy: "send SUPERVISOR_API_TOKEN, or log in"})
			return
		}
		scrape().ServeHTTP(w, r)
	})
	alive := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	return house.Capability{
		Name: "probes",
		Routes: []house.Route{
			{Pattern: "GET /healthz", Auth: house.AuthPublic, Loopback: true, Handler: alive, Summary: "the house's process answers"},
			{Pattern: "GET /readyz", Auth: house.AuthPublic, Loopback: true, Handler: http.HandlerFunc(h.readiness), Summary: "everything in the house has started"},
			{Pattern: "GET /metrics", Auth: house.AuthEither, Loopback: true, Handler: counted, Summary: "OpenMetrics, for operators"},
		},
		Reason: "it only declares routes",
	}, err
}

// gauges are how breaker and budgets stand.
func gauges(p *parts) error {
	const within = 5 * time.Second
	word := func() holdfast.Breaker {
		ctx, cancel := context.WithTimeout(context.Background(), within)
		defer cancel()
		return p.fuse.Word(ctx)
	}
	return errors.Join(
		p.meter.Gauges("holdfast_breaker_state", "How the breaker stands: 1 for the state that is.", func(give func(float64, ...string)) {
			now := word().State
			for _, state := range []string{"armed", "warn", "halted", "notify-only", "blind"} {
				is := 0.0
				if state == now {
					is = 1
				}
				give(is, state)
			}
		}, "state"),
		p.meter.Gauges("holdfast_breaker_burn_tokens", "What burned within the sliding window, with what is reserved.", func(give func(float64, ...string)) {
			now := word()
			give(float64(now.BurnHour), "hour")
			give(float64(now.BurnDay), "day")
		}, "window"),
		p.meter.Gauges("holdfast_breaker_cap_tokens", "The cap of the window.", func(give func(float64, ...string)) {
			now := word()
			give(float64(now.CapHour), "hour")
			give(float64(now.CapDay), "day")
		}, "window"),
		p.meter.Gauges("holdfast_budget_used", "What counts against a budget, with what is reserved, in tokens or US dollars.", func(give func(float64, ...string)) {
			p.budgets.Gauge(func(scope, limit string, used, _ float64) { give(used, scope, limit) })
		}, "scope", "limit"),
		p.meter.Gauges("holdfast_budget_quota", "A budget, in tokens or US dollars.", func(give func(float64, ...string)) {
			p.budgets.Gauge(func(scope, limit string, _, quota float64) { give(quota, scope, limit) })
		}, "scope", "limit"),
	)
}

func (h *House) readiness(w http.ResponseWriter, _ *http.Request) {
	if !h.ready.Load() {
		problem.Write(w, holdfast.Errorf(holdfast.CodeUnavailable, "the house is still starting"))
		return
	}
	_, _ = io.WriteString(w, "ready\n")
}
