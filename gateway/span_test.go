// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"encoding/hex"
	"io"
	"net/http"
	"strings"
	"testing"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"holdfast/core/trace"
	"holdfast/core/trace/tracetest"
	"holdfast/gateway/breaker"
	"holdfast/gateway/ledger"
)

const (
	theirTrace  = "4bf92f3577b34da6a3ce929d0e0e4736"
	theirParent = "00-" + theirTrace + "-00f067aa0ba902b7-01"
)

// traced is a gateway whose spans go to a collector.
func traced(t *testing.T, c Config, change func(*trace.Config)) (*testHouse, *tracetest.Collector) {
	t.Helper()
	collector := tracetest.New(t, nil)
	settings := trace.Defaults()
	settings.Endpoint = collector.URL
	if change != nil {
		change(&settings)
	}
	traces := trace.New(trace.Needs{Config: &settings})
	if err := traces.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	h := newHouseWith(t, c, func(n *Needs, _ *ledger.Needs) {
		n.Traces, n.Prices = traces, tariff{"spare/understudy": 1000, "up/model-x": 2_000_000}
	})
	t.Cleanup(func() { _ = traces.Stop(t.Context()) })
	return h, collector
}

// ask posts a body below the client's own span.
func (h *testHouse) ask(body string) string {
	h.t.Helper()
	req, err := http.NewRequestWithContext(h.t.Context(), http.MethodPost, h.url+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("Traceparent", theirParent)
	req.Header.Set("Tracestate", "vendor=1")
	req.Header.Set("X-Holdfast-Session", "session-1")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	answer, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	return string(answer)
}

func says(t *testing.T, span *tracepb.Span, want map[string]string) {
	t.Helper()
	for name, value := range want {
		if got := tracetest.Said(span.GetAttributes(), name); got != value {
			t.Errorf("%s says %s=%s, want %s", span.GetName(), name, got, value)
		}
	}
}

func TestASpanACall(t *testing.T) {
	t.Parallel()
	h, collector := traced(t, testConfig(serveUp(t, say(roleEvent, chunkEvent("hello"), stopEvent, usageEvent, doneEvent))), nil)
	h.ask(request("chat", true))
	span := collector.AwaitSpans(t, 1)[0]
	if hex.EncodeToString(span.GetTraceId()) != theirTrace || hex.EncodeToString(span.GetParentSpanId()) != "00f067aa0ba902b7" {
		t.Errorf("trace %x, parent %x: not below the client's", span.GetTraceId(), span.GetParentSpanId())
	}
	if span.GetName() != "chat chat" || span.GetKind() != tracepb.Span_SPAN_KIND_CLIENT || span.GetStatus().GetCode() != tracepb.Status_STATUS_CODE_UNSET {
		t.Errorf("%s %v %v", span.GetName(), span.GetKind(), span.GetStatus())
	}
	says(t, span, map[string]string{
		"gen_ai.operation.name": "chat", "gen_ai.request.model": "chat", "gen_ai.response.model": "model-x", "gen_ai.response.id": "c-1",
		"gen_ai.request.stream": "true", "gen_ai.request.max_tokens": "64", "gen_ai.conversation.id": "session-1",
		"gen_ai.usage.input_tokens": "30", "gen_ai.usage.output_tokens": "12", "gen_ai.agent.name": "tester",
		"gen_ai.provider.name": "up", "holdfast.provider": "up", "holdfast.alias": "chat", "holdfast.fallback": "0", "holdfast.status": "ok", "holdfast.estimated": "false",
		"holdfast.cost_usd": "0.084", "holdfast.dialect": "openai.chat", "holdfast.caller": "agent:tester",
		"http.response.status_code": "200", "error.type": "nothing",
	})
	if tracetest.Said(span.GetAttributes(), "gen_ai.response.time_to_first_chunk") == "nothing" {
		t.Error("the time to the first word is missing")
	}
}

func TestASpanTellsOfEachAttempt(t *testing.T) {
	t.Parallel()
	h, collector := traced(t, testConfig(serveUp(t, answers(429, jsonKind, `{"error":{"message":"slow down, `+secretText+`"}}`, "Retry-After", "30"))), nil)
	h.ask(request("safe", false))
	span := collector.AwaitSpans(t, 1)[0]
	says(t, span, map[string]string{
		"holdfast.provider": "spare", "holdfast.fallback": "1", "gen_ai.request.model": "safe", "gen_ai.response.model": "understudy",
		"gen_ai.request.stream": "nothing", "error.type": "nothing", "http.response.status_code": "200",
	})
	if len(span.GetEvents()) != 1 {
		t.Fatalf("its events are %v", span.GetEvents())
	}
	for name, want := range map[string]string{
		"error.type": codeLimited, "holdfast.provider": "up", "http.response.status_code": "429", "holdfast.cooldown": "true", "holdfast.retry_after": "30",
	} {
		if got := tracetest.Said(span.GetEvents()[0].GetAttributes(), name); got != want {
			t.Errorf("the attempt says %s=%s, want %s", name, got, want)
		}
	}
}

func TestASpanTellsWhyACallFailed(t *testing.T) {
	t.Parallel()
	for name, one := range map[string]struct {
		up     http.HandlerFunc
		stream bool
		halt   bool
		want   map[string]string
	}{
		"the upstream fails": {answers(500, jsonKind, `{}`), false, false, map[string]string{"error.type": "upstream_error", "http.response.status_code": "500", "gen_ai.response.model": "nothing"}},
		"its mistake":        {answers(400, jsonKind, `{"error":{"message":"no"}}`), false, false, map[string]string{"error.type": "upstream_error", "http.response.status_code": "400"}},
		"a stream is cut":    {breakOff(roleEvent, chunkEvent("hel")), true, false, map[string]string{"error.type": "upstream_cut", "holdfast.status": "cut", "holdfast.estimated": "true"}},
		"the house halts":    {answers(200, jsonKind, answerBody), false, true, map[string]string{"error.type": breaker.Reason, "http.response.status_code": "503", "holdfast.status": "nothing"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := testConfig(serveUp(t, one.up))
			c.Retries = 1
			h, collector := traced(t, c, nil)
			if one.halt {
				halt(t, h, "enough")
			}
			h.ask(request("chat", one.stream))
			span := collector.AwaitSpans(t, 1)[0]
			if span.GetStatus().GetCode() != tracepb.Status_STATUS_CODE_ERROR {
				t.Errorf("the status is %v", span.GetStatus())
			}
			says(t, span, one.want)
		})
	}
}

func TestNoSpanHoldsAWordOrAKey(t *testing.T) {
	t.Parallel()
	h, collector := traced(t, testConfig(serveUp(t, answers(400, jsonKind, `{"error":{"message":"you said: `+secretText+`"}}`))), nil)
	h.ask(request("chat", false))
	good, kept := traced(t, testConfig(serveUp(t, answers(200, jsonKind, answerBody))), nil)
	good.ask(request("chat", false))
	for _, c := range []*tracetest.Collector{collector, kept} {
		c.AwaitSpans(t, 1)
		for _, batch := range c.Batches() {
			raw, err := proto.Marshal(batch)
			if err != nil {
				t.Fatal(err)
			}
			for _, secret := range []string{secretText, secretKey, "Good day"} {
				if strings.Contains(string(raw), secret) {
					t.Errorf("%q went to the collector", secret)
				}
			}
		}
	}
}

func TestTheTraceContextGoesUpstreamBySettingAlone(t *testing.T) {
	t.Parallel()
	for _, let := range []bool{false, true} {
		got := make(chan http.Header, 1)
		up := serveUp(t, func(w http.ResponseWriter, r *http.Request) {
			got <- r.Header
			answers(200, jsonKind, answerBody)(w, r)
		})
		h, collector := traced(t, testConfig(up), func(c *trace.Config) { c.Upstream = let })
		h.ask(request("chat", false))
		header, want, state := <-got, "", ""
		if span := collector.AwaitSpans(t, 1)[0]; let {
			want, state = "00-"+theirTrace+"-"+hex.EncodeToString(span.GetSpanId())+"-01", "vendor=1"
		}
		if header.Get("Traceparent") != want || header.Get("Tracestate") != state {
			t.Errorf("setting %v: %q and %q went upstream, want %q and %q", let, header.Get("Traceparent"), header.Get("Tracestate"), want, state)
		}
	}
}
