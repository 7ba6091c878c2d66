// SPDX-License-Identifier: Apache-2.0

package anthropic

import (
	"strings"
	"testing"

	"holdfast/gateway/dialect"
)

func decodeWith(t *testing.T, members string) *dialect.Request {
	t.Helper()
	r, err := decode([]byte(`{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}],` + members + `}`))
	if err != nil {
		t.Fatalf("%s: %v", members, err)
	}
	return r
}

func TestDecodeSettings(t *testing.T) {
	t.Parallel()
	for members, ok := range map[string]func(*dialect.Request) bool{
		`"thinking":{"type":"disabled"}`:                                  func(r *dialect.Request) bool { return r.Reasoning.Off },
		`"thinking":{"type":"adaptive"}`:                                  func(r *dialect.Request) bool { return *r.Reasoning == dialect.Reasoning{Summary: "auto"} },
		`"thinking":{"type":"adaptive","display":"omitted"}`:              func(r *dialect.Request) bool { return *r.Reasoning == dialect.Reasoning{} },
		`"thinking":{"type":"adaptive","display":"summarized"}`:           func(r *dialect.Request) bool { return r.Reasoning.Summary == "auto" },
		`"output_config":{"effort":"max"}`:                                func(r *dialect.Request) bool { return r.Reasoning.Effort == "max" },
		`"output_format":{"type":"json_schema","schema":{}}`:              func(r *dialect.Request) bool { return string(r.Format.Schema) == "{}" },
		`"tool_choice":{"type":"none"}`:                                   func(r *dialect.Request) bool { return r.Choice.Mode == "none" },
		`"tool_choice":{"type":"tool","name":"f"}`:                        func(r *dialect.Request) bool { return r.Choice == dialect.Choice{Mode: "tool", Name: "f"} },
		`"service_tier":"auto"`:                                           func(r *dialect.Request) bool { return r.Tier == "auto" },
		`"cache_control":{"type":"ephemeral"}`:                            func(r *dialect.Request) bool { return r.Messages[0].Parts[0].Cache == "5m" },
		`"system":"be","thinking":null,"temperature":null`:                func(r *dialect.Request) bool { return r.Reasoning == nil && r.Temperature == nil },
		`"container":null,"speed":"standard","metadata":{}`:               func(r *dialect.Request) bool { return r.User == "" },
		`"tools":[{"name":"f","input_schema":{},"strict":false}]`:         func(r *dialect.Request) bool { return !*r.Tools[0].Strict },
		`"tools":[],"stop_sequences":[],"diagnostics":{"x":"y"}`:          func(r *dialect.Request) bool { return r.Tools == nil },
		`"tool_choice":{"type":"auto","disable_parallel_tool_use":false}`: func(r *dialect.Request) bool { return *r.Parallel },
	} {
		if r := decodeWith(t, members); !ok(r) {
			t.Errorf("%s: %+v %+v", members, r, r.Reasoning)
		}
	}
}

func TestEncodeSettings(t *testing.T) {
	t.Parallel()
	alone, yes, no, nothing := false, true, false, 0.0
	tools := []dialect.Tool{{Name: "f", Strict: &no}}
	for want, r := range map[string]*dialect.Request{
		`"tool_choice":{"type":"auto","disable_parallel_tool_use":true}`:                      {Tools: tools, Parallel: &alone},
		`"tool_choice":{"type":"none"}`:                                                       {Tools: tools, Parallel: &alone, Choice: dialect.Choice{Mode: "none"}},
		`"tool_choice":{"type":"tool","name":"f"}`:                                            {Tools: tools, Parallel: &yes, Choice: dialect.Choice{Mode: "tool", Name: "f"}},
		`"tools":[{"name":"f","input_schema":{"type":"object","properties":{}}}]`:             {Tools: tools},
		`"service_tier":"standard_only"`:                                                      {Tier: "default"},
		`"metadata":{"user_id":"u"}`:                                                          {User: "u", Metadata: map[string]string{"left": "out"}},
		`"stop_sequences":["a","b"]`:                                                          {Stop: []string{"a", "b"}, Frequency: &nothing, Store: &no},
		`"format":{"type":"json_schema","schema":{"type":"object"}}`:                          {Format: &dialect.Format{Type: "json_schema", Name: "label", Schema: []byte(`{"type":"object"}`)}},
		`"schema":{"description":"what","type":"object"}`:                                     {Format: &dialect.Format{Type: "json_schema", Description: "what", Schema: []byte(`{"type":"object"}`)}},
		`"schema":{"type":"object","description":"own"}`:                                      {Format: &dialect.Format{Type: "json_schema", Description: "what", Schema: []byte(`{"type":"object","description":"own"}`)}},
		`"thinking":{"type":"enabled","budget_tokens":2000,"display":"summarized"}`:           {Reasoning: &dialect.Reasoning{Budget: 2000, Summary: "detailed"}},
		`{"type":"document","source":{"type":"text","media_type":"text/plain","data":"hi"}`:   {Messages: []dialect.Message{{Role: dialect.User, Parts: []dialect.Part{{Kind: dialect.PartFile, Media: &dialect.Media{Type: "text/plain; charset=utf-8", Data: "aGk="}}}}}},
		`{"type":"text","text":"No.","cache_control":{"type":"ephemeral","ttl":"1h"}}`:        {Messages: []dialect.Message{{Role: dialect.Assistant, Parts: []dialect.Part{{Kind: dialect.PartRefusal, Text: "No.", Cache: "1h"}}}}},
		`{"type":"image","source":{"type":"file","file_id":"file_1"},"cache_control":{"type"`: {Messages: []dialect.Message{{Role: dialect.User, Parts: []dialect.Part{{Kind: dialect.PartImage, Media: &dialect.Media{ID: "file_1"}, Cache: "5m"}}}}},
	} {
		if r.Messages == nil {
			r.Messages = []dialect.Message{text(dialect.User, "hi")}
		}
		body, err := encode(r)
		if err != nil || !strings.Contains(string(body), want) {
			t.Errorf("%s: %v in %s", want, err, body)
		}
	}
}

// TestStops: each reason to stop is the same after a journey through no dialect, but for a full window,
// which is a limit.
func TestStops(t *testing.T) {
	t.Parallel()
	for _, reason := range []string{"end_turn", "max_tokens", "stop_sequence", "tool_use", "pause_turn", "refusal"} {
		if got := reasonOf(stopOf(reason), false, false); got != reason {
			t.Errorf("%s became %s", reason, got)
		}
	}
	if got := reasonOf(stopOf("model_context_window_exceeded"), false, false); got != "max_tokens" {
		t.Errorf("a full window became %s", got)
	}
	if reasonOf("", true, false) != "tool_use" || reasonOf(dialect.StopEnd, false, true) != "refusal" || reasonOf("", false, false) != "end_turn" {
		t.Error("what was said does not tell the reason")
	}
}

func TestStatusOfErrorsInStreams(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 401, 402, 403, 404, 413, 429, 500, 504, 529} {
		if got := statusOf(errorType(dialect.Failure{Status: status})); got != status {
			t.Errorf("%d became %d", status, got)
		}
	}
}
