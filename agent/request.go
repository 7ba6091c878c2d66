// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"holdfast/agent/plain"
)

const (
	maxBody   = 20 << 20
	maxMemory = 16 << 10
	maxDeep   = 500 // the host of an agent of the home, as others that read JSON, ends when it is more
)

// a request is what a client asked, kept as it came wherever this package need not look.
type request struct {
	body     map[string]json.RawMessage
	model    string
	stream   bool
	usage    bool // usage is wanted at the end of the stream
	messages []json.RawMessage
	tools    []json.RawMessage // the client's own
	own      map[string]bool   // names of the client's own tools
	choice   json.RawMessage
	memory   string
}

// a badRequest is an error of the asker, in the words of the OpenAI API.
type badRequest struct {
	param, message string
}

func (b *badRequest) Error() string { return b.message }

func bad(param, format string, args ...any) error {
	return &badRequest{param, fmt.Sprintf(format, args...)}
}

// readRequest reads and checks a chat request and the memory that goes with it.
func readRequest(w http.ResponseWriter, r *http.Request) (*request, error) {
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		if _, large := errors.AsType[*http.MaxBytesError](err); large {
			return nil, bad("", "the request is larger than %d bytes", maxBody)
		}
		return nil, bad("", "the request could not be read")
	}
	asked := &request{own: map[string]bool{}}
	if plain.Nested(raw) > maxDeep {
		return nil, bad("", "the request is nested more than %d deep", maxDeep)
	}
	if err := json.Unmarshal(raw, &asked.body); err != nil || asked.body == nil {
		return nil, bad("", "the request is not a JSON object")
	}
	if asked.memory, err = memoryOf(r.Header); err != nil {
		return nil, err
	}
	return asked, asked.read()
}

func memoryOf(h http.Header) (string, error) {
	memory := h.Get("X-Holdfast-Memory")
	if memory == "" {
		memory = h.Get("X-Luna-Memory")
	}
	if len(memory) > maxMemory {
		return "", bad("", "the memory header is %d bytes, want at most %d", len(memory), maxMemory)
	}
	return memory, nil
}

func (q *request) read() error {
	var options struct {
		IncludeUsage bool `json:"include_usage"`
	}
	var count *int
	for _, f := range []struct {
		name string
		into any
	}{
		{"model", &q.model},
		{"stream", &q.stream},
		{"stream_options", &options},
		{"messages", &q.messages},
		{"tools", &q.tools},
		{"tool_choice", &q.choice},
		{"n", &count},
	} {
		if raw, ok := q.body[f.name]; ok {
			if err := json.Unmarshal(raw, f.into); err != nil {
				return bad(f.name, "%s has the wrong type", f.name)
			}
		}
	}
	q.usage = options.IncludeUsage
	switch {
	case len(q.messages) == 0:
		return bad("messages", "messages is empty")
	case count != nil && *count != 1:
		return bad("n", "an agent gives one answer: n must be 1")
	case len(q.body["functions"]) > 0 && string(q.body["functions"]) != "null":
		return bad("functions", "functions is not supported: use tools")
	}
	for i, raw := range q.messages {
		var m message
		if err := json.Unmarshal(raw, &m); err != nil || m.Role == "" {
			return bad(fmt.Sprintf("messages[%d]", i), "messages[%d] is not a message with a role", i)
		}
	}
	return q.names()
}

// names collects what the client's own tools are called.
func (q *request) names() error {
	for i, raw := range q.tools {
		var tool struct {
			Type     string `json:"type"`
			Function struct {
				Name string `json:"name"`
			} `json:"function"`
			Custom struct {
				Name string `json:"name"`
			} `json:"custom"`
		}
		name := ""
		if json.Unmarshal(raw, &tool) == nil {
			name = tool.Function.Name + tool.Custom.Name
		}
		if name == "" {
			return bad(fmt.Sprintf("tools[%d]", i), "tools[%d] is not a function with a name", i)
		}
		q.own[name] = true
	}
	return nil
}

// free tells that the client wants no tool to be used at all.
func (q *request) free() bool { return bytes.Equal(bytes.TrimSpace(q.choice), []byte(`"none"`)) }

// a message is the part of a chat message that this package looks at.
type message struct {
	Role       string          `json:"role"`
	Content    json.RawMessage `json:"content"`
	Refusal    string          `json:"refusal"`
	ToolCalls  []toolCall      `json:"tool_calls"`
	ToolCallID string          `json:"tool_call_id"`
}

// a toolCall is a call that a model plans.
type toolCall struct {
	ID       string   `json:"id"`
	Type     string   `json:"type"`
	Function function `json:"function"`
	// Extra is what a provider adds and wants back.
	Extra json.RawMessage `json:"extra_content,omitempty"`
	said  *function       // by the model, where that is not fit to be sent
}

type function struct {
	Name      string `json:"name"`
	Arguments string `json:"arguments"`
}

// text is a message's content as text: a string, or the texts of its parts.
func (m message) text() string {
	var text string
	if json.Unmarshal(m.Content, &text) == nil {
		return text
	}
	var parts []struct {
		Text string `json:"text"`
	}
	if json.Unmarshal(m.Content, &parts) != nil {
		return ""
	}
	for _, p := range parts {
		text += p.Text
	}
	return text
}

// encode marshals values of this package, which always can be.
func encode(v any) json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return json.RawMessage("null")
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}

// said is a message of a role with a text.
func said(role, text string) json.RawMessage {
	return encode(map[string]string{"role": role, "content": text})
}
