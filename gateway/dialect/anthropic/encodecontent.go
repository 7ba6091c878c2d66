// SPDX-License-Identifier: Apache-2.0

package anthropic

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"holdfast/gateway/dialect"
	"holdfast/gateway/dialect/wire"
)

// spoken is a conversation on its way out: the list of the system prompt, without its end, and the
// list of turns.
type spoken struct {
	system, turns wire.JSON

	role dialect.Role // of the turn that is open
	late bool         // system messages may stand amid the turns
}

func encodeMessages(r *dialect.Request) (*spoken, error) {
	s := &spoken{system: wire.JSON{'['}, turns: wire.JSON{'['}, late: hearsLateSystem(r.Model)}
	for i, m := range r.Messages {
		var next dialect.Role
		if i+1 < len(r.Messages) {
			next = r.Messages[i+1].Role
		}
		if err := s.message(m, next); err != nil {
			return nil, wire.Within(fmt.Sprintf("messages[%d]", i), err)
		}
	}
	s.endTurn()
	s.turns.EndList()
	if len(s.turns) == len("[]") {
		return nil, wire.WrongField("messages", "must hold more than system messages")
	}
	return s, nil
}

func (s *spoken) message(m dialect.Message, next dialect.Role) error {
	if m.Name != "" {
		return wire.WrongField("name", "cannot be put to a model that speaks Anthropic's Messages API")
	}
	switch m.Role {
	case dialect.System, dialect.Developer:
		return s.systemMessage(m, next)
	case dialect.User, dialect.ToolRole:
		return s.turn(dialect.User, m.Parts)
	case dialect.Assistant:
		return s.turn(dialect.Assistant, m.Parts)
	}
	return wire.WrongField("role", "%q cannot be put to a model that speaks Anthropic's Messages API", m.Role)
}

// systemMessage writes one to the system prompt, or after a turn of the user's that the model is to
// answer, which is where the API takes others.
func (s *spoken) systemMessage(m dialect.Message, next dialect.Role) error {
	for _, p := range m.Parts {
		if p.Kind != dialect.PartText {
			return wire.Wrong("a system message can hold text alone for a model that speaks Anthropic's Messages API")
		}
	}
	if s.late && s.role == dialect.User && (next == dialect.Assistant || next == "") {
		return s.turn(dialect.System, m.Parts)
	}
	for _, p := range m.Parts {
		writeText(&s.system, p)
	}
	return nil
}

// turn writes parts into the turn of a role; what follows one of the same role joins it.
func (s *spoken) turn(role dialect.Role, parts []dialect.Part) error {
	for _, p := range parts {
		if silent(p) {
			continue
		}
		if s.role != role {
			s.endTurn()
			s.role = role
			s.turns.Open()
			s.turns.Key("role").Text(string(role))
			s.turns.Key("content").List()
		}
		if err := writePart(&s.turns, p); err != nil {
			return err
		}
	}
	return nil
}

// silent tells parts that say nothing, which the API refuses: blank text, and the thinking of others.
func silent(p dialect.Part) bool {
	switch p.Kind {
	case dialect.PartText, dialect.PartRefusal:
		return strings.TrimSpace(p.Text) == ""
	case dialect.PartThinking:
		return !returns(p.Thinking)
	default:
		return false
	}
}

func (s *spoken) endTurn() {
	if s.role != "" {
		s.turns.EndList()
		s.turns.Close()
	}
}

func writeText(j *wire.JSON, p dialect.Part) {
	if silent(p) {
		return
	}
	j.Open()
	j.Key("type").Text("text")
	j.Key("text").Text(p.Text)
	writeCache(j, p.Cache)
	j.Close()
}

func writeCache(j *wire.JSON, life string) {
	if life == "" {
		return
	}
	j.Key("cache_control").Open()
	j.Key("type").Text("ephemeral")
	if life == "1h" {
		j.Key("ttl").Text(life)
	}
	j.Close()
}

func writePart(j *wire.JSON, p dialect.Part) error {
	switch p.Kind {
	case dialect.PartText, dialect.PartRefusal:
		writeText(j, p)
		return nil
	case dialect.PartImage, dialect.PartFile:
		return writeMedia(j, p)
	case dialect.PartToolCall:
		return writeCall(j, p)
	case dialect.PartToolResult:
		return writeResult(j, p)
	case dialect.PartThinking:
		writeThought(j, p.Thinking)
		return nil
	case dialect.PartAudio:
		return wire.Wrong("audio cannot be put to a model that speaks Anthropic's Messages API")
	}
	return wire.Wrong("cannot be put to a model that speaks Anthropic's Messages API")
}

