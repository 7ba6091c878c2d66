// SPDX-License-Identifier: Apache-2.0

package openai

import (
	"errors"
	"strings"
	"testing"

	"holdfast/gateway/dialect"
	"holdfast/gateway/dialect/streamtest"
	"holdfast/gateway/dialect/wire"
)

func hear(t *testing.T, d dialect.Decoder, datas ...string) (string, error) {
	t.Helper()
	var all []dialect.Event
	for _, data := range datas {
		events, err := d.Decode([]byte(data))
		all = append(all, events...)
		if err != nil {
			return streamtest.Told(t, all), err
		}
	}
	return streamtest.Told(t, all), nil
}

func TestDecoder(t *testing.T) {
	t.Parallel()
	call := func(rest string) string { return chunkOf(`{"tool_calls":[{`+rest+`}]}`, `null`) }
	text := func(s string) string { return chunkOf(`{"content":"`+s+`"}`, `null`) }
	stop := chunkOf(`{}`, `"stop"`)
	usage := `{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}`
	for name, c := range map[string]struct {
		datas []string
		want  string
	}{
		"text":             {[]string{chunkOf(`{"role":"assistant","content":""}`, `null`), text("a"), text("b"), stop, usage, "[DONE]"}, "[0:ab] stop 3+4 done"},
		"usage with stop":  {[]string{text("a"), `{"choices":[{"index":0,"delta":{},"finish_reason":"length"}],"usage":{"prompt_tokens":3,"completion_tokens":4}}`, "[DONE]"}, "[0:a] length 3+4 done"},
		"no reason":        {[]string{text("a"), "[DONE]"}, "[0:a] stop done"},
		"thinking":         {[]string{chunkOf(`{"reasoning_content":"h"}`, `null`), chunkOf(`{"reasoning_content":"m","content":null}`, `null`), text("a"), stop, "[DONE]"}, "[6:hm][0:a] stop done"},
		"both names":       {[]string{chunkOf(`{"reasoning":"h","reasoning_content":"h"}`, `null`), stop, "[DONE]"}, "[6:h] stop done"},
		"details":          {[]string{chunkOf(`{"reasoning":"h","reasoning_details":[{"type":"reasoning.text","text":"h"}]}`, `null`), chunkOf(`{"reasoning_details":[{"type":"reasoning.text","text":"","signature":"s"}]}`, `null`), text("a"), stop, "[DONE]"}, "[6:h~s][0:a] stop done"},
		"redacted":         {[]string{chunkOf(`{"reasoning_details":[{"type":"reasoning.encrypted","data":"x","format":"anthropic-claude-v1"}]}`, `null`), stop, "[DONE]"}, "[6 redacted x:] stop done"},
		"sealed":           {[]string{chunkOf(`{"reasoning_details":[{"type":"reasoning.encrypted","data":"gAAAA"}]}`, `null`), stop, "[DONE]"}, "[6:~gAAAA] stop done"},
		"refusal":          {[]string{chunkOf(`{"refusal":"no"}`, `null`), stop, "[DONE]"}, "[7:no] stop done"},
		"call":             {[]string{call(`"index":0,"id":"c","function":{"name":"f","arguments":""}`), call(`"index":0,"function":{"arguments":"{}"}`), stop, "[DONE]"}, "[4 c f:{}] tool_calls done"},
		"call, named each": {[]string{call(`"index":0,"id":"c","function":{"name":"f","arguments":"{"}`), call(`"index":0,"id":"c","function":{"name":"f","arguments":"}"}`), stop, "[DONE]"}, "[4 c f:{}] tool_calls done"},
		"calls in turn":    {[]string{call(`"index":0,"id":"c","function":{"name":"f","arguments":"{}"}`), call(`"index":1,"id":"d","function":{"name":"g","arguments":"{"}`), call(`"index":1,"function":{"arguments":"}"}`), stop, "[DONE]"}, "[4 c f:{}][4 d g:{}] tool_calls done"},
		"calls mingled":    {[]string{call(`"index":0,"id":"c","function":{"name":"f"}`), call(`"index":1,"id":"d","function":{"name":"g","arguments":"{"}`), call(`"index":0,"function":{"arguments":"[]"}`), call(`"index":1,"function":{"arguments":"}"}`), stop, "[DONE]"}, "[4 c f:[]][4 d g:{}] tool_calls done"},
		"all first":        {[]string{call(`"index":0,"id":"c","function":{"name":"f","arguments":"{}"}`), call(`"index":0,"id":"d","function":{"name":"g","arguments":"{}"}`), stop, "[DONE]"}, "[4 c f:{}][4 d g:{}] tool_calls done"},
		"all nameless":     {[]string{call(`"index":0,"function":{"name":"f","arguments":"{}"}`), call(`"index":0,"function":{"name":"g","arguments":"{}"}`), stop, "[DONE]"}, "[4 call_0_c f:{}][4 call_1_c g:{}] tool_calls done"},
		"text and call":    {[]string{text("a"), call(`"index":0,"id":"c","function":{"name":"f","arguments":"{}"}`), text("b"), stop, "[DONE]"}, "[0:a][4 c f:{}][0:b] tool_calls done"},
		"other choice":     {[]string{text("a"), `{"choices":[{"index":1,"delta":{"content":"x"},"finish_reason":"stop"}]}`, stop, "[DONE]"}, "[0:a] stop done"},
		"after the end":    {[]string{text("a"), stop, text(""), chunkOf(`{"tool_calls":[]}`, `""`), "[DONE]", text("c")}, "[0:a] stop done"},
		"own error":        {[]string{text("a"), `{"error":{"message":"no","code":500}}`, text("b")}, "[0:a failed: no"},
		"bare error":       {[]string{`{"error":{"x":1}}`}, " failed: the provider reported an error"},
	} {
		got, err := hear(t, newDecoder(), c.datas...)
		if err != nil || got != c.want {
			t.Errorf("%s: %q, want %q (%v)", name, got, c.want, err)
		}
	}
	for name, c := range map[string]struct {
		data string
		want error
	}{
		"garbage":         {`<html>`, errGarbage},
		"torn":            {`{"choices":[}`, errGarbage},
		"unknown call":    {call(`"index":3,"function":{"arguments":"{}"}`), errMingled},
		"call gone on":    {call(`"index":0,"function":{"arguments":"x"}`), errMingled},
		"call spaced out": {call(`"index":0,"function":{"arguments":" "}`), nil},
	} {
		_, err := hear(t, newDecoder(), call(`"index":0,"id":"c","function":{"name":"f","arguments":"{}"}`), call(`"index":1,"id":"d","function":{"name":"g","arguments":"{}"}`), c.data)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestDecoderNeverDropsWhatIsLate: an answer that goes on after its end is no whole answer.
func TestDecoderNeverDropsWhatIsLate(t *testing.T) {
	t.Parallel()
	for _, delta := range []string{`{"content":"b"}`, `{"refusal":"b"}`, `{"reasoning":"b"}`, `{"tool_calls":[{"index":0,"id":"c","function":{"name":"f"}}]}`, `{"reasoning_details":[{"data":"x"}]}`} {
		_, err := hear(t, newDecoder(), chunkOf(`{"content":"a"}`, `"stop"`), chunkOf(delta, `null`))
		if !errors.Is(err, errLate) {
			t.Errorf("%s: %v", delta, err)
		}
	}
}

// translated passes a stream through decoder and encoder as the gateway does.
func translated(stream []byte) ([]byte, []dialect.Event, error) {
	decoder, encoder := newDecoder(), newEncoder(&dialect.Request{UsageAsked: true})
	var out []byte
	var all []dialect.Event
	events := wire.NewEvents(strings.NewReader(string(stream)), nil)
	for {
		for e, ok := events.Next(); ok; e, ok = events.Next() {
			steps, err := decoder.Decode(e.Data)
			if err != nil {
				return out, all, err
			}
			for _, step := range steps {
				all = append(all, step)
				out = encoder.Encode(out, step)
			}
		}
		if events.Fill() != nil {
			return out, all, nil
		}
	}
}

// TestCutAnywhere: wherever a stream is cut, what was said until then is told, and no end is made up.
func TestCutAnywhere(t *testing.T) {
	t.Parallel()
	whole := "data: " + strings.Join([]string{
		chunkOf(`{"reasoning_content":"hm"}`, `null`), chunkOf(`{"content":"a\n\n"}`, `null`),
		chunkOf(`{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"{}"}}]}`, `null`), chunkOf(`{}`, `"tool_calls"`), "[DONE]",
	}, "\n\ndata: ") + "\n\n"
	whole = strings.ReplaceAll(whole, `"id":"c",`, `"id":"c","created":7,`)
	end, _, _ := translated([]byte(whole))
	for cut := range len(whole) {
		out, all, err := translated([]byte(whole[:cut]))
		if err != nil || !strings.HasPrefix(string(end), string(out)) || strings.Contains(string(out), "[DONE]") {
			t.Fatalf("cut at %d: %v in %s", cut, err, out)
		}
		streamtest.Told(t, all)
	}
}

func TestHugeEventPasses(t *testing.T) {
	t.Parallel()
	huge := strings.Repeat("x", 5<<20)
	out, _, err := translated([]byte("data: " + chunkOf(`{"content":"`+huge+`"}`, `null`) + "\n\n"))
	if err != nil || !strings.Contains(string(out), huge) {
		t.Errorf("%d bytes, %v", len(out), err)
	}
}

// FuzzDecoder holds that the steps of any stream stand in order, and that what is written of them
// reads back as the same steps.
func FuzzDecoder(f *testing.F) {
	f.Add([]byte("data: " + chunkOf(`{"content":"a"}`, `"stop"`) + "\n\ndata: [DONE]\n\n"))
	f.Add([]byte("data: " + chunkOf(`{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"{"}},{"index":1,"id":"d","function":{"name":"g"}}]}`, `null`) + "\n\n"))
	f.Add([]byte("data: " + chunkOf(`{"reasoning_details":[{"text":"a"},{"signature":"s"},{"data":"d"}],"refusal":"r"}`, `null`) + "\n\n"))
	f.Add([]byte("data: {\"error\":{}}\n\n"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		out, all, err := translated(stream)
		streamtest.Told(t, all)
		_, again, errAgain := translated(out)
		if err != nil || errAgain != nil {
			if errAgain != nil {
				t.Fatalf("%s\nis not read back: %v", out, errAgain)
			}
			return
		}
		streamtest.Told(t, again)
	})
}
