// SPDX-License-Identifier: Apache-2.0

package anthropic

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"holdfast/gateway/dialect"
)

func TestScan(t *testing.T) {
	t.Parallel()
	c, err := scanMessages([]byte(full))
	if err != nil || c.Model != "claude-opus-4-6" || !c.Stream || c.MaxOutput != 2048 || c.Input < 30 || c.Input > 200 {
		t.Fatalf("%+v %v", c, err)
	}
	out := c.Edit.For(`other "model"`, 77)
	want := strings.Replace(full, `"claude-opus-4-6"`, `"other \"model\""`, 1)
	if string(out) != want {
		t.Errorf("got %s", out)
	}
}

func TestScanKeepsWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	body := ` {"betas":[1e2, {"x":null}], "max_tokens":0,"tools":[{"type":"web_search_20250305","name":"web_search"}],
		"messages":[{"role":"user","content":[{"type":"container_upload","file_id":"f"}]}],"model":"a", "new":"\u00e9"} `
	c, err := scanMessages([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	if got := string(c.Edit.For("b", 0)); got != strings.TrimSpace(strings.Replace(body, `"a"`, `"b"`, 1)) {
		t.Errorf("got %s", got)
	}
}

func TestScanRefusesByName(t *testing.T) {
	t.Parallel()
	for body, field := range map[string]string{
		`{"messages":[],"max_tokens":1}`:                          "model",
		`{"model":"m","max_tokens":1}`:                            "messages",
		`{"model":"m","messages":[]}`:                             "max_tokens",
		`{"model":"m","messages":{},"max_tokens":1}`:              "messages",
		`{"model":"m","messages":["x"],"max_tokens":1}`:           "messages[0]",
		`{"model":"m","messages":[],"max_tokens":-1}`:             "max_tokens",
		`{"model":"m","messages":[],"max_tokens":1,"stream":"a"}`: "stream",
		`{"model":7,"messages":[],"max_tokens":1}`:                "model",
		`{"model":"m","model":"n","messages":[],"max_tokens":1}`:  "model",
		`[]`:        "",
		`{"model"`:  "",
		"{\"\xff\"": "",
	} {
		_, err := scanMessages([]byte(body))
		wrong, ok := errors.AsType[*dialect.InputError](err)
		if !ok || wrong.Field != field {
			t.Errorf("%s: got %v, want field %q", body, err, field)
		}
	}
}

// TestCount: an estimate within a third, that neither names nor an image upset, and behind which
// nothing large hides.
func TestCount(t *testing.T) {
	t.Parallel()
	prose := strings.Repeat("The quick brown fox jumps over the lazy dog. ", 100) // 1,000 tokens by the common tokenizers
	count := func(content string) int64 {
		t.Helper()
		c, err := ScanCount([]byte(`{"model":"m","messages":[{"role":"user","content":` + content + `}]}`))
		if err != nil {
			t.Fatal(err)
		}
		return c.Input
	}
	text, _ := json.Marshal(prose)
	if got := count(string(text)); got < 667 || got > 1500 {
		t.Errorf("prose: %d", got)
	}
	if got := count(`[{"type":"text","text":"hi"}]`); got > 8 {
		t.Errorf("names: %d", got)
	}
	if got := count(`[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"` + strings.Repeat("aGk0", 100000) + `"}}]`); got < 1000 || got > 2000 {
		t.Errorf("image: %d", got)
	}
	if got := count(`[{"type":"tool_use","input":{"id":` + string(text) + `}}]`); got < 667 {
		t.Errorf("hidden behind a name: %d", got)
	}
	if got := string(CountAnswer(42)); got != `{"input_tokens":42}` {
		t.Error(got)
	}
}

func FuzzRequest(f *testing.F) {
	f.Add([]byte(full))
	f.Add([]byte(`{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"hi"}],"system":"x"}`))
	f.Add([]byte(`{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"a"}]}]}`))
	f.Add([]byte(`{"model":"m","max_tokens":1,"messages":[{"content":[{"type":"thinking","thinking":"c","signature":"holdfast-unsigned"},{"type":"redacted_thinking","data":"gAAAA"}]}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		c, scanErr := scanMessages(body)
		if scanErr == nil {
			out := c.Edit.For("other", 5)
			if again, err := scanMessages(out); err != nil || again.Model != "other" || again.MaxOutput != c.MaxOutput || (again.Input != c.Input && !mayHoldForeign(body)) {
				t.Fatalf("%v after the edit: %s", err, out)
			}
		}
		r, err := decode(body)
		if err != nil {
			if _, ok := errors.AsType[*dialect.InputError](err); !ok {
				t.Fatalf("%v is no input error", err)
			}
			return
		}
		if scanErr != nil {
			t.Fatalf("decoded, but not scanned: %v", scanErr)
		}
		out, err := encode(r)
		if err != nil {
			if _, ok := errors.AsType[*dialect.InputError](err); !ok {
				t.Fatalf("%v is no input error", err)
			}
			return
		}
		if _, err := decode(out); err != nil {
			t.Fatalf("%v in what was encoded: %s", err, out)
		}
	})
}

func FuzzAnswer(f *testing.F) {
	f.Add([]byte(plain))
	f.Add([]byte(`{"type":"message","content":[]}`))
	f.Add([]byte(`{"type":"error","error":{"type":"api_error","message":"x"}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		readError(500, body)
		said, ok := readAnswer(body)
		if ok && said.Output < 0 {
			t.Fatalf("%+v", said)
		}
		r, err := decodeAnswer(body)
		if err != nil {
			return
		}
		out, err := encodeAnswer(r, nil)
		if err != nil {
			return
		}
		if _, ok := readAnswer(out); !ok || !json.Valid(out) {
			t.Fatalf("no answer: %s", out)
		}
	})
}

// FuzzStream reads events, one a line.
func FuzzStream(f *testing.F) {
	f.Add([]byte(strings.Join(sample, "\n")))
	f.Add([]byte(`{"type":"error","error":{"type":"overloaded_error","message":"x"}}`))
	f.Add([]byte(`{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"a","name":"b","input":{"c":1}}}` + "\n" + `{"type":"message_stop"}`))
	f.Fuzz(func(t *testing.T, stream []byte) {
		var tap tap
		var out []byte
		d, e := new(decoder), new(encoder)
		for data := range bytes.SplitSeq(stream, []byte{'\n'}) {
			kind := tap.See(data)
			events, err := d.Decode(data)
			if err == nil && kind == dialect.KindGarbage {
				t.Fatalf("decoded garbage: %s", data)
			}
			for _, event := range events {
				out = e.Encode(out, event)
			}
		}
		tap.Usage()
		for line := range strings.SplitSeq(string(out), "\n") {
			if data, ok := strings.CutPrefix(line, "data: "); ok && !json.Valid([]byte(data)) {
				t.Fatalf("wrote %s", data)
			}
		}
	})
}

func BenchmarkTap(b *testing.B) {
	b.ReportAllocs()
	data := []byte(sample[7])
	for b.Loop() {
		var tap tap
		tap.See(data)
	}
}

func BenchmarkScan(b *testing.B) {
	b.ReportAllocs()
	body := []byte(full)
	for b.Loop() {
		if _, err := scanMessages(body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodeDelta(b *testing.B) {
	b.ReportAllocs()
	e := new(encoder)
	out := e.Encode(nil, dialect.Event{Kind: dialect.EventBegin})
	for b.Loop() {
		out = e.Encode(out[:0], dialect.Event{Kind: dialect.EventDelta, Text: "hello there"})
	}
}
