// SPDX-License-Identifier: Apache-2.0

package anthropic

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"holdfast"
	"holdfast/gateway/dialect"
	"holdfast/gateway/dialect/wire"
)

// sample is a stream as the API sends it, an event a line.
var sample = []string{
	`{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-opus-4-6","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":12,"cache_creation_input_tokens":300,"cache_read_input_tokens":50,"cache_creation":{"ephemeral_5m_input_tokens":100,"ephemeral_1h_input_tokens":200},"output_tokens":1}}}`,
	`{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}`,
	`{"type":"ping"}`,
	`{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Let me see."}}`,
	`{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"EqQB"}}`,
	`{"type":"content_block_stop","index":0}`,
	`{"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}`,
	`{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"I \"look\"."}}`,
	`{"type":"content_block_delta","index":1,"delta":{"type":"citations_delta","citation":{"type":"char_location","cited_text":"x"}}}`,
	`{"type":"content_block_stop","index":1}`,
	`{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"toolu_1","name":"look","input":{}}}`,
	`{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":""}}`,
	`{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"at\": "}}`,
	`{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"\"it\"}"}}`,
	`{"type":"content_block_stop","index":2}`,
	`{"type":"content_block_start","index":3,"content_block":{"type":"tool_use","id":"toolu_2","name":"go","input":{}}}`,
	`{"type":"content_block_stop","index":3}`,
	`{"type":"something_new","index":9}`,
	`{"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"input_tokens":12,"cache_creation_input_tokens":300,"cache_read_input_tokens":50,"output_tokens":89,"output_tokens_details":{"thinking_tokens":30}}}`,
	`{"type":"message_stop"}`,
}

var sampleUsage = holdfast.Usage{Input: 12, CachedRead: 50, CacheWrite5m: 100, CacheWrite1h: 200, Output: 89, Reasoning: 30}

func TestTap(t *testing.T) {
	t.Parallel()
	var tap tap
	var kinds []dialect.Kind
	for i, data := range sample {
		kinds = append(kinds, tap.See([]byte(data)))
		if i == len(sample)-3 {
			if u, stated := tap.Usage(); !stated || u.Input != 12 || u.CachedRead != 50 || u.Output != 1 {
				t.Errorf("before the end: %+v %v", u, stated)
			}
		}
	}
	const chunk, silent, comment, done = dialect.KindChunk, dialect.KindSilent, dialect.KindComment, dialect.KindDone
	want := []dialect.Kind{
		silent, chunk, comment, chunk, silent, silent, silent, chunk, silent, silent,
		chunk, silent, chunk, chunk, silent, chunk, silent, silent, chunk, done,
	}
	for i := range want {
		if kinds[i] != want[i] {
			t.Errorf("event %d: kind %d, want %d: %s", i, kinds[i], want[i], sample[i])
		}
	}
	if u, stated := tap.Usage(); !stated || u != sampleUsage {
		t.Errorf("usage %+v %v", u, stated)
	}
	if seen := tap.Seen(); seen.ID != "msg_1" || !seen.Finished || seen.Output == 0 {
		t.Errorf("seen %+v", seen)
	}
}

func TestTapOfAnEndWithoutUsage(t *testing.T) {
	t.Parallel()
	var tap tap
	tap.See([]byte(sample[0]))
	tap.See([]byte(`{"type":"message_delta","delta":{"stop_reason":"end_turn"}}`))
	if u, stated := tap.Usage(); stated {
		t.Errorf("nobody stated %+v", u)
	}
}

func TestTapKinds(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]dialect.Kind{
		`{"index":0,"delta":{"text":"hi","type":"text_delta"},"type":"content_block_delta"}`:                    dialect.KindChunk,
		`{ "type" : "content_block_delta", "delta" : { "type" : "text_delta", "text" : "hi" } }`:                dialect.KindChunk,
		`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":""}}`:                      dialect.KindSilent,
		`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":""}`:                       dialect.KindGarbage,
		`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":}}`:                        dialect.KindGarbage,
		`{"type":"content_block_start","index":0,"content_block":{"type":"redacted_thinking","data":"opaque"}}`: dialect.KindChunk,
		`{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":3}}`:               dialect.KindSilent,
		`{"type":"message_delta","delta":{"stop_reason":"refusal"},"usage":{"output_tokens":3}}`:                dialect.KindChunk,
		`{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}`:                           dialect.KindError,
		`{"error":{"type":"api_error","message":"no"}}`:                                                         dialect.KindError,
		`{"choices":[{"delta":{"content":"hi"}}]}`:                                                              dialect.KindGarbage,
		`[DONE]`: dialect.KindGarbage,
		`{}`:     dialect.KindGarbage,
	} {
		if got := new(tap).See([]byte(data)); got != want {
			t.Errorf("%s: kind %d, want %d", data, got, want)
		}
	}
	if got := new(tap).See(nil); got != dialect.KindComment {
		t.Errorf("comment: kind %d", got)
	}
}

func decodeAll(t *testing.T, stream []string) []dialect.Event {
	t.Helper()
	var list []dialect.Event
	d := new(decoder)
	for _, data := range stream {
		events, err := d.Decode([]byte(data))
		if err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		list = append(list, events...)
	}
	return list
}

