// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"context"
	"net/http"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	api "go.opentelemetry.io/otel/trace"
)

// An Attr is one fact about a span.
type Attr = attribute.KeyValue

// String is a text.
func String(name, value string) Attr { return attribute.String(name, value) }

// Int is a whole number.
func Int(name string, value int64) Attr { return attribute.Int64(name, value) }

// Float is a number.
func Float(name string, value float64) Attr { return attribute.Float64(name, value) }

// Bool is yes or no.
func Bool(name string, value bool) Attr { return attribute.Bool(name, value) }

// The kinds of spans.
const (
	Inner  = api.SpanKindInternal
	Server = api.SpanKindServer
	Client = api.SpanKindClient
)

// A Span is a part of a request on its way. A nil *Span is not made, and everything may be said to it.
type Span struct{ made api.Span }

// Begin starts a span within that of the context, else within the one that the client's headers name,
// else a new trace. The span is nil when it is switched off or not sampled; the context goes on with
// what belongs to it.
func (t *Traces) Begin(ctx context.Context, kind api.SpanKind, name string, client http.Header) (context.Context, *Span) {
	if t == nil {
		return ctx, nil
	}
	now := t.live.Load()
	if now == nil {
		return ctx, nil
	}
	if !api.SpanContextFromContext(ctx).IsValid() {
		if parent := remote(client); parent.IsValid() {
			ctx = api.ContextWithRemoteSpanContext(ctx, parent)
		}
	}
	ctx, made := now.tracer.Start(ctx, cut(name), api.WithSpanKind(kind))
	if !made.IsRecording() {
		return ctx, nil
	}
	return ctx, &Span{made}
}

func cut(name string) string {
	if len(name) <= mostValue {
		return name
	}
	return strings.ToValidUTF8(name[:mostValue], "")
}

// Set says more about a span.
func (s *Span) Set(facts ...Attr) {
	if s != nil {
		s.made.SetAttributes(facts...)
	}
}

// Event says that something happened now.
func (s *Span) Event(name string, facts ...Attr) {
	if s != nil {
		s.made.AddEvent(name, api.WithAttributes(facts...))
	}
}

// Fail says why it did not go well, in one word of few.
func (s *Span) Fail(kind string) {
	if s == nil {
		return
	}
	s.made.SetAttributes(String("error.type", kind))
	s.made.SetStatus(codes.Error, "")
}

// End ends a span.
func (s *Span) End() {
	if s != nil {
		s.made.End()
	}
}

// TraceID is the name of the whole trace; empty for none.
func (s *Span) TraceID() string {
	if s == nil {
		return ""
	}
	return s.made.SpanContext().TraceID().String()
}

// mostState bounds what a client may have us carry for others.
const mostState = 512

// remote reads a client's trace context. What is not exactly one is none.
func remote(h http.Header) api.SpanContext {
	parent := h["Traceparent"]
	if len(parent) != 1 || len(parent[0]) > 128 {
		return api.SpanContext{}
	}
	carried := propagation.MapCarrier{"traceparent": parent[0]}
	if state := strings.Join(h["Tracestate"], ","); len(state) <= mostState {
		carried["tracestate"] = state
	}
	return api.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), carried))
}
