// SPDX-License-Identifier: Apache-2.0

package app

import (
	"io"
	"net/http"
	"sync"

	"holdfast"
	"holdfast/core/house"
	"holdfast/surface/problem"
)

// probes are what programs outside ask of the house as a whole: is it alive, is it ready, what does
// it count. Metrics tell much about the house, so they are the operator's.
func (h *House) probes(p *parts) (house.Capability, error) {
	err := p.meter.Count("holdfast_journal_appends_total", "Journal entries acknowledged since the start.",
		func() float64 { return float64(p.book.Appended()) })
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

func (h *House) readiness(w http.ResponseWriter, _ *http.Request) {
	if !h.ready.Load() {
		problem.Write(w, holdfast.Errorf(holdfast.CodeUnavailable, "the house is still starting"))
		return
	}
	_, _ = io.WriteString(w, "ready\n")
}
