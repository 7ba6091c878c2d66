// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"fmt"
	"testing"
	"time"

	"holdfast"
	"holdfast/gateway/ledger"
)

// relay is a call that goes through the gateway; what it returns settles it.
func (w *world) relay(provider, model, alias, dialect, response string, u holdfast.Usage, estimated bool) func() {
	w.t.Helper()
	r, err := w.l.Reserve(w.t.Context(), ledger.Call{Provider: provider, Model: model, Alias: alias, Dialect: dialect}, u.Total(), 0)
	if err != nil {
		w.t.Fatal(err)
	}
	return func() {
		r.Settle(ledger.Result{Provider: provider, Model: model, Status: ledger.StatusOK, ResponseID: response, Usage: u, Estimated: estimated})
		sums, err := w.l.Spent(w.t.Context(), "house", time.Now().Add(-time.Hour)) // it is written
		if err != nil || sums[""].Calls == 0 {
			w.t.Fatalf("%+v, %v", sums, err)
		}
	}
}

// relayedCall is a call that the gateway relayed, and what the agent's log says of it, as it grows.
type relayedCall struct {
	path   string
	logs   []string
	call   gatewayCall
	tokens int64
}

type gatewayCall struct {
	provider, model, alias, dialect, response string
	usage                                     holdfast.Usage
	estimated                                 bool
}

func relayedCalls(now time.Time) map[string]relayedCall {
	at := now.UTC().Format(time.RFC3339Nano)
	claude := func(response string, input, output int64) string {
		return fmt.Sprintf(`{"sessionId":"s1","requestId":"r1","timestamp":"%s","message":{"id":"%s","model":"claude-x","usage":{"input_tokens":%d,"output_tokens":%d}}}`,
			at, response, input, output) + "\n"
	}
	codex := func(provider, model string) string {
		return fmt.Sprintf(`{"timestamp":"%[1]s","type":"session_meta","payload":{"id":"c1","model_provider":"%[2]s"}}
{"timestamp":"%[1]s","type":"turn_context","payload":{"model":"%[3]s"}}
{"timestamp":"%[1]s","type":"event_msg","payload":{"type":"token_count","info":{"last_token_usage":{"input_tokens":1300,"cached_input_tokens":1000,"output_tokens":50,"reasoning_output_tokens":20,"total_tokens":1350}}}}
`, at, provider, model)
	}
	used := holdfast.Usage{Input: 300, CachedRead: 1000, Output: 50, Reasoning: 20}
	type call = gatewayCall
	return map[string]relayedCall{
		"Claude Code": {talk, []string{claude("msg_7", 300, 50)}, call{"anthropic", "claude-x", "chat", "anthropic", "msg_7", holdfast.Usage{Input: 300, Output: 50}, false}, 350},
		"Claude Code, streamed": {
			talk,
			[]string{claude("msg_7", 300, 1), claude("msg_7", 300, 20), claude("msg_7", 300, 50)},
			call{"anthropic", "claude-x", "chat", "anthropic", "msg_7", holdfast.Usage{Input: 300, Output: 50}, false},
			350,
		},
		"Claude Code, hung up": { // the gateway's estimate stands, be it larger or smaller
			talk,
			[]string{claude("msg_7", 300, 1), claude("msg_7", 300, 900)},
			call{"anthropic", "claude-x", "chat", "anthropic", "msg_7", holdfast.Usage{Input: 300, Output: 60}, true},
			360,
		},
		"Claude Code, answered by another vendor": { // whose answer the gateway named
			talk, []string{claude("msg_hf_1", 300, 50)}, call{"openai", "gpt-x", "chat", "anthropic", "msg_hf_1", holdfast.Usage{Input: 300, Output: 50}, false}, 350,
		},
		"Codex by its provider's name": {".codex/sessions/a.jsonl", []string{codex("holdfast", "gpt-x")}, call{"openai", "gpt-x", "chat", "responses", "resp_1", used, false}, 1350},
		"Codex by what it says":        {".codex/sessions/a.jsonl", []string{codex("openai", "gpt-x")}, call{"openai", "gpt-x", "chat", "responses", "resp_1", used, false}, 1350},
		"Codex by an alias":            {".codex/sessions/a.jsonl", []string{codex("openai", "chat")}, call{"azure", "gpt-x", "chat", "responses", "resp_1", used, false}, 1350},
		"Gemini CLI": {
			".gemini/tmp/p/chats/s.jsonl",
			[]string{fmt.Sprintf(`{"id":"1","timestamp":"%s","type":"gemini","model":"gemini-x","tokens":{"input":1300,"output":30,"cached":1000,"thoughts":20,"total":1350}}`, at) + "\n"},
			call{"google", "gemini-x", "chat", "openai", "chatcmpl-1", used, false},
			1350,
		},
		"OpenCode": {
			".local/share/opencode/storage/message/s/m.json",
			[]string{fmt.Sprintf(`{"id":"m","role":"assistant","modelID":"gpt-x","providerID":"p","time":{"created":%d,"completed":%d},"tokens":{"input":300,"output":30,"reasoning":20,"cache":{"read":1000,"write":0}}}`, now.UnixMilli(), now.UnixMilli())},
			call{"openai", "gpt-x", "chat", "openai", "chatcmpl-1", used, false},
			1350,
		},
	}
}

