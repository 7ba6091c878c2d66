// SPDX-License-Identifier: Apache-2.0

package openai

import (
	"holdfast/gateway/dialect"
	"holdfast/gateway/dialect/wire"
)

func decodeTools(r *dialect.Request, v wire.Value) error {
	return v.List(func(_ int, v wire.Value) error {
		tool, err := decodeTool(v)
		r.Tools = append(r.Tools, tool)
		return err
	})
}

func decodeTool(v wire.Value) (dialect.Tool, error) {
	var tool dialect.Tool
	given := false
	err := v.Object(func(key []byte, v wire.Value) error {
		switch string(key) {
		case "type":
			return expect(v, "function")
		case "function":
			given = true
			return decodeFunction(&tool, v)
		case "cache_control":
			return decodeCache(&tool.Cache, v)
		}
		return unknown(v)
	})
	switch {
	case err != nil:
		return tool, err
	case !given:
		return tool, wire.WrongField("function", "is required")
	case tool.Name == "":
		return tool, wire.WrongField("function.name", "is required")
	}
	return tool, nil
}

func decodeFunction(tool *dialect.Tool, v wire.Value) error {
	return v.Object(func(key []byte, v wire.Value) error {
		switch string(key) {
		case "name":
			return v.Into(&tool.Name)
		case "description":
			return v.Into(&tool.Description)
		case "parameters":
			return v.ObjectInto(&tool.Schema)
		case "strict":
			return optional(v, &tool.Strict)
		}
		return unknown(v)
	})
}

// expect refuses every word but one.
func expect(v wire.Value, word string) error {
	text, err := v.Text()
	if err == nil && text != word {
		return wire.Wrong("%q %s", text, untranslated)
	}
	return err
}

// decodeCache reads a mark of OpenRouter's: the prefix up to here shall be cached.
func decodeCache(place *string, v wire.Value) error {
	if v.IsNull() {
		return nil
	}
	*place = "5m"
	return v.Object(func(key []byte, v wire.Value) error {
		switch string(key) {
		case "type":
			return expect(v, "ephemeral")
		case "ttl":
			if err := v.Into(place); err != nil {
				return err
			}
			if *place != "5m" && *place != "1h" {
				return wire.Wrong("must be 5m or 1h")
			}
			return nil
		}
		return unknown(v)
	})
}

func decodeChoice(r *dialect.Request, v wire.Value) error {
	if v.IsText() {
		return ChoiceWord(r, v)
	}
	r.Choice.Mode = "tool"
	err := v.Object(func(key []byte, v wire.Value) error {
		switch string(key) {
		case "type":
			return expect(v, "function")
		case "function":
			return v.Object(func(key []byte, v wire.Value) error {
				if string(key) == "name" {
					return v.Into(&r.Choice.Name)
				}
				return unknown(v)
			})
		}
		return unknown(v)
	})
	if err == nil && r.Choice.Name == "" {
		return wire.WrongField("function.name", "is required")
	}
	return err
}

func decodeFormat(r *dialect.Request, v wire.Value) error {
	var f dialect.Format
	err := v.Object(func(key []byte, v wire.Value) error {
		switch string(key) {
		case "type":
			return v.Into(&f.Type)
		case "json_schema":
			return v.Object(func(key []byte, v wire.Value) error { return FormatField(&f, key, v) })
		}
		return unknown(v)
	})
	if err != nil {
		return err
	}
	return SetFormat(r, f, "json_schema.schema")
}
