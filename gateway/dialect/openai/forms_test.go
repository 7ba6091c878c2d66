// SPDX-License-Identifier: Apache-2.0

package openai

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"holdfast"
	"holdfast/gateway/dialect"
)

func TestErrorsAsClientsReadThem(t *testing.T) {
	t.Parallel()
	d := Chat()
	f := dialect.Failure{Status: 503, Type: "service_unavailable", Message: "a \"halt\"", Reason: "breaker_halt"}
	var got struct{ Error map[string]any }
	if err := json.Unmarshal(d.Error(f), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"message": "a \"halt\"", "type": "service_unavailable", "param": nil, "code": nil, "reason": "breaker_halt"}
	if !reflect.DeepEqual(got.Error, want) {
		t.Errorf("%v", got.Error)
	}
	if event := string(d.ErrorEvent(f)); event != "data: "+string(d.Error(f))+"\n\n" {
		t.Errorf("%s", event)
	}
	for status, kind := range map[int]string{
		401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error", 502: "server_error",
		400: "invalid_request_error",
	} {
		if f, ok := d.ReadError(status, []byte(`{"error":{"message":"x"}}`)); !ok || f.Type != kind {
			t.Errorf("%d is %+v", status, f)
		}
	}
	if f, _ := d.ReadError(500, []byte(`{"error":{"message":"`+strings.Repeat("x", 1<<20)+`"}}`)); len(f.Message) > mostErrorText {
		t.Errorf("%d bytes of an upstream's error are repeated", len(f.Message))
	}
}

func TestReasoningByEachName(t *testing.T) {
	t.Parallel()
	for rest, want := range map[string]*dialect.Reasoning{
		`"reasoning_effort":"none"`:                                     {Effort: "none", Off: true},
		`"reasoning_effort":"xhigh"`:                                    {Effort: "xhigh"},
		`"reasoning":{"max_tokens":500,"enabled":true}`:                 {Budget: 500},
		`"reasoning":{"enabled":false}`:                                 {Off: true},
		`"reasoning":{"effort":"low","summary":"auto","exclude":false}`: {Effort: "low", Summary: "auto"},
		`"thinking":{"type":"disabled"}`:                                {Off: true},
		`"thinking":{"type":"enabled"},"reasoning_effort":"max"`:        {Effort: "max"},
		`"reasoning_effort":null`:                                       nil,
	} {
		r, err := decode([]byte(`{"model":"m",` + hello + `,` + rest + `}`))
		if err != nil || !reflect.DeepEqual(r.Reasoning, want) {
			t.Errorf("%s: %+v %v", rest, r, err)
		}
	}
	for word, how := range map[string]*dialect.Reasoning{
		"": nil, "none": {Off: true}, "high": {Effort: "high", Budget: 5}, "low": {Budget: 1024}, "medium": {Budget: 4096}, "minimal": {Effort: "minimal"},
	} {
		if got := Effort(how); got != word {
			t.Errorf("%+v is %q, want %q", how, got, word)
		}
	}
	if Effort(&dialect.Reasoning{Budget: 31999}) != "high" || Effort(&dialect.Reasoning{Summary: "auto"}) != "" {
		t.Error("a large budget is high, none is no word")
	}
}

func TestEarlierTurns(t *testing.T) {
	t.Parallel()
	r, err := decode([]byte(`{"model":"m","tools":[{"type":"function","function":{"name":"f"},"cache_control":{"type":"ephemeral","ttl":"1h"}}],"messages":[
		{"role":"user","content":[{"type":"text","text":"a","cache_control":{"type":"ephemeral"}},{"type":"text","text":"b","prompt_cache_breakpoint":{"mode":"explicit"}}]},
		{"role":"assistant","content":[{"type":"text","text":"x"},{"type":"refusal","refusal":"y"}],"refusal":"z","reasoning":"hm","annotations":[{"type":"url_citation"}],
			"audio":null,"function_call":null,"tool_calls":[{"index":0,"id":"c","type":"function","function":{"name":"f","arguments":"{}"},"extra_content":{"google":{}}}]},
		{"role":"tool","tool_call_id":"c","content":null},
		{"role":"user","content":[{"type":"file","file":{"file_data":"QUJD"}},{"type":"file","file":{"file_id":"file-1"}}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if said := r.Messages[0].Parts; said[0].Cache != "5m" || said[1].Cache != "5m" || r.Tools[0].Cache != "1h" {
		t.Errorf("marks of a cache: %+v %+v", said, r.Tools)
	}
	want := []dialect.Part{
		thought("hm", ""),
		{Text: "x"},
		{Kind: dialect.PartRefusal, Text: "y"},
		{Kind: dialect.PartRefusal, Text: "z"},
		{Kind: dialect.PartToolCall, Call: &dialect.ToolCall{ID: "c", Name: "f", Arguments: "{}"}},
	}
	if !reflect.DeepEqual(r.Messages[1].Parts, want) {
		t.Errorf("%+v", r.Messages[1].Parts)
	}
	if file := r.Messages[3].Parts[0].Media; file.Type != "application/pdf" || file.Data != "QUJD" {
		t.Errorf("%+v", file)
	}
	out, err := Form{}.encode(r)
	if err != nil || !strings.Contains(string(out), `"filename":"file.pdf"`) || !strings.Contains(string(out), `"file_id":"file-1"`) {
		t.Errorf("%s %v", out, err)
	}
}

// TestEncoderEnds: usage comes only to a client that asked for it, and a stream that failed has no
// [DONE].
func TestEncoderEnds(t *testing.T) {
	t.Parallel()
	steps := []dialect.Event{
		{Kind: dialect.EventStart, ID: "x", Model: "m", Created: 7},
		{Kind: dialect.EventBegin, Part: thought("hm", "sig")},
		{Kind: dialect.EventEnd},
		{Kind: dialect.EventBegin, Index: 1, Part: dialect.Part{Text: "at once"}},
		{Kind: dialect.EventEnd, Index: 1},
		{Kind: dialect.EventUsage, Usage: holdfast.Usage{Input: 3, CachedRead: 2, CacheWrite1h: 1, Output: 4}},
	}
	ended := append(steps[:len(steps):len(steps)], dialect.Event{Kind: dialect.EventStop}, dialect.Event{Kind: dialect.EventDone},
		dialect.Event{Kind: dialect.EventDone})
	failed := append(steps[:len(steps):len(steps)],
		dialect.Event{Kind: dialect.EventFailure, Failure: &dialect.Failure{Message: "it broke"}},
		dialect.Event{Kind: dialect.EventDone})
	write := func(asked bool, steps []dialect.Event) (out string) {
		e := newEncoder(&dialect.Request{UsageAsked: asked})
		for _, step := range steps {
			out = string(e.Encode([]byte(out), step))
		}
		return out
	}
	out := write(true, ended)
	for _, want := range []string{`"reasoning_content":"hm"`, `"signature":"sig"`, `"content":"at once"`, `"finish_reason":"stop"`, `"choices":[],"usage":{"prompt_tokens":6,`} {
		if !strings.Contains(out, want) {
			t.Errorf("no %s in %s", want, out)
		}
	}
	if strings.Count(out, "data: [DONE]\n\n") != 1 || !strings.HasSuffix(out, "data: [DONE]\n\n") {
		t.Errorf("%s", out)
	}
	if out := write(false, ended); strings.Contains(out, "usage") {
		t.Errorf("usage for nobody: %s", out)
	}
	if out := write(true, failed); strings.Contains(out, "[DONE]") || !strings.HasSuffix(out, string(errorEvent(dialect.Failure{Message: "it broke"}))) {
		t.Errorf("%s", out)
	}
}
