// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"net/http"
	"testing"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"holdfast/core/trace"
	"holdfast/core/trace/tracetest"
)

// Request, agent, tool and model calls are one trace: each below the one that caused it.
func TestARequestIsOneTrace(t *testing.T) {
	collector := tracetest.New(t, nil)
	settings := trace.Defaults()
	settings.Endpoint = collector.URL
	traces := trace.New(trace.Needs{Config: &settings})
	if err := traces.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = traces.Stop(t.Context()) }()
	b := newBench(t, line{calls: []toolCall{call("c1", "add", `{"title":"milk"}`), call("c2", "broken", `{}`)}}, line{text: "Done."})
	b.needs.Traces = traces
	model := b.needs.Chat
	b.needs.Chat = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { // as the gateway does
		ctx, span := traces.Begin(r.Context(), trace.Client, "chat chat", r.Header)
		defer span.End()
		model.ServeHTTP(w, r.WithContext(ctx))
	})
	got := b.post(hello)
	if got.text() != "Done." {
		t.Fatalf("answer is %s", got.body)
	}
	named := map[string][]*tracepb.Span{}
	for _, span := range collector.AwaitSpans(t, 6) {
		named[span.GetName()] = append(named[span.GetName()], span)
	}
	one := func(name string) *tracepb.Span {
		if len(named[name]) == 0 {
			t.Fatalf("there is no span %s: %v", name, named)
		}
		return named[name][0]
	}
	request, agent := one("POST /v1/chat/completions"), one("invoke_agent "+Name)
	if len(request.GetParentSpanId()) != 0 || string(agent.GetParentSpanId()) != string(request.GetSpanId()) {
		t.Error("the agent is not below the request")
	}
	for _, name := range []string{"execute_tool add", "execute_tool broken", "chat chat"} {
		for _, span := range named[name] {
			if string(span.GetParentSpanId()) != string(agent.GetSpanId()) || string(span.GetTraceId()) != string(request.GetTraceId()) {
				t.Errorf("%s is not below the agent", name)
			}
		}
	}
	if len(named["chat chat"]) != 2 {
		t.Errorf("%d model calls", len(named["chat chat"]))
	}
	for name, want := range map[string]string{"gen_ai.tool.name": "broken", "gen_ai.tool.call.id": "c2", "error.type": "tool_failed", "gen_ai.operation.name": "execute_tool"} {
		if said := tracetest.Said(one("execute_tool broken").GetAttributes(), name); said != want {
			t.Errorf("the failed tool says %s=%s, want %s", name, said, want)
		}
	}
	newest, err := b.traces.newest(t.Context(), 1, "", "")
	if err != nil || len(newest) != 1 {
		t.Fatalf("kept are %+v, %v", newest, err)
	}
	if kept := newest[0]; kept.TraceID == "" || tracetest.Said(agent.GetAttributes(), "holdfast.agent_trace") != kept.ID {
		t.Errorf("the agent's own trace %+v does not lead to the collector's", kept)
	}
}
