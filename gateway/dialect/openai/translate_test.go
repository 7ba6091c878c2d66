// SPDX-License-Identifier: Apache-2.0

package openai

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"holdfast"
	"holdfast/gateway/dialect"
)

func TestDecodeRefusesByName(t *testing.T) {
	t.Parallel()
	message := func(m string) string { return `"messages":[` + m + `]` }
	for rest, field := range map[string]string{
		hello + `,"n":2`:                                                                                 "n",
		hello + `,"logprobs":true`:                                                                       "logprobs",
		hello + `,"top_logprobs":3`:                                                                      "top_logprobs",
		hello + `,"logit_bias":{"5":-1}`:                                                                 "logit_bias",
		hello + `,"functions":[{"name":"f"}]`:                                                            "functions",
		hello + `,"function_call":"auto"`:                                                                "function_call",
		hello + `,"modalities":["text","audio"]`:                                                         "modalities",
		hello + `,"audio":{"voice":"x"}`:                                                                 "audio",
		hello + `,"prediction":{"type":"content"}`:                                                       "prediction",
		hello + `,"web_search_options":{}`:                                                               "web_search_options",
		hello + `,"x_unknown":1`:                                                                         "x_unknown",
		hello + `,"x_unknown":1,"x_unknown":2`:                                                           "x_unknown",
		hello + `,"max_tokens":0`:                                                                        "max_tokens",
		hello + `,"stream_options":{"x":1}`:                                                              "stream_options.x",
		hello + `,"reasoning":{"exclude":true}`:                                                          "reasoning.exclude",
		hello + `,"reasoning_effort":"much"`:                                                             "reasoning_effort",
		hello + `,"thinking":{"type":"maybe"}`:                                                           "thinking.type",
		hello + `,"response_format":{"type":"xml"}`:                                                      "response_format.type",
		hello + `,"response_format":{"type":"json_schema","json_schema":{"name":"a"}}`:                   "response_format.json_schema.schema",
		hello + `,"tools":[{"type":"custom","custom":{"name":"x"}}]`:                                     "tools[0].type",
		hello + `,"tools":[{"type":"function","function":{}}]`:                                           "tools[0].function.name",
		hello + `,"tools":[{"type":"function","function":{"name":"f","parameters":[]}}]`:                 "tools[0].function.parameters",
		hello + `,"tool_choice":"sometimes"`:                                                             "tool_choice",
		hello + `,"tool_choice":{"type":"allowed_tools","allowed_tools":{}}`:                             "tool_choice.type",
		message(`{"role":"function","content":"x"}`):                                                     "messages[0].role",
		message(`{"role":"user"}`):                                                                       "messages[0].content",
		message(`{"role":"user","content":[{"type":"video_url","video_url":{}}]}`):                       "messages[0].content[0].video_url",
		message(`{"role":"user","content":[{"type":"refusal","refusal":"x"}]}`):                          "messages[0].content[0].type",
		message(`{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:x"}}]}`):         "messages[0].content[0].image_url.url",
		message(`{"role":"user","content":[{"type":"image_url"}]}`):                                      "messages[0].content[0].image_url",
		message(`{"role":"user","content":[{"type":"input_audio","input_audio":{}}]}`):                   "messages[0].content[0].input_audio",
		message(`{"role":"user","content":[{"type":"file","file":{"filename":"a"}}]}`):                   "messages[0].content[0].file",
		message(`{"role":"user","content":"x","x_unknown":1}`):                                           "messages[0].x_unknown",
		message(`{"role":"assistant","content":"x","function_call":{"name":"f"}}`):                       "messages[0].function_call",
		message(`{"role":"assistant","content":"x","audio":{"id":"a"}}`):                                 "messages[0].audio",
		message(`{"role":"assistant","tool_calls":[{"id":"a","type":"custom"}]}`):                        "messages[0].tool_calls[0].type",
		message(`{"role":"assistant","tool_calls":[{"function":{"name":"f"}}]}`):                         "messages[0].tool_calls[0].id",
		message(`{"role":"tool","content":"x"}`):                                                         "messages[0].tool_call_id",
		message(`{"role":"tool","tool_call_id":"c","content":[{"type":"file","file":{"file_id":"f"}}]}`): "messages[0].content[0].type",
		`"messages":{}`: "messages",
	} {
		_, err := decode([]byte(`{"model":"m",` + rest + `}`))
		wrong, ok := errors.AsType[*dialect.InputError](err)
		if !ok || wrong.Field != field {
			t.Errorf("%s: got %v, want %s", rest, err, field)
		}
	}
}

