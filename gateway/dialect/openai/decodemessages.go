// SPDX-License-Identifier: Apache-2.0

package openai

import (
	"strings"

	"holdfast/gateway/dialect"
	"holdfast/gateway/dialect/wire"
)

func decodeMessages(r *dialect.Request, v wire.Value) error {
	r.Messages = []dialect.Message{}
	return v.List(func(_ int, v wire.Value) error {
		m, err := decodeMessage(v)
		r.Messages = append(r.Messages, m)
		return err
	})
}

// said are the members of a message, which are read in an order of their own.
type said struct {
	role, name, callID          string
	content, refusal            wire.Value
	calls, details              wire.Value
	reasoningContent, reasoning wire.Value
}

func decodeMessage(v wire.Value) (dialect.Message, error) {
	var s said
	if err := v.Object(s.take); err != nil {
		return dialect.Message{}, err
	}
	m := dialect.Message{Role: dialect.Role(s.role), Name: s.name}
	var err error
	switch m.Role {
	case dialect.System, dialect.Developer, dialect.User:
		m.Parts, err = decodeContent(s.content, m.Role)
	case dialect.Assistant:
		m.Parts, err = decodeAssistant(s)
	case dialect.ToolRole:
		m.Parts, err = decodeResult(s)
	default:
		return m, wire.WrongField("role", "must be system, developer, user, assistant or tool")
	}
	return m, err
}

func (s *said) take(key []byte, v wire.Value) error {
	switch string(key) {
	case "role":
		return v.Into(&s.role)
	case "name":
		return v.Into(&s.name)
	case "tool_call_id":
		return v.Into(&s.callID)
	case "content":
		s.content = v
	case "refusal":
		s.refusal = v
	case "tool_calls":
		s.calls = v
	case "reasoning_content":
		s.reasoningContent = v
	case "reasoning":
		s.reasoning = v
	case "reasoning_details":
		s.details = v
	case "annotations":
		// sources of an earlier answer, which its text repeats
	case "function_call":
		if !v.IsNull() {
			return wire.Wrong("is not supported any more: tool_calls say the same")
		}
	default:
		if !wire.Blank(v.Raw) {
			return unknown(v)
		}
	}
	return nil
}

// decodeContent reads a string, or a list of parts.
func decodeContent(v wire.Value, role dialect.Role) ([]dialect.Part, error) {
	if v.IsText() {
		text, err := v.Text()
		return []dialect.Part{{Kind: dialect.PartText, Text: text}}, err
	}
	if !v.IsList() {
		return nil, wire.WrongField("content", "must be a string or a list of parts")
	}
	var parts []dialect.Part
	err := v.List(func(_ int, v wire.Value) error {
		part, err := decodePart(v, role)
		parts = append(parts, part)
		return err
	})
	if err != nil {
		return nil, wire.Within("content", err)
	}
	return parts, nil
}

func decodePart(v wire.Value, role dialect.Role) (dialect.Part, error) {
	var part dialect.Part
	var kind string
	var inner wire.Value
	err := v.Object(func(key []byte, v wire.Value) error {
		switch name := string(key); name {
		case "type":
			return v.Into(&kind)
		case "text", "refusal":
			return v.Into(&part.Text)
		case "image_url", "input_audio", "file":
			inner = v
			return nil
		case "cache_control":
			return decodeCache(&part.Cache, v)
		case "prompt_cache_breakpoint":
			part.Cache = "5m"
			return nil
		}
		return unknown(v)
	})
	if err != nil {
		return part, err
	}
	if !placed(kind, role) {
		return part, wire.WrongField("type", "%q may not stand in a message of role %s", kind, role)
	}
	if kind == "text" {
		return part, nil
	}
	if kind == "refusal" {
		part.Kind = dialect.PartRefusal
		return part, nil
	}
	part.Media = new(dialect.Media)
	if err := decodeMedia(&part, kind, inner); err != nil {
		return part, wire.Within(kind, err)
	}
	return part, nil
}

// placed tells where which parts may stand.
func placed(kind string, role dialect.Role) bool {
	switch kind {
	case "text":
		return true
	case "refusal":
		return role == dialect.Assistant
	case "image_url":
		return role == dialect.User || role == dialect.ToolRole
	case "input_audio", "file":
		return role == dialect.User
	}
	return false
}

func decodeMedia(part *dialect.Part, kind string, v wire.Value) error {
	switch kind {
	case "image_url":
		part.Kind = dialect.PartImage
		return decodeImage(part.Media, v)
	case "input_audio":
		part.Kind = dialect.PartAudio
		return decodeAudio(part.Media, v)
	}
	part.Kind = dialect.PartFile
	return decodeFile(part.Media, v)
}

