// SPDX-License-Identifier: Apache-2.0

package openai

import (
	"holdfast/gateway/dialect"
	"holdfast/gateway/dialect/wire"
)

// What the dialects of OpenAI say alike.

// SharedField reads a member of a request that chat completions and Responses share; false when it is
// none of those.
func SharedField(r *dialect.Request, name string, v wire.Value) (known bool, err error) {
	switch name {
	case "model":
		err = v.Into(&r.Model)
	case "stream":
		err = flag(v, &r.Stream)
	case "temperature":
		r.Temperature, err = v.Float()
	case "top_p":
		r.TopP, err = v.Float()
	case "parallel_tool_calls":
		r.Parallel, err = v.Bool()
	case "service_tier":
		err = v.Into(&r.Tier)
	case "user", "safety_identifier":
		err = v.Into(&r.User)
	case "metadata":
		r.Metadata, err = v.Texts()
	case "prompt_cache_key", "prompt_cache_retention", "prompt_cache_options": // hints of where to find a cached prompt
	default:
		return false, nil
	}
	return true, err
}

// ChoiceWord reads a choice of tools that is a word.
func ChoiceWord(r *dialect.Request, v wire.Value) error {
	mode, err := v.Text()
	switch mode {
	case "auto", "none", "required":
		r.Choice.Mode = mode
		return err
	}
	return wire.Wrong("must be auto, none, required or a function")
}

// SetFormat takes the form of the answer, whose schema the client names by the path schema.
func SetFormat(r *dialect.Request, f dialect.Format, schema string) error {
	switch {
	case f.Type == "text":
		return nil
	case f.Type == "json_object":
	case f.Type != "json_schema":
		return wire.WrongField("type", "must be text, json_object or json_schema")
	case f.Schema == nil:
		return wire.WrongField(schema, "is required")
	}
	r.Format = &f
	return nil
}

// FormatField reads one member of a JSON schema's description, which the dialects of OpenAI share.
func FormatField(f *dialect.Format, key []byte, v wire.Value) error {
	switch string(key) {
	case "name":
		return v.Into(&f.Name)
	case "description":
		return v.Into(&f.Description)
	case "schema":
		return v.ObjectInto(&f.Schema)
	case "strict":
		return optional(v, &f.Strict)
	}
	return unknown(v)
}
