// SPDX-License-Identifier: Apache-2.0

// Package trace sends spans of what passes the house to a collector of OpenTelemetry.
//
// It is for the way of one request: agent, tools, model calls, as one trace with that of the client who
// asked. It is not for numbers (core/metrics), for money (the ledger) or for what happened (the
// journal): spans may be lost, and nothing waits for them. Switched off, which is the default, every
// method is a nil check. Switched on, spans are sent in batches in the background from a bounded queue;
// what a collector does not take is dropped and counted. No body, prompt or key is ever part of a span.
// Callers: wings that answer requests.
package trace

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	api "go.opentelemetry.io/otel/trace"

	"holdfast"
	"holdfast/core/house"
)

// secrets is what traces need of the house's keys.
type secrets interface {
	Get(name string) (holdfast.Secret, bool)
}

// meter is what traces need of the house's metrics.
type meter interface {
	Counter(name, help string, labels ...string) (add func(n float64, values ...string), err error)
	Gauge(name, help string, read func() float64) error
}

// Needs is what traces are made of. All but Config may be nil.
type Needs struct {
	Config *Config
	Keys   secrets
	Meter  meter
	// Version is the house's own, and Node names this machine once the house has started.
	Version string
	Node    func() string
	Log     *slog.Logger
}

// Traces are where spans begin. A nil *Traces is switched off. Its methods may be called by many
// goroutines.
type Traces struct {
	needs Needs
	live  atomic.Pointer[live]
	out   atomic.Bool // the trace context goes upstream too
	line  *line

	mu      sync.Mutex // for what follows
	config  *Config    // as it was applied last
	started bool
}

// live is what is made of one configuration that is switched on.
type live struct {
	tracer api.Tracer
	target target
}

// New names traces; nothing begins before Start.
func New(needs Needs) *Traces {
	if needs.Log == nil {
		needs.Log = slog.New(slog.DiscardHandler)
	}
	if needs.Node == nil {
		needs.Node = func() string { return "" }
	}
	t := &Traces{needs: needs}
	t.line = newLine(t, defaultBounds())
	return t
}

// Capability is the traces' part of the house.
func (t *Traces) Capability() house.Capability {
	return house.Capability{
		Name: "traces", Config: t.needs.Config, Start: t.Start, Stop: t.Stop,
		Reason: "before those whose requests are traced, so that it stops after them and sends their last spans",
	}
}

// Start begins to make spans when the configuration says so.
func (t *Traces) Start(context.Context) error {
	t.mu.Lock()
	t.started = true
	t.mu.Unlock()
	t.Apply(*t.needs.Config)
	return nil
}

// Apply takes up another configuration. Spans that have begun still end, and those that wait go to the
// new collector.
func (t *Traces) Apply(c Config) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.started || t.config != nil && reflect.DeepEqual(*t.config, c) {
		return
	}
	t.config = &c
	t.out.Store(c.Upstream)
	if c.Endpoint == "" {
		t.live.Store(nil)
		t.line.changed()
		return
	}
	t.line.begin()
	t.live.Store(&live{tracer: t.tracer(c), target: target{c.address(), c.Headers}})
	t.line.changed()
}

// tracer makes spans of one configuration, all of which end in the same line. Its limits bound what a
// span may hold, whatever clients and providers call things.
func (t *Traces) tracer(c Config) api.Tracer {
	about := []attribute.KeyValue{
		attribute.String("service.name", cmp.Or(c.Service, defaultService)),
		attribute.String("service.version", t.needs.Version),
	}
	if node := t.needs.Node(); node != "" {
		about = append(about, attribute.String("service.instance.id", node))
	}
	return sdk.NewTracerProvider(
		sdk.WithResource(resource.NewSchemaless(about...)),
		sdk.WithSampler(sdk.ParentBased(sdk.TraceIDRatioBased(c.Sample))),
		sdk.WithSpanProcessor(t.line),
		sdk.WithRawSpanLimits(sdk.SpanLimits{
			AttributeValueLengthLimit: mostValue, AttributeCountLimit: 64, EventCountLimit: 32, LinkCountLimit: 1,
			AttributePerEventCountLimit: 16, AttributePerLinkCountLimit: 1,
		}),
	).Tracer("holdfast", api.WithInstrumentationVersion(t.needs.Version))
}

// mostValue is how much of one attribute's text is kept.
const mostValue = 256

// Stop sends what waits, within a bound, and drops the rest.
func (t *Traces) Stop(ctx context.Context) error {
	t.mu.Lock()
	t.started = false
	t.mu.Unlock()
	t.line.end(ctx)
	t.live.Store(nil)
	return nil
}

// On tells whether spans are made.
func (t *Traces) On() bool { return t != nil && t.live.Load() != nil }

// Upstream is the trace context that goes to a provider with a call: that of the span in the context,
// else the client's own; empty unless the settings let it out.
func (t *Traces) Upstream(ctx context.Context, client http.Header) (parent, state string) {
	if t == nil || !t.out.Load() {
		return "", ""
	}
	at := api.SpanContextFromContext(ctx)
	if !at.IsValid() {
		at = remote(client)
	}
	if !at.IsValid() {
		return "", ""
	}
	return "00-" + at.TraceID().String() + "-" + at.SpanID().String() + "-" + at.TraceFlags().String(), at.TraceState().String()
}

// flushWithin bounds how long the end of the house waits for a collector.
const flushWithin = 3 * time.Second
