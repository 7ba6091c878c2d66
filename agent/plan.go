// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// The ways in which passthrough_agent has its model plan.
const (
	// planTools uses the model's own tool calling, which is structured output of the provider's form.
	planTools = "tools"
	// planJSON asks for a plan as JSON by a schema, for models without tool calling.
	planJSON = "json"
	// planName names the schema.
	planName = "plan"
)

// a plan is what a model without tool calling answers.
type plan struct {
	Calls []struct {
		Tool      string          `json:"tool"`
		Arguments json.RawMessage `json:"arguments"`
	} `json:"calls"`
	Direct *string `json:"direct_response"`
}

// structured tells that plans are asked for as JSON.
func (p persona) structured() bool { return p.plans() && p.planning == planJSON }

// planSchema is the form of a plan: calls of the tools that are offered, or a direct response.
func planSchema(names []string) json.RawMessage {
	return encode(map[string]any{"type": "json_schema", "json_schema": map[string]any{"name": planName, "schema": map[string]any{
		"type": "object", "additionalProperties": false, "required": []string{"calls", "direct_response"},
		"properties": map[string]any{
			"calls": map[string]any{
				"type": "array", "maxItems": maxCalls, "description": "the tools to call now, at the same time; empty when none is needed any more",
				"items": map[string]any{
					"type": "object", "required": []string{"tool", "arguments"},
					"properties": map[string]any{
						"tool":      map[string]any{"type": "string", "enum": names},
						"arguments": map[string]any{"type": "object"},
					},
				},
			},
			"direct_response": map[string]any{
				"type":        []string{"string", "null"},
				"description": "the whole answer to the user, when no tool is needed any more; else null",
			},
		},
	}}})
}

// structure turns a request of tool calling into one of a plan as JSON: the tools stand in the system
// message, and what was called and said before stands in plain messages.
func (r guide) structure(body map[string]json.RawMessage, messages []json.RawMessage) {
	var names []string
	var b strings.Builder
	b.WriteString(`Answer with a plan as one JSON object: {"calls": [{"tool": NAME, "arguments": {…}}], "direct_response": null}, ` +
		`or, when no tool is needed any more, {"calls": [], "direct_response": "the answer"}. The tools:` + "\n")
	for _, raw := range r.offer.list {
		var t struct {
			Function struct {
				Name, Description string
				Parameters        json.RawMessage
			} `json:"function"`
		}
		if json.Unmarshal(raw, &t) == nil && t.Function.Name != directResponse {
			names = append(names, t.Function.Name)
			fmt.Fprintf(&b, "- %s: %s\n  arguments: %s\n", t.Function.Name, t.Function.Description, t.Function.Parameters)
		}
	}
	for _, name := range []string{"tools", "tool_choice", "parallel_tool_calls", "stream", "stream_options"} {
		delete(body, name)
	}
	body["response_format"] = planSchema(names)
	body["messages"] = encode(append([]json.RawMessage{said("system", b.String())}, messages...))
}

// spelled puts calls and results of a conversation into messages that any model reads.
func spelled(messages []json.RawMessage) []json.RawMessage {
	names := map[string]string{}
	var out []json.RawMessage
	for _, raw := range messages {
		var m message
		switch err := json.Unmarshal(raw, &m); {
		case err == nil && m.Role == "assistant" && len(m.ToolCalls) > 0:
			var p plan
			for _, c := range m.ToolCalls {
				names[c.ID] = c.Function.Name
				p.Calls = append(p.Calls, struct {
					Tool      string          `json:"tool"`
					Arguments json.RawMessage `json:"arguments"`
				}{c.Function.Name, argumentsOf(c)})
			}
			out = append(out, said("assistant", string(encode(p))))
		case err == nil && m.Role == "tool":
			out = append(out, said("user", fmt.Sprintf("The tool %s answered; this is not from the user:\n%s", names[m.ToolCallID], m.text())))
		default:
			out = append(out, raw)
		}
	}
	return out
}

// understood reads a plan as calls, as a model with tool calling would have made them. What is no plan
// is the answer itself: a model that misses the form is quoted.
func (t turn) understood(step int) turn {
	text := strings.TrimSpace(t.text)
	text = strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(text, "```json"), "```"), "```"))
	var p plan
	if json.Unmarshal([]byte(text), &p) != nil || (len(p.Calls) == 0 && p.Direct == nil) {
		return t
	}
	t.text = ""
	if len(p.Calls) == 0 {
		t.text = *p.Direct
		return t
	}
	for i, c := range p.Calls[:min(len(p.Calls), maxCalls)] {
		arguments := string(c.Arguments)
		if arguments == "" || arguments == "null" {
			arguments = "{}"
		}
		t.calls = append(t.calls, toolCall{ID: fmt.Sprintf("plan_%d_%d", step, i+1), Type: "function", Function: function{c.Tool, arguments}})
	}
	t.message = encode(map[string]any{"role": "assistant", "content": nil, "tool_calls": t.calls})
	t.finish = "tool_calls"
	return t
}

// asksForm tells that the client wants a form of its own for the answer, which a plan would take the
// place of.
func (q *request) asksForm() bool {
	var form struct {
		Type string `json:"type"`
	}
	return json.Unmarshal(q.body["response_format"], &form) == nil && slices.Contains([]string{"json_object", "json_schema"}, form.Type)
}

// structured tells that this step asks for a plan as JSON; in the last step there is nothing to plan.
func (r guide) structured() bool {
	return r.as.structured() && len(r.offer.list) > 0 && !r.asked.free() && !r.asked.asksForm()
}
