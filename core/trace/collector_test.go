// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"holdfast"
)

// A collector takes OTLP over HTTP as a real one does, reading whole export requests.
type collector struct {
	*httptest.Server
	// reply answers a request after it was read; nil takes everything.
	reply func(w http.ResponseWriter, spans int)

	mu       sync.Mutex
	requests []*http.Request
	all      []*collectorpb.ExportTraceServiceRequest
	arrived  chan struct{}
}

func newCollector(t *testing.T, reply func(w http.ResponseWriter, spans int)) *collector {
	t.Helper()
	c := &collector{reply: reply, arrived: make(chan struct{}, 10_000)}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
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
		c.requests, c.all = append(c.requests, r), append(c.all, got)
		c.mu.Unlock()
		defer func() { c.arrived <- struct{}{} }()
		if c.reply != nil {
			c.reply(w, len(spansOf(got)))
			return
		}
		answer, _ := proto.Marshal(&collectorpb.ExportTraceServiceResponse{})
		w.Header().Set("Content-Type", "application/x-protobuf")
		_, _ = w.Write(answer)
	}))
	t.Cleanup(c.Close)
	return c
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

// spans are those that were asked to be taken so far.
func (c *collector) spans() []*tracepb.Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []*tracepb.Span
	for _, r := range c.all {
		list = append(list, spansOf(r)...)
	}
	return list
}

func (c *collector) await(t *testing.T) {
	t.Helper()
	select {
	case <-c.arrived:
	case <-time.After(20 * time.Second):
		t.Fatal("nothing came to the collector")
	}
}

func said(list []*commonpb.KeyValue, name string) string {
	for _, kv := range list {
		if kv.GetKey() == name {
			return kv.GetValue().String()
		}
	}
	return "nothing"
}

// tally counts by outcome.
type tally struct {
	mu      sync.Mutex
	counts  map[string]float64
	waiting func() float64
}

func (m *tally) Counter(string, string, ...string) (func(float64, ...string), error) {
	return func(n float64, values ...string) {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.counts == nil {
			m.counts = map[string]float64{}
		}
		m.counts[values[0]] += n
	}, nil
}

func (m *tally) Gauge(_, _ string, read func() float64) error { m.waiting = read; return nil }

func (m *tally) of(outcome string) float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.counts[outcome]
}

func (m *tally) total() float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	sum := 0.0
	for _, n := range m.counts {
		sum += n
	}
	return sum
}

type pocket map[string]string

func (p pocket) Get(name string) (holdfast.Secret, bool) {
	value, ok := p[name]
	return holdfast.NewSecret(value), ok
}

// quick bounds a line so that a test need not wait.
func quick() bounds {
	return bounds{queue: 64, batch: 16, gather: time.Millisecond, answer: 10 * time.Second, firstPause: time.Millisecond, longestPause: 5 * time.Millisecond, attempts: 3}
}

// begin makes traces that send to an address.
func begin(t *testing.T, address string, change func(*Config), b bounds) (*Traces, *tally) {
	t.Helper()
	c := Defaults()
	c.Endpoint = address
	if change != nil {
		change(&c)
	}
	if problems := c.Check(); len(problems) > 0 {
		t.Fatalf("the configuration is wrong: %v", problems)
	}
	counts := &tally{}
	traces := New(Needs{Config: &c, Meter: counts, Version: "1.2.3", Node: func() string { return "node-a" }, Keys: pocket{"OTLP_TOKEN": "s3cret-of-the-collector"}})
	traces.line = newLine(traces, b)
	if err := traces.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, traces) })
	return traces, counts
}

// stop ends traces, and waits no longer than a moment for a collector.
func stop(t *testing.T, traces *Traces) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 200*time.Millisecond)
	defer cancel()
	if err := traces.Stop(ctx); err != nil {
		t.Error(err)
	}
}
