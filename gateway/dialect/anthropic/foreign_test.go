// SPDX-License-Identifier: Apache-2.0

package anthropic

import (
	"encoding/json"
	"strings"
	"testing"

	"holdfast/gateway/dialect"
)

// TestForeignThinkingGoesNotToAnthropic: a conversation that another provider answered in between is
// passed on without that provider's thinking, and otherwise as it was.
func TestForeignThinkingGoesNotToAnthropic(t *testing.T) {
	t.Parallel()
	const body = `{"model":"a","max_tokens":5,"messages":[{"role":"user","content":"x gAAAA"},
		{"role":"assistant","content":[ {"type":"thinking","thinking":"own","signature":"EqQB"} ,{"type":"thinking","thinking":"a \"holdfast-unsigned\"","signature":"holdfast-unsigned"},
		{"signature":"gAAAABo","thinking":"b","type":"thinking"}, {"type":"text","text":"yes"}]},
		{"role":"assistant","content":[{"type":"thinking","thinking":"c","signature":"holdfast-unsigned"}]},
		{"role":"assistant","content":[{"type":"thinking","thinking":"d","signature":""}]}],"x":1e2}`
	c, err := scanMessages([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"model":"b","max_tokens":5,"messages":[{"role":"user","content":"x gAAAA"},
		{"role":"assistant","content":[{"type":"thinking","thinking":"own","signature":"EqQB"},{"type":"text","text":"yes"}]},
		{"role":"assistant","content":[{"type":"text","text":"(thinking)"}]},
		{"role":"assistant","content":[{"type":"thinking","thinking":"d","signature":""}]}],"x":1e2}`
	if got := string(c.Edit.For("b", 0)); got != want {
		t.Errorf("got\n%s", got)
	}
}

// TestUnsignedThinkingComesBackUnsigned: what an answer marks is no signature to other dialects.
func TestUnsignedThinkingComesBackUnsigned(t *testing.T) {
	t.Parallel()
	thought := dialect.Part{Kind: dialect.PartThinking, Thinking: &dialect.Thinking{Text: "Hm."}}
	answer, err := encodeAnswer(&dialect.Response{ID: "x", Model: "m", Parts: []dialect.Part{thought}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var m struct{ Content json.RawMessage }
	if err := json.Unmarshal(answer, &m); err != nil || !strings.Contains(string(m.Content), unsigned) {
		t.Fatalf("%v in %s", err, answer)
	}
	r, err := decode([]byte(`{"model":"m","max_tokens":5,"messages":[{"role":"assistant","content":` + string(m.Content) + `}]}`))
	if err != nil || *r.Messages[0].Parts[0].Thinking != *thought.Thinking {
		t.Errorf("%v: %+v", err, r)
	}
	e := new(encoder)
	var out []byte
	for _, event := range []dialect.Event{
		{Kind: dialect.EventBegin, Part: thought}, {Kind: dialect.EventDelta, Text: "Hm."}, {Kind: dialect.EventEnd}, {Kind: dialect.EventDone},
	} {
		out = e.Encode(out, event)
	}
	if !strings.Contains(string(out), `{"type":"signature_delta","signature":"holdfast-unsigned"}}`) {
		t.Errorf("got %s", out)
	}
}

func TestEncoderHoldsNoMoreThanItMay(t *testing.T) {
	t.Parallel()
	e := new(encoder)
	out := e.Encode(nil, dialect.Event{Kind: dialect.EventBegin, Index: 0})
	out = e.Encode(out, dialect.Event{Kind: dialect.EventBegin, Index: 1})
	for range 17 {
		out = e.Encode(out, dialect.Event{Kind: dialect.EventDelta, Index: 1, Text: strings.Repeat("x", 1<<20)})
	}
	if !strings.Contains(string(out), "event: error\n") || e.state != encoderOver {
		t.Errorf("%d bytes are held", e.held)
	}
}
