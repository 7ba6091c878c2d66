// SPDX-License-Identifier: Apache-2.0

package anthropic

import (
	"encoding/json"
	"strings"
	"testing"

	"holdfast/gateway/dialect"
)

func TestVersions(t *testing.T) {
	t.Parallel()
	for model, want := range map[string]struct{ adaptive, late bool }{
		"claude-3-7-sonnet-20250219":         {false, false},
		"claude-sonnet-4-20250514":           {false, false},
		"claude-haiku-4-5-20251001":          {false, false},
		"anthropic/claude-sonnet-4.5":        {false, false},
		"us.anthropic.claude-opus-4-6-v1:0":  {true, false},
		"claude-opus-4-8@default":            {true, true},
		"claude-sonnet-5":                    {true, false},
		"claude-sonnet-5-5":                  {true, true},
		"claude-mythos-preview":              {true, false},
		"glm-5":                              {false, false},
		"claude-fable-5-1":                   {true, true},
		"bedrock/anthropic.claude-opus-4-10": {true, true},
	} {
		if got := thinksByItself(model); got != want.adaptive {
			t.Errorf("%s: adaptive %v", model, got)
		}
		if got := hearsLateSystem(model); got != want.late {
			t.Errorf("%s: late system messages %v", model, got)
		}
	}
}

// encoded is the part of a request that the tests below look at.
type encoded struct {
	MaxTokens int64                      `json:"max_tokens"`
	Thinking  map[string]json.RawMessage `json:"thinking"`
	Output    map[string]json.RawMessage `json:"output_config"`
	System    []struct{ Text string }    `json:"system"`
	Messages  []struct {
		Role    string            `json:"role"`
		Content []json.RawMessage `json:"content"`
	} `json:"messages"`
}

