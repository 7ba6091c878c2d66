// SPDX-License-Identifier: Apache-2.0

package openai

import (
	"bytes"
	"testing"

	"holdfast"
	"holdfast/gateway/dialect"
	"holdfast/gateway/dialect/streamtest"
	"holdfast/gateway/dialect/wire"
)

func chunkOf(delta, finish string) string {
	return `{"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":` + delta + `,"finish_reason":` + finish + `}],"usage":null}`
}

func TestTapKinds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		data string
		want dialect.Kind
	}{
		"text":             {chunkOf(`{"content":"hi"}`, `null`), dialect.KindChunk},
		"spaced":           {`{ "choices": [ { "delta": { "content" : "hi" } } ] }`, dialect.KindChunk},
		"role":             {chunkOf(`{"role":"assistant","content":""}`, `null`), dialect.KindSilent},
		"null":             {chunkOf(`{"role":"assistant","content":null,"refusal":null}`, `null`), dialect.KindSilent},
		"tool call":        {chunkOf(`{"tool_calls":[{"index":0,"function":{"name":"f","arguments":""}}]}`, `null`), dialect.KindChunk},
		"reasoning":        {chunkOf(`{"reasoning_content":"hm"}`, `null`), dialect.KindChunk},
		"unknown delta":    {chunkOf(`{"audio":{"data":"x"}}`, `null`), dialect.KindChunk},
		"stop":             {chunkOf(`{}`, `"stop"`), dialect.KindSilent},
		"length":           {chunkOf(`{}`, `"length"`), dialect.KindChunk},
		"filter first":     {`{"choices":[],"prompt_filter_results":[{}],"usage":null}`, dialect.KindSilent},
		"usage alone":      {`{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}`, dialect.KindUsage},
		"usage no choices": {`{"usage":{"prompt_tokens":3,"completion_tokens":4}}`, dialect.KindUsage},
		"usage with text":  {`{"choices":[{"delta":{"content":"x"}}],"usage":{"prompt_tokens":3,"completion_tokens":4}}`, dialect.KindChunk},
		"usage in text":    {chunkOf(`{"content":"\"choices\":[] \"usage\":{}"}`, `null`), dialect.KindChunk},
		"error":            {`{"error":{"message":"no","code":500}}`, dialect.KindError},
		"no error":         {`{"error":null,"choices":[{"delta":{"role":"assistant"}}]}`, dialect.KindSilent},
		"done":             {`[DONE]`, dialect.KindDone},
		"garbage":          {`<html>`, dialect.KindGarbage},
		"torn JSON":        {`{"choices":[}`, dialect.KindGarbage},
		"number":           {`7`, dialect.KindGarbage},
	} {
		var tap Tap
		if got := tap.See([]byte(c.data)); got != c.want {
			t.Errorf("%s: kind %d, want %d", name, got, c.want)
		}
	}
	if got := new(Tap).See(nil); got != dialect.KindComment {
		t.Errorf("comment: kind %d", got)
	}
}

func TestTapCounts(t *testing.T) {
	t.Parallel()
	var tap Tap
	for _, data := range []string{
		chunkOf(`{"role":"assistant","content":""}`, `null`),
		chunkOf(`{"content":"12345678"}`, `null`),
		chunkOf(`{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\":1}"}}]}`, `null`),
		chunkOf(`{}`, `"tool_calls"`),
	} {
		tap.See([]byte(data))
	}
	if !tap.Finished || tap.Output() != 4 { // 8 bytes and, unescaped, 7
		t.Errorf("finished %v, output %d", tap.Finished, tap.Output())
	}
	if _, stated := tap.Usage(); stated {
		t.Error("usage was stated by nobody")
	}
	tap.See([]byte(`{"choices":[],"usage":{"prompt_tokens":30,"completion_tokens":9,"prompt_tokens_details":{"cached_tokens":10},"completion_tokens_details":{"reasoning_tokens":4}}}`))
	usage, stated := tap.Usage()
	if want := (holdfast.Usage{Input: 20, CachedRead: 10, Output: 9, Reasoning: 4}); !stated || usage != want {
		t.Errorf("usage %+v, want %+v", usage, want)
	}
}

