// SPDX-License-Identifier: Apache-2.0

package openai

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"holdfast/gateway/dialect"
)

const hello = `"messages":[{"role":"user","content":"hello there"}]`

func TestScan(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body      string
		model     string
		stream    bool
		asked     bool
		maxOutput int64
	}{
		"plain":                               {`{"model":"chat",` + hello + `}`, "chat", false, false, 0},
		"spaces and order":                    {" {\n\t" + hello + ` , "stream" : true , "model" : "a/b/c" } `, "a/b/c", true, false, 0},
		"escaped key and value":               {`{"mod\u0065l":"ch\u0061t",` + hello + `}`, "chat", false, false, 0},
		"usage asked":                         {`{"model":"m","stream":true,"stream_options":{"x":1,"include_usage":true},` + hello + `}`, "m", true, true, 0},
		"usage declined":                      {`{"model":"m","stream":true,"stream_options":{"include_usage":false},` + hello + `}`, "m", true, false, 0},
		"old limit":                           {`{"model":"m","max_tokens":7,` + hello + `}`, "m", false, false, 7},
		"a larger new limit":                  {`{"model":"m","max_tokens":7,"max_completion_tokens":9,` + hello + `}`, "m", false, false, 9},
		"the larger limit counts":             {`{"model":"m","max_tokens":90,"max_completion_tokens":7,` + hello + `}`, "m", false, false, 90},
		"one that is null counts for nothing": {`{"model":"m","max_completion_tokens":null,"max_tokens":90,` + hello + `}`, "m", false, false, 90},
		"a larger new limit first":            {`{"model":"m","max_completion_tokens":9,"max_tokens":7,` + hello + `}`, "m", false, false, 9},
		"choices multiply":                    {`{"model":"m","n":3,"max_tokens":7,` + hello + `}`, "m", false, false, 21},
		"nulls are absent":                    {`{"model":"m","n":null,"max_tokens":null,"stream":null,"stream_options":null,` + hello + `}`, "m", false, false, 0},
		"model inside a message":              {`{"messages":[{"role":"user","model":"x","content":"\"model\":\"y\""}],"model":"m"}`, "m", false, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := scanChat([]byte(c.body))
			if err != nil {
				t.Fatal(err)
			}
			if r.Model != c.model || r.Stream != c.stream || r.UsageAsked != c.asked || r.MaxOutput != c.maxOutput {
				t.Errorf("got %q %v %v %d", r.Model, r.Stream, r.UsageAsked, r.MaxOutput)
			}
		})
	}
}

func TestScanRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ body, field string }{
		"nothing":          {``, ""},
		"no JSON":          {`hello`, ""},
		"a list":           {`[]`, ""},
		"torn":             {`{"model":"m",`, ""},
		"bad UTF-8":        {"{\"model\":\"m\xff\"," + hello + "}", ""},
		"no model":         {`{` + hello + `}`, "model"},
		"model no text":    {`{"model":3,` + hello + `}`, "model"},
		"model empty":      {`{"model":"",` + hello + `}`, "model"},
		"model twice":      {`{"model":"cheap","model":"dear",` + hello + `}`, "model"},
		"twice by escape":  {`{"model":"cheap","mode\u006c":"dear",` + hello + `}`, "model"},
		"no messages":      {`{"model":"m"}`, "messages"},
		"messages no list": {`{"model":"m","messages":{}}`, "messages"},
		"message no map":   {`{"model":"m","messages":["hi"]}`, "messages"},
		"stream text":      {`{"model":"m","stream":"yes",` + hello + `}`, "stream"},
		"limit negative":   {`{"model":"m","max_tokens":-1,` + hello + `}`, "max_tokens"},
		"limit huge":       {`{"model":"m","max_tokens":99999999999999999999,` + hello + `}`, "max_tokens"},
		"limit broken":     {`{"model":"m","max_tokens":1.5,` + hello + `}`, "max_tokens"},
		"choices huge":     {`{"model":"m","n":100000,` + hello + `}`, "n"},
		"options a list":   {`{"model":"m","stream_options":[],` + hello + `}`, "stream_options"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := scanChat([]byte(c.body))
			wrong, ok := errors.AsType[*dialect.InputError](err)
			if !ok {
				t.Fatalf("got %v", err)
			}
			if wrong.Field != c.field {
				t.Errorf("field %q, want %q (%s)", wrong.Field, c.field, err)
			}
		})
	}
}

