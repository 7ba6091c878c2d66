// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"fmt"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	api "go.opentelemetry.io/otel/trace"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// encode is a batch as OTLP has it. TracesData has the bytes of an export request, whose own package
// would link gRPC. Spans of different configurations stand under resources of their own.
func encode(batch []sdk.ReadOnlySpan) ([]byte, error) {
	all := &tracepb.TracesData{}
	under := map[*resource.Resource]*tracepb.ScopeSpans{}
	for _, span := range batch {
		group := under[span.Resource()]
		if group == nil {
			scope := span.InstrumentationScope()
			group = &tracepb.ScopeSpans{Scope: &commonpb.InstrumentationScope{Name: scope.Name, Version: scope.Version}}
			under[span.Resource()] = group
			all.ResourceSpans = append(all.ResourceSpans, &tracepb.ResourceSpans{
				Resource: &resourcepb.Resource{Attributes: facts(span.Resource().Attributes())}, ScopeSpans: []*tracepb.ScopeSpans{group},
			})
		}
		group.Spans = append(group.Spans, put(span))
	}
	data, err := proto.Marshal(all)
	if err != nil {
		return nil, fmt.Errorf("cannot encode a batch of spans: %w", err)
	}
	return data, nil
}

func put(span sdk.ReadOnlySpan) *tracepb.Span {
	at, status := span.SpanContext(), span.Status()
	trace, id := at.TraceID(), at.SpanID()
	out := &tracepb.Span{
		TraceId: trace[:], SpanId: id[:], TraceState: at.TraceState().String(), Flags: flags(at, span.Parent()),
		Name: clean(span.Name()), Kind: kind(span.SpanKind()), StartTimeUnixNano: nanos(span.StartTime()), EndTimeUnixNano: nanos(span.EndTime()),
		Attributes: facts(span.Attributes()), DroppedAttributesCount: uint32(span.DroppedAttributes()), DroppedEventsCount: uint32(span.DroppedEvents()),
		Status: &tracepb.Status{},
	}
	if parent := span.Parent(); parent.HasSpanID() {
		above := parent.SpanID()
		out.ParentSpanId = above[:]
	}
	switch status.Code {
	case codes.Error:
		out.Status.Code, out.Status.Message = tracepb.Status_STATUS_CODE_ERROR, status.Description
	case codes.Ok:
		out.Status.Code = tracepb.Status_STATUS_CODE_OK
	case codes.Unset:
	}
	for _, e := range span.Events() {
		out.Events = append(out.Events, &tracepb.Span_Event{Name: clean(e.Name), TimeUnixNano: nanos(e.Time), Attributes: facts(e.Attributes)})
	}
	return out
}

// flags are those of the trace, and whether the parent is known to be elsewhere.
func flags(at, parent api.SpanContext) uint32 {
	all := uint32(at.TraceFlags()) | uint32(tracepb.SpanFlags_SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK)
	if parent.IsRemote() {
		all |= uint32(tracepb.SpanFlags_SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK)
	}
	return all
}

func kind(k api.SpanKind) tracepb.Span_SpanKind {
	switch k {
	case api.SpanKindServer:
		return tracepb.Span_SPAN_KIND_SERVER
	case api.SpanKindClient:
		return tracepb.Span_SPAN_KIND_CLIENT
	default:
		return tracepb.Span_SPAN_KIND_INTERNAL
	}
}

func nanos(t time.Time) uint64 { return uint64(max(t.UnixNano(), 0)) }

// clean keeps what is no text out: one such value would spoil the batch.
func clean(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

func facts(list []attribute.KeyValue) []*commonpb.KeyValue {
	out := make([]*commonpb.KeyValue, 0, len(list))
	for _, fact := range list {
		out = append(out, &commonpb.KeyValue{Key: clean(string(fact.Key)), Value: value(fact.Value)})
	}
	return out
}

// value has the types of Attr; anything else is put as text.
func value(v attribute.Value) *commonpb.AnyValue {
	switch v.Type() {
	case attribute.BOOL:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_BoolValue{BoolValue: v.AsBool()}}
	case attribute.INT64:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: v.AsInt64()}}
	case attribute.FLOAT64:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_DoubleValue{DoubleValue: v.AsFloat64()}}
	default:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: clean(v.String())}}
	}
}