func TestParseUsageDisbelieves(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{
		`{}`, `null`, `7`, `{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}`, `{"prompt_tokens":-5,"completion_tokens":9}`,
		`{"prompt_tokens":99999999999999,"completion_tokens":1}`, `{"prompt_tokens":"many"}`, `{"prompt_tokens":1.5,"completion_tokens":1}`,
		`{"prompt_tokens":99999999999999999999999999}`,
	} {
		if usage, ok := ParseUsage([]byte(raw)); ok {
			t.Errorf("%s is believed: %+v", raw, usage)
		}
	}
	usage, ok := ParseUsage([]byte(`{"prompt_tokens":5.0,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":50},"completion_tokens_details":null}`))
	if want := (holdfast.Usage{CachedRead: 5, Output: 2}); !ok || usage != want {
		t.Errorf("got %+v, %v", usage, ok)
	}
}

func TestReadCompletion(t *testing.T) {
	t.Parallel()
	answer := func(message, finish string) string {
		return `{"choices":[{"message":` + message + `,"finish_reason":` + finish + `}]}`
	}
	for name, c := range map[string]struct {
		body      string
		ok, empty bool
	}{
		"text":          {answer(`{"role":"assistant","content":"hello you"}`, `"stop"`), true, false},
		"tool call":     {answer(`{"role":"assistant","content":null,"tool_calls":[{"function":{"name":"f"}}]}`, `"tool_calls"`), true, false},
		"empty":         {answer(`{"role":"assistant","content":""}`, `"stop"`), true, true},
		"no choice":     {`{"choices":[]}`, true, true},
		"cut by length": {answer(`{"role":"assistant","content":""}`, `"length"`), true, false},
		"an error":      {`{"error":{"message":"no"}}`, false, true},
		"html":          {`<html></html>`, false, false},
		"torn":          {`{"choices":[{"message":{"content":"hel`, false, false},
	} {
		got, ok := readAnswer([]byte(c.body))
		if ok != c.ok || got.Empty != c.empty {
			t.Errorf("%s: ok %v, %+v", name, ok, got)
		}
	}
	got, _ := readAnswer([]byte(answer(`{"content":"12345678"}`, `"stop"`)))
	if got.Output != 2 || got.HasUsage {
		t.Errorf("estimated %d, usage %v", got.Output, got.HasUsage)
	}
}

// FuzzStream holds that no byte of a stream is lost or doubled, however it is cut into reads, and
// that the tap survives everything.
func FuzzStream(f *testing.F) {
	f.Add([]byte("data: {\"a\":1}\n\n: c\r\n\r\ndata: x\ndata: y\n\ndata: [DONE]\n\n"), uint8(3))
	f.Add([]byte(`data: `+chunkOf(`{"content":"hi \" \\"}`, `"stop"`)+"\n\n"), uint8(1))
	f.Add([]byte("\n\n\n\r\n"), uint8(0))
	f.Fuzz(func(t *testing.T, stream []byte, size uint8) {
		var tap Tap
		var raw bytes.Buffer
		e := wire.NewEvents(&streamtest.Pieces{Rest: stream, Size: int(size)%17 + 1}, nil)
		for {
			for event, ok := e.Next(); ok; event, ok = e.Next() {
				raw.Write(event.Raw)
				tap.See(event.Data)
			}
			if e.Fill() != nil {
				break
			}
		}
		raw.Write(e.Rest())
		if !bytes.Equal(raw.Bytes(), stream) {
			t.Fatalf("%q came out as %q", stream, raw.Bytes())
		}
		if usage, ok := tap.Usage(); ok && usage.Total() <= 0 || tap.Output() < 0 {
			t.Fatalf("usage %+v, output %d", usage, tap.Output())
		}
	})
}

// FuzzReadCompletion holds that no answer of an upstream makes the reader panic.
func FuzzReadCompletion(f *testing.F) {
	f.Add([]byte(`{"choices":[{"message":{"content":"x"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if c, _ := readAnswer(body); c.Output < 0 || c.HasUsage && c.Usage.Total() <= 0 {
			t.Fatalf("%+v", c)
		}
	})
}