func writeThought(j *wire.JSON, t *dialect.Thinking) {
	j.Open()
	if t.Redacted != "" {
		j.Key("type").Text("redacted_thinking")
		j.Key("data").Text(t.Redacted)
	} else {
		j.Key("type").Text("thinking")
		j.Key("thinking").Text(t.Text)
		j.Key("signature").Text(t.Signature)
	}
	j.Close()
}

func writeCall(j *wire.JSON, p dialect.Part) error {
	if p.Call == nil || p.Call.ID == "" {
		return wire.Wrong("a call of a tool needs an id")
	}
	input, ok := inputOf(p.Call.Arguments)
	if !ok {
		return wire.Wrong("the arguments of the call %s are no JSON object", p.Call.ID)
	}
	j.Open()
	j.Key("type").Text("tool_use")
	j.Key("id").Text(callID(p.Call.ID))
	j.Key("name").Text(p.Call.Name)
	j.Key("input").Raw(input)
	writeCache(j, p.Cache)
	j.Close()
	return nil
}

// callID is a call's id in the letters that the API takes: some servers put points and colons in.
func callID(id string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '-', r == '_':
			return r
		}
		return '_'
	}, id)
}

// inputOf reads arguments as the object that the dialect wants; none are an empty one.
func inputOf(arguments string) ([]byte, bool) {
	text := strings.TrimSpace(arguments)
	if text == "" {
		return []byte("{}"), true
	}
	return []byte(text), text[0] == '{' && json.Valid([]byte(text))
}

func writeResult(j *wire.JSON, p dialect.Part) error {
	if p.Result == nil || p.Result.ID == "" {
		return wire.Wrong("a result of a tool needs the id of its call")
	}
	j.Open()
	j.Key("type").Text("tool_result")
	j.Key("tool_use_id").Text(callID(p.Result.ID))
	j.Key("content").List()
	for _, part := range p.Result.Parts {
		if silent(part) {
			continue
		}
		if part.Kind != dialect.PartText && part.Kind != dialect.PartImage && part.Kind != dialect.PartFile {
			return wire.Wrong("a result of a tool can hold text, images and files alone")
		}
		if err := writePart(j, part); err != nil {
			return err
		}
	}
	j.EndList()
	if p.Result.Error {
		j.Key("is_error").Bool(true)
	}
	writeCache(j, p.Cache)
	j.Close()
	return nil
}

func writeMedia(j *wire.JSON, p dialect.Part) error {
	if p.Media == nil {
		return wire.Wrong("an image or file is missing")
	}
	if p.Media.Detail == "low" {
		return wire.Wrong("detail low cannot be put to a model that speaks Anthropic's Messages API")
	}
	kind := "image"
	if p.Kind == dialect.PartFile {
		kind = "document"
	}
	j.Open()
	j.Key("type").Text(kind)
	j.Key("source").Open()
	if err := writeSource(j, p); err != nil {
		return err
	}
	j.Close()
	if kind == "document" {
		j.Field("title", p.Media.Name)
	}
	writeCache(j, p.Cache)
	j.Close()
	return nil
}

func writeSource(j *wire.JSON, p dialect.Part) error {
	m := p.Media
	switch {
	case m.ID != "":
		j.Key("type").Text("file")
		j.Key("file_id").Text(m.ID)
		return nil
	case m.URL != "":
		j.Key("type").Text("url")
		j.Key("url").Text(m.URL)
		return nil
	}
	media, _, _ := strings.Cut(strings.ToLower(m.Type), ";")
	data, source := m.Data, "base64"
	switch media {
	case "image/jpeg", "image/png", "image/gif", "image/webp":
		if p.Kind != dialect.PartImage {
			return wire.Wrong("a file of type %s must be sent as an image", media)
		}
	case "application/pdf":
	case "text/plain":
		text, err := base64.StdEncoding.DecodeString(m.Data)
		if err != nil {
			return wire.Wrong("the file's data are not base64")
		}
		data, source = string(text), "text"
	default:
		return wire.Wrong("media of type %q cannot be put to a model that speaks Anthropic's Messages API", m.Type)
	}
	if p.Kind == dialect.PartImage && !strings.HasPrefix(media, "image/") {
		return wire.Wrong("an image cannot be of type %s", media)
	}
	j.Key("type").Text(source)
	j.Key("media_type").Text(media)
	j.Key("data").Text(data)
	return nil
}
