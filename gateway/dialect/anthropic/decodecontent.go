// SPDX-License-Identifier: Apache-2.0

package anthropic

import (
	"encoding/base64"
	"slices"

	"holdfast/gateway/dialect"
	"holdfast/gateway/dialect/wire"
)

func decodeConversation(r *dialect.Request, m members) error {
	return first(
		m.with("system", func(v wire.Value) error {
			parts, err := decodeContent(v, dialect.System)
			r.Messages = append(r.Messages, dialect.Message{Role: dialect.System, Parts: parts})
			r.Places = append(r.Places, -1)
			return err
		}),
		m.with("messages", func(v wire.Value) error {
			if r.Messages == nil {
				r.Messages = []dialect.Message{}
			}
			return v.List(func(at int, v wire.Value) error {
				err := decodeMessage(r, v)
				for len(r.Places) < len(r.Messages) {
					r.Places = append(r.Places, at)
				}
				return err
			})
		}),
		m.with("cache_control", func(v wire.Value) error { return markLast(r, v) }),
	)
}

// markLast marks the end of the whole conversation, as cache_control beside the messages does.
func markLast(r *dialect.Request, v wire.Value) error {
	life, err := cacheLife(v)
	if err != nil || len(r.Messages) == 0 {
		return err
	}
	last := r.Messages[len(r.Messages)-1].Parts
	if len(last) > 0 && last[len(last)-1].Cache == "" {
		last[len(last)-1].Cache = life
	}
	return nil
}

func decodeMessage(r *dialect.Request, v wire.Value) error {
	m, err := membersOf(v)
	if err != nil {
		return err
	}
	if err := m.only("role", "content", "output_config"); err != nil {
		return err
	}
	name, err := m.text("role")
	if err != nil {
		return err
	}
	role := dialect.Role(name)
	if role != dialect.User && role != dialect.Assistant && role != dialect.System {
		return wire.WrongField("role", "must be user, assistant or system")
	}
	content, ok := m["content"]
	if !ok {
		return wire.WrongField("content", "is required")
	}
	parts, err := decodeContent(content, role)
	if err != nil {
		return wire.Within("content", err)
	}
	effort, err := turnEffort(m, role)
	if err != nil {
		return err
	}
	if effort == "" || len(parts) > 0 { // else it says nothing more
		r.Messages = append(r.Messages, messagesOf(role, parts)...)
	}
	return nil
}

// messagesOf puts results of tools into messages of their own.
func messagesOf(role dialect.Role, parts []dialect.Part) []dialect.Message {
	if role != dialect.User {
		return []dialect.Message{{Role: role, Parts: parts}}
	}
	var list []dialect.Message
	for _, p := range parts {
		last := len(list) - 1
		switch {
		case p.Kind == dialect.PartToolResult:
			list = append(list, dialect.Message{Role: dialect.ToolRole, Parts: []dialect.Part{p}})
		case last >= 0 && list[last].Role == dialect.User:
			list[last].Parts = append(list[last].Parts, p)
		default:
			list = append(list, dialect.Message{Role: dialect.User, Parts: []dialect.Part{p}})
		}
	}
	if list == nil {
		return []dialect.Message{{Role: role}}
	}
	return list
}

// within is where blocks stand that are the content of a tool's result.
const within = dialect.ToolRole

func decodeContent(v wire.Value, role dialect.Role) ([]dialect.Part, error) {
	if v.IsText() {
		text, err := v.Text()
		return []dialect.Part{{Kind: dialect.PartText, Text: text}}, err
	}
	if !v.IsList() {
		return nil, wire.Wrong("must be a string or a list of blocks")
	}
	var parts []dialect.Part
	err := v.List(func(_ int, v wire.Value) error {
		part, err := decodeBlock(v, role)
		parts = append(parts, part)
		return err
	})
	return parts, err
}

func decodeBlock(v wire.Value, role dialect.Role) (dialect.Part, error) {
	var part dialect.Part
	m, err := membersOf(v)
	if err != nil {
		return part, err
	}
	kind, err := m.text("type")
	if err != nil {
		return part, err
	}
	if err := placed(kind, role); err != nil {
		return part, err
	}
	switch kind {
	case "text":
		part, err = decodeText(m)
	case "image":
		part, err = decodeImage(m)
	case "document":
		part, err = decodeDocument(m)
	case "tool_use":
		part, err = decodeCall(m)
	case "tool_result":
		part, err = decodeResult(m)
	case "tool_reference":
		part, err = decodeReference(m)
	case "thinking", "redacted_thinking":
		return decodeThought(m)
	}
	if err != nil {
		return part, err
	}
	return part, m.with("cache_control", func(v wire.Value) (err error) { part.Cache, err = cacheLife(v); return err })
}

// placed refuses blocks that no other dialect knows, and those that stand where they may not.
func placed(kind string, role dialect.Role) error {
	switch kind {
	case "text":
		return nil
	case "image", "document":
		if role == dialect.User || role == within {
			return nil
		}
	case "tool_result":
		if role == dialect.User {
			return nil
		}
	case "tool_reference":
		if role == within {
			return nil
		}
	case "tool_use", "thinking", "redacted_thinking":
		if role == dialect.Assistant {
			return nil
		}
	default:
		return wire.WrongField("type", "a block of type %q cannot be put to a model that does not speak Anthropic's Messages API", kind)
	}
	return wire.WrongField("type", "a block of type %s may not stand here", kind)
}

