// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"holdfast/core/metrics"
	"holdfast/gateway/ledger"
	"holdfast/gateway/provider"
)

// atOnce is a provider that answers at once, from memory.
type atOnce struct {
	kind, body string
	speaks     []string
}

func (a atOnce) Speaks() []string { return a.speaks }
func (a atOnce) Models() []string { return nil }
func (a atOnce) Do(context.Context, provider.Call) (*provider.Answer, error) {
	return &provider.Answer{Status: 200, Header: http.Header{"Content-Type": {a.kind}}, Body: io.NopCloser(strings.NewReader(a.body))}, nil
}

// BenchmarkCall is what a call costs the gateway and its ledger, without any network.
func BenchmarkCall(b *testing.B) {
	stream := strings.Repeat(chunkEvent(" word"), 63) + stopEvent + usageEvent + doneEvent
	claude := claudeStart + claudeOpen + strings.Repeat(claudeSays(" word"), 63) + claudeClose + claudeEnd
	for _, c := range []struct {
		name   string
		via    atOnce
		stream bool
	}{
		{"plain", atOnce{jsonKind, answerBody, []string{provider.Chat}}, false},
		{"stream", atOnce{"text/event-stream", stream, []string{provider.Chat}}, true},
		{"plain, translated", atOnce{jsonKind, claudeAnswer, []string{provider.Messages}}, false},
		{"stream, translated", atOnce{"text/event-stream", claude, []string{provider.Messages}}, true},
	} {
		b.Run(c.name, func(b *testing.B) {
			h := benchHouse(b, c.via)
			body := request("chat", c.stream)
			b.ReportAllocs()
			b.ResetTimer()
			b.SetParallelism(8) // a commit waits for the disk
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					w := httptest.NewRecorder()
					h.chat(w, httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/v1/chat/completions", strings.NewReader(body)))
					if w.Code != http.StatusOK {
						b.Errorf("status %d: %s", w.Code, w.Body)
						return
					}
				}
			})
		})
	}
}

func benchHouse(b *testing.B, via atOnce) *testHouse {
	b.Helper()
	h := newHouseWith(b, testConfig("http://127.0.0.1:1/v1"), func(n *Needs, _ *ledger.Needs) { n.Meter = metrics.New() })
	if err := h.breaker.SetCaps(b.Context(), 1<<50, 1<<50); err != nil {
		b.Fatal(err)
	}
	h.routes.Load().providers["up"] = via
	return h
}
