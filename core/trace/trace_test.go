// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"context"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"holdfast/core/trace/tracetest"
)

const (
	theirTrace = "4bf92f3577b34da6a3ce929d0e0e4736"
	theirSpan  = "00f067aa0ba902b7"
	theirs     = "00-" + theirTrace + "-" + theirSpan + "-01"
)

func from(parent ...string) http.Header { return http.Header{"Traceparent": parent} }

func TestASpanReachesTheCollectorBelowItsClients(t *testing.T) {
	c := tracetest.New(t, nil)
	traces, counts := begin(t, c.URL, func(c *Config) {
		c.Headers = map[string]string{"Authorization": "Bearer ${OTLP_TOKEN}", "X-Scope-OrgID": "house"}
		c.Service = "our house"
	}, quick())
	header := from(theirs)
	header["Tracestate"] = []string{"vendor=1", "other=2"}
	ctx, outer := traces.Begin(t.Context(), Client, "chat fast", header)
	outer.Set(String("gen_ai.request.model", "fast"), Int("n", 7), Float("f", 0.5), Bool("b", true))
	outer.Event("fell back", String("error.type", "429"))
	_, inner := traces.Begin(ctx, Inner, "execute_tool", from("00-"+strings.Repeat("a", 32)+"-"+theirSpan+"-01"))
	inner.Fail("tool_failed")
	inner.End()
	outer.End()
	if err := traces.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	list := c.Spans()
	if len(list) != 2 || counts.of(sent) != 2 {
		t.Fatalf("%d spans came and %v are counted as sent, want 2", len(list), counts.of(sent))
	}
	below, above := list[0], list[1]
	if got := hex.EncodeToString(above.GetTraceId()); got != theirTrace {
		t.Errorf("the trace is %s, want the client's", got)
	}
	if got := hex.EncodeToString(above.GetParentSpanId()); got != theirSpan {
		t.Errorf("the parent is %s, want the client's", got)
	}
	if got := above.GetTraceState(); got != "vendor=1,other=2" {
		t.Errorf("the state is %q", got)
	}
	if string(below.GetParentSpanId()) != string(above.GetSpanId()) || string(below.GetTraceId()) != string(above.GetTraceId()) {
		t.Error("the inner span is not below the outer one: a header counted where the context knew better")
	}
	if above.GetKind() != tracepb.Span_SPAN_KIND_CLIENT || above.GetName() != "chat fast" || above.GetEndTimeUnixNano() < above.GetStartTimeUnixNano() {
		t.Errorf("the span is %v", above)
	}
	if !strings.Contains(tracetest.Said(above.GetAttributes(), "gen_ai.request.model"), "fast") || !strings.Contains(tracetest.Said(above.GetAttributes(), "n"), "7") {
		t.Errorf("it says %v", above.GetAttributes())
	}
	if len(above.GetEvents()) != 1 || !strings.Contains(tracetest.Said(above.GetEvents()[0].GetAttributes(), "error.type"), "429") {
		t.Errorf("its events are %v", above.GetEvents())
	}
	if below.GetStatus().GetCode() != tracepb.Status_STATUS_CODE_ERROR || !strings.Contains(tracetest.Said(below.GetAttributes(), "error.type"), "tool_failed") {
		t.Errorf("the failed span is %v", below)
	}
	about := c.Batches()[0].GetResourceSpans()[0].GetResource().GetAttributes()
	for name, want := range map[string]string{"service.name": "our house", "service.version": "1.2.3", "service.instance.id": "node-a"} {
		if !strings.Contains(tracetest.Said(about, name), want) {
			t.Errorf("%s is %s, want %s", name, tracetest.Said(about, name), want)
		}
	}
	r := c.Requests()[0]
	if r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" {
		t.Errorf("posted to %s as %s", r.URL.Path, r.Header.Get("Content-Type"))
	}
	if r.Header.Get("Authorization") != "Bearer s3cret-of-the-collector" || r.Header.Get("X-Scope-OrgID") != "house" {
		t.Errorf("its headers are %v", r.Header)
	}
}

func TestHostileTraceContextsAreIgnored(t *testing.T) {
	c := tracetest.New(t, nil)
	traces, _ := begin(t, c.URL, nil, quick())
	for name, header := range map[string]http.Header{
		"none":              nil,
		"empty":             from(""),
		"two":               from(theirs, theirs),
		"garbage":           from("hello"),
		"upper case":        from(strings.ToUpper(theirs)),
		"zero trace":        from("00-" + strings.Repeat("0", 32) + "-" + theirSpan + "-01"),
		"zero span":         from("00-" + theirTrace + "-" + strings.Repeat("0", 16) + "-01"),
		"version ff":        from("ff" + theirs[2:]),
		"short":             from(theirs[:50]),
		"more behind it":    from(theirs + "-extra"),
		"control character": from("00-" + theirTrace + "-" + theirSpan + "-0\x01"),
		"very long":         from("01" + theirs[2:] + "-" + strings.Repeat("x", 1<<20)),
	} {
		_, span := traces.Begin(t.Context(), Client, "chat", header)
		if span == nil {
			t.Errorf("%s: no span was begun", name)
			continue
		}
		if span.TraceID() == theirTrace {
			t.Errorf("%s: was believed", name)
		}
	}
	header := from(theirs)
	header["Tracestate"] = []string{"a=" + strings.Repeat("x", 100_000)}
	_, span := traces.Begin(t.Context(), Client, "chat", header)
	if span.TraceID() != theirTrace {
		t.Error("a state that is too long took the parent with it")
	}
	if state := span.made.SpanContext().TraceState().String(); state != "" {
		t.Errorf("a state of %d bytes was kept", len(state))
	}
}

