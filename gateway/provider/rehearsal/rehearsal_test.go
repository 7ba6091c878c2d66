// SPDX-License-Identifier: Apache-2.0

package rehearsal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"holdfast"
	"holdfast/gateway/dialect/openai"
	"holdfast/gateway/dialect/wire"
	"holdfast/gateway/provider"
)

const play = `
models: [default, other]
rules:
  - name: note
    when: {user: 'note (?:that )?(?P<text>.+)', offered: [NOTES_*], tool_result: false}
    reply:
      tools: [{name: NOTES_ADD, arguments: {text: "{text}", tags: ["{1}", x], n: 3, deep: {who: "{model}"}}}]
  - name: told
    when: {tool_result: true, tool: 'id=(\d+)'}
    reply: {text: "Noted as {1}: {tool}"}
  - name: plan
    when: {format: plan, user: 'set (?P<n>\d+)'}
    reply:
      json: {z: "{n:number}", a: [true, null, 1.5], text: "a {{brace}} and \"{user}\""}
  - name: limited
    when: {user: '^limit me'}
    times: 2
    fault: {status: 429, retry_after: 1500ms}
  - {name: refuse, when: {user: ^refuse}, fault: {refuse: true}}
  - {name: hang, when: {user: ^hang}, fault: {hang: true}}
  - {name: cut, when: {user: ^cut}, reply: {text: "one two three four five six"}, fault: {cut: 3}}
  - {name: stall, when: {user: ^stall}, reply: {text: "one two three four five six"}, fault: {stall: 2}}
  - {name: empty, when: {user: ^empty}, reply: {text: hello}, fault: {empty: true}}
  - {name: slow, when: {user: ^slow}, reply: {text: "0123456789", chunk: 5, pause: 1s, wait: 10s}}
  - {name: counted, when: {user: ^counted}, usage: {input: 100, cached: 40, output: 9, reasoning: 3}, reply: {text: x}}
  - {name: uncounted, when: {user: ^uncounted}, usage: none, reply: {text: x}}
  - {name: long, when: {user: ^long}, reply: {text: "The quick brown fox jumps over the lazy dog."}}
  - {name: streamed, when: {user: ^how, stream: true}, reply: {text: streamed}}
  - {name: plain, when: {user: ^how, stream: false, system: 'be (\w+)', model: other}, reply: {text: "plainly {1}", finish: content_filter}}
`