// TestStreamThereAndBack: what is decoded, encoded and decoded again is the same stream; its beginning
// knows no usage, its end has it in fewer classes.
func TestStreamThereAndBack(t *testing.T) {
	t.Parallel()
	var out []byte
	e := new(encoder)
	first := decodeAll(t, sample)
	for _, event := range first {
		out = e.Encode(out, event)
	}
	var again []string
	events := wire.NewEvents(bytes.NewReader(out), nil)
	_ = events.Fill()
	for event, ok := events.Next(); ok; event, ok = events.Next() {
		var head struct{ Type string }
		if json.Unmarshal(event.Data, &head) != nil || !bytes.HasPrefix(event.Raw, []byte("event: "+head.Type+"\n")) {
			t.Errorf("framing of %s", event.Raw)
		}
		again = append(again, string(event.Data))
	}
	second := decodeAll(t, again)
	if a, b := withoutUsage(first), withoutUsage(second); !reflect.DeepEqual(a, b) {
		t.Errorf("\n%+v\n%+v", a, b)
	}
	if got := lastUsage(second); got.Total() != sampleUsage.Total() || got.CachedRead != 50 || got.Reasoning != 30 {
		t.Errorf("usage %+v", got)
	}
	if got := lastUsage(first); got != sampleUsage {
		t.Errorf("usage %+v", got)
	}
}

func withoutUsage(events []dialect.Event) []dialect.Event {
	return slices.DeleteFunc(slices.Clone(events), func(e dialect.Event) bool { return e.Kind == dialect.EventUsage })
}

func lastUsage(events []dialect.Event) (u holdfast.Usage) {
	for _, e := range events {
		if e.Kind == dialect.EventUsage {
			u = e.Usage
		}
	}
	return u
}

// TestEncoderPutsPartsInOrder: parts that others send at the same time come one after another.
func TestEncoderPutsPartsInOrder(t *testing.T) {
	t.Parallel()
	call := func(id string) dialect.Part {
		return dialect.Part{Kind: dialect.PartToolCall, Call: &dialect.ToolCall{ID: id, Name: "f"}}
	}
	var out []byte
	e := new(encoder)
	for _, event := range []dialect.Event{
		{Kind: dialect.EventBegin, Index: 0, Part: call("a")},
		{Kind: dialect.EventBegin, Index: 1, Part: call("b")},
		{Kind: dialect.EventDelta, Index: 1, Text: `{"b":`},
		{Kind: dialect.EventDelta, Index: 0, Text: `{"a":1}`},
		{Kind: dialect.EventDelta, Index: 1, Text: `2}`},
		{Kind: dialect.EventEnd, Index: 1},
		{Kind: dialect.EventBegin, Index: 2, Part: dialect.Part{Kind: dialect.PartText}},
		{Kind: dialect.EventEnd, Index: 0},
		{Kind: dialect.EventDelta, Index: 2, Text: "and"},
		{Kind: dialect.EventDone},
	} {
		out = e.Encode(out, event)
	}
	var kinds []string
	for _, line := range strings.Split(string(out), "\n") {
		if kind, ok := strings.CutPrefix(line, "event: "); ok {
			kinds = append(kinds, strings.TrimPrefix(kind, "content_block_"))
		}
	}
	if got := strings.Join(kinds, " "); got != "message_start start delta stop start delta stop start delta stop message_delta message_stop" {
		t.Error(got)
	}
	for _, want := range []string{`"partial_json":"{\"b\":2}"`, `"stop_reason":"tool_use"`, `"index":2,"delta":{"type":"text_delta","text":"and"}`} {
		if !strings.Contains(string(out), want) {
			t.Errorf("want %s in %s", want, out)
		}
	}
	if more := e.Encode(nil, dialect.Event{Kind: dialect.EventDelta, Text: "late"}); len(more) > 0 {
		t.Errorf("after the end: %s", more)
	}
}

func TestEncoderTellsFailure(t *testing.T) {
	t.Parallel()
	e := new(encoder)
	out := e.Encode(nil, dialect.Event{Kind: dialect.EventStart, ID: "x"})
	out = e.Encode(out[:0], dialect.Event{Kind: dialect.EventFailure, Failure: &dialect.Failure{Type: "service_unavailable", Message: "busy"}})
	want := "event: error\ndata: " + `{"type":"error","error":{"type":"overloaded_error","message":"busy"}}` + "\n\n"
	if string(out) != want {
		t.Errorf("got %s", out)
	}
	if out = e.Encode(nil, dialect.Event{Kind: dialect.EventDone}); out != nil {
		t.Errorf("after the failure: %s", out)
	}
}

func TestDecoderRefusesDisorder(t *testing.T) {
	t.Parallel()
	start := `{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}`
	for name, stream := range map[string][]string{
		"delta first":  {`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"x"}}`},
		"twice":        {start, start},
		"wrong delta":  {start, `{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"x"}}`},
		"stop first":   {`{"type":"content_block_stop","index":0}`},
		"server tool":  {`{"type":"content_block_start","index":0,"content_block":{"type":"server_tool_use","id":"a","name":"web_search","input":{}}}`},
		"no index":     {`{"type":"content_block_start","content_block":{"type":"text","text":""}}`},
		"other tongue": {`{"choices":[]}`},
	} {
		d := new(decoder)
		var err error
		for _, data := range stream {
			_, err = d.Decode([]byte(data))
		}
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