// TestDecodePassesOverHints: what asks for nothing, or changes nothing about the answer, is no reason
// to refuse.
func TestDecodePassesOverHints(t *testing.T) {
	t.Parallel()
	body := `{"model":"m",` + hello + `,"n":1,"logprobs":false,"top_logprobs":0,"logit_bias":{},"modalities":["text"],"audio":null,
		"function_call":null,"x_unknown":null,"prompt_cache_key":"k","prompt_cache_retention":"24h","store":false,"user":"u",
		"metadata":{"a":"b"},"service_tier":"auto","stream_options":{"include_obfuscation":false},"tool_choice":"auto","response_format":{"type":"text"}}`
	r, err := decode([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	if r.User != "u" || r.Metadata["a"] != "b" || r.Format != nil || r.Choices > 1 {
		t.Errorf("%+v", r)
	}
}

func TestEncodeSaysWhatWasDecoded(t *testing.T) {
	t.Parallel()
	body := `{"model":"m","messages":[
		{"role":"system","content":"Be brief."},
		{"role":"user","name":"ann","content":[{"type":"text","text":"what?"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA","detail":"low"}},
			{"type":"input_audio","input_audio":{"data":"BBBB","format":"mp3"}},{"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,CCCC"}}]},
		{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}},{"id":"c2","type":"function","function":{"name":"g","arguments":"{}"}}]},
		{"role":"tool","tool_call_id":"c1","content":"one"},{"role":"tool","tool_call_id":"c2","content":"two"}],
		"tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"},"strict":true}},{"type":"function","function":{"name":"g"}}],
		"tool_choice":{"type":"function","function":{"name":"f"}},"parallel_tool_calls":false,
		"response_format":{"type":"json_schema","json_schema":{"name":"a","schema":{"type":"object"},"strict":true}},
		"max_completion_tokens":9,"temperature":0.5,"top_p":0.25,"frequency_penalty":1,"presence_penalty":-1,"seed":42,"stop":["a","b"],
		"reasoning_effort":"low","verbosity":"high","service_tier":"flex","stream":true,"stream_options":{"include_usage":true}}`
	r, err := decode([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	out, err := Form{}.encode(r)
	if err != nil {
		t.Fatal(err)
	}
	var before, after any
	mustUnmarshal(t, []byte(body), &before)
	mustUnmarshal(t, out, &after)
	if !reflect.DeepEqual(before, after) {
		t.Errorf("%s\nbecame\n%s", body, out)
	}
}

func thought(text, signature string) dialect.Part {
	return dialect.Part{Kind: dialect.PartThinking, Thinking: &dialect.Thinking{Text: text, Signature: signature}}
}

func TestForms(t *testing.T) {
	t.Parallel()
	r := &dialect.Request{Model: "m", MaxOutput: 5, Messages: []dialect.Message{
		{Role: dialect.Developer, Parts: []dialect.Part{{Text: "d"}}},
		{Role: dialect.Assistant, Parts: []dialect.Part{thought("hm", "sig"), {Text: "x"}}},
	}}
	for name, c := range map[string]struct {
		form     Form
		has, not string
	}{
		"plain":   {Form{}, `"max_completion_tokens":5`, "hm"},
		"old":     {Form{OldLimit: true}, `"max_tokens":5`, "max_completion_tokens"},
		"content": {Form{Thoughts: ThoughtsContent}, `"reasoning_content":"hm"`, "sig"},
		"details": {Form{Thoughts: ThoughtsDetails}, `"reasoning_details":[{"type":"reasoning.text","text":"hm","signature":"sig"`, "reasoning_content"},
	} {
		out, err := c.form.encode(r)
		if err != nil || !strings.Contains(string(out), c.has) || strings.Contains(string(out), c.not) || strings.Contains(string(out), "developer") {
			t.Errorf("%s: %s %v", name, out, err)
		}
	}
}

func TestGeminiCallsAreSigned(t *testing.T) {
	t.Parallel()
	for model, want := range map[string]bool{"gemini-3-pro-preview": true, "models/gemini-4-flash": true, "gemini-2.5-flash": false, "gemma-3": false} {
		r := &dialect.Request{Model: model, Messages: []dialect.Message{{Role: dialect.Assistant, Parts: []dialect.Part{
			{Kind: dialect.PartToolCall, Call: &dialect.ToolCall{ID: "c", Name: "f"}},
		}}}}
		out, err := Form{Signed: true}.encode(r)
		if signed := strings.Contains(string(out), `"extra_content":{"google":{"thought_signature":`); err != nil || signed != want {
			t.Errorf("%s: %s %v", model, out, err)
		}
		if out, err := (Form{}).encode(r); err != nil || strings.Contains(string(out), "extra_content") {
			t.Errorf("%s: %s %v", model, out, err)
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	t.Parallel()
	k, user := int64(4), func(p dialect.Part) []dialect.Message {
		return []dialect.Message{{Role: dialect.User, Parts: []dialect.Part{{Text: "a"}, p}}}
	}
	for name, c := range map[string]struct {
		r     dialect.Request
		field string
	}{
		"top_k":          {dialect.Request{TopK: &k}, "top_k"},
		"client's words": {dialect.Request{TopK: &k, Words: map[string]string{"top_k": "sampling.top_k"}}, "sampling.top_k"},
		"choice":         {dialect.Request{Choice: dialect.Choice{Mode: "required"}}, "tool_choice"},
		"image by id":    {dialect.Request{Messages: user(dialect.Part{Kind: dialect.PartImage, Media: &dialect.Media{ID: "x"}})}, "messages[0].content[1]"},
		"file by URL":    {dialect.Request{Messages: user(dialect.Part{Kind: dialect.PartFile, Media: &dialect.Media{URL: "https://x"}})}, "messages[0].content[1]"},
		"foreign file": {
			dialect.Request{Words: map[string]string{"messages": "input"}, Messages: user(dialect.Part{Kind: dialect.PartFile, Media: &dialect.Media{ID: "file_01"}})},
			"input[0].content[1]",
		},
		"odd sound": {dialect.Request{Messages: user(dialect.Part{Kind: dialect.PartAudio, Media: &dialect.Media{Type: "video/mp4", Data: "A"}})}, "messages[0].content[1]"},
	} {
		_, err := Form{}.encode(&c.r)
		if wrong, ok := errors.AsType[*dialect.InputError](err); !ok || wrong.Field != c.field {
			t.Errorf("%s: got %v, want %s", name, err, c.field)
		}
	}
}

// TestResultsThatShow: a message of role tool holds text alone; an image in it follows in the user's
// name once all results are told, and an error says that it is one.
func TestResultsThatShow(t *testing.T) {
	t.Parallel()
	result := func(id string, failed bool, parts ...dialect.Part) dialect.Message {
		return dialect.Message{
			Role:  dialect.ToolRole,
			Parts: []dialect.Part{{Kind: dialect.PartToolResult, Result: &dialect.ToolResult{ID: id, Parts: parts, Error: failed}}},
		}
	}
	image := dialect.Part{Kind: dialect.PartImage, Media: &dialect.Media{Type: "image/png", Data: "AAAA"}}
	r := &dialect.Request{Messages: []dialect.Message{
		result("a", false, image), result("b", true, dialect.Part{Text: "no file"}), {Role: dialect.User, Parts: []dialect.Part{{Text: "go on"}}},
	}}
	out, err := Form{}.encode(r)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Messages []struct {
			Role    string
			Content any
		}
	}
	mustUnmarshal(t, out, &got)
	roles := []string{}
	for _, m := range got.Messages {
		roles = append(roles, m.Role)
	}
	if strings.Join(roles, " ") != "tool tool user user" || got.Messages[1].Content != "Error: no file" {
		t.Errorf("%s", out)
	}
	if list, _ := got.Messages[2].Content.([]any); len(list) != 2 || !strings.Contains(string(out), "data:image/png;base64,AAAA") {
		t.Errorf("%s", out)
	}
}

func TestDecodeAnswerOfCompatibleServers(t *testing.T) {
	t.Parallel()
	answer := func(message, finish string) string {
		return `{"id":"c1","model":"m","created":7,"x":1,"choices":[{"index":0,"message":` + message + `,"finish_reason":` + finish + `}],"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":14}}`
	}
	call := dialect.Part{Kind: dialect.PartToolCall, Call: &dialect.ToolCall{ID: "call_0_c1", Name: "f", Arguments: `{"a":1}`}}
	for name, c := range map[string]struct {
		body string
		want []dialect.Part
		stop dialect.Stop
	}{
		"text":          {answer(`{"content":"hi"}`, `"stop"`), []dialect.Part{{Text: "hi"}}, dialect.StopEnd},
		"refusal":       {answer(`{"content":null,"refusal":"no"}`, `"stop"`), []dialect.Part{{Kind: dialect.PartRefusal, Text: "no"}}, dialect.StopEnd},
		"deepseek":      {answer(`{"content":"hi","reasoning_content":"hm"}`, `"length"`), []dialect.Part{thought("hm", ""), {Text: "hi"}}, dialect.StopLength},
		"ollama":        {answer(`{"content":"hi","reasoning":"hm"}`, `null`), []dialect.Part{thought("hm", ""), {Text: "hi"}}, dialect.StopEnd},
		"magistral":     {answer(`{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]},{"type":"text","text":"hi"}]}`, `"stop"`), []dialect.Part{thought("hm", ""), {Text: "hi"}}, dialect.StopEnd},
		"openrouter":    {answer(`{"content":"hi","reasoning":"hm","reasoning_details":[{"type":"reasoning.text","text":"hm","signature":"s"}]}`, `"stop"`), []dialect.Part{thought("hm", "s"), {Text: "hi"}}, dialect.StopEnd},
		"sealed":        {answer(`{"content":"hi","reasoning_details":[{"type":"reasoning.summary","summary":"hm"},{"type":"reasoning.encrypted","data":"gAAAAx","format":"openai-responses-v1"}]}`, `"stop"`), []dialect.Part{thought("hm", "gAAAAx"), {Text: "hi"}}, dialect.StopEnd},
		"redacted":      {answer(`{"content":"hi","reasoning_details":[{"type":"reasoning.encrypted","data":"xyz","format":"anthropic-claude-v1"}]}`, `"stop"`), []dialect.Part{{Kind: dialect.PartThinking, Thinking: &dialect.Thinking{Redacted: "xyz"}}, {Text: "hi"}}, dialect.StopEnd},
		"call, no id":   {answer(`{"content":"","tool_calls":[{"function":{"name":"f","arguments":{"a":1}}}]}`, `"stop"`), []dialect.Part{call}, dialect.StopTools},
		"filtered":      {answer(`{"content":""}`, `"content_filter"`), nil, dialect.StopFilter},
		"mistral's end": {answer(`{"content":"a"}`, `"model_length"`), []dialect.Part{{Text: "a"}}, dialect.StopLength},
	} {
		r, err := decodeAnswer([]byte(c.body))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !reflect.DeepEqual(r.Parts, c.want) || r.Stop != c.stop || r.ID != "c1" || r.Created != 7 {
			t.Errorf("%s: got %+v", name, r)
		}
		if want := (holdfast.Usage{Input: 9, Output: 5, Reasoning: 3}); r.Usage != want { // reasoning beside the completion
			t.Errorf("%s: usage %+v", name, r.Usage)
		}
		out, err := encodeAnswer(r, nil)
		if err != nil || !json.Valid(out) {
			t.Fatalf("%s: %s, %v", name, out, err)
		}
		again, err := decodeAnswer(out)
		if err != nil || !reflect.DeepEqual(again.Parts, c.want) || again.Stop != c.stop || again.Usage != r.Usage {
			t.Errorf("%s: again %+v of %s, %v", name, again, out, err)
		}
	}
	for _, body := range []string{``, `{}`, `{"choices":[]}`, `{"choices":{}}`, `{"choices":[7]}`, answer(`{"audio":{"id":"a"}}`, `"stop"`), answer(`{"tool_calls":[{}]}`, `"stop"`)} {
		if r, err := decodeAnswer([]byte(body)); err == nil {
			t.Errorf("%s is read as %+v", body, r)
		}
	}
}

func TestUsageOfCaches(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]holdfast.Usage{
		`{"prompt_tokens":10,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":4,"cache_write_tokens":3}}`: {Input: 3, CachedRead: 4, CacheWrite5m: 3, Output: 2},
		`{"prompt_tokens":10,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":9,"cache_write_tokens":9}}`: {CachedRead: 9, CacheWrite5m: 1, Output: 2},
		`{"prompt_tokens":10,"completion_tokens":2,"prompt_cache_hit_tokens":8,"prompt_cache_miss_tokens":2}`:           {Input: 2, CachedRead: 8, Output: 2},
		`{"prompt_tokens":10,"total_tokens":10}`: {Input: 10},
	} {
		if got, ok := ParseUsage([]byte(raw)); !ok || got != want {
			t.Errorf("%s is %+v %v", raw, got, ok)
		}
	}
}

func TestReadErrorForms(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]dialect.Failure{
		`{"error":{"message":"slow","type":"rate_limit_error","code":"x","param":"model"}}`: {Message: "slow", Type: "rate_limit_error", Code: "x", Param: "model"},
		`{"error":{"message":"slow","code":429,"type":null}}`:                               {Message: "slow", Type: "rate_limit_error", Code: "429"},
		`[{"error":{"message":"slow","code":429,"status":"RESOURCE_EXHAUSTED"}}]`:           {Message: "slow", Type: "rate_limit_error", Code: "429"},
		`{"error":"slow"}`:   {Message: "slow", Type: "rate_limit_error"},
		`{"message":"slow"}`: {Message: "slow", Type: "rate_limit_error"},
		`{"detail":"slow"}`:  {Message: "slow", Type: "rate_limit_error"},
	} {
		want.Status = 429
		if got, ok := readError(429, []byte(body)); !ok || got != want {
			t.Errorf("%s is %+v %v", body, got, ok)
		}
	}
	for _, body := range []string{`<html>`, `{}`, ``, `{"error":{}}`, `[]`, `7`} {
		if got, ok := readError(500, []byte(body)); ok {
			t.Errorf("%s is %+v", body, got)
		}
	}
}

// FuzzDecode holds that what is read can be said again, and means the same.
func FuzzDecode(f *testing.F) {
	for _, rest := range []string{
		hello, `"messages":[{"role":"assistant","reasoning_details":[{"type":"reasoning.text","text":"a","signature":"b"}],"tool_calls":[{"id":"c","function":{"name":"f","arguments":""}}]},{"role":"tool","tool_call_id":"c","content":[{"type":"text","text":"x"}]}]`,
		hello + `,"reasoning":{"max_tokens":9},"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"required","stop":"x"`,
		`"messages":[{"role":"user","content":[{"type":"image_url","image_url":"https://x"},{"type":"input_audio","input_audio":{"data":"A","format":"wav"}}]}]`,
	} {
		f.Add([]byte(`{"model":"m",` + rest + `}`))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := decode(body)
		if err != nil {
			return
		}
		out, err := Form{Thoughts: ThoughtsDetails}.encode(r)
		if err != nil {
			return
		}
		again, err := decode(out)
		if err != nil {
			t.Fatalf("%s\nbecame\n%s\n%v", body, out, err)
		}
		if again.Model != r.Model || again.MaxOutput != r.MaxOutput || len(again.Tools) != len(r.Tools) || again.Choice != r.Choice && len(r.Tools) > 0 {
			t.Fatalf("%+v became %+v", r, again)
		}
	})
}

// FuzzDecodeAnswer holds that no answer makes the reader panic, and that what it reads can be written.
func FuzzDecodeAnswer(f *testing.F) {
	f.Add([]byte(`{"choices":[{"message":{"content":"x","tool_calls":[{"id":"a","function":{"name":"f","arguments":"{"}}]},"finish_reason":"stop"}],"usage":{"prompt_tokens":1}}`))
	f.Add([]byte(`{"id":"\u0000","choices":[{"message":{"content":[{"thinking":"a"}],"reasoning_details":[{"data":"gAAAA"}]}}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := decodeAnswer(body)
		if err != nil {
			return
		}
		if out, err := encodeAnswer(r, nil); err != nil || !json.Valid(out) {
			t.Fatalf("%s became %s, %v", body, out, err)
		}
		if _, err := Chat().EncodeAnswer(r, &dialect.Request{}); err != nil {
			t.Fatal(err)
		}
	})
}