// TestWhatTheGatewayRelayedCountsOnce, whichever is told first: the log or the gateway.
func TestWhatTheGatewayRelayedCountsOnce(t *testing.T) {
	now := time.Now()
	for name, c := range relayedCalls(now) {
		for order, first := range map[string]bool{"log first": true, "gateway first": false} {
			t.Run(name+", "+order, func(t *testing.T) {
				w := newWorld(t)
				settle := w.relay(c.call.provider, c.call.model, c.call.alias, c.call.dialect, c.call.response, c.call.usage, c.call.estimated)
				if !first {
					settle()
				}
				for _, text := range c.logs {
					w.add(c.path, text)
					w.scan()
				}
				if first {
					settle()
				}
				w.want(1, c.tokens)
				w.add("elsewhere", "x")
				w.restart() // all is read again
				w.scan()
				w.want(1, c.tokens)
				if by, err := w.l.Spent(t.Context(), "house", now.Add(-time.Hour)); err != nil || by[""].Calls != 1 {
					t.Errorf("%+v, %v", by, err)
				}
			})
		}
	}
}

// TestACallThatTheGatewayDidNotRelayCountsBeside one that it did, though they are alike in all but the
// time or the model.
func TestACallThatTheGatewayDidNotRelayCountsBeside(t *testing.T) {
	w := newWorld(t)
	w.relay("openai", "gpt-x", "chat", "responses", "resp_1", holdfast.Usage{Input: 1000, Output: 10}, false)()
	event := func(id, model string, at time.Time) {
		w.add(".codex/sessions/"+id+".jsonl", fmt.Sprintf(`{"timestamp":"%[1]s","type":"session_meta","payload":{"id":"%[2]s"}}
{"timestamp":"%[1]s","type":"turn_context","payload":{"model":"%[3]s"}}
{"timestamp":"%[1]s","type":"event_msg","payload":{"type":"token_count","info":{"last_token_usage":{"input_tokens":1000,"output_tokens":10,"total_tokens":1010}}}}
`, at.UTC().Format(time.RFC3339Nano), id, model))
	}
	now := time.Now()
	event("a", "gpt-y", now)
	event("b", "gpt-x", now.Add(-10*time.Minute))
	w.scan()
	w.want(3, 3030)
	event("c", "gpt-x", now) // the relayed one
	w.scan()
	w.want(3, 3030)
	event("d", "gpt-x", now.Add(time.Millisecond)) // a second one
	w.scan()
	w.want(4, 4040)
}
