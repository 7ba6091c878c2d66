// SPDX-License-Identifier: Apache-2.0

package responses

import (
	"strings"

	"holdfast/gateway/dialect"
	"holdfast/gateway/dialect/openai"
	"holdfast/gateway/dialect/wire"
)

// redacted marks, in encrypted_content, thinking of Anthropic's that has no text.
const redacted = "redacted:"

func decodeInput(r *dialect.Request, v wire.Value) error {
	if v.IsText() {
		text, err := v.Text()
		r.Messages = append(r.Messages, dialect.Message{Role: dialect.User, Parts: []dialect.Part{{Text: text}}})
		r.Places = append(r.Places, 0)
		return err
	}
	return v.List(func(i int, v wire.Value) error {
		if kind := typeOf(v.Raw); kind == "additional_tools" || kind == "tool_search_output" {
			err := decodeMoreTools(r, v)
			for len(r.Places) < len(r.Messages) {
				r.Places = append(r.Places, i)
			}
			return err
		}
		m, err := decodeItem(v)
		if err != nil {
			return err
		}
		// What an assistant thought, said and called are items of one message.
		if last := len(r.Messages) - 1; m.Role == dialect.Assistant && last >= 0 && r.Messages[last].Role == dialect.Assistant {
			r.Messages[last].Parts = append(r.Messages[last].Parts, m.Parts...)
			return nil
		}
		r.Messages = append(r.Messages, m)
		r.Places = append(r.Places, i)
		return nil
	})
}

func decodeItem(v wire.Value) (dialect.Message, error) {
	if !v.IsObject() {
		return dialect.Message{}, wire.Wrong("must be an object")
	}
	switch kind := typeOf(v.Raw); kind {
	case "", "message":
		return decodeMessage(v)
	case "function_call", "custom_tool_call", "tool_search_call":
		return decodeCall(v)
	case "function_call_output", "custom_tool_call_output":
		return decodeResult(v)
	case "reasoning":
		return decodeThought(v)
	case "item_reference":
		return dialect.Message{}, wire.WrongField("type", "an item that lies with OpenAI %s", untranslated)
	default:
		return dialect.Message{}, wire.WrongField("type", "an item of type %q %s", kind, untranslated)
	}
}

func decodeMessage(v wire.Value) (dialect.Message, error) {
	var m dialect.Message
	var content wire.Value
	err := v.Object(func(key []byte, v wire.Value) error {
		switch string(key) {
		case "type", "id", "status", "phase":
			return nil
		case "role":
			role := ""
			err := v.Into(&role)
			m.Role = dialect.Role(role)
			return err
		case "content":
			content = v
			return nil
		}
		return unknown(v)
	})
	if err != nil {
		return m, err
	}
	switch m.Role {
	case dialect.System, dialect.Developer, dialect.User, dialect.Assistant:
	case dialect.ToolRole:
		fallthrough
	default:
		return m, wire.WrongField("role", "must be user, assistant, system or developer")
	}
	if m.Parts, err = decodeContent(content, m.Role); err != nil {
		return m, wire.Within("content", err)
	}
	return m, nil
}

// decodeContent reads a string, or a list of parts.
func decodeContent(v wire.Value, role dialect.Role) ([]dialect.Part, error) {
	if v.IsText() {
		text, err := v.Text()
		return []dialect.Part{{Text: text}}, err
	}
	var parts []dialect.Part
	err := v.List(func(_ int, v wire.Value) error {
		part, err := decodePart(v, role)
		parts = append(parts, part)
		return err
	})
	return parts, err
}

