// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"holdfast/gateway/ledger"
)

// TestRehearsedEmbeddings: a house without keys embeds, a drill in front of a model that embeds fails
// as it would, and who is told of it reads the model that was meant.
func TestRehearsedEmbeddings(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(answers(200, jsonKind, `{"object":"list","data":[{"embedding":[1]}],"usage":{"prompt_tokens":2,"total_tokens":2}}`))
	t.Cleanup(server.Close)
	h := newHouse(t, impatient(testConfig(server.URL+"/v1")))
	resp, got := h.at(t.Context(), "/v1/embeddings", `{"model":"rehearsal/default","input":["one","two"],"dimensions":2}`)
	if resp.StatusCode != http.StatusOK || strings.Count(got, `"object":"embedding"`) != 2 {
		t.Errorf("status %d: %s", resp.StatusCode, got)
	}
	if row := h.settled(); row.provider != "rehearsal" || row.input == 0 || row.output != 0 || row.estimated || row.status != ledger.StatusOK {
		t.Errorf("booked %+v", row)
	}
	for fault, says := range map[string]string{"500": "up/model-x was told to fail with 500", "timeout": "up/model-x", "empty": "up/model-x", "cut": "up/model-x"} {
		act(t, h, "cooldown.clear", `{"name":"up/model-x"}`)
		act(t, h, "gateway.rehearse", `{"fault":"`+fault+`","model":"up/model-x","for":"1h"}`)
		resp, got = h.at(t.Context(), "/v1/embeddings", `{"model":"up/model-x","input":"one"}`)
		if resp.StatusCode < 500 || !strings.Contains(got, says) || strings.Contains(got, "rehearsal/") || resp.Header.Get("X-Holdfast-Provider") != "rehearsal" {
			t.Errorf("%s: status %d, %v: %s", fault, resp.StatusCode, resp.Header, got)
		}
	}
	act(t, h, "gateway.end_rehearsal", `{"name":"up/model-x"}`)
	if resp, got = h.at(t.Context(), "/v1/embeddings", `{"model":"up/model-x","input":"one"}`); resp.StatusCode != http.StatusOK || strings.Contains(got, "rehears") {
		t.Errorf("afterwards %d: %s", resp.StatusCode, got)
	}
}