// decodeImage reads a URL, which some clients send without the object around it.
func decodeImage(m *dialect.Media, v wire.Value) error {
	var url string
	if v.IsText() {
		if err := v.Into(&url); err != nil {
			return err
		}
		return Picture(m, url)
	}
	err := v.Object(func(key []byte, v wire.Value) error {
		switch string(key) {
		case "url":
			return v.Into(&url)
		case "detail":
			return v.Into(&m.Detail)
		}
		return unknown(v)
	})
	if err != nil {
		return err
	}
	if err := Picture(m, url); err != nil {
		return wire.Within("url", err)
	}
	return nil
}

// Picture reads the URL of an image, or its data in a data URI.
func Picture(m *dialect.Media, url string) error {
	if strings.HasPrefix(url, "data:") {
		var ok bool
		if m.Type, m.Data, ok = wire.SplitDataURI(url); !ok {
			return wire.Wrong("must be a URL or a data URI in base64")
		}
		return nil
	}
	if url == "" {
		return wire.Wrong("is required")
	}
	m.URL = url
	return nil
}

func decodeAudio(m *dialect.Media, v wire.Value) error {
	var format string
	err := v.Object(func(key []byte, v wire.Value) error {
		switch string(key) {
		case "data":
			return v.Into(&m.Data)
		case "format":
			return v.Into(&format)
		}
		return unknown(v)
	})
	if err != nil {
		return err
	}
	m.Type = "audio/" + format
	if format == "mp3" {
		m.Type = "audio/mpeg"
	}
	if m.Data == "" || format == "" {
		return wire.Wrong("needs data and format")
	}
	return nil
}

func decodeFile(m *dialect.Media, v wire.Value) error {
	var data string
	err := v.Object(func(key []byte, v wire.Value) error {
		switch string(key) {
		case "file_data":
			return v.Into(&data)
		case "file_id":
			return v.Into(&m.ID)
		case "filename":
			return v.Into(&m.Name)
		}
		return unknown(v)
	})
	if err != nil {
		return err
	}
	if data == "" && m.ID == "" {
		return wire.Wrong("needs file_data or file_id")
	}
	Document(m, data)
	return nil
}

// Document reads a file's data: a data URI, or base64 alone, which is a PDF.
func Document(m *dialect.Media, data string) {
	if mediaType, bare, ok := wire.SplitDataURI(data); ok {
		m.Type, m.Data = mediaType, bare
		return
	}
	m.Data = data
	if data != "" {
		m.Type = "application/pdf"
	}
}

func decodeAssistant(s said) ([]dialect.Part, error) {
	parts, err := decodeThoughts(s)
	if err != nil {
		return nil, err
	}
	if !s.content.IsNull() {
		content, err := decodeContent(s.content, dialect.Assistant)
		if err != nil {
			return nil, err
		}
		for _, p := range content {
			if p.Text != "" {
				parts = append(parts, p)
			}
		}
	}
	var refusal string
	if err := s.refusal.Into(&refusal); err != nil {
		return nil, wire.Within("refusal", err)
	}
	if refusal != "" {
		parts = append(parts, dialect.Part{Kind: dialect.PartRefusal, Text: refusal})
	}
	if s.calls.IsNull() {
		return parts, nil
	}
	err = s.calls.List(func(_ int, v wire.Value) error {
		call, err := decodeCall(v)
		parts = append(parts, dialect.Part{Kind: dialect.PartToolCall, Call: call})
		return err
	})
	if err != nil {
		return nil, wire.Within("tool_calls", err)
	}
	return parts, nil
}

func decodeCall(v wire.Value) (*dialect.ToolCall, error) {
	call := &dialect.ToolCall{}
	err := v.Object(func(key []byte, v wire.Value) error {
		switch string(key) {
		case "id":
			return v.Into(&call.ID)
		case "type":
			return expect(v, "function")
		case "index", "extra_content":
			return nil // what some servers add to their answers
		case "function":
			return v.Object(func(key []byte, v wire.Value) error {
				switch string(key) {
				case "name":
					return v.Into(&call.Name)
				case "arguments":
					return v.Into(&call.Arguments)
				}
				return unknown(v)
			})
		}
		return unknown(v)
	})
	switch {
	case err != nil:
		return call, err
	case call.ID == "":
		return call, wire.WrongField("id", "is required")
	case call.Name == "":
		return call, wire.WrongField("function.name", "is required")
	}
	return call, nil
}

func decodeResult(s said) ([]dialect.Part, error) {
	if s.callID == "" {
		return nil, wire.WrongField("tool_call_id", "is required")
	}
	result := &dialect.ToolResult{ID: s.callID}
	var err error
	if !s.content.IsNull() {
		result.Parts, err = decodeContent(s.content, dialect.ToolRole)
	}
	return []dialect.Part{{Kind: dialect.PartToolResult, Result: result}}, err
}
