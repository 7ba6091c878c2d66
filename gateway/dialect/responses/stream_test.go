// SPDX-License-Identifier: Apache-2.0

package responses

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"holdfast"
	"holdfast/gateway/dialect"
	"holdfast/gateway/dialect/streamtest"
	"holdfast/gateway/dialect/wire"
)

// told is the name of the answer and what its steps say.
func told(t *testing.T, events []dialect.Event) string {
	t.Helper()
	if len(events) > 0 && events[0].Kind == dialect.EventStart {
		return events[0].ID + streamtest.Told(t, events)
	}
	return streamtest.Told(t, events)
}

const created = `{"type":"response.created","sequence_number":0,"response":{"id":"r1","model":"m","created_at":7,"status":"in_progress","output":[]}}`

func completed(output string) string {
	return `{"type":"response.completed","sequence_number":99,"response":{"id":"r1","status":"completed","output":[` + output + `],"usage":{"input_tokens":3,"output_tokens":4}}}`
}

func at(kind, rest string) string {
	return `{"type":"response.` + kind + `","output_index":` + rest + `}`
}

// hears judges the steps of streams, each given by its data.
func hears(t *testing.T, streams map[string]heard) {
	t.Helper()
	for name, c := range streams {
		var all []dialect.Event
		d := Dialect().NewDecoder()
		for _, data := range c.datas {
			events, err := d.Decode([]byte(data))
			if err != nil {
				t.Errorf("%s: %v of %s", name, err, data)
			}
			all = append(all, events...)
		}
		if got := told(t, all); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

type heard struct {
	datas []string
	want  string
}

func textDelta(i int, s string) string {
	return at("output_text.delta", fmt.Sprintf(`%d,"content_index":0,"delta":"%s"`, i, s))
}

func TestDecoder(t *testing.T) {
	t.Parallel()
	text, message := textDelta, `{"type":"message","content":[{"type":"output_text","text":"ab"}]}`
	call := func(arguments string) string {
		return `{"type":"function_call","id":"fc","call_id":"c","name":"f","arguments":"` + arguments + `"}`
	}
	hears(t, map[string]heard{
		"text": {[]string{
			created, at("output_item.added", `0,"item":{"type":"message","content":[]}`), at("content_part.added", `0,"content_index":0,"part":{"type":"output_text","text":""}`),
			text(0, "a"), text(0, "b"), at("output_text.done", `0,"content_index":0,"text":"ab"`), at("content_part.done", `0,"content_index":0`),
			at("output_item.done", `0,"item":`+message), completed(message),
		}, "r1[0:ab] stop 3+4 done"},
		"deltas alone": {[]string{created, text(0, "a"), text(0, "b"), completed(message)}, "r1[0:ab] stop 3+4 done"},
		"done alone":   {[]string{created, at("output_text.done", `0,"content_index":0,"text":"ab"`), completed(message)}, "r1[0:ab] stop 3+4 done"},
		"message, item alone": {[]string{
			created, at("output_item.done", `0,"item":`+message), at("output_item.done", `1,"item":{"type":"message","content":[{"type":"output_text","text":"c"},{"type":"refusal","refusal":"no"}]}`),
			text(2, "d"), at("output_item.done", `2,"item":`+message), completed(message),
		}, "r1[0:ab][0:c][7:no][0:d] stop 3+4 done"},
		"the end alone":    {[]string{created, completed(message + "," + call("{}"))}, "r1[0:ab][4 c f:{}] tool_calls 3+4 done"},
		"no beginning":     {[]string{text(0, "a"), completed(message)}, "[0:a] stop 3+4 done"},
		"two parts":        {[]string{created, text(0, "a"), at("output_text.delta", `0,"content_index":1,"delta":"b"`), completed(message)}, "r1[0:a][0:b] stop 3+4 done"},
		"refusal":          {[]string{created, at("refusal.delta", `0,"content_index":0,"delta":"no"`), at("refusal.done", `0,"content_index":0,"refusal":"no"`), completed("")}, "r1[7:no] stop 3+4 done"},
		"call":             {[]string{created, at("output_item.added", `0,"item":`+call("")), at("function_call_arguments.delta", `0,"delta":"{}"`), at("function_call_arguments.done", `0,"arguments":"{}"`), at("output_item.done", `0,"item":`+call("{}")), completed("")}, "r1[4 c f:{}] tool_calls 3+4 done"},
		"call, done alone": {[]string{created, at("output_item.added", `0,"item":`+call("")), at("function_call_arguments.done", `0,"arguments":"{}"`), completed("")}, "r1[4 c f:{}] tool_calls 3+4 done"},
		"call, item alone": {[]string{created, at("output_item.done", `0,"item":`+call("{}")), completed("")}, "r1[4 c f:{}] tool_calls 3+4 done"},
	})
}

func TestDecoderOfThinking(t *testing.T) {
	t.Parallel()
	text := textDelta
	hears(t, map[string]heard{
		"thinking": {[]string{
			created, at("output_item.added", `0,"item":{"type":"reasoning","summary":[]}`), at("reasoning_summary_part.added", `0,"summary_index":0`),
			at("reasoning_summary_text.delta", `0,"summary_index":0,"delta":"h"`), at("reasoning_summary_part.added", `0,"summary_index":1`),
			at("reasoning_summary_text.delta", `0,"summary_index":1,"delta":"m"`),
			at("output_item.done", `0,"item":{"type":"reasoning","summary":[{"text":"h"},{"text":"m"}],"encrypted_content":"gAAAA"}`), text(1, "a"), completed(""),
		}, "r1[6:h\n\nm~gAAAA][0:a] stop 3+4 done"},
		"open thinking":   {[]string{created, at("reasoning_text.delta", `0,"content_index":0,"delta":"h"`), at("reasoning_text.done", `0,"content_index":0,"text":"h"`), at("output_item.done", `0,"item":{"type":"reasoning","content":[{"text":"h"}]}`), completed("")}, "r1[6:h] stop 3+4 done"},
		"silent thinking": {[]string{created, at("output_item.done", `0,"item":{"type":"reasoning","summary":[],"encrypted_content":"gAAAA"}`), text(1, "a"), completed("")}, "r1[6:~gAAAA][0:a] stop 3+4 done"},
		"redacted":        {[]string{created, at("output_item.done", `0,"item":{"type":"reasoning","summary":[],"encrypted_content":"redacted:x"}`), completed("")}, "r1[6 redacted x:] stop 3+4 done"},
		"no thinking":     {[]string{created, at("output_item.done", `0,"item":{"type":"reasoning","summary":[]}`), text(1, "a"), completed("")}, "r1[0:a] stop 3+4 done"},
	})
}

func TestDecoderOfEnds(t *testing.T) {
	t.Parallel()
	text := textDelta
	hears(t, map[string]heard{
		"cut by length":   {[]string{created, text(0, "a"), `{"type":"response.incomplete","response":{"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"}}}`}, "r1[0:a] length done"},
		"filtered":        {[]string{created, `{"type":"response.incomplete","response":{"status":"incomplete","incomplete_details":{"reason":"content_filter"}}}`}, "r1 content_filter done"},
		"failed":          {[]string{created, `{"type":"response.failed","response":{"error":{"code":"server_error","message":"no"}}}`}, "r1 failed: no"},
		"error":           {[]string{created, `{"type":"error","code":"x","message":"no"}`, `{"type":"response.failed","response":{"error":{"message":"again"}}}`}, "r1 failed: no"},
		"error inside":    {[]string{created, `{"type":"error","error":{"type":"x_error","message":"no"}}`}, "r1 failed: no"},
		"error of others": {[]string{`{"error":{"message":"no"}}`}, " failed: no"},
		"odd events":      {[]string{created, `{"type":"keepalive"}`, `{"type":"response.web_search_call.searching","output_index":0}`, text(1, "a"), "[DONE]", completed("")}, "r1[0:a] stop 3+4 done"},
		"after the end":   {[]string{created, text(0, "a"), completed(""), text(0, "b")}, "r1[0:a] stop 3+4 done"},
		"unescaped":       {[]string{created, text(0, `\n\"\u00e9`), completed("")}, "r1[0:\n\"é] stop 3+4 done"},
	})
}

func TestDecoderRefuses(t *testing.T) {
	t.Parallel()
	text := textDelta
	for name, c := range map[string]struct {
		data string
		want error
	}{
		"garbage": {`<html>`, errGarbage}, "torn": {`{"type":"respon`, errGarbage}, "mingled": {text(0, "x"), errMingled},
		"no call": {at("function_call_arguments.delta", `4,"delta":"x"`), errMingled},
	} {
		d := Dialect().NewDecoder()
		for _, data := range []string{created, text(0, "a"), text(2, "b")} {
			if _, err := d.Decode([]byte(data)); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := d.Decode([]byte(c.data)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTap(t *testing.T) {
	t.Parallel()
	delta := at("output_text.delta", `0,"content_index":0,"delta":"12345678"`)
	for name, c := range map[string]struct {
		data string
		want dialect.Kind
	}{
		"created":      {created, dialect.KindSilent},
		"message":      {at("output_item.added", `0,"item":{"type":"message"}`), dialect.KindSilent},
		"call":         {at("output_item.added", `0,"item":{"type":"function_call"}`), dialect.KindChunk},
		"part":         {at("content_part.added", `0`), dialect.KindSilent},
		"part done":    {at("content_part.done", `0`), dialect.KindSilent},
		"text done":    {at("output_text.done", `0,"text":"a"`), dialect.KindChunk},
		"no text done": {at("output_text.done", `0,"text":""`), dialect.KindSilent},
		"message done": {at("output_item.done", `0,"item":{"type":"message","content":[{"type":"output_text","text":"a"}]}`), dialect.KindChunk},
		"no message":   {at("output_item.done", `0,"item":{"type":"message","content":[]}`), dialect.KindSilent},
		"call done":    {at("output_item.done", `0,"item":{"type":"function_call"}`), dialect.KindChunk},
		"delta":        {delta, dialect.KindChunk},
		"empty delta":  {at("output_text.delta", `0,"delta":""`), dialect.KindSilent},
		"built-in":     {at("web_search_call.searching", `0`), dialect.KindChunk},
		"empty end":    {completed(""), dialect.KindDone},
		"whole at end": {completed(`{"type":"message","content":[{"type":"output_text","text":"hi"}]}`), dialect.KindChunk},
		"incomplete":   {`{"type":"response.incomplete","response":{"status":"incomplete","output":[]}}`, dialect.KindChunk},
		"failed":       {`{"type":"response.failed","response":{}}`, dialect.KindError},
		"error":        {`{"type":"error","message":"no"}`, dialect.KindError},
		"other error":  {`{"error":{"message":"no"}}`, dialect.KindError},
		"keepalive":    {`{"type":"keepalive"}`, dialect.KindSilent},
		"done":         {`[DONE]`, dialect.KindDone},
		"garbage":      {`<html>`, dialect.KindGarbage},
		"torn":         {`{"a":}`, dialect.KindGarbage},
		"torn end":     {`{"type":"response.completed","response":{"usage":}}`, dialect.KindGarbage},
	} {
		if got := new(tap).See([]byte(c.data)); got != c.want {
			t.Errorf("%s: kind %d, want %d", name, got, c.want)
		}
	}
	one := new(tap)
	if one.See(nil) != dialect.KindComment {
		t.Error("a comment is none")
	}
	for _, data := range []string{created, delta} {
		one.See([]byte(data))
	}
	if seen := one.Seen(); seen.ID != "r1" || seen.Output != 2 || seen.Finished || seen.Chunks != 2 {
		t.Errorf("%+v", seen)
	}
	if kind := one.See([]byte(completed(""))); kind != dialect.KindDone {
		t.Errorf("the end is of kind %d", kind)
	}
	if used, stated := one.Usage(); !stated || used != (holdfast.Usage{Input: 3, Output: 4}) || !one.Seen().Finished {
		t.Errorf("%+v %v", used, stated)
	}
	if end := string(one.End(dialect.Failure{Message: "it broke"})); !strings.Contains(end, `"sequence_number":100`) || !strings.Contains(end, `"id":"r1"`) {
		t.Errorf("%s", end)
	}
}

// translated passes a stream through decoder and encoder as the gateway does.
func translated(stream []byte) ([]byte, []dialect.Event, error) {
	d := Dialect()
	decoder, encoder := d.NewDecoder(), d.NewEncoder(&dialect.Request{})
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

const wholeStream = "event: response.created\ndata: " + created + "\n\n: alive\n\n" +
	`data: {"type":"response.reasoning_summary_text.delta","output_index":0,"summary_index":0,"delta":"hm"}` + "\n\n" +
	`data: {"type":"response.output_text.delta","output_index":1,"content_index":0,"delta":"a\n"}` + "\n\n" +
	`data: {"type":"response.output_item.added","output_index":2,"item":{"type":"function_call","call_id":"c","name":"f","arguments":""}}` + "\n\n" +
	`data: {"type":"response.function_call_arguments.delta","output_index":2,"delta":"{}"}` + "\n\n" +
	`data: {"type":"response.completed","response":{"id":"r1","status":"completed","usage":{"input_tokens":3,"output_tokens":4}}}` + "\n\n"

// TestCutAnywhere: wherever a stream is cut, what was said until then is told, and no end is made up.
func TestCutAnywhere(t *testing.T) {
	t.Parallel()
	end, all, _ := translated([]byte(wholeStream))
	if got := told(t, all); got != "r1[6:hm][0:a\n][4 c f:{}] tool_calls 3+4 done" {
		t.Fatal(got)
	}
	for cut := range len(wholeStream) {
		out, all, err := translated([]byte(wholeStream[:cut]))
		if err != nil || !strings.HasPrefix(string(end), string(out)) || strings.Contains(string(out), "response.completed") {
			t.Fatalf("cut at %d: %v in %s", cut, err, out)
		}
		told(t, all)
	}
}

func TestHugeEventPasses(t *testing.T) {
	t.Parallel()
	huge := strings.Repeat("x", 5<<20)
	out, _, err := translated([]byte("data: " + at("output_text.delta", `0,"content_index":0,"delta":"`+huge+`"`) + "\n\n"))
	if err != nil || !strings.Contains(string(out), huge) {
		t.Errorf("%d bytes, %v", len(out), err)
	}
}

// FuzzStream holds that the steps of any stream stand in order, that what is written of them reads
// back as the same steps, and that the tap survives everything.
func FuzzStream(f *testing.F) {
	f.Add([]byte(wholeStream))
	f.Add([]byte("data: " + created + "\n\ndata: " + completed(`{"type":"message","content":[{"type":"output_text","text":"hi"}]}`) + "\n\n"))
	f.Add([]byte("data: " + at("output_item.done", `0,"item":{"type":"reasoning","summary":[],"encrypted_content":"redacted:x"}`) + "\n\ndata: {\"type\":\"error\"}\n\n"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		listener := new(tap)
		events := wire.NewEvents(strings.NewReader(string(stream)), nil)
		for {
			for e, ok := events.Next(); ok; e, ok = events.Next() {
				listener.See(e.Data)
			}
			if events.Fill() != nil {
				break
			}
		}
		if used, ok := listener.Usage(); ok && used.Total() <= 0 || listener.Seen().Output < 0 {
			t.Fatalf("%+v", used)
		}
		out, all, err := translated(stream)
		said := told(t, all)
		_, again, errAgain := translated(out)
		if errAgain != nil {
			t.Fatalf("%s\nis not read back: %v", out, errAgain)
		}
		if heard := told(t, again); err == nil && !strings.Contains(said, "]") && strings.Contains(heard, "]") {
			t.Fatalf("%q became %q", said, heard)
		}
	})
}
