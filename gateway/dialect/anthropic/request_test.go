// SPDX-License-Identifier: Apache-2.0

package anthropic

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"holdfast/gateway/dialect"
)

const full = `{
 "model":"claude-opus-4-6","max_tokens":2048,"stream":true,"temperature":0.5,"top_p":0.9,"top_k":5,
 "stop_sequences":["END"],"metadata":{"user_id":"u1"},"service_tier":"standard_only",
 "system":[{"type":"text","text":"Be brief.","cache_control":{"type":"ephemeral","ttl":"1h"}}],
 "thinking":{"type":"enabled","budget_tokens":1500,"display":"summarized"},
 "output_config":{"effort":"high","format":{"type":"json_schema","schema":{"type":"object"}}},
 "tools":[{"name":"look","description":"Looks.","input_schema":{"type":"object"},"strict":true,"eager_input_streaming":true,
   "cache_control":{"type":"ephemeral"}},{"type":"custom","name":"go","input_schema":{"type":"object"}}],
 "tool_choice":{"type":"any","disable_parallel_tool_use":true},
 "context_management":{"edits":[{"type":"clear_thinking_20251015","keep":"all"}]},
 "messages":[
  {"role":"user","content":[{"type":"text","text":"What is this?"},
   {"type":"image","source":{"type":"base64","media_type":"image/png","data":"aGk="}},
   {"type":"image","source":{"type":"url","url":"https://example.com/a.png"}},
   {"type":"image","source":{"type":"file","file_id":"file_1"}},
   {"type":"document","title":"notes","source":{"type":"text","media_type":"text/plain","data":"hello"}},
   {"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"JVBERg=="}}]},
  {"role":"assistant","content":[{"type":"thinking","thinking":"Hm.","signature":"sig"},
   {"type":"redacted_thinking","data":"opaque"},{"type":"text","text":"I look."},
   {"type":"tool_use","id":"t1","name":"look","input":{"at":"it"},"caller":{"type":"direct"}},
   {"type":"tool_use","id":"t2","name":"go","input":{}}]},
  {"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":"a cat"},
   {"type":"tool_result","tool_use_id":"t2","is_error":true,"content":[{"type":"text","text":"no way"},
    {"type":"image","source":{"type":"base64","media_type":"image/png","data":"aGk="}}]},
   {"type":"text","text":"So?"}]},
  {"role":"assistant","content":"A cat"}]}`

func TestDecodeWhole(t *testing.T) {
	t.Parallel()
	r, err := decode([]byte(full))
	if err != nil {
		t.Fatal(err)
	}
	var roles []string
	for _, m := range r.Messages {
		roles = append(roles, string(m.Role))
	}
	if got := strings.Join(roles, " "); got != "system user assistant tool tool user assistant" {
		t.Errorf("roles %s", got)
	}
	switch {
	case r.Model != "claude-opus-4-6" || r.MaxOutput != 2048 || !r.Stream || *r.Temperature != 0.5 || *r.TopK != 5:
		t.Errorf("settings %+v", r)
	case r.User != "u1" || r.Tier != "default" || r.Choice.Mode != "required" || *r.Parallel:
		t.Errorf("hints %+v", r)
	case r.Reasoning.Budget != 1500 || r.Reasoning.Effort != "high" || r.Reasoning.Summary != "auto":
		t.Errorf("reasoning %+v", r.Reasoning)
	case r.Format == nil || string(r.Format.Schema) != `{"type":"object"}`:
		t.Errorf("format %+v", r.Format)
	case len(r.Tools) != 2 || r.Tools[0].Cache != "5m" || !*r.Tools[0].Strict:
		t.Errorf("tools %+v", r.Tools)
	case r.Messages[0].Parts[0].Cache != "1h":
		t.Errorf("system %+v", r.Messages[0])
	case !r.Messages[4].Parts[0].Result.Error || len(r.Messages[4].Parts[0].Result.Parts) != 2:
		t.Errorf("result %+v", r.Messages[4].Parts[0].Result)
	case r.Messages[2].Parts[3].Call.Arguments != `{"at":"it"}`:
		t.Errorf("call %+v", r.Messages[2].Parts[3].Call)
	}
}

