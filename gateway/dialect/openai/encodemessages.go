// SPDX-License-Identifier: Apache-2.0

package openai

import (
	"strconv"
	"strings"

	"holdfast/gateway/dialect"
	"holdfast/gateway/dialect/wire"
)

func (f Form) writeMessages(j *wire.JSON, r *dialect.Request) error {
	j.Key("messages").List()
	var shown []dialect.Part // what results of tools show, which their messages cannot hold
	for i, m := range r.Messages {
		if m.Role != dialect.ToolRole {
			if err := flushShown(j, &shown); err != nil {
				return atMessage(i, err)
			}
		}
		if err := f.writeMessage(j, m, &shown); err != nil {
			return atMessage(i, err)
		}
	}
	if err := flushShown(j, &shown); err != nil {
		return atMessage(len(r.Messages)-1, err)
	}
	j.EndList()
	return nil
}

func atMessage(i int, err error) error {
	return wire.Within("messages["+strconv.Itoa(i)+"]", err)
}

func (f Form) writeMessage(j *wire.JSON, m dialect.Message, shown *[]dialect.Part) error {
	switch m.Role {
	case dialect.System, dialect.Developer: // every server knows system
		return writeSpoken(j, "system", m)
	case dialect.User:
		return writeSpoken(j, "user", m)
	case dialect.Assistant:
		return f.writeAssistant(j, m)
	case dialect.ToolRole:
		return writeResults(j, m, shown)
	}
	return wire.WrongField("role", "%q %s", m.Role, unspeakable)
}

func writeSpoken(j *wire.JSON, role string, m dialect.Message) error {
	j.Open()
	j.Key("role").Text(role)
	j.Field("name", m.Name)
	j.Key("content")
	if err := writeContent(j, m.Parts); err != nil {
		return err
	}
	j.Close()
	return nil
}

// writeContent writes parts; one text alone as a string, which every server takes.
func writeContent(j *wire.JSON, parts []dialect.Part) error {
	if len(parts) == 0 {
		j.Text("")
		return nil
	}
	if len(parts) == 1 && parts[0].Kind == dialect.PartText {
		j.Text(parts[0].Text)
		return nil
	}
	j.List()
	for i, p := range parts {
		if err := writePart(j, p); err != nil {
			return wire.Within("content["+strconv.Itoa(i)+"]", err)
		}
	}
	j.EndList()
	return nil
}

func writePart(j *wire.JSON, p dialect.Part) error {
	j.Open()
	defer j.Close()
	switch p.Kind { //nolint:exhaustive // the others stand in no content
	case dialect.PartText, dialect.PartRefusal:
		j.Key("type").Text("text")
		j.Key("text").Text(p.Text)
		return nil
	case dialect.PartImage:
		return writeImage(j, p.Media)
	case dialect.PartAudio:
		return writeAudio(j, p.Media)
	case dialect.PartFile:
		return writeFile(j, p.Media)
	}
	return wire.Wrong("a part of this kind %s", unspeakable)
}

func writeImage(j *wire.JSON, m *dialect.Media) error {
	url := m.URL
	if m.Data != "" {
		url = wire.DataURI(m.Type, m.Data)
	}
	if url == "" {
		return wire.Wrong("an image by its file's id %s", unspeakable)
	}
	j.Key("type").Text("image_url")
	j.Key("image_url").Open()
	j.Key("url").Text(url)
	j.Field("detail", m.Detail)
	j.Close()
	return nil
}

func writeAudio(j *wire.JSON, m *dialect.Media) error {
	format, ok := audioFormat(m.Type)
	if !ok || m.Data == "" {
		return wire.Wrong("a sound of type %q %s: want wav or mp3 in base64", m.Type, unspeakable)
	}
	j.Key("type").Text("input_audio")
	j.Key("input_audio").Open()
	j.Key("data").Text(m.Data)
	j.Key("format").Text(format)
	j.Close()
	return nil
}

func audioFormat(mediaType string) (string, bool) {
	switch mediaType {
	case "audio/wav", "audio/x-wav", "audio/wave":
		return "wav", true
	case "audio/mpeg", "audio/mp3":
		return "mp3", true
	}
	return strings.CutPrefix(mediaType, "audio/")
}

func writeFile(j *wire.JSON, m *dialect.Media) error {
	switch {
	case m.Data != "":
	case m.ID != "" && OwnFile(m.ID):
	case m.ID != "":
		return wire.Wrong("a file that lies with another provider %s", unspeakable)
	default:
		return wire.Wrong("a file by its URL %s", unspeakable)
	}
	j.Key("type").Text("file")
	j.Key("file").Open()
	if m.Data != "" {
		j.Key("filename").Text(FileName(m))
		j.Key("file_data").Text(wire.DataURI(m.Type, m.Data))
	} else {
		j.Key("file_id").Text(m.ID)
	}
	j.Close()
	return nil
}

