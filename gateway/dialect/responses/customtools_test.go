// SPDX-License-Identifier: Apache-2.0

package responses

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"holdfast/gateway/dialect"
)

// codex is what Codex asks of a model that it knows: tools that are no functions, some of them amid
// the conversation.
const codex = `{"model":"m","stream":true,"store":false,"include":["reasoning.encrypted_content"],
 "reasoning":{"effort":"low","context":"all_turns"},"tool_choice":"auto",
 "tools":[{"type":"custom","name":"apply_patch","description":"Edits files.","format":{"type":"grammar","syntax":"lark","definition":"start: /.+/"}},
  {"type":"tool_search","execution":"client","description":"Finds tools.","parameters":{"type":"object","properties":{"query":{"type":"string"}}}}],
 "input":[{"type":"additional_tools","id":"at_1","role":"developer","tools":[{"type":"namespace","name":"functions","description":"","tools":[{"type":"custom","name":"exec","description":"Runs."}]}]},
  {"type":"message","role":"user","content":"go"},
  {"type":"custom_tool_call","id":"ctc_1","status":"completed","call_id":"c1","name":"exec","namespace":"functions","input":"a \"b\"\n"},
  {"type":"custom_tool_call_output","call_id":"c1","output":"done"},
  {"type":"tool_search_call","call_id":"c2","status":"completed","execution":"client","arguments":{"query":"mail"}},
  {"type":"tool_search_output","call_id":"c2","status":"completed","execution":"client","tools":[{"type":"namespace","name":"mail","description":"Mail.","tools":[{"type":"function","name":"send","parameters":{"type":"object"},"defer_loading":true}]}]},
  {"type":"additional_tools","id":"at_2","role":"developer","tools":[{"type":"namespace","name":"functions","description":"","tools":[{"type":"custom","name":"exec","description":"Runs."}]}]}]}`

func TestToolsThatAreNoFunctions(t *testing.T) {
	t.Parallel()
	r, err := decode([]byte(codex))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, tool := range r.Tools {
		names = append(names, tool.Name)
		if tool.Schema == nil || !json.Valid(tool.Schema) {
			t.Errorf("%s takes %s", tool.Name, tool.Schema)
		}
	}
	if want := []string{"apply_patch", "tool_search", "functions__exec", "mail__send"}; !slices.Equal(names, want) {
		t.Errorf("tools %v, want %v", names, want)
	}
	if !strings.Contains(r.Tools[0].Description, "start: /.+/") {
		t.Errorf("the model is not told of the grammar: %q", r.Tools[0].Description)
	}
	call := r.Messages[1].Parts[0].Call
	if call.Name != "functions__exec" || freeInput(call.Arguments) != "a \"b\"\n" {
		t.Errorf("call %+v", call)
	}
	if search := r.Messages[3].Parts[0].Call; search.Name != "tool_search" || search.Arguments != `{"query":"mail"}` {
		t.Errorf("search %+v", search)
	}
	if found := r.Messages[4].Parts[0].Result; found.ID != "c2" || !strings.Contains(found.Parts[0].Text, "mail__send") {
		t.Errorf("found %+v", found)
	}
}

// TestCallsInTheirOwnForm: what a model calls as a function reaches the client as the tool that it named.
func TestCallsInTheirOwnForm(t *testing.T) {
	t.Parallel()
	asked, err := decode([]byte(codex))
	if err != nil {
		t.Fatal(err)
	}
	parts := []dialect.Part{
		{Kind: dialect.PartToolCall, Call: &dialect.ToolCall{ID: "c1", Name: "functions__exec", Arguments: `{"input":"text(\"hi\")"}`}},
		{Kind: dialect.PartToolCall, Call: &dialect.ToolCall{ID: "c2", Name: "tool_search", Arguments: `{"query":"mail"}`}},
		{Kind: dialect.PartToolCall, Call: &dialect.ToolCall{ID: "c3", Name: "apply_patch", Arguments: `*** Begin Patch`}},
		{Kind: dialect.PartToolCall, Call: &dialect.ToolCall{ID: "c4", Name: "mail__send", Arguments: `{"to":"me"}`}},
	}
	plain, err := encodeAnswer(&dialect.Response{ID: "resp_1", Parts: parts, Stop: dialect.StopTools}, asked)
	if err != nil {
		t.Fatal(err)
	}
	encoder := newEncoder(asked)
	stream := encoder.Encode(nil, dialect.Event{Kind: dialect.EventStart, ID: "resp_1"})
	for i, p := range parts {
		begun := *p.Call
		begun.Arguments = ""
		stream = encoder.Encode(stream, dialect.Event{Kind: dialect.EventBegin, Index: i, Part: dialect.Part{Kind: p.Kind, Call: &begun}})
		for _, piece := range []string{p.Call.Arguments[:5], p.Call.Arguments[5:]} {
			stream = encoder.Encode(stream, dialect.Event{Kind: dialect.EventDelta, Index: i, Text: piece})
		}
		stream = encoder.Encode(stream, dialect.Event{Kind: dialect.EventEnd, Index: i})
	}
	stream = encoder.Encode(stream, dialect.Event{Kind: dialect.EventDone})
	for _, want := range []string{
		`"type":"custom_tool_call","call_id":"c1","name":"exec","namespace":"functions","input":"text(\"hi\")"`,
		`"type":"tool_search_call","call_id":"c2","execution":"client","arguments":{"query":"mail"}`,
		`"type":"custom_tool_call","call_id":"c3","name":"apply_patch","input":"*** Begin Patch"`,
		`"type":"function_call","call_id":"c4","name":"send","namespace":"mail","arguments":"{\"to\":\"me\"}"`,
	} {
		if !strings.Contains(string(plain), want) || strings.Count(string(stream), want) != 2 {
			t.Errorf("no %s in %s\nor in %s", want, plain, stream)
		}
	}
	if !strings.Contains(string(stream), `"type":"response.custom_tool_call_input.done"`) {
		t.Errorf("no end of the input in %s", stream)
	}
}

func TestSearchesOfTheServerAreRefused(t *testing.T) {
	t.Parallel()
	for member, field := range map[string]string{
		`"tools":[{"type":"tool_search"}]`:                                                           "tools[0].execution",
		`"tools":[{"type":"function","name":"f","defer_loading":true}]`:                              "tools[0].defer_loading",
		`"tools":[{"type":"custom","name":"f","format":{"type":"picture"}}]`:                         "tools[0].format.type",
		`"tools":[{"type":"custom","name":"f","allowed_callers":["programmatic"]}]`:                  "tools[0].allowed_callers[0]",
		`"tools":[{"type":"custom","name":"f"},{"type":"function","name":"f"}]`:                      "tools[1].name",
		`"reasoning":{"context":"current_turn"}`:                                                     "reasoning.context",
		`"input":[{"type":"tool_search_output","call_id":"a","execution":"server","tools":[]}]`:      "input[0].execution",
		`"input":[{"type":"additional_tools","role":"developer","tools":[{"type":"web_search"}]}]`:   "input[0].tools[0].type",
		`"input":[{"type":"function_call","call_id":"a","name":"f","arguments":{"not":"a string"}}]`: "input[0].arguments",
	} {
		body := `{"model":"m",` + member + `}`
		if !strings.Contains(member, `"input":[`) {
			body = `{"model":"m","input":"a",` + member + `}`
		}
		_, err := decode([]byte(body))
		wrong, ok := errors.AsType[*dialect.InputError](err)
		if !ok || wrong.Field != field {
			t.Errorf("%s: got %v, want field %s", member, err, field)
		}
	}
}
