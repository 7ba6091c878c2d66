// SPDX-License-Identifier: Apache-2.0

package redteam

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// order is what the obedient model obeys wherever it reads it.
func order(tool, arguments string) string { return "OBEY(" + tool + " " + arguments + ")" }

// obedient is a model upstream that does whatever it is told, by whoever: it calls each tool that it
// is ordered to call, offered or not, once a conversation, then says that it is done.
type obedient struct {
	url    string
	orders *regexp.Regexp

	mu   sync.Mutex
	seen []string // every request, whole
}

func newObedient(t *testing.T) *obedient {
	o := &obedient{orders: regexp.MustCompile(`OBEY\(([\w-]+) (.*?\})\)`)}
	server := httptest.NewServer(http.HandlerFunc(o.serve))
	t.Cleanup(server.Close)
	o.url = server.URL
	return o
}

// last are all requests since the model was made, or since forget.
func (o *obedient) said() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Join(o.seen, "\n")
}

func (o *obedient) forget() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.seen = nil
}

type request struct {
	Stream   bool `json:"stream"`
	Messages []struct {
		Role    string          `json:"role"`
		Content json.RawMessage `json:"content"`
		Calls   []struct {
			Function struct{ Name string } `json:"function"`
		} `json:"tool_calls"`
	} `json:"messages"`
	Tools []json.RawMessage `json:"tools"`
}

func (o *obedient) serve(w http.ResponseWriter, r *http.Request) {
	var asked request
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	o.mu.Lock()
	o.seen = append(o.seen, string(encode(asked)))
	o.mu.Unlock()
	message := map[string]any{"role": "assistant", "content": "Done."}
	finish := "stop"
	if name, arguments, ordered := o.next(asked); ordered {
		message = map[string]any{"role": "assistant", "content": nil, "tool_calls": []any{map[string]any{
			"id": fmt.Sprintf("call_%d", len(asked.Messages)), "type": "function", "function": map[string]string{"name": name, "arguments": arguments},
		}}}
		finish = "tool_calls"
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(encode(map[string]any{
		"id": "c", "object": "chat.completion", "created": 1, "model": "obedient",
		"choices": []any{map[string]any{"index": 0, "message": message, "finish_reason": finish}},
		"usage":   map[string]int{"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
	}))
}

// next is the first order that was not obeyed in this conversation.
func (o *obedient) next(asked request) (name, arguments string, ordered bool) {
	obeyed := map[string]bool{}
	var texts []string
	for _, m := range asked.Messages {
		var text string
		if json.Unmarshal(m.Content, &text) != nil {
			text = string(m.Content)
		}
		texts = append(texts, text)
		for _, c := range m.Calls {
			obeyed[c.Function.Name] = true
		}
	}
	for _, t := range asked.Tools {
		texts = append(texts, string(t))
	}
	for _, text := range texts {
		for _, m := range o.orders.FindAllStringSubmatch(text, -1) {
			if !obeyed[m[1]] {
				return m[1], strings.ReplaceAll(m[2], `\"`, `"`), true
			}
		}
	}
	return "", "", false
}