// OwnFile tells the id of a file that lies with OpenAI.
func OwnFile(id string) bool { return strings.HasPrefix(id, "file-") }

// FileName is a file's name, which OpenAI wants of every file that is sent.
func FileName(m *dialect.Media) string {
	if m.Name != "" {
		return m.Name
	}
	switch m.Type {
	case "application/pdf", "":
		return "file.pdf"
	case "text/plain":
		return "file.txt"
	}
	_, kind, _ := strings.Cut(m.Type, "/")
	return "file." + kind
}

func (f Form) writeAssistant(j *wire.JSON, m dialect.Message) error {
	said, calls, err := split(m.Parts)
	if err != nil {
		return err
	}
	j.Open()
	j.Key("role").Text("assistant")
	j.Field("name", m.Name)
	j.Key("content")
	if len(said) == 0 && len(calls) > 0 {
		j.Null()
	} else {
		j.Text(strings.Join(said, ""))
	}
	f.writeThoughts(j, m.Parts)
	writeCalls(j, calls, f.sign)
	j.Close()
	return nil
}

// split sorts what an assistant said from the calls it made.
func split(parts []dialect.Part) (said []string, calls []*dialect.ToolCall, err error) {
	for i, p := range parts {
		switch p.Kind {
		case dialect.PartText, dialect.PartRefusal:
			said = append(said, p.Text)
		case dialect.PartToolCall:
			calls = append(calls, p.Call)
		case dialect.PartThinking:
		default:
			return nil, nil, wire.WrongField("content["+strconv.Itoa(i)+"]", "a part of this kind in an assistant's message %s", unspeakable)
		}
	}
	return said, calls, nil
}

func (f Form) writeThoughts(j *wire.JSON, parts []dialect.Part) {
	text, signed := thoughts(parts)
	switch {
	case f.Thoughts == ThoughtsContent:
		j.Field("reasoning_content", text)
	case f.Thoughts == ThoughtsDetails && (text != "" || signed):
		j.Key("reasoning_details").List()
		writeDetails(j, parts)
		j.EndList()
	}
}

func writeCalls(j *wire.JSON, calls []*dialect.ToolCall, sign bool) {
	if len(calls) == 0 {
		return
	}
	j.Key("tool_calls").List()
	for _, c := range calls {
		j.Open()
		j.Key("id").Text(c.ID)
		j.Key("type").Text("function")
		j.Key("function").Open()
		j.Key("name").Text(c.Name)
		j.Key("arguments").Text(Arguments(c))
		j.Close()
		if sign {
			j.Key("extra_content").Open()
			j.Key("google").Open()
			j.Key("thought_signature").Text(unsigned)
			j.Close()
			j.Close()
		}
		j.Close()
	}
	j.EndList()
}

// Arguments are a call's arguments; none is an empty object.
func Arguments(c *dialect.ToolCall) string {
	if strings.TrimSpace(c.Arguments) == "" {
		return "{}"
	}
	return c.Arguments
}

// writeResults writes results of tools. Their messages hold text alone: what they show besides follows
// in a message of the user.
func writeResults(j *wire.JSON, m dialect.Message, shown *[]dialect.Part) error {
	for _, p := range m.Parts {
		if p.Kind != dialect.PartToolResult || p.Result == nil {
			return wire.Wrong("a message of role tool holds results alone")
		}
		text, rest := ResultText(p.Result)
		if text == "" && len(rest) > 0 {
			text = "The result follows below."
		}
		j.Open()
		j.Key("role").Text("tool")
		j.Key("tool_call_id").Text(p.Result.ID)
		j.Key("content").Text(text)
		j.Close()
		if len(rest) > 0 {
			*shown = append(*shown, dialect.Part{Kind: dialect.PartText, Text: "The result of the tool call " + p.Result.ID + " shows:"})
			*shown = append(*shown, rest...)
		}
	}
	return nil
}

// ResultText is a result in words, and what it shows besides; one that failed says so first.
func ResultText(r *dialect.ToolResult) (text string, rest []dialect.Part) {
	var said []string
	for _, p := range r.Parts {
		if p.Kind == dialect.PartText || p.Kind == dialect.PartRefusal {
			said = append(said, p.Text)
			continue
		}
		rest = append(rest, p)
	}
	text = strings.Join(said, "\n")
	if r.Error && !strings.HasPrefix(strings.ToLower(text), "error") {
		text = strings.TrimSuffix("Error: "+text, ": ")
	}
	return text, rest
}

// flushShown writes what results showed as a message of the user.
func flushShown(j *wire.JSON, shown *[]dialect.Part) error {
	if len(*shown) == 0 {
		return nil
	}
	parts := *shown
	*shown = nil
	return writeSpoken(j, "user", dialect.Message{Parts: parts})
}