func model(t *testing.T) *Model {
	t.Helper()
	m, err := New("rehearsal.yaml", []byte(play))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func user(text string) string {
	return fmt.Sprintf(`{"messages":[{"role":"user","content":%q}],"model":"m"}`, text)
}

// with adds members to a request.
func with(request, members string) string {
	return strings.TrimSuffix(request, "}") + "," + members + "}"
}

func chat(t *testing.T, m *Model, name, body string) (*provider.Answer, string, error) {
	t.Helper()
	call := provider.Call{Model: name, Body: []byte(body), Stream: strings.Contains(body, `"stream":true`)}
	answer, err := m.Do(t.Context(), call)
	if err != nil {
		return nil, "", err
	}
	text, err := io.ReadAll(answer.Body)
	return answer, string(text), err
}

type completion struct {
	Choices []struct {
		Message struct {
			Content   string
			ToolCalls []toolCall `json:"tool_calls"`
		}
		Finish string `json:"finish_reason"`
	}
	Usage json.RawMessage
}

func say(t *testing.T, m *Model, name, body string) completion {
	t.Helper()
	answer, text, err := chat(t, m, name, body)
	if err != nil || answer.Status != http.StatusOK {
		t.Fatalf("%+v, %v, %s", answer, err, text)
	}
	var c completion
	if err := json.Unmarshal([]byte(text), &c); err != nil || len(c.Choices) != 1 {
		t.Fatalf("%v in %s", err, text)
	}
	return c
}

func TestReplies(t *testing.T) {
	t.Parallel()
	m := model(t)
	tools := `"tools":[{"type":"function","function":{"name":"NOTES_ADD"}}]`
	told := `{"model":"m","messages":[{"role":"user","content":"note x"},{"role":"assistant"},{"role":"tool","content":[{"type":"text","text":"id=42"}]}],` + tools + `}`
	for name, c := range map[string]struct{ model, body, want, finish string }{
		"nothing matches":     {"m", user("hi"), "This is the rehearsal model. You said: hi", "stop"},
		"a tool that is told": {"m", told, "Noted as 42: id=42", "stop"},
		"a tool untold":       {"m", strings.Replace(told, "id=42", "gone", 1), "The tool answered: gone", "stop"},
		"not offered":         {"m", user("note x"), "This is the rehearsal model. You said: note x", "stop"},
		"JSON":                {"m", with(user("set 7"), `"response_format":{"type":"json_schema","json_schema":{"name":"plan"}}`), `{"z":7,"a":[true,null,1.5],"text":"a {brace} and \"set 7\""}`, "stop"},
		"cut to its limit":    {"m", with(user("long"), `"max_tokens":2`), "The quic", "length"},
		"the newer limit":     {"m", with(user("long"), `"max_tokens":2,"max_completion_tokens":3`), "The quick br", "length"},
		"by model and system": {"other", `{"model":"m","messages":[{"role":"system","content":"be BRIEF"},{"role":"user","content":"how?"}]}`, "plainly BRIEF", "content_filter"},
		"by stream":           {"m", user("how?"), "This is the rehearsal model. You said: how?", "stop"},
	} {
		got := say(t, m, c.model, c.body).Choices[0]
		if got.Message.Content != c.want || got.Finish != c.finish {
			t.Errorf("%s: %q, finish %s", name, got.Message.Content, got.Finish)
		}
	}
	got := say(t, m, "m", with(user("Please NOTE that milk is out"), tools)).Choices[0]
	if len(got.Message.ToolCalls) != 1 || got.Finish != "tool_calls" {
		t.Fatalf("%+v", got)
	}
	f := got.Message.ToolCalls[0].Function
	if want := `{"text":"milk is out","tags":["milk is out","x"],"n":3,"deep":{"who":"m"}}`; f.Name != "NOTES_ADD" || f.Arguments != want {
		t.Errorf("%+v", f)
	}
}

// TestStreamsSayTheSame puts the pieces of a stream together again.
func TestStreamsSayTheSame(t *testing.T) {
	t.Parallel()
	m := model(t)
	body := with(user("note that it rains, again and again and again"), `"tools":[{"function":{"name":"NOTES_ADD"}}]`)
	plain := say(t, m, "m", body).Choices[0].Message.ToolCalls[0].Function
	_, stream, err := chat(t, m, "m", with(body, `"stream":true,"stream_options":{"include_usage":true}`))
	if err != nil || !strings.HasSuffix(stream, "data: [DONE]\n\n") {
		t.Fatalf("%v: %s", err, stream)
	}
	var tap openai.Tap
	var name, arguments string
	for event := range strings.SplitSeq(strings.TrimSpace(stream), "\n\n") {
		data := strings.TrimPrefix(event, "data: ")
		tap.See([]byte(data))
		var chunk struct {
			Choices []struct {
				Delta struct {
					ToolCalls []toolCall `json:"tool_calls"`
				}
			}
		}
		_ = json.Unmarshal([]byte(data), &chunk)
		for _, c := range chunk.Choices {
			for _, piece := range c.Delta.ToolCalls {
				name += piece.Function.Name
				arguments += piece.Function.Arguments
			}
		}
	}
	if usage, stated := tap.Usage(); name != plain.Name || arguments != plain.Arguments || !tap.Finished || !stated || usage.Output == 0 {
		t.Errorf("%s %s, finished %v, usage %+v", name, arguments, tap.Finished, usage)
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	m := model(t)
	usage, ok := openai.ParseUsage(say(t, m, "m", user("counted")).Usage)
	if want := (holdfast.Usage{Input: 60, CachedRead: 40, Output: 9, Reasoning: 3}); !ok || usage != want {
		t.Errorf("stated %+v", usage)
	}
	if got := say(t, m, "m", user("uncounted")).Usage; got != nil {
		t.Errorf("usage %s", got)
	}
	body := user("hi")
	req, err := openai.Chat().Scan([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	answer := say(t, m, "m", body)
	usage, _ = openai.ParseUsage(answer.Usage)
	if usage.Input != req.Input || usage.Output != wire.Tokens([]byte(answer.Choices[0].Message.Content)) {
		t.Errorf("counted %+v, reserved %d", usage, req.Input)
	}
	capped := with(user("long"), `"max_tokens":5`)
	if usage, _ = openai.ParseUsage(say(t, m, "m", capped).Usage); usage.Output != 5 {
		t.Errorf("a reply cut at 5 tokens has %d", usage.Output)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	m := model(t)
	for range 2 {
		answer, text, err := chat(t, m, "m", user("limit me"))
		if err != nil || answer.Status != 429 || answer.Header.Get("Retry-After") != "2" || !strings.Contains(text, `"error"`) {
			t.Fatalf("%+v, %v, %s", answer, err, text)
		}
	}
	if answer, _, err := chat(t, m, "m", user("limit me")); err != nil || answer.Status != 200 {
		t.Errorf("the rule answers more than its times: %+v, %v", answer, err)
	}
	if _, _, err := chat(t, m, "m", user("refuse")); !errors.Is(err, provider.ErrConnect) {
		t.Errorf("got %v", err)
	}
	if _, text, err := chat(t, m, "m", user("cut")); !errors.Is(err, io.ErrUnexpectedEOF) || json.Valid([]byte(text)) {
		t.Errorf("%v after %s", err, text)
	}
	_, text, err := chat(t, m, "m", with(user("cut"), `"stream":true`))
	if !errors.Is(err, io.ErrUnexpectedEOF) || strings.Count(text, "data: ") != 3 || strings.Contains(text, "DONE") {
		t.Errorf("%v after %s", err, text)
	}
	if got := say(t, m, "m", user("empty")).Choices[0]; got.Message.Content != "" || got.Finish != "stop" {
		t.Errorf("%+v", got)
	}
	if answer, _, _ := chat(t, m, "m", `{"messages":7}`); answer.Status != 400 {
		t.Errorf("a bad request is answered %d", answer.Status)
	}
}

func TestSlowness(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := model(t)
		began := time.Now()
		if _, text, err := chat(t, m, "m", with(user("slow"), `"stream":true`)); err != nil || !strings.Contains(text, "56789") {
			t.Fatalf("%v: %s", err, text)
		}
		if took := time.Since(began); took != 14*time.Second { // ten, and a role, two pieces and an ending
			t.Errorf("took %s", took)
		}
		for _, body := range []string{user("hang"), with(user("stall"), `"stream":true`), user("stall")} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			answer, err := m.Do(ctx, provider.Call{Model: "m", Body: []byte(body), Stream: strings.Contains(body, "stream")})
			if err == nil {
				_, err = io.ReadAll(answer.Body)
			}
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %v", body, err)
			}
			cancel()
		}
	})
}

func TestProblems(t *testing.T) {
	t.Parallel()
	bad := `models: [a]
rules:
  - when: {usr: x}
  - when: {user: "("}
  - reply: {text: "{nobody}", json: {a: 1}}
    fault: {status: 200, retry_after: 1s}
  - reply: {tools: [{arguments: {}}]}
  - reply: {tools: [{name: x, arguments: [1]}]}
  - usage: most
  - reply: {text: "a } b"}
  - times: many
colour: red
`
	_, err := New("rehearsal.yaml", []byte(bad))
	wrong, ok := errors.AsType[*holdfast.Error](err)
	if !ok {
		t.Fatalf("got %v", err)
	}
	lines := map[int]int{}
	for _, p := range wrong.Problems {
		if p.File != "rehearsal.yaml" {
			t.Errorf("no file: %+v", p)
		}
		lines[p.Line]++
	}
	for _, line := range []int{3, 4, 7, 8, 9, 10, 11, 12} {
		if lines[line] != 1 {
			t.Errorf("line %d has %d problems: %v", line, lines[line], err)
		}
	}
	if lines[5] != 3 {
		t.Errorf("line 5 has %d problems, want three: %v", lines[5], err)
	}
	for _, text := range []string{"rules: 7", "- a\n- b", "rules:\n\t- x", "models: {}", "a: b: c"} {
		if _, err := New("r.yaml", []byte(text)); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
	for _, text := range []string{"", "# nothing\n", "rules:\n", "rules: []", "models: [x]"} {
		if _, err := New("r.yaml", []byte(text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestStarter holds the script that init writes against this package.
func TestStarter(t *testing.T) {
	t.Parallel()
	const path = "../../../app/starter/home/rehearsal.yaml"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(path, text); err != nil {
		t.Error(err)
	}
}

// FuzzScript holds that no script and no request makes the model panic.
func FuzzScript(f *testing.F) {
	f.Add([]byte(play), "note that it rains")
	f.Add([]byte("rules: [{reply: {text: '{1}'}, when: {user: '(a)?b'}}]"), "b")
	f.Fuzz(func(t *testing.T, text []byte, said string) {
		m, err := New("fuzz.yaml", text)
		if err != nil {
			return
		}
		quoted, _ := json.Marshal(said)
		body := []byte(`{"model":"m","messages":[{"role":"user","content":` + string(quoted) + `}],"tools":[{"function":{"name":"NOTES_ADD"}}]}`)
		for _, stream := range []bool{false, true} {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
			answer, err := m.Do(ctx, provider.Call{Model: "m", Body: body, Stream: stream})
			if err == nil {
				_, _ = io.Copy(io.Discard, answer.Body)
			}
			cancel()
		}
	})
}
