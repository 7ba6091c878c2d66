// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// sentCalls are the calls that the model saw itself making, and what it heard of each.
func sentCalls(s seen) (calls []toolCall, heard map[string]string) {
	heard = map[string]string{}
	for _, m := range s.Messages {
		calls = append(calls, m.ToolCalls...)
		if m.Role == "tool" {
			heard[m.ToolCallID] += m.text()
		}
	}
	return calls, heard
}

// TestWhatAModelSaysWronglyIsNotSentBack: every provider can take the history, and the model still hears
// what was wrong.
func TestWhatAModelSaysWronglyIsNotSentBack(t *testing.T) {
	said := []toolCall{
		call("c1", "list", `{"x": 1.50,  "y":"ä"}`), call("c1", "list", `{}`), call("", "list", `{}`), call("c4", "", `{}`),
		call("c5", "functions.list", `{}`), call("c6", "list\n\u202e", `{}`), call("c7", strings.Repeat("n", 100), `{}`),
		call("c8", "broken", `{"x": "a`), call("c9", "delete", `[1]`), call("c10", "list", ``), call("c11", "list", `null`),
		call("c12", "DIRECT.RESPONSE", `{"text":"no"}`),
	}
	for _, body := range []string{hello, streaming} {
		b := newBench(t, line{calls: said}, line{calls: said[:1]}, line{text: "ok"})
		if got := b.post(body); got.said() != "ok" {
			t.Fatalf("answer is %s", got.body)
		}
		calls, heard := sentCalls(b.model.asked[2])
		if len(calls) != len(said)+1 || calls[0].ID != "c1" || calls[0].Function != said[0].Function || len(heard) != len(calls) {
			t.Fatalf("sent are %+v, answered %v", calls, heard)
		}
		var names []string
		for _, c := range calls {
			var in map[string]json.RawMessage
			if c.ID == "" || heard[c.ID] == "" || json.Unmarshal([]byte(c.Function.Arguments), &in) != nil || in == nil {
				t.Errorf("sent is %+v, answered %q", c, heard[c.ID])
			}
			if !regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`).MatchString(c.ID) || !regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`).MatchString(c.Function.Name) {
				t.Errorf("sent is %+v", c)
			}
			names = append(names, c.Function.Name)
		}
		want := []string{"list", "list", "list", "unnamed", "functions_list", "list__", strings.Repeat("n", 64), "broken", "delete", "list", "list", "DIRECT_RESPONSE", "list"}
		if !slices.Equal(names, want) {
			t.Errorf("names are %q", names)
		}
		for id, of := range map[string]string{
			"c4": `no tool ""`, "c5": `no tool "functions.list"`, "c6": `no tool "list\n\u202e"`, "c8": `arguments that you gave were "{\"x\": \"a"`,
			"c9": `arguments that you gave were "[1]"`, "c12": `no tool "DIRECT.RESPONSE"`,
		} {
			if !strings.Contains(heard[id], of) {
				t.Errorf("of %s the model heard %q", id, heard[id])
			}
		}
		if n := strings.Count(strings.Join(b.box.calls, " "), "list{"); n != 6 || b.deletes() != 0 {
			t.Errorf("called were %v", b.box.calls)
		}
	}
}

// TestEveryCallOfAStreamHasAnIDOfItsOwn, by which a client tells which ended.
func TestEveryCallOfAStreamHasAnIDOfItsOwn(t *testing.T) {
	b := newBench(t, line{calls: []toolCall{call("", "list", `{}`), call("x", "list", `{}`), call("x", "list", `{}`)}}, line{text: "ok"})
	ended := map[string]int{}
	for _, m := range regexp.MustCompile(`"holdfast_tool_call":\{"id":"([^"]*)"`).FindAllStringSubmatch(b.post(streaming).body, -1) {
		ended[m[1]]++
	}
	if len(ended) != 3 || ended["x"] != 2 || ended[""] != 0 {
		t.Errorf("shown were %v", ended)
	}
}

// TestAMendedAnswerKeepsTheRest: what a provider wants back is in it still.
func TestAMendedAnswerKeepsTheRest(t *testing.T) {
	whole := `{"choices":[{"message":{"role":"assistant","content":null,"reasoning_content":"r","tool_calls":[` +
		`{"id":"a","type":"function","function":{"name":"list","arguments":{"x": 1}},"extra_content":{"s":1}},` +
		`{"type":"function","id":"b","function":{"arguments":"{ }","name":"list"},"more":2}]}}]}`
	got, err := readWhole(strings.NewReader(whole))
	if err != nil {
		t.Fatal(err)
	}
	sent := string(mending{&run{}}.fit(got).message)
	for _, want := range []string{
		`"reasoning_content":"r"`, `"extra_content":{"s":1}`, `"arguments":"{\"x\": 1}"`, `{"type":"function","id":"b","function":{"arguments":"{ }","name":"list"},"more":2}`,
	} {
		if !strings.Contains(sent, want) {
			t.Errorf("sent is %s, want %s in it", sent, want)
		}
	}
	if _, err := readWhole(strings.NewReader(`{"choices":[{"message":{"tool_calls":7}}]}`)); err == nil || strings.Contains(err.Error(), "Go ") {
		t.Errorf("the error is %v", err)
	}
}

// TestTheClientSeesWhatWasSaidOfItsOwnTools: what is wrong with a call is its to judge.
func TestTheClientSeesWhatWasSaidOfItsOwnTools(t *testing.T) {
	const own = `"tools":[{"type":"function","function":{"name":"my.tool","parameters":{}}}]`
	b := newBench(t, line{calls: []toolCall{call("c1", "my.tool", `{"a`)}}, line{text: "Thanks."})
	calls := b.post(`{"messages":[{"role":"user","content":"x"}],` + own + `}`).whole.Choices[0].Message.ToolCalls
	if len(calls) != 1 || calls[0].Function != (function{"my.tool", `{"a`}) {
		t.Fatalf("the client got %+v", calls)
	}
	b.post(string(encode(map[string]any{"messages": []any{
		map[string]string{"role": "user", "content": "x"},
		map[string]any{"role": "assistant", "tool_calls": calls},
		map[string]string{"role": "tool", "tool_call_id": calls[0].ID, "content": "cannot read it"},
	}})))
	if sent, heard := sentCalls(b.model.asked[1]); len(sent) != 1 || sent[0].Function.Arguments != "{}" || heard["c1"] != "cannot read it" {
		t.Errorf("sent is %+v, answered %v", sent, heard)
	}
}
