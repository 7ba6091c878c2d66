// SPDX-License-Identifier: Apache-2.0

package responses

import (
	"strconv"
	"strings"

	"holdfast/gateway/dialect"
	"holdfast/gateway/dialect/openai"
	"holdfast/gateway/dialect/wire"
)

// unspeakable ends the sentence about a field that the dialect has no word for.
const unspeakable = "cannot be put to a model that speaks OpenAI's Responses API"

// encode writes a request, of which the server shall keep nothing. What changes nothing about the
// answer (user, metadata, marks of what to cache) is left out, and so is thinking of other models.
func encode(r *dialect.Request) ([]byte, error) {
	j := make(wire.JSON, 0, 1024)
	j.Open()
	j.Key("model").Text(r.Model)
	if err := writeInput(&j, r.Messages); err != nil {
		return nil, r.Named(err)
	}
	if err := writeSettings(&j, r); err != nil {
		return nil, r.Named(err)
	}
	j.Close()
	return j, nil
}

func writeSettings(j *wire.JSON, r *dialect.Request) error {
	if err := refuse(r); err != nil {
		return err
	}
	if r.Stream {
		j.Key("stream").Bool(true)
	}
	j.Key("store").Bool(false)
	if r.MaxOutput > 0 {
		j.Key("max_output_tokens").Int(max(r.MaxOutput, leastLimit))
	}
	j.FloatField("temperature", r.Temperature)
	j.FloatField("top_p", r.TopP)
	if r.Tier != "auto" {
		j.Field("service_tier", r.Tier)
	}
	writeReasoning(j, r.Reasoning)
	writeText(j, r)
	return writeTools(j, r)
}

// refuse names what no request of this dialect can say.
func refuse(r *dialect.Request) error {
	nonzero := func(f *float64) bool { return f != nil && *f != 0 }
	switch {
	case r.Choices > 1:
		return wire.WrongField("n", "more than one answer "+unspeakable)
	case len(r.Stop) > 0:
		return wire.WrongField("stop", unspeakable)
	case r.Seed != nil:
		return wire.WrongField("seed", unspeakable)
	case r.TopK != nil:
		return wire.WrongField("top_k", unspeakable)
	case nonzero(r.Frequency):
		return wire.WrongField("frequency_penalty", unspeakable)
	case nonzero(r.Presence):
		return wire.WrongField("presence_penalty", unspeakable)
	case r.Store != nil && *r.Store:
		return wire.WrongField("store", unspeakable)
	}
	return nil
}

func writeReasoning(j *wire.JSON, how *dialect.Reasoning) {
	if how == nil {
		return
	}
	effort := openai.Effort(how)
	if effort != "" || how.Summary != "" {
		j.Key("reasoning").Open()
		j.Field("effort", effort)
		if !how.Off {
			j.Field("summary", how.Summary)
		}
		j.Close()
	}
	if !how.Off {
		j.Key("include").List()
		j.Text("reasoning.encrypted_content")
		j.EndList()
	}
}

func writeText(j *wire.JSON, r *dialect.Request) {
	formed := r.Format != nil && r.Format.Type != "" && r.Format.Type != "text"
	if !formed && r.Verbosity == "" {
		return
	}
	j.Key("text").Open()
	if formed {
		j.Key("format")
		writeFormat(j, r.Format)
	}
	j.Field("verbosity", r.Verbosity)
	j.Close()
}

func writeFormat(j *wire.JSON, f *dialect.Format) {
	j.Open()
	j.Key("type").Text(f.Type)
	if f.Type == "json_schema" {
		openai.WriteSchema(j, f)
	}
	j.Close()
}

