// SPDX-License-Identifier: Apache-2.0

package starter

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"holdfast/gateway/provider"
	"holdfast/gateway/provider/rehearsal"
)

// The script answers what a first user says, with the notes tools and without.
func TestRehearsalScript(t *testing.T) {
	script, err := files.ReadFile("home/rehearsal.yaml")
	if err != nil {
		t.Fatal(err)
	}
	model, err := rehearsal.New("rehearsal.yaml", script)
	if err != nil {
		t.Fatal(err)
	}
	result := func(tool, said string) string {
		return fmt.Sprintf("<tool_output tool=%q>\n%s\n</tool_output>", tool, said)
	}
	tests := []struct {
		user, tool  string
		tools       bool
		call, wants string
	}{
		{user: "Hello!", tools: true, wants: "What are my notes?"},
		{user: "What are my notes?", tools: true, call: "NOTES_list", wants: `{"limit":20}`},
		{user: "Remember that the spare key is with the neighbour.", tools: true, call: "NOTES_add", wants: `{"text":"the spare key is with the neighbour."}`},
		{user: "please add a note: buy\nmilk", tools: true, call: "NOTES_add", wants: `{"text":"buy\nmilk"}`},
		{user: "Search my notes for spare key", tools: true, call: "NOTES_search", wants: `{"query":"spare key"}`},
		{user: "Where is the spare key?", tools: true, call: "NOTES_search", wants: `{"query":"spare key"}`},
		{user: "delete note 7", tools: true, call: "NOTES_delete", wants: `{"id":7}`},
		{user: "What are my notes?", wants: "passthrough_agent"},
		{user: "2 + 2?", tools: true, wants: "You said: 2 + 2?"},
		{user: "x", tool: result("NOTES_list", `{"count": 1, "notes": [{"id": 1, "text": "milk"}]}`), tools: true, wants: `the notes say: {"count": 1`},
		{user: "x", tool: result("NOTES_list", `{"count": 0, "notes": []}`), tools: true, wants: "no such notes"},
		{user: "x", tool: result("NOTES_add", `{"note": {"id": 12, "text": "milk"}}`), tools: true, wants: "note 12"},
		{user: "x", tool: result("NOTES_delete", `{"deleted": {"id": 12}}`), tools: true, wants: "Note 12 is deleted"},
		{user: "x", tool: result("NOTES_delete", `{"error": "there is no note 9"}`) + "\nNOTES_delete failed.", tools: true, wants: "did not work: there is no note 9."},
		{user: "x", tool: result("other", "thing"), tools: true, wants: "The tool answered"},
	}
	for _, test := range tests {
		t.Run(test.user+test.tool, func(t *testing.T) {
			call, text := chat(t, model, test.user, test.tool, test.tools)
			if call != test.call || !strings.Contains(text, test.wants) {
				t.Errorf("call %q with %s, want %q with %s", call, text, test.call, test.wants)
			}
		})
	}
}

// chat returns the tool called and its arguments, or no tool and the text.
func chat(t *testing.T, model *rehearsal.Model, user, tool string, tools bool) (call, text string) {
	t.Helper()
	messages := []map[string]any{{"role": "user", "content": user}}
	if tool != "" {
		messages = append(messages, map[string]any{"role": "tool", "tool_call_id": "1", "content": tool})
	}
	body := map[string]any{"model": "default", "messages": messages}
	if tools {
		var offered []any
		for _, name := range []string{"NOTES_add", "NOTES_list", "NOTES_search", "NOTES_delete", "DIRECT_RESPONSE"} {
			offered = append(offered, map[string]any{"type": "function", "function": map[string]any{"name": name}})
		}
		body["tools"] = offered
	}
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := model.Do(t.Context(), provider.Call{Model: "default", Body: raw})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	said, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	var completion struct {
		Choices []struct {
			Message struct {
				Content string `json:"content"`
				Calls   []struct {
					Function struct{ Name, Arguments string } `json:"function"`
				} `json:"tool_calls"`
			} `json:"message"`
		} `json:"choices"`
	}
	if err := json.Unmarshal(said, &completion); err != nil || len(completion.Choices) != 1 {
		t.Fatalf("%v: %s", err, said)
	}
	message := completion.Choices[0].Message
	if len(message.Calls) > 0 {
		return message.Calls[0].Function.Name, message.Calls[0].Function.Arguments
	}
	return "", message.Content
}
