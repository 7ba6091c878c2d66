// SPDX-License-Identifier: Apache-2.0

//go:build linux

package calls

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// most is how many tokens a call of ours may answer.
const most = 20

// A question is what the upstream reads of a body.
type question struct {
	Stream    bool
	MaxTokens int `json:"max_tokens"`
	Messages  []struct{ Content string }
}

// upstream is a provider that counts what it answers. An answer takes some milliseconds, a stream
// more, so that a kill finds every stage of a call.
func upstream(t *testing.T, a *accounts) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/chat/completions", func(w http.ResponseWriter, r *http.Request) {
		var q question
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = json.Unmarshal(body, &q)
		}
		if err != nil || len(q.Messages) == 0 {
			return // the house was killed while it asked
		}
		name := q.Messages[0].Content
		a.mu.Lock()
		a.asked[name]++
		a.mu.Unlock()
		said := weigh(name)
		if q.MaxTokens > 0 {
			said.output = min(said.output, q.MaxTokens)
		}
		if q.Stream {
			stream(w, r, a, name, said)
			return
		}
		if !pause(r, time.Duration(said.output)*time.Millisecond/4) {
			return
		}
		a.answered(name, said)
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"id":"r-%s","object":"chat.completion","created":1,"model":"bench","choices":[{"index":0,"message":{"role":"assistant","content":"Yes."},"finish_reason":"stop"}],"usage":{"prompt_tokens":%d,"completion_tokens":%d}}`,
			name, said.input, said.output)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL + "/v1"
}

// weigh gives every call its own tokens, which both sides can tell from its name. The input is below
// every estimate of it, so that no budget may be passed at all.
func weigh(name string) spent {
	h := fnv.New32a()
	_, _ = io.WriteString(h, name)
	n := int(h.Sum32() % 1000)
	return spent{input: 1 + n%4, output: 1 + n/4%most}
}

func (a *accounts) answered(name string, said spent) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answers[name] = said
}

func stream(w http.ResponseWriter, r *http.Request, a *accounts, name string, said spent) {
	w.Header().Set("Content-Type", "text/event-stream")
	flush := http.NewResponseController(w)
	for range said.output {
		_, _ = fmt.Fprintf(w, `data: {"id":"r-%s","object":"chat.completion.chunk","created":1,"model":"bench","choices":[{"index":0,"delta":{"content":"w "},"finish_reason":null}]}`+"\n\n", name)
		_ = flush.Flush()
		if !pause(r, time.Millisecond) {
			return
		}
	}
	a.answered(name, said)
	_, _ = fmt.Fprintf(w, `data: {"id":"r-%s","object":"chat.completion.chunk","created":1,"model":"bench","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`+"\n\n", name)
	_, _ = fmt.Fprintf(w, `data: {"id":"r-%s","object":"chat.completion.chunk","created":1,"model":"bench","choices":[],"usage":{"prompt_tokens":%d,"completion_tokens":%d}}`+"\n\ndata: [DONE]\n\n", name, said.input, said.output)
}

// pause is false when the asker hung up.
func pause(r *http.Request, span time.Duration) bool {
	after := time.NewTimer(span)
	defer after.Stop()
	select {
	case <-r.Context().Done():
		return false
	case <-after.C:
		return true
	}
}
