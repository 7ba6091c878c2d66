// SPDX-License-Identifier: Apache-2.0

package openai

import (
	"strings"

	"holdfast/gateway/dialect"
	"holdfast/gateway/dialect/wire"
)

// A Form is what differs between the servers that speak chat completions.
type Form struct {
	// OldLimit: the limit on the answer is called max_tokens, not max_completion_tokens.
	OldLimit bool
	// Thoughts are how earlier thinking goes back to the server: not at all (OpenAI's own refuses it),
	// as reasoning_content, or as reasoning_details.
	Thoughts Thoughts
	// Signed: Gemini from 3 on refuses calls of earlier turns without the signature of its thought.
	Signed bool

	sign bool // those of this request
}

// unsigned is what Google lets stand for the signature of a call that another model made, or whose
// signature the client's dialect has no place for.
const unsigned = "skip_thought_signature_validator"

// wantsSignatures tells the models that refuse calls without a signature.
func wantsSignatures(model string) bool {
	_, version, gemini := strings.Cut(model, "gemini-")
	return gemini && !strings.HasPrefix(version, "1") && !strings.HasPrefix(version, "2")
}

// Thoughts are how earlier thinking goes back to a server.
type Thoughts int

// The ways.
const (
	ThoughtsStay Thoughts = iota
	ThoughtsContent
	ThoughtsDetails
)

// unspeakable ends the sentence about a field that chat completions have no word for.
const unspeakable = "cannot be put to a model that speaks OpenAI's chat completions"

// encode writes a request. What changes nothing about the answer (user, metadata, marks of what to
// cache, how thinking is shown) is left out.
func (f Form) encode(r *dialect.Request) ([]byte, error) {
	f.sign = f.Signed && wantsSignatures(r.Model)
	j := make(wire.JSON, 0, 1024)
	j.Open()
	j.Key("model").Text(r.Model)
	if err := f.writeMessages(&j, r); err != nil {
		return nil, r.Named(err)
	}
	if err := writeTools(&j, r); err != nil {
		return nil, r.Named(err)
	}
	if err := f.writeSettings(&j, r); err != nil {
		return nil, r.Named(err)
	}
	j.Close()
	return j, nil
}

func (f Form) writeSettings(j *wire.JSON, r *dialect.Request) error {
	if r.Stream {
		j.Key("stream").Bool(true)
		j.Key("stream_options").Open()
		j.Key("include_usage").Bool(true)
		j.Close()
	}
	if f.OldLimit {
		j.IntField("max_tokens", r.MaxOutput)
	} else {
		j.IntField("max_completion_tokens", r.MaxOutput)
	}
	j.FloatField("temperature", r.Temperature)
	j.FloatField("top_p", r.TopP)
	j.FloatField("frequency_penalty", r.Frequency)
	j.FloatField("presence_penalty", r.Presence)
	if r.Seed != nil {
		j.Key("seed").Int(*r.Seed)
	}
	j.TextsField("stop", r.Stop)
	switch {
	case r.TopK != nil:
		return wire.WrongField("top_k", unspeakable)
	case r.Choices > 1:
		return wire.WrongField("n", "more than one answer "+unspeakable)
	}
	j.Field("reasoning_effort", Effort(r.Reasoning))
	j.Field("verbosity", r.Verbosity)
	if r.Tier != "auto" {
		j.Field("service_tier", r.Tier)
	}
	if r.Store != nil && *r.Store {
		j.Key("store").Bool(true)
	}
	return writeFormat(j, r.Format)
}

// Effort is OpenAI's word for how much shall be thought. A budget in tokens becomes the nearest word.
func Effort(how *dialect.Reasoning) string {
	switch {
	case how == nil:
		return ""
	case how.Off:
		return "none"
	case how.Effort != "":
		return how.Effort
	case how.Budget <= 0:
		return ""
	case how.Budget <= 2048:
		return "low"
	case how.Budget <= 8192:
		return "medium"
	}
	return "high"
}

func writeFormat(j *wire.JSON, f *dialect.Format) error {
	if f == nil || f.Type == "text" || f.Type == "" {
		return nil
	}
	j.Key("response_format").Open()
	j.Key("type").Text(f.Type)
	if f.Type == "json_schema" {
		j.Key("json_schema").Open()
		WriteSchema(j, f)
		j.Close()
	}
	j.Close()
	return nil
}

// WriteSchema writes the members of a JSON schema's description.
func WriteSchema(j *wire.JSON, f *dialect.Format) {
	name := f.Name
	if name == "" {
		name = "answer"
	}
	j.Key("name").Text(name)
	j.Field("description", f.Description)
	j.Key("schema")
	writeRaw(j, f.Schema)
	j.BoolField("strict", f.Strict)
}

func writeRaw(j *wire.JSON, raw []byte) {
	if len(raw) == 0 {
		raw = []byte("{}")
	}
	j.Raw(raw)
}

func writeTools(j *wire.JSON, r *dialect.Request) error {
	if len(r.Tools) == 0 {
		if r.Choice.Mode == "required" || r.Choice.Mode == "tool" {
			return wire.WrongField("tool_choice", "wants a tool called, but tools are missing")
		}
		return nil
	}
	j.Key("tools").List()
	for _, tool := range r.Tools {
		j.Open()
		j.Key("type").Text("function")
		j.Key("function").Open()
		j.Key("name").Text(tool.Name)
		j.Field("description", tool.Description)
		if len(tool.Schema) > 0 {
			j.Key("parameters").Raw(tool.Schema)
		}
		j.BoolField("strict", tool.Strict)
		j.Close()
		j.Close()
	}
	j.EndList()
	switch r.Choice.Mode {
	case "":
	case "auto", "none", "required":
		j.Key("tool_choice").Text(r.Choice.Mode)
	case "tool":
		j.Key("tool_choice").Open()
		j.Key("type").Text("function")
		j.Key("function").Open()
		j.Key("name").Text(r.Choice.Name)
		j.Close()
		j.Close()
	default:
		return wire.WrongField("tool_choice", "%q "+unspeakable, r.Choice.Mode)
	}
	j.BoolField("parallel_tool_calls", r.Parallel)
	return nil
}