func decodePart(v wire.Value, role dialect.Role) (dialect.Part, error) {
	kind := typeOf(v.Raw)
	part := dialect.Part{}
	if !placed(kind, role) {
		return part, wire.WrongField("type", "%q may not stand in what role %s says, or %s", kind, role, untranslated)
	}
	media := &dialect.Media{}
	var url, data string
	err := v.Object(func(key []byte, v wire.Value) error {
		switch string(key) {
		case "type", "annotations", "logprobs":
			return nil
		case "text", "refusal":
			return v.Into(&part.Text)
		case "prompt_cache_breakpoint":
			if !v.IsNull() {
				part.Cache = "5m"
			}
			return nil
		case "image_url", "file_url":
			return v.Into(&url)
		case "file_data":
			return v.Into(&data)
		case "file_id":
			return v.Into(&media.ID)
		case "filename":
			return v.Into(&media.Name)
		case "detail":
			return v.Into(&media.Detail)
		}
		return unknown(v)
	})
	if err != nil {
		return part, err
	}
	switch kind {
	case "refusal":
		part.Kind = dialect.PartRefusal
	case "input_image":
		part.Kind, part.Media = dialect.PartImage, media
		if media.ID != "" && url == "" {
			return part, nil
		}
		if err := openai.Picture(media, url); err != nil {
			return part, wire.Within("image_url", err)
		}
	case "input_file":
		part.Kind, part.Media = dialect.PartFile, media
		media.URL = url
		openai.Document(media, data)
		if media.URL == "" && media.Data == "" && media.ID == "" {
			return part, wire.Wrong("needs file_data, file_url or file_id")
		}
	}
	return part, nil
}

// placed tells where which parts may stand.
func placed(kind string, role dialect.Role) bool {
	switch kind {
	case "input_text":
		return true
	case "output_text", "refusal":
		return role == dialect.Assistant
	case "input_image", "input_file":
		return role == dialect.User || role == dialect.ToolRole
	}
	return false
}

func decodeCall(v wire.Value) (dialect.Message, error) {
	call, space, search := &dialect.ToolCall{}, "", typeOf(v.Raw) == "tool_search_call"
	m := dialect.Message{Role: dialect.Assistant, Parts: []dialect.Part{{Kind: dialect.PartToolCall, Call: call}}}
	err := v.Object(func(key []byte, v wire.Value) error {
		switch string(key) {
		case "type", "id", "status":
			return nil
		case "call_id":
			return v.Into(&call.ID)
		case "name":
			return v.Into(&call.Name)
		case "arguments":
			if search && v.IsObject() {
				call.Name, call.Arguments = formSearch, string(v.Raw)
				return nil
			}
			return v.Into(&call.Arguments)
		case "input":
			input, err := v.Text()
			call.Arguments = freeArguments(input)
			return err
		case "namespace":
			return v.Into(&space)
		case "execution":
			return expect(v, "client")
		}
		return unknown(v)
	})
	switch {
	case err != nil:
	case call.ID == "":
		err = wire.WrongField("call_id", "is required")
	case call.Name == "":
		err = wire.WrongField("name", "is required")
	}
	call.Name = joined(space, call.Name)
	return m, err
}

func decodeResult(v wire.Value) (dialect.Message, error) {
	result := &dialect.ToolResult{}
	m := dialect.Message{Role: dialect.ToolRole, Parts: []dialect.Part{{Kind: dialect.PartToolResult, Result: result}}}
	err := v.Object(func(key []byte, v wire.Value) (err error) {
		switch string(key) {
		case "type", "id", "status", "name":
			return nil
		case "call_id":
			return v.Into(&result.ID)
		case "output":
			result.Parts, err = decodeContent(v, dialect.ToolRole)
			return err
		}
		return unknown(v)
	})
	if err == nil && result.ID == "" {
		err = wire.WrongField("call_id", "is required")
	}
	return m, err
}

func decodeThought(v wire.Value) (dialect.Message, error) {
	thinking := &dialect.Thinking{}
	m := dialect.Message{Role: dialect.Assistant, Parts: []dialect.Part{{Kind: dialect.PartThinking, Thinking: thinking}}}
	err := v.Object(func(key []byte, v wire.Value) error {
		switch string(key) {
		case "type", "id", "status":
			return nil
		case "summary", "content", "encrypted_content":
			return takeThought(thinking, string(key), v)
		}
		return unknown(v)
	})
	return m, err
}

// takeThought reads a member of a reasoning item. The summary is what is shown of the content.
func takeThought(t *dialect.Thinking, key string, v wire.Value) error {
	if v.IsNull() {
		return nil
	}
	if key == "encrypted_content" {
		if err := v.Into(&t.Signature); err != nil {
			return err
		}
		if data, ok := strings.CutPrefix(t.Signature, redacted); ok {
			t.Signature, t.Redacted = "", data
		}
		return nil
	}
	var texts []string
	err := v.List(func(_ int, v wire.Value) error {
		texts = append(texts, textOf(v.Raw, "text"))
		return nil
	})
	if text := strings.Join(texts, "\n\n"); text != "" && (t.Text == "" || key == "summary") {
		t.Text = text
	}
	return err
}
