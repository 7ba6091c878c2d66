// SPDX-License-Identifier: Apache-2.0

package responses

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"holdfast/gateway/dialect"
	"holdfast/gateway/dialect/openai"
)

func mustUnmarshal(t *testing.T, raw []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
}

func TestScan(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body      string
		stream    bool
		maxOutput int64
		least     int64
	}{
		"text":            {`{"model":"m","input":"hello there"}`, false, 0, 2},
		"items":           {`{"model":"m","stream":true,"max_output_tokens":50,"input":[{"role":"user","content":"hello there"}],"instructions":"be brief"}`, true, 50, 6},
		"image":           {`{"model":"m","input":[{"role":"user","content":[{"type":"input_image","image_url":"data:image/png;base64,` + strings.Repeat("iVBORw0KGgo", 20000) + `"}]}]}`, false, 0, 1000},
		"lies with them":  {`{"model":"m","previous_response_id":"resp_1"}`, false, 0, 0},
		"nulls are fine":  {`{"model":"m","input":"a","stream":null,"background":null,"max_output_tokens":null}`, false, 0, 1},
		"unknown members": {`{"x_unknown":[{"model":"y"}],"model":"m","input":"a"}`, false, 0, 1},
	} {
		r, err := scan([]byte(c.body))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if r.Model != "m" || r.Stream != c.stream || r.MaxOutput != c.maxOutput || r.Input < c.least || r.Input > c.least*3+10 || !r.UsageAsked {
			t.Errorf("%s: %+v", name, r)
		}
		var before, after map[string]any
		mustUnmarshal(t, []byte(c.body), &before)
		mustUnmarshal(t, r.Edit.For("o\"ther", 90), &after)
		if after["model"] != "o\"ther" || c.maxOutput == 0 && after["max_output_tokens"] != 90.0 {
			t.Errorf("%s: went up as %v", name, after)
		}
		for _, m := range []map[string]any{before, after} {
			delete(m, "model")
			delete(m, "max_output_tokens")
		}
		if !reflect.DeepEqual(before, after) {
			t.Errorf("%s: became %v", name, after)
		}
	}
}

func TestScanRefuses(t *testing.T) {
	t.Parallel()
	for body, field := range map[string]string{
		`[]`: "", `{"model":"m","input":"a"`: "", `{"input":"a"}`: "model", `{"model":"m"}`: "input", `{"model":7,"input":"a"}`: "model",
		`{"model":"m","input":{}}`: "input", `{"model":"m","model":"n","input":"a"}`: "model", `{"model":"m","input":"a","inp\u0075t":"b"}`: "input",
		`{"model":"m","input":"a","background":true}`: "background", `{"model":"m","input":"a","max_output_tokens":-1}`: "max_output_tokens",
		`{"model":"m","input":"a","stream":1}`: "stream",
	} {
		_, err := scan([]byte(body))
		if wrong, ok := errors.AsType[*dialect.InputError](err); !ok || wrong.Field != field {
			t.Errorf("%s: got %v, want %s", body, err, field)
		}
	}
}