func TestForKeepsEverythingElse(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"model":"chat",` + hello + `,"temperature":0.1,"x_unknown":{"a":[1,2.50,1e3]},"seed":12345678901234567890}`,
		`{"stream":true,"model":"chat",` + hello + `}`,
		`{"stream_options":{},"stream":true,"model":"chat",` + hello + `}`,
		`{"stream_options":{"a":1},"stream":true,"model":"chat",` + hello + `}`,
		`{"stream":true,"model":"chat",` + hello + `,"stream_options":{"include_usage": false ,"a":1}}`,
		`{"stream":true,"model":"chat",` + hello + `,"stream_options":null}`,
		`{"stream":true,"stream_options":{"include_usage":true},"model":"chat",` + hello + `}`,
	} {
		r, err := scanChat([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		out := r.Edit.For("vendor/mödel \"x\"", 0)
		var before, after map[string]any
		mustUnmarshal(t, []byte(body), &before)
		mustUnmarshal(t, out, &after)
		if after["model"] != "vendor/mödel \"x\"" {
			t.Errorf("model is %v in %s", after["model"], out)
		}
		if r.Stream {
			if options, _ := after["stream_options"].(map[string]any); options["include_usage"] != true {
				t.Errorf("no usage is asked for in %s", out)
			}
		}
		for _, m := range []map[string]any{before, after} {
			delete(m, "model")
			delete(m, "stream_options")
		}
		if !reflect.DeepEqual(before, after) {
			t.Errorf("%s\nbecame\n%s", body, out)
		}
		if strings.Contains(body, "12345678901234567890") && !strings.Contains(string(out), "12345678901234567890") {
			t.Errorf("a number was rounded in %s", out)
		}
	}
}

func TestForSetsALimit(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]int64{
		`{"model":"m",` + hello + `}`:                                          90,
		`{"model":"m","n":3,` + hello + `}`:                                    30,
		`{"model":"m","max_completion_tokens":null,` + hello + `}`:             90,
		`{"max_tokens":null,"model":"m","stream":true,` + hello + `}`:          90,
		`{"model":"m","max_tokens":7,` + hello + `}`:                           0,
		`{"model":"m","max_completion_tokens":7,"n":2,` + hello + `}`:          0,
		`{"model":"m","max_tokens":7,"max_completion_tokens":9,` + hello + `}`: 0,
	} {
		r, err := scanChat([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		var before, after map[string]any
		mustUnmarshal(t, []byte(body), &before)
		mustUnmarshal(t, r.Edit.For("m", 90), &after)
		got, _ := after["max_completion_tokens"].(float64)
		if want > 0 && int64(got) != want || want == 0 && !reflect.DeepEqual(before, after) {
			t.Errorf("%s became %v", body, after)
		}
	}
}

func mustUnmarshal(t *testing.T, raw []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
}

func TestInputEstimate(t *testing.T) {
	t.Parallel()
	prose := strings.Repeat("The quick brown fox jumps over the lazy dog. ", 100)
	image := `{"type":"image_url","image_url":{"url":"data:image/png;base64,` + strings.Repeat("iVBORw0KGgo", 20000) + `"}}`
	for name, c := range map[string]struct {
		content  string
		low, top int64
	}{
		"short":  {`"hello"`, 1, 20},
		"prose":  {`"` + prose + `"`, 900, 1400},
		"image":  {`[{"type":"text","text":"what is this?"},` + image + `]`, 1000, 2000},
		"wide":   {`"` + strings.Repeat("灯台", 500) + `"`, 700, 1500},
		"opaque": {`"` + strings.Repeat("A", 2000) + ` is no image, for words follow"`, 400, 2100},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := scanChat([]byte(`{"model":"m","messages":[{"role":"user","content":` + c.content + `}]}`))
			if err != nil {
				t.Fatal(err)
			}
			if r.Input < c.low || r.Input > c.top {
				t.Errorf("%d tokens, want %d to %d", r.Input, c.low, c.top)
			}
		})
	}
}

// FuzzScan holds that what is accepted goes upstream as valid JSON with the same members but
// for the two that the gateway sets.
func FuzzScan(f *testing.F) {
	for _, seed := range []string{
		`{"model":"chat",` + hello + `}`,
		`{"model":"m","stream":true,"stream_options":{"include_usage":false},` + hello + `}`,
		`{"n":2,"model":"\u0000","max_tokens":5,"messages":[{"content":[{"text":"a\"b"}]}],"tools":[{"a":"\\"}]}`,
		`{"model":"m","messages":[],"stream_options":null,"stream":true}`, `[`, `{"a":}`, "\xff",
	} {
		f.Add([]byte(seed), int64(0))
		f.Add([]byte(seed), int64(77))
	}
	f.Fuzz(func(t *testing.T, body []byte, limit int64) {
		r, err := scanChat(body)
		if err != nil {
			return
		}
		if r.Input < 0 || r.MaxOutput < 0 {
			t.Fatalf("negative estimates %d, %d", r.Input, r.MaxOutput)
		}
		again, err := scanChat(r.Edit.For("other", limit))
		if err != nil {
			t.Fatalf("what goes upstream is refused: %v\n%s", err, r.Edit.For("other", limit))
		}
		if again.Model != "other" || again.Stream != r.Stream || (r.MaxOutput > 0 || limit <= 0) && again.MaxOutput != r.MaxOutput || again.Stream && !again.UsageAsked {
			t.Fatalf("%+v became %+v", r, again)
		}
	})
}