// TestThereAndBack: what was decoded and encoded says the same when it is decoded again.
func TestThereAndBack(t *testing.T) {
	t.Parallel()
	r, err := decode([]byte(full))
	if err != nil {
		t.Fatal(err)
	}
	body, err := encode(r)
	if err != nil {
		t.Fatal(err)
	}
	again, err := decode(body)
	if err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	r.Reasoning.Effort, again.Reasoning.Effort = "", "" // a budget says it
	if !reflect.DeepEqual(r, again) {
		a, _ := json.Marshal(r)
		b, _ := json.Marshal(again)
		t.Errorf("\n%s\n%s", a, b)
	}
}

func TestDecodeRefusesByName(t *testing.T) {
	t.Parallel()
	with := func(member string) string {
		return `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}],` + member + `}`
	}
	content := func(role, block string) string {
		return `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"},{"role":"` + role + `","content":[` + block + `]}]}`
	}
	for body, field := range map[string]string{
		`{"max_tokens":9,"messages":[]}`:                                                                                    "model",
		`{"model":"m","max_tokens":9}`:                                                                                      "messages",
		`{"model":"m","messages":[]}`:                                                                                       "max_tokens",
		`{"model":"m","max_tokens":0,"messages":[]}`:                                                                        "max_tokens",
		`{"model":"m","model":"n","max_tokens":9,"messages":[]}`:                                                            "model",
		with(`"container":"c1"`):                                                                                            "container",
		with(`"mcp_servers":[{"url":"x"}]`):                                                                                 "mcp_servers",
		with(`"inference_geo":"eu"`):                                                                                        "inference_geo",
		with(`"speed":"fast"`):                                                                                              "speed",
		with(`"thinking":{"type":"between_tools"}`):                                                                         "thinking.type",
		with(`"thinking":{"type":"enabled","budget_tokens":5}`):                                                             "thinking.budget_tokens",
		with(`"output_config":{"task_budget":{"total":5}}`):                                                                 "output_config.task_budget",
		with(`"output_config":{"effort":"huge"}`):                                                                           "output_config.effort",
		with(`"context_management":{"edits":[{"type":"compact_1"}]}`):                                                       "context_management.edits[0].type",
		with(`"tools":[{"type":"web_search_20250305","name":"web_search"}]`):                                                "tools[0].type",
		with(`"tools":[{"name":"a","input_schema":{},"input_examples":[{}]}]`):                                              "tools[0].input_examples",
		with(`"tools":[{"name":"a"}]`):                                                                                      "tools[0].input_schema",
		with(`"tool_choice":{"type":"some"}`):                                                                               "tool_choice.type",
		with(`"system":[{"type":"image"}]`):                                                                                 "system[0].type",
		content("user", `{"type":"tool_use","id":"a","name":"b","input":{}}`):                                               "messages[1].content[0].type",
		content("assistant", `{"type":"server_tool_use","id":"a","name":"web_search","input":{}}`):                          "messages[1].content[0].type",
		content("user", `{"type":"search_result","source":"a","title":"b","content":[]}`):                                   "messages[1].content[0].type",
		content("user", `{"type":"document","source":{"type":"content","content":"x"}}`):                                    "messages[1].content[0].source.type",
		content("user", `{"type":"document","source":{"type":"url","url":"u"},"context":"c"}`):                              "messages[1].content[0].context",
		content("user", `{"type":"document","source":{"type":"url","url":"u"},"citations":{"enabled":true}}`):               "messages[1].content[0].citations.enabled",
		content("user", `{"type":"image","source":{"type":"url","url":"u"},"transformations":{"oversized_image":"error"}}`): "messages[1].content[0].transformations",
		content("user", `{"type":"tool_result","tool_use_id":"a","content":[{"type":"tool_reference","tool_name":7}]}`):     "messages[1].content[0].content[0].tool_name",
		content("user", `{"type":"tool_result","tool_use_id":""}`):                                                          "messages[1].content[0].tool_use_id",
		content("assistant", `{"type":"tool_use","id":"","name":"b","input":{}}`):                                           "messages[1].content[0].id",
		content("assistant", `{"type":"tool_use","id":"a","name":"","input":{}}`):                                           "messages[1].content[0].name",
		with(`"tools":[{"name":"","input_schema":{}}]`):                                                                     "tools[0].name",
		content("user", `{"type":"tool_reference","tool_name":"x"}`):                                                        "messages[1].content[0].type",
		content("assistant", `{"type":"text","text":"a","citations":[{"type":"char_location"}]}`):                           "messages[1].content[0].citations",
	} {
		_, err := decode([]byte(body))
		wrong, ok := errors.AsType[*dialect.InputError](err)
		if !ok || wrong.Field != field {
			t.Errorf("%s: got %v, want field %s", body, err, field)
		}
	}
}