func TestDecodeRefusesByName(t *testing.T) {
	t.Parallel()
	for rest, field := range map[string]string{
		`"input":"a","previous_response_id":"resp_1"`:                                "previous_response_id",
		`"input":"a","conversation":"conv_1"`:                                        "conversation",
		`"input":"a","prompt":{"id":"p"}`:                                            "prompt",
		`"input":"a","store":true`:                                                   "store",
		`"input":"a","background":true`:                                              "background",
		`"input":"a","truncation":"auto"`:                                            "truncation",
		`"input":"a","include":["message.output_text.logprobs"]`:                     "include[0]",
		`"input":"a","top_logprobs":2`:                                               "top_logprobs",
		`"input":"a","context_management":[{"type":"compaction"}]`:                   "context_management",
		`"input":"a","x_unknown":1`:                                                  "x_unknown",
		`"input":"a","reasoning":{"mode":"x"}`:                                       "reasoning.mode",
		`"input":"a","reasoning":{"effort":"x"}`:                                     "reasoning.effort",
		`"input":"a","text":{"format":{"type":"grammar"}}`:                           "text.format.type",
		`"input":"a","text":{"format":{"type":"json_schema","name":"x"}}`:            "text.format.schema",
		`"input":"a","tools":[{"type":"function","name":"f"},{"type":"web_search"}]`: "tools[1].type",
		`"input":"a","tools":[{"type":"mcp","server_url":"x"}]`:                      "tools[0].type",
		`"input":"a","tools":[{"type":"function"}]`:                                  "tools[0].name",
		`"input":"a","tools":[{"type":"function","name":"f","defer_loading":true}]`:  "tools[0].defer_loading",
		`"input":"a","tool_choice":{"type":"web_search"}`:                            "tool_choice.type",
		`"input":"a","tool_choice":"x"`:                                              "tool_choice",
		`"input":[{"type":"item_reference","id":"x"}]`:                               "input[0].type",
		`"input":[{"type":"web_search_call","id":"x"}]`:                              "input[0].type",
		`"input":[{"type":"custom_tool_call","input":"x"}]`:                          "input[0].call_id",
		`"input":[7]`: "input[0]",
		`"input":[{"role":"tool","content":"x"}]`:                                                                                          "input[0].role",
		`"input":[{"role":"user","content":[{"type":"output_text","text":"x"}]}]`:                                                          "input[0].content[0].type",
		`"input":[{"role":"user","content":[{"type":"input_audio"}]}]`:                                                                     "input[0].content[0].type",
		`"input":[{"role":"user","content":[{"type":"input_image"}]}]`:                                                                     "input[0].content[0].image_url",
		`"input":[{"role":"user","content":[{"type":"input_file"}]}]`:                                                                      "input[0].content[0]",
		`"input":[{"role":"user","content":"a"},{"type":"function_call","name":"f","arguments":"{}"}]`:                                     "input[1].call_id",
		`"input":[{"type":"function_call_output","output":"x"}]`:                                                                           "input[0].call_id",
		`"input":[{"type":"function_call","call_id":"c","name":"f","arguments":"{}","namespace":7}]`:                                       "input[0].namespace",
		`"input":"a","tools":[{"type":"namespace","tools":[]}]`:                                                                            "tools[0].name",
		`"input":"a","tools":[{"type":"namespace","name":"n"}]`:                                                                            "tools[0].tools",
		`"input":"a","tools":[{"type":"namespace","name":"n","x":1,"tools":[]}]`:                                                           "tools[0].x",
		`"input":"a","tools":[{"type":"namespace","name":"n","tools":[{"type":"mcp","name":"f"}]}]`:                                        "tools[0].tools[0].type",
		`"input":"a","tools":[{"type":"function","name":"n__f"},{"type":"namespace","name":"n","tools":[{"type":"function","name":"f"}]}]`: "tools[1].tools[0].name",
		`"input":null`: "input",
	} {
		_, err := decode([]byte(`{"model":"m",` + rest + `}`))
		if wrong, ok := errors.AsType[*dialect.InputError](err); !ok || wrong.Field != field {
			t.Errorf("%s: got %v, want %s", rest, err, field)
		}
	}
}

// TestDecodePassesOverHints: what asks for nothing, or changes nothing about the answer, is no reason
// to refuse.
func TestDecodePassesOverHints(t *testing.T) {
	t.Parallel()
	r, err := decode([]byte(`{"model":"m","input":"a","store":false,"truncation":"disabled","background":false,"top_logprobs":0,"conversation":null,
		"prompt_cache_key":"k","prompt_cache_retention":"24h","max_tool_calls":2,"metadata":{"a":"b"},"safety_identifier":"s","client_metadata":{"x-codex-installation-id":"i"},"stream_options":{"include_obfuscation":false},
		"text":{"format":{"type":"text"}},"reasoning":{"effort":null,"generate_summary":"auto","context":"auto"},"include":[],"tools":[],"tool_choice":"none"}`))
	if err != nil {
		t.Fatal(err)
	}
	if r.User != "s" || r.Metadata["a"] != "b" || r.Format != nil || r.Reasoning.Summary != "auto" || r.Choice.Mode != "none" || r.Store != nil {
		t.Errorf("%+v", r)
	}
}