func decodeText(m members) (dialect.Part, error) {
	part := dialect.Part{Kind: dialect.PartText}
	if citations := m["citations"]; string(citations.Raw) == "[]" {
		delete(m, "citations")
	}
	var err error
	if part.Text, err = m.text("text"); err != nil {
		return part, err
	}
	return part, m.only("type", "text", "cache_control")
}

func decodeImage(m members) (dialect.Part, error) {
	part := dialect.Part{Kind: dialect.PartImage, Media: new(dialect.Media)}
	if transformations := m["transformations"]; string(transformations.Raw) == "{}" {
		delete(m, "transformations")
	}
	return part, first(m.only("type", "source", "cache_control"), decodeSource(m, part.Media, "base64", "url", "file"))
}

func decodeDocument(m members) (dialect.Part, error) {
	part := dialect.Part{Kind: dialect.PartFile, Media: new(dialect.Media)}
	return part, first(
		m.only("type", "source", "title", "citations", "cache_control"),
		m.with("title", func(v wire.Value) error { return v.Into(&part.Media.Name) }),
		m.with("citations", func(v wire.Value) error {
			asked, err := membersOf(v)
			if err != nil {
				return err
			}
			return asked.with("enabled", func(v wire.Value) error {
				cite, err := truth(v)
				if cite {
					return wire.Wrong("citations cannot be had from a model that does not speak Anthropic's Messages API")
				}
				return err
			})
		}),
		decodeSource(m, part.Media, "base64", "url", "file", "text"),
	)
}

// decodeSource reads where an image or a document is.
func decodeSource(m members, media *dialect.Media, kinds ...string) error {
	v, ok := m["source"]
	if !ok {
		return wire.WrongField("source", "is required")
	}
	source, err := membersOf(v)
	if err != nil {
		return wire.Within("source", err)
	}
	kind, err := source.text("type")
	switch {
	case err != nil:
	case !slices.Contains(kinds, kind):
		err = wire.WrongField("type", "%q cannot be put to a model that does not speak Anthropic's Messages API", kind)
	case kind == "url":
		media.URL, err = source.text("url")
	case kind == "file":
		media.ID, err = source.text("file_id")
	default:
		err = decodeData(source, media)
		if kind == "text" {
			media.Data = base64.StdEncoding.EncodeToString([]byte(media.Data))
		}
	}
	if err != nil {
		return wire.Within("source", err)
	}
	return nil
}

func decodeData(source members, media *dialect.Media) (err error) {
	if media.Type, err = source.text("media_type"); err != nil {
		return err
	}
	media.Data, err = source.text("data")
	return err
}

// decodeCall reads a call of a tool. Who called it must be the model itself.
func decodeCall(m members) (dialect.Part, error) {
	call := &dialect.ToolCall{}
	part := dialect.Part{Kind: dialect.PartToolCall, Call: call}
	input, ok := m["input"]
	if !ok || !input.IsObject() {
		return part, wire.WrongField("input", "must be an object")
	}
	call.Arguments = string(input.Raw)
	return part, first(
		m.only("type", "id", "name", "input", "caller", "cache_control"),
		m.with("caller", func(v wire.Value) error {
			caller, err := membersOf(v)
			if err != nil {
				return err
			}
			return caller.with("type", func(v wire.Value) error { return expect(v, "direct") })
		}),
		requireID(m, "id", &call.ID), requireID(m, "name", &call.Name),
	)
}

// requireID reads a name or an id: an empty one means nothing to anybody.
func requireID(m members, name string, place *string) error {
	err := requireText(m, name, place)
	if err == nil && *place == "" {
		err = wire.WrongField(name, "must not be empty")
	}
	return err
}

func requireText(m members, name string, place *string) (err error) {
	*place, err = m.text(name)
	return err
}

func decodeResult(m members) (dialect.Part, error) {
	result := &dialect.ToolResult{}
	part := dialect.Part{Kind: dialect.PartToolResult, Result: result}
	return part, first(
		m.only("type", "tool_use_id", "content", "is_error", "cache_control"),
		requireID(m, "tool_use_id", &result.ID),
		m.with("content", func(v wire.Value) (err error) { result.Parts, err = decodeContent(v, within); return err }),
		m.with("is_error", func(v wire.Value) (err error) { result.Error, err = truth(v); return err }),
	)
}

func decodeThought(m members) (dialect.Part, error) {
	thinking := &dialect.Thinking{}
	part := dialect.Part{Kind: dialect.PartThinking, Thinking: thinking}
	if _, redacted := m["data"]; redacted {
		return part, first(m.only("type", "data"), requireText(m, "data", &thinking.Redacted))
	}
	return part, first(
		m.only("type", "thinking", "signature"),
		requireText(m, "thinking", &thinking.Text),
		m.with("signature", func(v wire.Value) error {
			err := v.Into(&thinking.Signature)
			if thinking.Signature == unsigned {
				thinking.Signature = ""
			}
			return err
		}),
	)
}