func TestEncodeRefusesByName(t *testing.T) {
	t.Parallel()
	user := []dialect.Message{{Role: dialect.User, Parts: []dialect.Part{{Text: "hi"}}}}
	part := func(role dialect.Role, p dialect.Part) *dialect.Request {
		return &dialect.Request{Messages: append(user[:1:1], dialect.Message{Role: role, Parts: []dialect.Part{p}})}
	}
	penalty, seed, yes, hot := 0.5, int64(7), true, 1.5
	for field, r := range map[string]*dialect.Request{
		"n":                 {Messages: user, Choices: 2},
		"frequency_penalty": {Messages: user, Frequency: &penalty},
		"presence_penalty":  {Messages: user, Presence: &penalty},
		"stop":              {Messages: user, Stop: []string{"\n"}},
		"seed":              {Messages: user, Seed: &seed},
		"store":             {Messages: user, Store: &yes},
		"temperature":       {Messages: user, Temperature: &hot},
		"verbosity":         {Messages: user, Verbosity: "low"},
		"service_tier":      {Messages: user, Tier: "flex"},
		"response_format":   {Messages: user, Format: &dialect.Format{Type: "json_object"}},
		"reasoning_effort":  {Messages: user, Reasoning: &dialect.Reasoning{Effort: "wild"}},
		"tool_choice":       {Messages: user, Choice: dialect.Choice{Mode: "required"}},
		"messages":          {Messages: []dialect.Message{{Role: dialect.System, Parts: user[0].Parts}}},
		"messages[0].name":  {Messages: []dialect.Message{{Role: dialect.User, Name: "Ann", Parts: user[0].Parts}}},
		"messages[1]":       part(dialect.Assistant, dialect.Part{Kind: dialect.PartToolCall, Call: &dialect.ToolCall{ID: "a", Name: "f", Arguments: "{tor"}}),
	} {
		_, err := encode(r)
		wrong, ok := errors.AsType[*dialect.InputError](err)
		if !ok || wrong.Field != field {
			t.Errorf("%s: got %v", field, err)
		}
	}
	for name, p := range map[string]dialect.Part{
		"audio":     {Kind: dialect.PartAudio},
		"tiff":      {Kind: dialect.PartImage, Media: &dialect.Media{Type: "image/tiff", Data: "aGk="}},
		"zip":       {Kind: dialect.PartFile, Media: &dialect.Media{Type: "application/zip", Data: "aGk="}},
		"low":       {Kind: dialect.PartImage, Media: &dialect.Media{Type: "image/png", Data: "aGk=", Detail: "low"}},
		"no id":     {Kind: dialect.PartToolResult, Result: &dialect.ToolResult{}},
		"no source": {Kind: dialect.PartImage},
	} {
		if _, err := encode(part(dialect.User, p)); err == nil || !strings.HasPrefix(err.Error(), "messages[1]: ") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// TestDeferredTools: a tool that is held back is shown once a search of the client's own found it.
func TestDeferredTools(t *testing.T) {
	t.Parallel()
	const tools = `"tools":[{"name":"Search","input_schema":{}},{"name":"Fetch","input_schema":{},"defer_loading":true},{"name":"Other","input_schema":{},"defer_loading":true}]`
	said := func(messages string) *dialect.Request {
		t.Helper()
		r, err := decode([]byte(`{"model":"m","max_tokens":9,` + tools + `,"messages":[` + messages + `]}`))
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	const ask = `{"role":"user","content":"fetch it"}`
	if r := said(ask); len(r.Tools) != 1 || r.Tools[0].Name != "Search" {
		t.Errorf("before the search: %+v", r.Tools)
	}
	r := said(ask + `,{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"Search","input":{}}]},
		{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":[{"type":"tool_reference","tool_name":"Fetch"}]}]}`)
	if len(r.Tools) != 2 || r.Tools[1].Name != "Fetch" {
		t.Errorf("after the search: %+v", r.Tools)
	}
	if parts := r.Messages[2].Parts[0].Result.Parts; len(parts) != 1 || !strings.Contains(parts[0].Text, "Fetch") {
		t.Errorf("the model is told %+v", parts)
	}
}

// TestEffortAmidTheConversation: what a system message sets counts from the user's turn that it follows,
// else from the next one.
func TestEffortAmidTheConversation(t *testing.T) {
	t.Parallel()
	const user, answer = `{"role":"user","content":"a"}`, `{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":{}}]}`
	const result = `{"role":"user","content":[{"type":"tool_result","tool_use_id":"t"}]}`
	set := func(effort, content string) string {
		return `{"role":"system","content":` + content + `,"output_config":{"effort":"` + effort + `"}}`
	}
	for messages, want := range map[string]string{
		user:                           "high",
		user + "," + set("low", "[]"):  "low",
		user + "," + set("low", `"b"`): "low",
		user + "," + answer + "," + result + "," + set("low", "[]"):                          "high",
		user + "," + answer + "," + set("low", "[]") + "," + result:                          "high",
		user + "," + answer + "," + set("low", "[]") + "," + user:                            "low",
		user + "," + set("low", "[]") + "," + answer + "," + result:                          "low",
		user + "," + set("low", "[]") + "," + answer + "," + set("max", "[]") + "," + user:   "max",
		user + "," + set("low", "[]") + "," + set("medium", "[]"):                            "medium",
		set("low", "[]") + "," + user + "," + answer + "," + set("max", "[]") + "," + result: "low",
	} {
		r, err := decode([]byte(`{"model":"m","max_tokens":9,"output_config":{"effort":"high"},"messages":[` + messages + `]}`))
		if err != nil {
			t.Errorf("%s: %v", messages, err)
			continue
		}
		if r.Reasoning.Effort != want {
			t.Errorf("%s: effort %s, want %s", messages, r.Reasoning.Effort, want)
		}
		for i, m := range r.Messages {
			if len(m.Parts) == 0 {
				t.Errorf("%s: message %d says nothing", messages, i)
			}
		}
		if len(r.Places) != len(r.Messages) {
			t.Errorf("%s: %d places of %d messages", messages, len(r.Places), len(r.Messages))
		}
	}
	for message, field := range map[string]string{
		`{"role":"user","content":"a","output_config":{"effort":"low"}}`:    "messages[0].output_config",
		`{"role":"system","content":[],"output_config":{"effort":"huge"}}`:  "messages[0].output_config.effort",
		`{"role":"system","content":[],"output_config":{"format":{"a":1}}}`: "messages[0].output_config.format",
	} {
		_, err := decode([]byte(`{"model":"m","max_tokens":9,"messages":[` + message + `]}`))
		if wrong, ok := errors.AsType[*dialect.InputError](err); !ok || wrong.Field != field {
			t.Errorf("%s: got %v, want field %s", message, err, field)
		}
	}
}
