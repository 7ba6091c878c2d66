// SPDX-License-Identifier: Apache-2.0

// Package tracetest is a collector of OpenTelemetry for tests.
//
// It takes OTLP over HTTP on a port of its own, reads each batch as a whole export request, as a real
// collector does, and keeps the spans. It is not for production. Callers: tests of who makes spans.
package tracetest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// A Collector takes spans.
type Collector struct {
	*httptest.Server
	reply func(w http.ResponseWriter, spans int)

	mu       sync.Mutex
	requests []*http.Request
	batches  []*collectorpb.ExportTraceServiceRequest
	arrived  chan struct{}
}

// New starts a collector, which ends with the test. reply answers a request after it was read; nil
// takes everything.
func New(t testing.TB, reply func(w http.ResponseWriter, spans int)) *Collector {
	t.Helper()
	c := &Collector{reply: reply, arrived: make(chan struct{}, 10_000)}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { c.serve(t, w, r) }))
	t.Cleanup(c.Close)
	return c
}

func (c *Collector) serve(t testing.TB, w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	got := &collectorpb.ExportTraceServiceRequest{}
	if err := proto.Unmarshal(body, got); err != nil {
		t.Errorf("the collector cannot read a batch: %v", err)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	c.requests, c.batches = append(c.requests, r), append(c.batches, got)
	c.mu.Unlock()
	defer func() { c.arrived <- struct{}{} }()
	if c.reply != nil {
		c.reply(w, len(spansOf(got)))
		return
	}
	answer, err := proto.Marshal(&collectorpb.ExportTraceServiceResponse{})
	if err != nil {
		t.Errorf("the collector cannot answer: %v", err)
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
	_, _ = w.Write(answer)
}

func spansOf(r *collectorpb.ExportTraceServiceRequest) []*tracepb.Span {
	var list []*tracepb.Span
	for _, under := range r.GetResourceSpans() {
		for _, scope := range under.GetScopeSpans() {
			list = append(list, scope.GetSpans()...)
		}
	}
	return list
}

// Spans are those that were asked to be taken so far, in their order.
func (c *Collector) Spans() []*tracepb.Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []*tracepb.Span
	for _, r := range c.batches {
		list = append(list, spansOf(r)...)
	}
	return list
}

// Requests are those that came so far.
func (c *Collector) Requests() []*http.Request {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]*http.Request(nil), c.requests...)
}

// Batches are what they held.
func (c *Collector) Batches() []*collectorpb.ExportTraceServiceRequest {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]*collectorpb.ExportTraceServiceRequest(nil), c.batches...)
}

// Await waits for the next request to be answered.
func (c *Collector) Await(t testing.TB) {
	t.Helper()
	select {
	case <-c.arrived:
	case <-time.After(20 * time.Second):
		t.Fatal("nothing came to the collector")
	}
}

// AwaitSpans waits until so many spans have come, and gives them.
func (c *Collector) AwaitSpans(t testing.TB, n int) []*tracepb.Span {
	t.Helper()
	for {
		if list := c.Spans(); len(list) >= n {
			return list
		}
		c.Await(t)
	}
}

// Said is what a list of facts says of a name, as text; "nothing" when it says nothing.
func Said(list []*commonpb.KeyValue, name string) string {
	for _, kv := range list {
		if kv.GetKey() == name {
			return text(kv.GetValue())
		}
	}
	return "nothing"
}

func text(v *commonpb.AnyValue) string {
	switch v := v.GetValue().(type) {
	case *commonpb.AnyValue_StringValue:
		return v.StringValue
	case *commonpb.AnyValue_BoolValue:
		return strconv.FormatBool(v.BoolValue)
	case *commonpb.AnyValue_IntValue:
		return strconv.FormatInt(v.IntValue, 10)
	case *commonpb.AnyValue_DoubleValue:
		return strconv.FormatFloat(v.DoubleValue, 'g', -1, 64)
	default:
		return "something else"
	}
}
