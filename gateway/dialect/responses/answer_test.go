// SPDX-License-Identifier: Apache-2.0

package responses

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"holdfast"
	"holdfast/gateway/dialect"
)

const wholeAnswer = `{"id":"resp_1","object":"response","created_at":7,"status":"completed","model":"m","error":null,"incomplete_details":null,
	"output":[{"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"hm"}],"encrypted_content":"gAAAAx"},
		{"type":"message","id":"msg_1","role":"assistant","status":"completed","content":[{"type":"output_text","text":"hi","annotations":[]},{"type":"refusal","refusal":"no"}]},
		{"type":"function_call","id":"fc_1","call_id":"c1","name":"f","arguments":"{}","status":"completed"}],
	"usage":{"input_tokens":10,"input_tokens_details":{"cached_tokens":4,"cache_write_tokens":1},"output_tokens":6,"output_tokens_details":{"reasoning_tokens":2},"total_tokens":16}}`

func TestAnswers(t *testing.T) {
	t.Parallel()
	r, err := decodeAnswer([]byte(wholeAnswer))
	if err != nil {
		t.Fatal(err)
	}
	want := []dialect.Part{
		{Kind: dialect.PartThinking, Thinking: &dialect.Thinking{Text: "hm", Signature: "gAAAAx"}},
		{Text: "hi"},
		{Kind: dialect.PartRefusal, Text: "no"},
		{Kind: dialect.PartToolCall, Call: &dialect.ToolCall{ID: "c1", Name: "f", Arguments: "{}"}},
	}
	usage := holdfast.Usage{Input: 5, CachedRead: 4, CacheWrite5m: 1, Output: 6, Reasoning: 2}
	if !reflect.DeepEqual(r.Parts, want) || r.Stop != dialect.StopTools || r.Usage != usage || r.ID != "resp_1" || r.Created != 7 {
		t.Errorf("%+v", r)
	}
	req, err := decode([]byte(codexBody))
	if err != nil {
		t.Fatal(err)
	}
	out, err := encodeAnswer(r, req)
	if err != nil {
		t.Fatal(err)
	}
	again, err := decodeAnswer(out)
	if err != nil || !reflect.DeepEqual(again, r) {
		t.Errorf("%+v became %+v by %s, %v", r, again, out, err)
	}
	said, ok := readAnswer(out)
	if !ok || said.Empty || said.ID != "resp_1" || said.Usage != usage || said.Output < 2 {
		t.Errorf("%+v %v", said, ok)
	}
}

func TestAnswersThatEndOtherwise(t *testing.T) {
	t.Parallel()
	for stop, want := range map[dialect.Stop]dialect.Stop{
		dialect.StopLength: dialect.StopLength, dialect.StopFilter: dialect.StopFilter, dialect.StopEnd: dialect.StopEnd,
		dialect.StopSequence: dialect.StopEnd, dialect.StopPause: dialect.StopEnd, "": dialect.StopEnd,
	} {
		out, err := encodeAnswer(&dialect.Response{ID: "x", Stop: stop, Parts: []dialect.Part{{Text: "a"}}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if r, err := decodeAnswer(out); err != nil || r.Stop != want {
			t.Errorf("%s became %s, %v", stop, r.Stop, err)
		}
	}
	for body, why := range map[string]string{
		`{"status":"failed","error":{"code":"server_error","message":"no luck"},"output":[]}`: "no luck",
		`{"status":"completed"}`: "output", `{}`: "output", `<html>`: "JSON",
		`{"output":[{"type":"web_search_call"}]}`: "web_search_call", `{"output":[{"type":"function_call"}]}`: "call_id",
	} {
		if r, err := decodeAnswer([]byte(body)); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s is read as %+v, %v", body, r, err)
		}
	}
}

func TestReadAnswer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body      string
		ok, empty bool
	}{
		"text":           {wholeAnswer, true, false},
		"nothing":        {`{"status":"completed","output":[]}`, true, true},
		"empty text":     {`{"status":"completed","output":[{"type":"message","content":[{"type":"output_text","text":""}]}]}`, true, true},
		"thinking alone": {`{"status":"completed","output":[{"type":"reasoning","summary":[{"type":"summary_text","text":"hm"}]}]}`, true, true},
		"cut by length":  {`{"status":"incomplete","output":[]}`, true, false},
		"a built-in":     {`{"status":"completed","output":[{"type":"web_search_call","id":"w"}]}`, true, false},
		"an error":       {`{"error":{"message":"no"}}`, false, true},
		"html":           {`<html>`, false, false},
	} {
		if got, ok := readAnswer([]byte(c.body)); ok != c.ok || got.Empty != c.empty {
			t.Errorf("%s: %v %+v", name, ok, got)
		}
	}
}

func TestErrorsAreOpenAIs(t *testing.T) {
	t.Parallel()
	d := Dialect()
	f, ok := d.ReadError(429, d.Error(dialect.Failure{Type: "rate_limit_error", Code: "slow", Message: "later", Param: "model", Reason: "breaker_halt"}))
	if !ok || f.Message != "later" || f.Code != "slow" || f.Param != "model" || f.Reason != "breaker_halt" {
		t.Errorf("%+v %v", f, ok)
	}
}

// FuzzAnswer holds that no answer makes the readers panic, and that what they read can be written.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(wholeAnswer))
	f.Add([]byte(`{"output":[{"type":"reasoning","content":[{"text":"a"}],"encrypted_content":"redacted:x"}],"usage":{"input_tokens":-1}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if said, _ := readAnswer(body); said.Output < 0 || said.HasUsage && said.Usage.Total() <= 0 {
			t.Fatalf("%+v", said)
		}
		r, err := decodeAnswer(body)
		if err != nil {
			return
		}
		out, err := encodeAnswer(r, nil)
		if err != nil || !json.Valid(out) {
			t.Fatalf("%s became %s, %v", body, out, err)
		}
		if _, err := decodeAnswer(out); err != nil {
			t.Fatalf("%s is not read back: %v", out, err)
		}
	})
}