// TestFilesAndChoices: what only a few clients send goes on as it came.
func TestFilesAndChoices(t *testing.T) {
	t.Parallel()
	body := `{"model":"m","store":false,"input":[{"type":"message","role":"user","content":[
		{"type":"input_file","filename":"a.pdf","file_data":"data:application/pdf;base64,AAAA"},{"type":"input_file","file_url":"https://x/y"},{"type":"input_file","file_id":"file-1"},
		{"type":"input_image","file_id":"file-2","detail":"high"}]}],"tool_choice":{"type":"function","name":"f"},
		"tools":[{"type":"function","name":"f","parameters":{"type":"object","properties":{}},"strict":true}],
		"text":{"format":{"type":"json_schema","name":"n","description":"d","schema":{"type":"object"},"strict":true}},"temperature":0.5,"top_p":0.1,"max_output_tokens":20,"service_tier":"flex"}`
	r, err := decode([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	out, err := encode(r)
	if err != nil {
		t.Fatal(err)
	}
	var before, after any
	mustUnmarshal(t, []byte(body), &before)
	mustUnmarshal(t, out, &after)
	if !reflect.DeepEqual(before, after) {
		t.Errorf("%s\nbecame\n%s", body, out)
	}
	for _, media := range []dialect.Media{{ID: "file_01"}, {}} {
		for _, kind := range []dialect.PartKind{dialect.PartImage, dialect.PartFile} {
			_, err := encode(&dialect.Request{Messages: []dialect.Message{{Role: dialect.User, Parts: []dialect.Part{{Kind: kind, Media: &media}}}}})
			if wrong, ok := errors.AsType[*dialect.InputError](err); !ok || wrong.Field != "messages[0].content[0]" {
				t.Errorf("%+v: %v", media, err)
			}
		}
	}
}

// codexBody is what a coding agent sends in its second turn.
const codexBody = `{"model":"m","instructions":"Be brief.","store":false,"stream":true,"include":["reasoning.encrypted_content"],"prompt_cache_key":"k",
	"parallel_tool_calls":false,"tool_choice":"auto","reasoning":{"effort":"high","summary":"auto"},"text":{"verbosity":"low"},"max_tool_calls":3,"service_tier":"auto",
	"tools":[{"type":"function","name":"shell","description":"d","strict":false,"parameters":{"type":"object"}}],
	"input":[{"type":"message","role":"developer","content":[{"type":"input_text","text":"rules"}]},
		{"type":"message","role":"user","content":[{"type":"input_text","text":"list"},{"type":"input_image","image_url":"https://x/y.png","detail":"auto"}]},
		{"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"one"},{"type":"summary_text","text":"two"}],"content":null,"encrypted_content":"gAAAAx"},
		{"type":"message","role":"assistant","phase":"commentary","id":"msg_1","status":"completed","content":[{"type":"output_text","text":"I look.","annotations":[],"logprobs":[]}]},
		{"type":"function_call","id":"fc_1","call_id":"c1","name":"shell","arguments":"{\"a\":1}","status":"completed"},
		{"type":"function_call","call_id":"c2","name":"shell","arguments":"{}"},
		{"type":"function_call_output","call_id":"c1","output":"one"},
		{"type":"function_call_output","call_id":"c2","output":[{"type":"input_text","text":"two"},{"type":"input_image","image_url":"data:image/png;base64,AAAA","detail":"auto"}]}]}`

func TestDecodeItems(t *testing.T) {
	t.Parallel()
	r, err := decode([]byte(codexBody))
	if err != nil {
		t.Fatal(err)
	}
	roles := ""
	for _, m := range r.Messages {
		roles += string(m.Role) + " "
	}
	if roles != "system developer user assistant tool tool " {
		t.Fatal(roles)
	}
	said := r.Messages[3].Parts
	if len(said) != 4 || said[0].Thinking.Text != "one\n\ntwo" || said[0].Thinking.Signature != "gAAAAx" || said[1].Text != "I look." || said[3].Call.ID != "c2" {
		t.Errorf("%+v", said)
	}
	if shown := r.Messages[5].Parts[0].Result.Parts; len(shown) != 2 || shown[1].Media.Data != "AAAA" {
		t.Errorf("%+v", shown)
	}
	if r.Reasoning.Effort != "high" || r.Verbosity != "low" || r.Parallel == nil || *r.Parallel || !r.Stream || len(r.Tools) != 1 || *r.Tools[0].Strict {
		t.Errorf("%+v", r)
	}
}

// TestEncodeSaysItAgain: what a client said to this dialect arrives at a server of it, which is told to
// keep nothing.
func TestEncodeSaysItAgain(t *testing.T) {
	t.Parallel()
	r, err := decode([]byte(codexBody))
	if err != nil {
		t.Fatal(err)
	}
	out, err := encode(r)
	if err != nil {
		t.Fatal(err)
	}
	again, err := decode(out)
	if err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	r.Messages[0].Parts = append(r.Messages[0].Parts, r.Messages[1].Parts...) // both are instructions
	r.Messages = append(r.Messages[:1], r.Messages[2:]...)
	again.Tier = r.Tier
	if again.Messages[0].Parts[0].Text != "Be brief.\n\nrules" {
		t.Errorf("instructions %+v", again.Messages[0])
	}
	if !reflect.DeepEqual(r.Messages[1:], again.Messages[1:]) || !reflect.DeepEqual(r.Tools, again.Tools) || !reflect.DeepEqual(r.Reasoning, again.Reasoning) {
		t.Errorf("%+v\nbecame\n%+v\nby %s", r, again, out)
	}
	for _, want := range []string{`"store":false`, `"include":["reasoning.encrypted_content"]`, `"strict":false`} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %s in %s", want, out)
		}
	}
}

