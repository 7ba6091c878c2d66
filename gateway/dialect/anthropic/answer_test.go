// SPDX-License-Identifier: Apache-2.0

package anthropic

import (
	"net/http"
	"reflect"
	"strings"
	"testing"

	"holdfast"
	"holdfast/gateway/dialect"
)

const plain = `{"id":"msg_2","type":"message","role":"assistant","model":"claude-opus-4-6","content":[
 {"type":"thinking","thinking":"Hm.","signature":"EqQB"},{"type":"redacted_thinking","data":"opaque"},
 {"type":"text","text":"Looking."},{"type":"tool_use","id":"toolu_1","name":"look","input":{"at":"it"}}],
 "stop_reason":"tool_use","stop_sequence":null,
 "usage":{"input_tokens":12,"cache_creation_input_tokens":300,"cache_read_input_tokens":50,
 "cache_creation":{"ephemeral_5m_input_tokens":100,"ephemeral_1h_input_tokens":200},"output_tokens":89,
 "output_tokens_details":{"thinking_tokens":30},"service_tier":"standard"}}`

func TestAnswer(t *testing.T) {
	t.Parallel()
	said, ok := readAnswer([]byte(plain))
	if !ok || said.ID != "msg_2" || !said.HasUsage || said.Usage != sampleUsage || said.Empty || said.Output == 0 {
		t.Errorf("said %+v %v", said, ok)
	}
	for body, empty := range map[string]bool{
		`{"type":"message","content":[],"stop_reason":"end_turn"}`:                            true,
		`{"type":"message","content":[{"type":"text","text":""}],"stop_reason":null}`:         true,
		`{"type":"message","content":[],"stop_reason":"max_tokens"}`:                          false,
		`{"type":"message","content":[],"stop_reason":"refusal"}`:                             false,
		`{"type":"message","content":[{"type":"text","text":"x"}],"stop_reason":"end_turn"}`:  false,
		`{"type":"message","content":[{"type":"tool_use","id":"a","name":"b","input":{}}]}`:   false,
		`{"type":"message","content":[{"type":"server_tool_use","id":"a"}],"stop_reason":""}`: false,
	} {
		if said, ok := readAnswer([]byte(body)); !ok || said.Empty != empty {
			t.Errorf("%s: empty %v, ok %v", body, said.Empty, ok)
		}
	}
	for _, body := range []string{`{}`, `[]`, `{"choices":[]}`, `{"type":"error","error":{}}`, `{"type":"message","content":`, ``} {
		if _, ok := readAnswer([]byte(body)); ok {
			t.Errorf("%s was taken for an answer", body)
		}
	}
}

func TestAnswerThereAndBack(t *testing.T) {
	t.Parallel()
	r, err := decodeAnswer([]byte(plain))
	if err != nil {
		t.Fatal(err)
	}
	if r.Stop != dialect.StopTools || r.Usage != sampleUsage || len(r.Parts) != 4 {
		t.Errorf("read %+v", r)
	}
	body, err := encodeAnswer(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	again, err := decodeAnswer(body)
	if err != nil || !reflect.DeepEqual(r, again) {
		t.Errorf("%v %s", err, body)
	}
}

func TestUsageClasses(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]holdfast.Usage{
		`{"input_tokens":5,"output_tokens":7}`: {Input: 5, Output: 7},
		`{"input_tokens":5,"cache_creation_input_tokens":9,"cache_read_input_tokens":null,"cache_creation":null,"output_tokens":7}`:                            {Input: 5, CacheWrite5m: 9, Output: 7},
		`{"input_tokens":5,"cache_creation_input_tokens":9,"cache_creation":{"ephemeral_1h_input_tokens":9},"output_tokens":7}`:                                {Input: 5, CacheWrite1h: 9, Output: 7},
		`{"input_tokens":5,"cache_creation_input_tokens":10,"cache_creation":{"ephemeral_5m_input_tokens":1,"ephemeral_1h_input_tokens":6},"output_tokens":7}`: {Input: 5, CacheWrite5m: 4, CacheWrite1h: 6, Output: 7},
		`{"input_tokens":5,"output_tokens":7,"output_tokens_details":{"thinking_tokens":70}}`:                                                                  {Input: 5, Output: 7, Reasoning: 7},
	} {
		var c counted
		c.take([]byte(raw))
		if got, ok := c.usage(); !ok || got != want {
			t.Errorf("%s: %+v %v", raw, got, ok)
		}
	}
	for _, raw := range []string{`{"input_tokens":0,"output_tokens":0}`, `{"input_tokens":-5,"output_tokens":7}`, `{"input_tokens":"5"}`, `null`, `{"input_tokens":1e300}`} {
		var c counted
		c.take([]byte(raw))
		if u, ok := c.usage(); ok {
			t.Errorf("%s was believed: %+v", raw, u)
		}
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	for status, kind := range map[int]string{
		400: invalidRequest, 401: authentication, 402: billing, 403: permission, 404: notFound, 413: requestTooLarge,
		422: invalidRequest, 429: rateLimit, 500: apiError, 502: apiError, 503: overloaded, 504: timedOut, 529: overloaded,
	} {
		body := errorBody(dialect.Failure{Status: status, Message: "no"})
		want := `{"type":"error","error":{"type":"` + kind + `","message":"no"}}`
		if string(body) != want {
			t.Errorf("%d: %s", status, body)
		}
		f, ok := readError(status, body)
		if !ok || f.Message != "no" || f.Status != status {
			t.Errorf("%d: read %+v %v", status, f, ok)
		}
		f.Status = 0
		if status < 500 && status != 422 && errorType(f) != kind && kind != notFound && kind != requestTooLarge {
			t.Errorf("%d: without a status %s", status, errorType(f))
		}
	}
	named := errorBody(dialect.Failure{Status: 400, Param: "top_k", Message: "top_k: no", Reason: "x"})
	if !strings.Contains(string(named), `"message":"top_k: no","reason":"x"`) {
		t.Errorf("got %s", named)
	}
	f, ok := readError(0, []byte(`{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"r"}`))
	if !ok || f.Status != statusOverloaded || f.Type != "service_unavailable" {
		t.Errorf("read %+v", f)
	}
	for _, body := range []string{`{"error":"x"}`, `{"error":{"message":"x"}}`, `nope`, `{}`} {
		if _, ok := readError(http.StatusBadGateway, []byte(body)); ok {
			t.Errorf("%s was taken for an error", body)
		}
	}
}
