// SPDX-License-Identifier: Apache-2.0

package responses

import (
	"encoding/json"
	"strings"

	"holdfast/gateway/dialect"
	"holdfast/gateway/dialect/wire"
)

// Tools that the client runs but that are no functions: custom ones take text instead of JSON, and a
// search for tools answers with tools. Other dialects have functions alone, so each is offered as
// one, and a call of it goes back to the client in its own form.
const (
	formCustom = "custom"
	formSearch = "tool_search"
)

// freeSchema is the one argument of a custom tool that is called as a function.
const freeSchema = `{"type":"object","properties":{"input":{"type":"string","description":"The whole input of the tool, as plain text"}},"required":["input"],"additionalProperties":false}`

// decodeGrammar reads what a custom tool's input must look like. No other dialect can hold a model to a
// grammar, so that the model is told of it; the client judges the input, as it does anyway.
func decodeGrammar(tool *dialect.Tool, v wire.Value) error {
	var kind, syntax, definition string
	err := v.Object(func(key []byte, v wire.Value) error {
		switch string(key) {
		case "type":
			return v.Into(&kind)
		case "syntax":
			return v.Into(&syntax)
		case "definition":
			return v.Into(&definition)
		}
		return unknown(v)
	})
	switch {
	case err != nil || kind == "text":
		return err
	case kind != "grammar":
		return wire.WrongField("type", "must be text or grammar")
	}
	tool.Description += "\n\nThe input must match this grammar (" + syntax + "):\n" + definition
	return nil
}

// decodeSearch reads a search for tools that the client runs itself.
func decodeSearch(r *dialect.Request, v wire.Value) error {
	tool := dialect.Tool{Name: formSearch, Form: formSearch}
	execution := "server"
	err := v.Object(func(key []byte, v wire.Value) error {
		switch string(key) {
		case "type":
			return nil
		case "execution":
			return v.Into(&execution)
		case "description":
			return v.Into(&tool.Description)
		case "parameters":
			return v.ObjectInto(&tool.Schema)
		}
		return unknown(v)
	})
	if err == nil && execution != "client" {
		err = wire.WrongField("execution", "a search for tools that OpenAI's server runs %s", untranslated)
	}
	if err != nil {
		return err
	}
	return offer(r, tool, false)
}

// decodeMoreTools reads an item that offers tools amid the conversation, or the result of a search for
// some, which is told in words.
func decodeMoreTools(r *dialect.Request, v wire.Value) error {
	result := &dialect.ToolResult{}
	before := len(r.Tools)
	err := v.Object(func(key []byte, v wire.Value) error {
		switch string(key) {
		case "type", "id", "role", "status":
			return nil
		case "execution":
			return expect(v, "client")
		case "call_id":
			return v.Into(&result.ID)
		case "tools":
			return toolbox{request: r, found: true}.list(v)
		}
		return unknown(v)
	})
	if err != nil || typeOf(v.Raw) != "tool_search_output" {
		return err
	}
	names := make([]string, 0, len(r.Tools)-before)
	for _, tool := range r.Tools[before:] {
		names = append(names, tool.Name)
	}
	text := "No other tool was found."
	if len(names) > 0 {
		text = "These tools can be called now: " + strings.Join(names, ", ")
	}
	result.Parts = []dialect.Part{{Text: text}}
	r.Messages = append(r.Messages, dialect.Message{Role: dialect.ToolRole, Parts: []dialect.Part{{Kind: dialect.PartToolResult, Result: result}}})
	return nil
}

// freeArguments are the arguments of a function that stands for a custom tool.
func freeArguments(input string) string {
	return `{"input":` + wire.Quote(input) + `}`
}

// freeInput is the text for a custom tool that was called as a function. A model that keeps to the
// tool's description and not to the schema writes the text itself.
func freeInput(arguments string) string {
	var in struct{ Input *string }
	if json.Unmarshal([]byte(arguments), &in) == nil && in.Input != nil {
		return *in.Input
	}
	return arguments
}

// writeCall writes a call of a tool in the client's form for it.
func writeCall(j *wire.JSON, call *dialect.ToolCall) {
	switch call.Form {
	case formCustom:
		j.Key("type").Text("custom_tool_call")
		j.Key("call_id").Text(call.ID)
		j.Key("name").Text(call.Name)
		j.Field("namespace", call.Space)
		j.Key("input").Text(freeInput(call.Arguments))
	case formSearch:
		j.Key("type").Text("tool_search_call")
		j.Key("call_id").Text(call.ID)
		j.Key("execution").Text("client")
		arguments := []byte(call.Arguments)
		if !(wire.Value{Raw: arguments}).IsObject() || !json.Valid(arguments) {
			arguments = []byte("{}")
		}
		j.Key("arguments").Raw(arguments)
	default:
		j.Key("type").Text("function_call")
		j.Key("call_id").Text(call.ID)
		j.Key("name").Text(call.Name)
		j.Field("namespace", call.Space)
		j.Key("arguments").Text(call.Arguments)
	}
}
