// SPDX-License-Identifier: Apache-2.0

package holdfasttest_test

import (
	"encoding/hex"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"holdfast/core/trace/tracetest"
	"holdfast/holdfasttest"
)

// TestARequestToAnAgentIsOneTrace in the whole house, below its client's span; a reload switches it off,
// and a hit of the cache is counted where calls are.
func TestARequestToAnAgentIsOneTrace(t *testing.T) {
	collector := tracetest.New(t, nil)
	with := func(endpoint string) string {
		return "models: {cache: {on: true}}\nbudgets: {limits: {house: {tokens_per_day: 1000000}}}\ntraces: {endpoint: \"" + endpoint + "\", headers: {Authorization: \"Bearer ${OTLP_TOKEN}\"}}\n"
	}
	h := holdfasttest.Start(t, holdfasttest.Options{Bare: true, Files: map[string]string{
		"holdfast.yaml": with(collector.URL), ".env": "OTLP_TOKEN=for-the-collector\nSUPERVISOR_API_TOKEN=for-the-operator-alone\n",
	}})
	var status struct {
		API string `json:"api"`
	}
	if err := json.Unmarshal(h.Do("house.status", `{}`), &status); err != nil {
		t.Fatal(err)
	}
	const trace, span = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	ask := func(model string) {
		t.Helper()
		code, body := h.Ask(http.MethodPost, status.API+"/v1/chat/completions", `{"model":"`+model+`","temperature":0,"messages":[{"role":"user","content":"hello"}]}`, http.Header{
			"Authorization": {"Bearer " + h.Key()}, "Traceparent": {"00-" + trace + "-" + span + "-01"},
		})
		if code != http.StatusOK {
			t.Fatalf("%d: %s", code, body)
		}
	}
	ask("passthrough_agent")
	parent := span
	named := map[string]*tracepb.Span{}
	for _, one := range collector.AwaitSpans(t, 3) {
		named[one.GetName()] = one
	}
	for _, name := range []string{"POST /v1/chat/completions", "invoke_agent passthrough_agent", "chat chat"} {
		one := named[name]
		if hex.EncodeToString(one.GetTraceId()) != trace || hex.EncodeToString(one.GetParentSpanId()) != parent {
			t.Errorf("%s is below %x, want %s", name, one.GetParentSpanId(), parent)
		}
		parent = hex.EncodeToString(one.GetSpanId())
	}
	if got := collector.Requests()[0].Header.Get("Authorization"); got != "Bearer for-the-collector" {
		t.Errorf("the collector was shown %q", got)
	}
	if err := os.WriteFile(h.Home.Path("holdfast.yaml"), []byte(with("")), 0o600); err != nil {
		t.Fatal(err)
	}
	h.Do("config.reload", `{}`)
	before := len(collector.Spans())
	ask("chat")
	ask("chat")
	if err := h.Stop(); err != nil {
		t.Fatal(err)
	}
	if n := len(collector.Spans()); n != before {
		t.Errorf("%d spans came after traces were switched off", n-before)
	}
}

// TestMetricsTellOfBreakerBudgetsAndCache to the operator.
func TestMetricsTellOfBreakerBudgetsAndCache(t *testing.T) {
	h := holdfasttest.Start(t, holdfasttest.Options{Bare: true, Files: map[string]string{
		"holdfast.yaml": "models: {cache: {on: true}}\nbudgets: {limits: {house: {tokens_per_day: 1000000}}}\n", ".env": "SUPERVISOR_API_TOKEN=for-the-operator-alone\n",
	}})
	var status struct {
		API string `json:"api"`
	}
	if err := json.Unmarshal(h.Do("house.status", `{}`), &status); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		h.Ask(http.MethodPost, status.API+"/v1/chat/completions", `{"model":"chat","seed":1,"messages":[{"role":"user","content":"hello"}]}`, http.Header{"Authorization": {"Bearer " + h.Key()}})
	}
	_, text := h.Ask(http.MethodGet, status.API+"/metrics", "", http.Header{"Authorization": {"Bearer for-the-operator-alone"}})
	for _, want := range []string{
		`holdfast_breaker_state{state="armed"} 1`, `holdfast_breaker_cap_tokens{window="hour"} 1.5e+07`, `holdfast_breaker_burn_tokens{window="day"}`,
		`holdfast_budget_quota{limit="tokens_per_day",scope="house"} 1e+06`, `holdfast_budget_used{limit="tokens_per_day",scope="house"}`,
		`holdfast_gateway_cache_total{result="hit"} 1`, `holdfast_trace_queue_spans 0`,
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
	if out := string(h.Do("token.usage", `{"by":"model"}`)); !strings.Contains(out, `"cache/rehearsal/default"`) {
		t.Errorf("hits are not counted: %s", out)
	}
}