func TestWhatIsNoTextOrTooMuchSpoilsNoBatch(t *testing.T) {
	c := tracetest.New(t, nil)
	traces, counts := begin(t, c.URL, nil, quick())
	_, span := traces.Begin(t.Context(), Client, "chat \xff"+strings.Repeat("ö", 10_000), nil)
	span.Set(String("bad", "a\xffb"), String("long", strings.Repeat("ü", 1<<20)))
	for range 1000 {
		span.Event("again \xff", String("x\xff", "y"))
		span.Set(String("model"+strings.Repeat("z", 10), "m"))
	}
	span.End()
	stop(t, traces)
	list := c.Spans()
	if len(list) != 1 || counts.of(sent) != 1 {
		t.Fatalf("%d spans came, counted %v", len(list), counts.counts)
	}
	if len(list[0].GetName()) > mostValue || len(list[0].GetEvents()) > 32 || list[0].GetDroppedEventsCount() == 0 {
		t.Errorf("a span has a name of %d bytes and %d events", len(list[0].GetName()), len(list[0].GetEvents()))
	}
	for _, kv := range list[0].GetAttributes() {
		if n := len(kv.GetValue().GetStringValue()); n > 4*mostValue {
			t.Errorf("%s has %d bytes", kv.GetKey(), n)
		}
	}
}

func TestSwitchedOffCostsNothing(t *testing.T) {
	c := Defaults()
	off := New(Needs{Config: &c})
	if err := off.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer stop(t, off)
	header := from(theirs)
	for name, traces := range map[string]*Traces{"nil": nil, "off": off} {
		ctx := t.Context()
		if n := testing.AllocsPerRun(100, func() {
			got, span := traces.Begin(ctx, Client, "chat", header)
			if got != ctx || span != nil || traces.On() {
				t.Errorf("%s: a span was begun", name)
			}
			span.Fail("x")
			span.End()
			if parent, _ := traces.Upstream(ctx, header); parent != "" {
				t.Errorf("%s: %s goes upstream", name, parent)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	if off.line.running.Load() {
		t.Error("something runs")
	}
}

func TestSampling(t *testing.T) {
	c := tracetest.New(t, nil)
	traces, _ := begin(t, c.URL, func(c *Config) { c.Sample, c.Upstream = 0, true }, quick())
	if _, span := traces.Begin(t.Context(), Client, "chat", nil); span != nil {
		t.Error("a trace was sampled of none")
	}
	if _, span := traces.Begin(t.Context(), Client, "chat", from(theirs)); span == nil {
		t.Error("a client's decision to keep its trace was not heard")
	}
	ctx, span := traces.Begin(t.Context(), Client, "chat", from(theirs[:53]+"00"))
	if span != nil {
		t.Error("a client's decision not to keep its trace was not heard")
	}
	if _, inner := traces.Begin(ctx, Inner, "tool", from(theirs)); inner != nil {
		t.Error("a span below one that is not sampled was begun")
	}
	if parent, _ := traces.Upstream(ctx, nil); !strings.HasPrefix(parent, "00-"+theirTrace) || !strings.HasSuffix(parent, "-00") {
		t.Errorf("%q goes upstream", parent)
	}
}

func TestTheContextGoesUpstreamBySettingAlone(t *testing.T) {
	c := tracetest.New(t, nil)
	for _, let := range []bool{false, true} {
		traces, _ := begin(t, c.URL, func(c *Config) { c.Upstream = let }, quick())
		header := from(theirs)
		header["Tracestate"] = []string{"vendor=1"}
		ctx, span := traces.Begin(t.Context(), Client, "chat", header)
		parent, state := traces.Upstream(ctx, header)
		switch {
		case !let && parent+state != "":
			t.Errorf("%q and %q go upstream unasked", parent, state)
		case let && (parent != "00-"+theirTrace+"-"+span.made.SpanContext().SpanID().String()+"-01" || state != "vendor=1"):
			t.Errorf("%q and %q go upstream", parent, state)
		}
		if parent, _ := traces.Upstream(context.Background(), from("garbage")); parent != "" {
			t.Errorf("%q goes upstream", parent)
		}
		span.End()
	}
}
