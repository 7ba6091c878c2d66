// SPDX-License-Identifier: Apache-2.0

package responses

import (
	"math"

	"holdfast/gateway/dialect"
	"holdfast/gateway/dialect/openai"
	"holdfast/gateway/dialect/wire"
)

// untranslated ends the sentence about a field that only a model of this dialect understands.
const untranslated = "cannot be put to a model that does not speak OpenAI's Responses API"

// words are this dialect's names of fields, by those of chat completions.
func words() map[string]string {
	return map[string]string{
		"messages": "input", "max_completion_tokens": "max_output_tokens", "max_tokens": "max_output_tokens",
		"system": "instructions", "response_format": "text.format", "verbosity": "text.verbosity", "reasoning_effort": "reasoning.effort",
	}
}

// decode reads a request that is to be put to a provider of another dialect.
func decode(body []byte) (*dialect.Request, error) {
	v, err := wire.Check(body)
	if err != nil {
		return nil, err
	}
	r := &dialect.Request{UsageAsked: true, Words: words()}
	var input wire.Value
	instructions := ""
	err = v.Object(func(key []byte, v wire.Value) error {
		switch name := string(key); name {
		case "input":
			input = v
			return nil
		case "instructions":
			return v.Into(&instructions)
		default:
			return decodeField(r, name, v)
		}
	})
	if err != nil {
		return nil, err
	}
	if instructions != "" {
		r.Messages = []dialect.Message{{Role: dialect.System, Parts: []dialect.Part{{Text: instructions}}}}
		r.Places = []int{-1}
	}
	if r.Model == "" {
		return nil, wire.WrongField("model", "is required")
	}
	if input.IsNull() {
		return nil, wire.WrongField("input", "is required")
	}
	if err := decodeInput(r, input); err != nil {
		return nil, wire.Within("input", err)
	}
	return r, nil
}

func decodeField(r *dialect.Request, name string, v wire.Value) (err error) {
	if v.IsNull() {
		return nil
	}
	if known, err := openai.SharedField(r, name, v); known {
		return err
	}
	switch name {
	case "max_output_tokens":
		r.MaxOutput, err = v.Int(1, math.MaxInt32)
	case "tools":
		return decodeTools(r, v)
	case "tool_choice":
		return decodeChoice(r, v)
	case "text":
		return decodeText(r, v)
	case "reasoning":
		return decodeReasoning(r, v)
	default:
		return decodeOdd(name, v)
	}
	return err
}

// decodeOdd reads what only a server of this dialect could do, and passes over what changes nothing
// about the answer.
func decodeOdd(name string, v wire.Value) error {
	switch name {
	case "client_metadata":
		return nil // what Codex says of itself
	case "max_tool_calls":
		return nil // it bounds tools that the server runs, and there are none
	case "stream_options":
		return v.Object(func(key []byte, v wire.Value) error {
			if string(key) == "include_obfuscation" {
				return nil
			}
			return unknown(v)
		})
	case "store":
		if string(v.Raw) != "false" {
			return wire.Wrong("%s: nothing is kept of this response", untranslated)
		}
		return nil
	case "truncation":
		return expect(v, "disabled")
	case "include":
		return v.List(func(_ int, v wire.Value) error { return expect(v, "reasoning.encrypted_content") })
	case "top_logprobs", "background":
		if string(v.Raw) == "0" || wire.Blank(v.Raw) {
			return nil
		}
	}
	return wire.Wrong("%s", untranslated)
}

func unknown(v wire.Value) error {
	if v.IsNull() {
		return nil
	}
	return wire.Wrong("%s", untranslated)
}

// expect refuses every word but one.
func expect(v wire.Value, word string) error {
	text, err := v.Text()
	if err == nil && text != word {
		return wire.Wrong("%q %s", text, untranslated)
	}
	return err
}

func decodeText(r *dialect.Request, v wire.Value) error {
	return v.Object(func(key []byte, v wire.Value) error {
		switch string(key) {
		case "verbosity":
			return v.Into(&r.Verbosity)
		case "format":
			return decodeFormat(r, v)
		}
		return unknown(v)
	})
}

func decodeFormat(r *dialect.Request, v wire.Value) error {
	if v.IsNull() {
		return nil
	}
	var f dialect.Format
	err := v.Object(func(key []byte, v wire.Value) error {
		if string(key) == "type" {
			return v.Into(&f.Type)
		}
		return openai.FormatField(&f, key, v)
	})
	if err != nil {
		return err
	}
	return openai.SetFormat(r, f, "schema")
}

func decodeReasoning(r *dialect.Request, v wire.Value) error {
	how := &dialect.Reasoning{}
	r.Reasoning = how
	return v.Object(func(key []byte, v wire.Value) error {
		switch string(key) {
		case "effort":
			if err := v.Into(&how.Effort); err != nil {
				return err
			}
			how.Off = how.Effort == "none"
			switch how.Effort {
			case "", "none", "minimal", "low", "medium", "high", "xhigh", "max":
				return nil
			}
			return wire.Wrong("must be none, minimal, low, medium, high, xhigh or max")
		case "summary", "generate_summary":
			return v.Into(&how.Summary)
		case "context": // what the client sends of earlier thinking goes on where the model takes it back
			if string(v.Raw) == `"all_turns"` || v.IsNull() {
				return nil
			}
			return expect(v, "auto")
		case "mode":
			if v.IsNull() {
				return nil
			}
			return expect(v, "auto")
		}
		return unknown(v)
	})
}

func decodeChoice(r *dialect.Request, v wire.Value) error {
	if v.IsText() {
		return openai.ChoiceWord(r, v)
	}
	r.Choice.Mode = "tool"
	err := v.Object(func(key []byte, v wire.Value) error {
		switch string(key) {
		case "type":
			if string(v.Raw) == `"custom"` {
				return nil
			}
			return expect(v, "function")
		case "name":
			return v.Into(&r.Choice.Name)
		}
		return unknown(v)
	})
	if err == nil && r.Choice.Name == "" {
		return wire.WrongField("name", "is required")
	}
	return err
}
