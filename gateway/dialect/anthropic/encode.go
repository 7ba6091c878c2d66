// SPDX-License-Identifier: Apache-2.0

package anthropic

import (
	"encoding/json"
	"slices"
	"strings"

	"holdfast/gateway/dialect"
	"holdfast/gateway/dialect/wire"
)

// DefaultMaxTokens is the limit that goes to Anthropic when the client's dialect knows none and the
// gateway set none: the dialect has no request without one.
const DefaultMaxTokens = 8192

// encode writes a request, and names what it cannot say in the client's words.
func encode(r *dialect.Request) ([]byte, error) {
	body, err := encodeRequest(r)
	return body, r.Named(err)
}

// encodeRequest writes a request. Leading system and developer messages become the system prompt; later ones
// stay where they are for models that take them there, and join the system prompt for older ones.
func encodeRequest(r *dialect.Request) ([]byte, error) {
	if err := refuse(r); err != nil {
		return nil, err
	}
	spoken, err := encodeMessages(r)
	if err != nil {
		return nil, err
	}
	think, err := planThinking(r)
	if err != nil {
		return nil, err
	}
	j := make(wire.JSON, 0, len(spoken.system)+len(spoken.turns)+1024)
	j.Open()
	j.Key("model").Text(r.Model)
	j.Key("max_tokens").Int(think.limit)
	if r.Stream {
		j.Key("stream").Bool(true)
	}
	if len(spoken.system) > 1 {
		j.Key("system").Raw(append(spoken.system, ']'))
	}
	j.Key("messages").Raw(spoken.turns)
	j.FloatField("temperature", r.Temperature)
	j.FloatField("top_p", r.TopP)
	if r.TopK != nil {
		j.Key("top_k").Int(*r.TopK)
	}
	j.TextsField("stop_sequences", r.Stop)
	writeHints(&j, r)
	if err := writeTools(&j, r); err != nil {
		return nil, err
	}
	if err := writeOutput(&j, r, think); err != nil {
		return nil, err
	}
	j.Close()
	return j, nil
}

// refuse names what no Messages request can say.
func refuse(r *dialect.Request) error {
	nonzero := func(f *float64) bool { return f != nil && *f != 0 }
	const never = "cannot be put to a model that speaks Anthropic's Messages API"
	switch {
	case r.Choices > 1:
		return wire.WrongField("n", "more than one answer "+never)
	case nonzero(r.Frequency):
		return wire.WrongField("frequency_penalty", never)
	case nonzero(r.Presence):
		return wire.WrongField("presence_penalty", never)
	case r.Seed != nil:
		return wire.WrongField("seed", never)
	case r.Verbosity != "" && r.Verbosity != "medium":
		return wire.WrongField("verbosity", never)
	case r.Store != nil && *r.Store:
		return wire.WrongField("store", never)
	case r.Temperature != nil && *r.Temperature > 1:
		return wire.WrongField("temperature", "above 1 "+never)
	case slices.ContainsFunc(r.Stop, func(stop string) bool { return strings.TrimSpace(stop) == "" }):
		return wire.WrongField("stop", "a sequence of white space "+never)
	}
	switch r.Tier {
	case "", "auto", "default", "standard":
		return nil
	}
	return wire.WrongField("service_tier", "%q "+never, r.Tier)
}

func writeHints(j *wire.JSON, r *dialect.Request) {
	switch r.Tier {
	case "auto":
		j.Key("service_tier").Text("auto")
	case "default", "standard":
		j.Key("service_tier").Text("standard_only")
	}
	if r.User != "" {
		j.Key("metadata").Open()
		j.Key("user_id").Text(r.User)
		j.Close()
	}
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
		j.Key("name").Text(tool.Name)
		j.Field("description", tool.Description)
		j.Key("input_schema").Raw(inputSchema(tool.Schema))
		if tool.Strict != nil && *tool.Strict {
			j.Key("strict").Bool(true)
		}
		writeCache(j, tool.Cache)
		j.Close()
	}
	j.EndList()
	return writeChoice(j, r)
}

// inputSchema is a tool's schema. It must be an object of type object.
func inputSchema(schema json.RawMessage) []byte {
	if len(schema) == 0 || string(schema) == "null" || string(schema) == "{}" {
		return []byte(`{"type":"object","properties":{}}`)
	}
	return schema
}

func writeChoice(j *wire.JSON, r *dialect.Request) error {
	alone := r.Parallel != nil && !*r.Parallel
	mode := ""
	switch r.Choice.Mode {
	case "":
		if !alone {
			return nil
		}
		mode = "auto"
	case "auto", "none", "tool":
		mode = r.Choice.Mode
	case "required":
		mode = "any"
	default:
		return wire.WrongField("tool_choice", "%q cannot be put to a model that speaks Anthropic's Messages API", r.Choice.Mode)
	}
	j.Key("tool_choice").Open()
	j.Key("type").Text(mode)
	if mode == "tool" {
		j.Key("name").Text(r.Choice.Name)
	}
	if alone && mode != "none" {
		j.Key("disable_parallel_tool_use").Bool(true)
	}
	j.Close()
	return nil
}

// writeOutput writes how much is thought and the form of the answer.
func writeOutput(j *wire.JSON, r *dialect.Request, think thinkPlan) error {
	if think.mode != "" {
		j.Key("thinking").Open()
		j.Key("type").Text(think.mode)
		j.IntField("budget_tokens", think.budget)
		j.Field("display", think.display)
		j.Close()
	}
	schema, err := formatSchema(r.Format)
	if err != nil || (think.effort == "" && schema == nil) {
		return err
	}
	j.Key("output_config").Open()
	j.Field("effort", think.effort)
	if schema != nil {
		j.Key("format").Open()
		j.Key("type").Text("json_schema")
		j.Key("schema").Raw(schema)
		j.Close()
	}
	j.Close()
	return nil
}

// formatSchema is the schema that the answer must have; nil for any text. The format's name is a
// label and left out; its description, which the model reads, goes into the schema.
func formatSchema(f *dialect.Format) (json.RawMessage, error) {
	switch {
	case f == nil || f.Type == "text" || f.Type == "":
		return nil, nil //nolint:nilnil // no schema is no error
	case f.Type != "json_schema":
		return nil, wire.WrongField("response_format", "%s has no schema and cannot be put to a model that speaks Anthropic's Messages API; want json_schema", f.Type)
	case len(f.Schema) == 0 || f.Schema[0] != '{':
		return nil, wire.WrongField("response_format", "json_schema needs a schema")
	case f.Description == "":
		return f.Schema, nil
	}
	described := false
	eachMember(f.Schema, func(key, _ []byte) { described = described || string(key) == "description" })
	if described {
		return f.Schema, nil
	}
	var j wire.JSON
	j.Open()
	j.Key("description").Text(f.Description)
	eachMember(f.Schema, func(key, value []byte) {
		j.Text(string(key))
		j = append(j, ':')
		j = append(j, value...)
	})
	j.Close()
	return json.RawMessage(j), nil
}