// TestRefusalsInTheClientsWords: what another dialect cannot say is named by the client's field.
func TestRefusalsInTheClientsWords(t *testing.T) {
	t.Parallel()
	for rest, field := range map[string]string{
		`"input":[{"role":"user","content":"a"},{"type":"function_call","call_id":"c","name":"f","arguments":"{}"},{"type":"reasoning","summary":[]},
			{"role":"user","content":[{"type":"input_file","file_url":"https://x"}]}]`: "input[3].content[0]",
		`"input":"a","tool_choice":"required"`: "tool_choice",
	} {
		r, err := decode([]byte(`{"model":"m","instructions":"i",` + rest + `}`))
		if err != nil {
			t.Fatal(err)
		}
		_, err = openai.Chat().Encode(r)
		if wrong, ok := errors.AsType[*dialect.InputError](err); !ok || wrong.Field != field {
			t.Errorf("%s: got %v, want %s", rest, err, field)
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	t.Parallel()
	one, half := int64(1), 0.5
	for field, r := range map[string]dialect.Request{
		"stop": {Stop: []string{"x"}}, "seed": {Seed: &one}, "top_k": {TopK: &one}, "frequency_penalty": {Frequency: &half}, "presence_penalty": {Presence: &half},
		"n": {Choices: 2}, "stop_sequences": {Stop: []string{"x"}, Words: map[string]string{"stop": "stop_sequences"}},
		"messages[0].content[0]": {Messages: []dialect.Message{{Role: dialect.User, Parts: []dialect.Part{{Kind: dialect.PartAudio, Media: &dialect.Media{Data: "A"}}}}}},
	} {
		_, err := encode(&r)
		if wrong, ok := errors.AsType[*dialect.InputError](err); !ok || wrong.Field != field {
			t.Errorf("got %v, want %s", err, field)
		}
	}
}

// TestForeignThinkingStaysBehind: thinking that another provider signed is nothing to OpenAI's server.
func TestForeignThinkingStaysBehind(t *testing.T) {
	t.Parallel()
	r := &dialect.Request{Model: "m", Messages: []dialect.Message{{Role: dialect.Assistant, Parts: []dialect.Part{
		{Kind: dialect.PartThinking, Thinking: &dialect.Thinking{Text: "hm", Signature: "EqoB"}}, {Text: "x"},
	}}}}
	if out, err := encode(r); err != nil || strings.Contains(string(out), "reasoning") || !strings.Contains(string(out), `"output_text"`) {
		t.Errorf("%s %v", out, err)
	}
}

func FuzzScan(f *testing.F) {
	f.Add([]byte(codexBody), int64(5))
	f.Add([]byte(`{"max_output_tokens":null,"model":"m","input":"a"}`), int64(0))
	f.Fuzz(func(t *testing.T, body []byte, limit int64) {
		r, err := scan(body)
		if err != nil {
			return
		}
		again, err := scan(r.Edit.For("other", limit))
		if err != nil || again.Model != "other" || again.Stream != r.Stream || r.Input < 0 || r.MaxOutput > 0 && again.MaxOutput != r.MaxOutput {
			t.Fatalf("%+v became %+v, %v in %s", r, again, err, r.Edit.For("other", limit))
		}
	})
}

// FuzzDecode holds that what is read can be said again, and means the same.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(codexBody))
	f.Add([]byte(`{"model":"m","input":[{"type":"reasoning","summary":[],"encrypted_content":"redacted:x"},{"role":"user","content":[{"type":"input_file","file_id":"file-1"}]}],"text":{"format":{"type":"json_object"}}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := decode(body)
		if err != nil {
			return
		}
		out, err := encode(r)
		if err != nil {
			return
		}
		again, err := decode(out)
		if err != nil || again.Model != r.Model || len(again.Tools) != len(r.Tools) || again.Stream != r.Stream {
			t.Fatalf("%s\nbecame\n%s\n%v", body, out, err)
		}
	})
}

// TestNamespaces: groups of functions, which other dialects do not have, go by one name and come back
// by two.
func TestNamespaces(t *testing.T) {
	t.Parallel()
	r, err := decode([]byte(`{"model":"m","input":[{"role":"user","content":"a"},{"type":"function_call","call_id":"c","namespace":"mcp__crm__","name":"list","arguments":"{}"},
		{"type":"function_call_output","call_id":"c","output":"x"}],"tools":[{"type":"function","name":"list"},
		{"type":"namespace","name":"mcp__crm__","description":"Customers.","tools":[{"type":"function","name":"list","description":"Lists."},{"type":"function","name":"show"}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Messages[1].Parts[0].Call.Name; got != "mcp__crm__list" {
		t.Errorf("the earlier call is of %q", got)
	}
	if len(r.Tools) != 3 || r.Tools[1].Name != "mcp__crm__list" || r.Tools[1].Description != "Customers.\n\nLists." || r.Tools[2].Name != "mcp__crm__show" {
		t.Errorf("tools %+v", r.Tools)
	}
	for name, want := range map[string]string{"mcp__crm__show": `"name":"show","namespace":"mcp__crm__"`, "list": `"name":"list","arguments"`} {
		call := dialect.Part{Kind: dialect.PartToolCall, Call: &dialect.ToolCall{ID: "c", Name: name, Arguments: "{}"}}
		plain, err := encodeAnswer(&dialect.Response{Parts: []dialect.Part{call}}, r)
		stream := newEncoder(r).Encode(nil, dialect.Event{Kind: dialect.EventBegin, Part: call})
		if err != nil || !strings.Contains(string(plain), want) || !strings.Contains(string(stream), want) {
			t.Errorf("%s: %v: %s\n%s", name, err, plain, stream)
		}
	}
}