func writeTools(j *wire.JSON, r *dialect.Request) error {
	if len(r.Tools) == 0 {
		if r.Choice.Mode == "required" || r.Choice.Mode == "tool" {
			return wire.WrongField("tool_choice", "wants a tool called, but tools are missing")
		}
		return nil
	}
	j.Key("tools")
	writeToolList(j, r.Tools)
	switch r.Choice.Mode {
	case "", "auto", "none", "required", "tool":
	default:
		return wire.WrongField("tool_choice", "%q "+unspeakable, r.Choice.Mode)
	}
	if r.Choice.Mode != "" {
		j.Key("tool_choice")
		writeChoice(j, r.Choice)
	}
	j.BoolField("parallel_tool_calls", r.Parallel)
	return nil
}

// writeToolList writes tools. The dialect holds them to their schema unless it is told not to.
func writeToolList(j *wire.JSON, tools []dialect.Tool) {
	j.List()
	for _, tool := range tools {
		j.Open()
		j.Key("type").Text("function")
		j.Key("name").Text(tool.Name)
		j.Field("description", tool.Description)
		j.Key("parameters")
		if len(tool.Schema) > 0 {
			j.Raw(tool.Schema)
		} else {
			j.Raw([]byte(`{"type":"object","properties":{}}`))
		}
		j.Key("strict").Bool(tool.Strict != nil && *tool.Strict)
		j.Close()
	}
	j.EndList()
}

func writeChoice(j *wire.JSON, c dialect.Choice) {
	switch c.Mode {
	case "tool":
		j.Open()
		j.Key("type").Text("function")
		j.Key("name").Text(c.Name)
		j.Close()
	case "":
		j.Text("auto")
	default:
		j.Text(c.Mode)
	}
}

// writeInput writes messages as items; those of the system that come first are the instructions.
func writeInput(j *wire.JSON, messages []dialect.Message) error {
	first, instructions := leading(messages)
	j.Field("instructions", instructions)
	j.Key("input").List()
	for i, m := range messages[first:] {
		if err := writeMessage(j, m); err != nil {
			return wire.Within("messages["+strconv.Itoa(first+i)+"]", err)
		}
	}
	j.EndList()
	return nil
}

// leading are the instructions, and where the conversation begins.
func leading(messages []dialect.Message) (int, string) {
	var texts []string
	for i, m := range messages {
		if m.Role != dialect.System && m.Role != dialect.Developer {
			return i, strings.Join(texts, "\n\n")
		}
		for _, p := range m.Parts {
			if p.Text != "" {
				texts = append(texts, p.Text)
			}
		}
	}
	return len(messages), strings.Join(texts, "\n\n")
}

func writeMessage(j *wire.JSON, m dialect.Message) error {
	switch m.Role {
	case dialect.Assistant:
		return writeAssistant(j, m.Parts)
	case dialect.ToolRole:
		return writeResults(j, m.Parts)
	case dialect.User, dialect.System, dialect.Developer:
	default:
		return wire.WrongField("role", "%q "+unspeakable, m.Role)
	}
	j.Open()
	j.Key("type").Text("message")
	j.Key("role").Text(string(m.Role))
	j.Key("content").List()
	for i, p := range m.Parts {
		if err := writePart(j, p); err != nil {
			return wire.Within("content["+strconv.Itoa(i)+"]", err)
		}
	}
	j.EndList()
	j.Close()
	return nil
}

func writePart(j *wire.JSON, p dialect.Part) error {
	j.Open()
	defer j.Close()
	switch p.Kind { //nolint:exhaustive // the others stand in no content
	case dialect.PartText, dialect.PartRefusal:
		j.Key("type").Text("input_text")
		j.Key("text").Text(p.Text)
		return nil
	case dialect.PartImage:
		return writeImage(j, p.Media)
	case dialect.PartFile:
		return writeFile(j, p.Media)
	}
	return wire.Wrong("a part of this kind %s", unspeakable)
}

