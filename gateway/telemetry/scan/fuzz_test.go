// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"bytes"
	"testing"
)

// sound fails for a call that cannot be added up or named.
func sound(t *testing.T) func(found) {
	return func(f found) {
		u := f.Usage
		if u.Total() <= 0 || u.Total() > 8*maxCount ||
			min(u.Input, u.CachedRead, u.CacheWrite5m, u.CacheWrite1h, u.Output, u.Reasoning) < 0 || u.Reasoning > u.Output ||
			f.Nano < 0 {
			t.Errorf("%+v", f)
		}
	}
}

func FuzzClaude(f *testing.F) {
	for _, seed := range []string{
		line(1, 5, ""), line(1, 5, `,"isSidechain":true,"version":"1.2.3","costUSD":0.5`),
		`{"type":"progress","data":{"message":{"timestamp":"2026-11-01T10:00:00.000Z","requestId":"r","message":{"id":"m","usage":{"input_tokens":1,"output_tokens":2}}}}}`,
		`{"sessionId":"s","timestamp":"2026-11-01T10:00:00+02:00","message":{"usage":{"input_tokens":1,"output_tokens":2,"cache_creation":{"ephemeral_5m_input_tokens":3,"ephemeral_1h_input_tokens":4},"speed":"fast","iterations":[{"type":"advisor_message","model":"m","input_tokens":1,"output_tokens":2}]}}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var w worker
		log := file{path: "p/s.jsonl", source: Claude, session: "s"}
		for l := range bytes.Lines(text) {
			w.claudeCalls(bytes.TrimSuffix(l, []byte("\n")), 7, &log, sound(t))
		}
		log.judge()
	})
}

func FuzzCodex(f *testing.F) {
	for _, seed := range []string{
		`{"timestamp":"2026-11-01T10:00:00.000Z","type":"session_meta","payload":{"id":"a","forked_from_id":"z","model_provider":"p"}}
{"timestamp":"2026-11-01T10:00:00.000Z","type":"turn_context","payload":{"model":"m"}}
{"timestamp":"2026-11-01T10:00:00.000Z","type":"event_msg","payload":{"type":"token_count","info":{"total_token_usage":{"input_tokens":9,"cached_input_tokens":4,"output_tokens":3,"reasoning_output_tokens":2,"total_tokens":12},"last_token_usage":{"input_tokens":5}}}}
{"timestamp":"2026-11-01T10:00:02.000Z","type":"event_msg","payload":{"type":"token_count","info":{"total_token_usage":{"input_tokens":19,"output_tokens":3}},"model":"n"}}`,
		`{"timestamp":"2026-11-01T10:00:00.000Z","type":"session_meta","payload":{"id":"a","source":{"subagent":{"thread_spawn":{"parent_thread_id":"b"}}}}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var w worker
		var state codexState
		log := file{path: "s.jsonl", source: Codex}
		for l := range bytes.Lines(text) {
			event, ok := state.codexLine(bytes.TrimSuffix(l, []byte("\n")), w.intern)
			if !ok {
				continue
			}
			if u := event.used; min(u.Input, u.Cached, u.Written, u.Output, u.Reasoning) < 0 || u.Cached+u.Written > u.Input {
				t.Errorf("%+v", u)
			}
			if r := event.record(&state, &log, &w); r.Usage.Total() < 0 || r.Usage.Input < 0 {
				t.Errorf("%+v", r)
			}
		}
	})
}

func FuzzGemini(f *testing.F) {
	for _, seed := range []string{
		`{"sessionId":"s","startTime":"2026-11-01T10:00:00.000Z"}
{"id":"1","timestamp":"2026-11-01T10:00:00.000Z","type":"gemini","model":"m","tokens":{"input":100,"output":10,"cached":40,"thoughts":5,"tool":2,"total":117}}
{"type":"gemini","tokens":{"input":1e3,"total":12.5}}`,
		`{"sessionId":"s","messages":[{"id":"1","timestamp":"2026-11-01T10:00:00.000Z","type":"gemini","model":"m","tokens":{"total":9}}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var w worker
		var state geminiState
		log := file{path: "p/chats/s.jsonl", source: Gemini, session: "s"}
		for l := range bytes.Lines(text) {
			w.geminiMessage(bytes.TrimSuffix(l, []byte("\n")), &state, &log, sound(t))
		}
		w.geminiFile(text, &log, sound(t))
		log.judge()
	})
}

func FuzzOpenCode(f *testing.F) {
	for _, seed := range []string{
		`{"id":"m","sessionID":"s","role":"assistant","modelID":"m","providerID":"p","cost":0.25,"time":{"created":1793527200123,"completed":1793527201123},"tokens":{"input":7,"output":8,"reasoning":2,"cache":{"read":9,"write":3}}}`,
		`{"model":{"id":"m","providerID":"p"},"time":{"created":1.5e12},"tokens":{"total":9}}`,
	} {
		f.Add([]byte(seed), "m", "s")
	}
	f.Fuzz(func(t *testing.T, text []byte, id, session string) {
		var w worker
		log := file{path: "s/m.json", source: OpenCode}
		w.openCodeFile(text, &log, sound(t))
		log.judge()
		if r, ok := OpenCodeRow(text, id, session); ok && (r.Key == "" || r.Key == r.Instead || r.Usage.Total() <= 0) {
			t.Errorf("%+v", r)
		}
	})
}