func encodeInto(t *testing.T, r *dialect.Request) encoded {
	t.Helper()
	var e encoded
	body, err := encode(r)
	if err == nil {
		err = json.Unmarshal(body, &e)
	}
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func text(role dialect.Role, words string) dialect.Message {
	return dialect.Message{Role: role, Parts: []dialect.Part{{Text: words}}}
}

func TestEncodeThinking(t *testing.T) {
	t.Parallel()
	call := dialect.Part{Kind: dialect.PartToolCall, Call: &dialect.ToolCall{ID: "a", Name: "f"}}
	result := dialect.Message{Role: dialect.ToolRole, Parts: []dialect.Part{{Kind: dialect.PartToolResult, Result: &dialect.ToolResult{ID: "a"}}}}
	signed := dialect.Part{Kind: dialect.PartThinking, Thinking: &dialect.Thinking{Text: "x", Signature: "EqQB"}}
	foreign := dialect.Part{Kind: dialect.PartThinking, Thinking: &dialect.Thinking{Text: "x", Signature: "gAAAAABo"}}
	for name, c := range map[string]struct {
		model     string
		limit     int64
		how       dialect.Reasoning
		tail      []dialect.Message
		thinking  string
		effort    string
		maxTokens int64
	}{
		"new":          {model: "claude-opus-4-6", how: dialect.Reasoning{Effort: "high"}, thinking: `adaptive`, effort: `"high"`, maxTokens: DefaultMaxTokens},
		"new, plain":   {model: "claude-opus-4-6", how: dialect.Reasoning{}, thinking: `adaptive`, maxTokens: DefaultMaxTokens},
		"minimal":      {model: "claude-opus-4-6", limit: 100, how: dialect.Reasoning{Effort: "minimal"}, thinking: `adaptive`, effort: `"low"`, maxTokens: 100},
		"off":          {model: "claude-opus-4-6", how: dialect.Reasoning{Off: true}, thinking: `disabled`, maxTokens: DefaultMaxTokens},
		"none":         {model: "claude-3-7-sonnet", how: dialect.Reasoning{Effort: "none"}, thinking: `disabled`, maxTokens: DefaultMaxTokens},
		"old":          {model: "claude-sonnet-4-5", how: dialect.Reasoning{Effort: "medium"}, thinking: `enabled 4096`, maxTokens: DefaultMaxTokens + 4096},
		"old, much":    {model: "claude-opus-4-1", how: dialect.Reasoning{Effort: "max"}, thinking: `enabled 24000`, maxTokens: mostLimit},
		"old, limit":   {model: "claude-sonnet-4-5", limit: 4000, how: dialect.Reasoning{Effort: "high"}, thinking: `enabled 3000`, maxTokens: 4000},
		"old, no room": {model: "claude-sonnet-4-5", limit: 1200, how: dialect.Reasoning{Effort: "high"}, maxTokens: 1200},
		"budget":       {model: "claude-opus-4-6", how: dialect.Reasoning{Budget: 2000}, thinking: `enabled 2000`, maxTokens: DefaultMaxTokens + 2000},
		"old, in calls": {
			model: "claude-sonnet-4-5", how: dialect.Reasoning{Effort: "low"}, maxTokens: DefaultMaxTokens + 1024,
			tail: []dialect.Message{{Role: dialect.Assistant, Parts: []dialect.Part{foreign, call}}, result},
		},
		"old, in signed calls": {
			model: "claude-sonnet-4-5", how: dialect.Reasoning{Effort: "low"}, maxTokens: DefaultMaxTokens + 1024, thinking: `enabled 1024`,
			tail: []dialect.Message{{Role: dialect.Assistant, Parts: []dialect.Part{signed, call}}, result},
		},
	} {
		e := encodeInto(t, &dialect.Request{
			Model: c.model, MaxOutput: c.limit, Reasoning: &c.how,
			Messages: append([]dialect.Message{text(dialect.User, "hi")}, c.tail...),
		})
		got := strings.TrimSpace(strings.Trim(string(e.Thinking["type"]), `"`) + " " + string(e.Thinking["budget_tokens"]))
		if got != c.thinking || string(e.Output["effort"]) != c.effort || e.MaxTokens != c.maxTokens {
			t.Errorf("%s: thinking %q, effort %s, limit %d", name, got, e.Output["effort"], e.MaxTokens)
		}
	}
}

func TestEncodeSystemMessages(t *testing.T) {
	t.Parallel()
	talk := []dialect.Message{
		text(dialect.System, "one"), text(dialect.Developer, "two"), text(dialect.User, "hi"),
		text(dialect.System, "three"), text(dialect.Assistant, "ho"), text(dialect.System, "four"), text(dialect.User, "so"),
	}
	late := encodeInto(t, &dialect.Request{Model: "claude-opus-4-8", Messages: talk})
	early := encodeInto(t, &dialect.Request{Model: "claude-opus-4-6", Messages: talk})
	var roles []string
	for _, m := range late.Messages {
		roles = append(roles, m.Role)
	}
	if got := strings.Join(roles, " "); got != "user system assistant user" || len(late.System) != 3 {
		t.Errorf("late: %s, %v", got, late.System)
	}
	if len(early.Messages) != 3 || len(early.System) != 4 || early.System[2].Text != "three" {
		t.Errorf("early: %v, %v", early.Messages, early.System)
	}
}

// TestEncodeJoinsTurns: results of calls made at once come back in one turn, before what the user
// adds; what is empty or thought by others is not sent.
func TestEncodeJoinsTurns(t *testing.T) {
	t.Parallel()
	part := func(id string) dialect.Part {
		return dialect.Part{Kind: dialect.PartToolResult, Result: &dialect.ToolResult{ID: id, Parts: []dialect.Part{{Text: "ok"}}}}
	}
	e := encodeInto(t, &dialect.Request{Model: "m", Messages: []dialect.Message{
		text(dialect.User, "hi"),
		{Role: dialect.Assistant, Parts: []dialect.Part{
			{Text: " \n"},
			{Kind: dialect.PartThinking, Thinking: &dialect.Thinking{Text: "unsigned"}},
			{Kind: dialect.PartToolCall, Call: &dialect.ToolCall{ID: "a", Name: "f"}},
			{Kind: dialect.PartToolCall, Call: &dialect.ToolCall{ID: "b", Name: "f", Arguments: "{}"}},
		}},
		{Role: dialect.ToolRole, Parts: []dialect.Part{part("a")}},
		{Role: dialect.ToolRole, Parts: []dialect.Part{part("b")}},
		text(dialect.User, "and?"), text(dialect.Assistant, ""), text(dialect.User, "well?"),
	}})
	if len(e.Messages) != 3 || len(e.Messages[1].Content) != 2 || len(e.Messages[2].Content) != 4 {
		t.Errorf("got %+v", e.Messages)
	}
}

// TestEncodeCallIDs: ids of other servers keep call and result together in letters that the API takes.
func TestEncodeCallIDs(t *testing.T) {
	t.Parallel()
	body, err := encode(&dialect.Request{Model: "m", Messages: []dialect.Message{
		{Role: dialect.Assistant, Parts: []dialect.Part{{Kind: dialect.PartToolCall, Call: &dialect.ToolCall{ID: "functions.look:0", Name: "look"}}}},
		{Role: dialect.ToolRole, Parts: []dialect.Part{{Kind: dialect.PartToolResult, Result: &dialect.ToolResult{ID: "functions.look:0"}}}},
	}})
	if err != nil || strings.Count(string(body), `"functions_look_0"`) != 2 {
		t.Errorf("%v: %s", err, body)
	}
}