func writeImage(j *wire.JSON, m *dialect.Media) error {
	j.Key("type").Text("input_image")
	switch {
	case m.Data != "":
		j.Key("image_url").Text(wire.DataURI(m.Type, m.Data))
	case m.URL != "":
		j.Key("image_url").Text(m.URL)
	case openai.OwnFile(m.ID):
		j.Key("file_id").Text(m.ID)
	default:
		return wire.Wrong("a file that lies with another provider %s", unspeakable)
	}
	detail := m.Detail
	if detail == "" {
		detail = "auto"
	}
	j.Key("detail").Text(detail)
	return nil
}

func writeFile(j *wire.JSON, m *dialect.Media) error {
	j.Key("type").Text("input_file")
	switch {
	case m.Data != "":
		j.Key("filename").Text(openai.FileName(m))
		j.Key("file_data").Text(wire.DataURI(m.Type, m.Data))
	case m.URL != "":
		j.Key("file_url").Text(m.URL)
	case openai.OwnFile(m.ID):
		j.Key("file_id").Text(m.ID)
	default:
		return wire.Wrong("a file that lies with another provider %s", unspeakable)
	}
	return nil
}

func writeAssistant(j *wire.JSON, parts []dialect.Part) error {
	for i, p := range parts {
		switch p.Kind {
		case dialect.PartText, dialect.PartRefusal:
			j.Open()
			j.Key("type").Text("message")
			j.Key("role").Text("assistant")
			j.Key("content").List()
			writeSaid(j, p)
			j.EndList()
			j.Close()
		case dialect.PartToolCall:
			j.Open()
			j.Key("type").Text("function_call")
			j.Key("call_id").Text(p.Call.ID)
			j.Key("name").Text(p.Call.Name)
			j.Key("arguments").Text(openai.Arguments(p.Call))
			j.Close()
		case dialect.PartThinking:
			if p.Thinking == nil || !openai.Sealed(p.Thinking.Signature) {
				continue // of another model
			}
			j.Open()
			j.Key("type").Text("reasoning")
			writeSummary(j, p.Thinking.Text)
			j.Key("encrypted_content").Text(p.Thinking.Signature)
			j.Close()
		default:
			return wire.WrongField("content["+strconv.Itoa(i)+"]", "a part of this kind in an assistant's message %s", unspeakable)
		}
	}
	return nil
}

// writeSaid writes text or a refusal as a part of an answer.
func writeSaid(j *wire.JSON, p dialect.Part) {
	j.Open()
	if p.Kind == dialect.PartRefusal {
		j.Key("type").Text("refusal")
		j.Key("refusal").Text(p.Text)
	} else {
		j.Key("type").Text("output_text")
		j.Key("text").Text(p.Text)
		j.Key("annotations").List()
		j.EndList()
	}
	j.Close()
}

func writeSummary(j *wire.JSON, text string) {
	j.Key("summary").List()
	if text != "" {
		j.Open()
		j.Key("type").Text("summary_text")
		j.Key("text").Text(text)
		j.Close()
	}
	j.EndList()
}

// writeResults writes results of tools; one that failed says so first.
func writeResults(j *wire.JSON, parts []dialect.Part) error {
	for i, p := range parts {
		if p.Kind != dialect.PartToolResult || p.Result == nil {
			return wire.WrongField("content["+strconv.Itoa(i)+"]", "a message of role tool holds results alone")
		}
		j.Open()
		j.Key("type").Text("function_call_output")
		j.Key("call_id").Text(p.Result.ID)
		j.Key("output")
		if err := writeOutput(j, p.Result); err != nil {
			return wire.Within("content["+strconv.Itoa(i)+"]", err)
		}
		j.Close()
	}
	return nil
}

func writeOutput(j *wire.JSON, result *dialect.ToolResult) error {
	text, shows := openai.ResultText(result)
	if len(shows) == 0 {
		j.Text(text)
		return nil
	}
	j.List()
	if text != "" {
		if err := writePart(j, dialect.Part{Text: text}); err != nil {
			return err
		}
	}
	for _, p := range shows {
		if err := writePart(j, p); err != nil {
			return err
		}
	}
	j.EndList()
	return nil
}
