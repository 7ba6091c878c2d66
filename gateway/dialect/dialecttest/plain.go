// SPDX-License-Identifier: Apache-2.0

package dialecttest

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// ReadAnswer reads a plain answer of a dialect as a client would, and refuses one that is not whole.
func ReadAnswer(dialect string, body []byte) (Transcript, error) {
	switch dialect {
	case Chat:
		return readChatAnswer(body)
	case Responses:
		return readResponsesAnswer(body)
	case Messages:
		return readMessagesAnswer(body)
	}
	return Transcript{}, fmt.Errorf("no answers of %q are known", dialect)
}

// readChatAnswer turns an answer into the stream that would say the same, so that one grammar judges
// both.
func readChatAnswer(body []byte) (Transcript, error) {
	var a struct {
		ID, Object, Model string
		Created           int64
		Choices           []struct {
			Message json.RawMessage
			Finish  string `json:"finish_reason"`
		}
		Usage json.RawMessage
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return Transcript{}, err
	}
	if a.ID == "" || a.Object != "chat.completion" || a.Model == "" || len(a.Choices) != 1 || a.Created == 0 {
		return Transcript{}, errFormat
	}
	var m struct {
		Role  string
		Calls []json.RawMessage `json:"tool_calls"`
	}
	if err := json.Unmarshal(a.Choices[0].Message, &m); err != nil || m.Role != "assistant" {
		return Transcript{}, errFormat
	}
	message := string(a.Choices[0].Message)
	for i, call := range m.Calls {
		message = strings.Replace(message, string(call), fmt.Sprintf(`{"index":%d,%s`, i, strings.TrimSpace(string(call))[1:]), 1)
	}
	chunk := func(choices, tail string) string {
		return `data: {"id":"x","object":"chat.completion.chunk","created":1,"model":"m","choices":[` + choices + `]` + tail + "}\n\n"
	}
	flat := strings.ReplaceAll(message, "\n", " ")
	stream := chunk(`{"index":0,"delta":`+flat+`,"finish_reason":"`+a.Choices[0].Finish+`"}`, "")
	if len(a.Usage) > 0 {
		stream += chunk("", `,"usage":`+strings.ReplaceAll(string(a.Usage), "\n", " "))
	}
	return Check(Chat, []byte(stream+"data: [DONE]\n\n"))
}

func readResponsesAnswer(body []byte) (Transcript, error) {
	var e responsesEvent
	whole := append(append([]byte(`{"response":`), body...), '}')
	if err := json.Unmarshal(whole, &e); err != nil {
		return Transcript{}, err
	}
	g := &responsesGrammar{state: "open"}
	if e.Response == nil || e.Response.ID == "" || e.Response.Object != "response" {
		return g.t, errFormat
	}
	g.items = e.Response.Output
	for _, item := range g.items {
		if err := g.say(item); err != nil {
			return g.t, err
		}
	}
	e.Type = "response." + e.Response.Status
	if err := g.finish(e); err != nil {
		return g.t, err
	}
	return g.end()
}

// say takes an item of a plain answer for what it says.
func (g *responsesGrammar) say(item responsesItem) error {
	switch item.Type {
	case "function_call":
		if item.CallID == "" || item.Name == "" {
			return errNameless
		}
		if item.Arguments == nil || item.ID == "" {
			return errFormat
		}
		g.t.Calls = append(g.t.Calls, Call{item.CallID, item.Name, compact(*item.Arguments)})
		return nil
	case "message", "reasoning":
	default:
		return fmt.Errorf("an item of type %q", item.Type)
	}
	for _, p := range append(item.Summary, item.Content...) {
		switch {
		case p.Type == "output_text" && p.Text != nil:
			g.t.Text += *p.Text
		case p.Type == "refusal" && p.Refusal != nil:
			g.t.Refusal += *p.Refusal
		case (p.Type == "summary_text" || p.Type == "reasoning_text") && p.Text != nil:
			g.t.Thinking += *p.Text
		default:
			return errFormat
		}
	}
	return nil
}

func readMessagesAnswer(body []byte) (Transcript, error) {
	var m struct {
		ID, Type, Role, Model string
		Content               []messagesBlock
		Reason                *string `json:"stop_reason"`
		Usage                 *messagesUsage
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return Transcript{}, err
	}
	if m.ID == "" || m.Type != "message" || m.Role != "assistant" || m.Model == "" || m.Content == nil || m.Usage == nil || m.Reason == nil {
		return Transcript{}, errFormat
	}
	g := &messagesGrammar{}
	for _, b := range m.Content {
		switch {
		case b.Type == "text" && b.Text != nil:
			g.t.Text += *b.Text
		case b.Type == "thinking" && b.Thinking != nil && b.Sign != nil:
			g.t.Thinking += *b.Thinking
		case b.Type == "redacted_thinking" && b.Data != "":
		case b.Type == "tool_use" && (b.ID == "" || b.Name == ""):
			return g.t, errNameless
		case b.Type == "tool_use" && b.Input != nil:
			g.t.Calls = append(g.t.Calls, Call{b.ID, b.Name, compact(string(*b.Input))})
		default:
			return g.t, errors.Join(errFormat, fmt.Errorf("a block of type %q", b.Type))
		}
	}
	if m.Usage.Input == nil || m.Usage.Output == nil {
		return g.t, errFormat
	}
	g.state, g.reason = "over", m.Reason
	g.count(*m.Usage)
	return g.end()
}
