// SPDX-License-Identifier: Apache-2.0

package responses

import (
	"slices"
	"strings"

	"holdfast/gateway/dialect"
	"holdfast/gateway/dialect/wire"
)

func decodeTools(r *dialect.Request, v wire.Value) error {
	return v.List(func(_ int, v wire.Value) error {
		if typeOf(v.Raw) == "namespace" {
			return decodeSpace(r, v)
		}
		return decodeTool(r, v, "", "")
	})
}

// decodeSpace reads a group of functions. Other dialects have none, so that each function is named by
// both names and says what the group is.
func decodeSpace(r *dialect.Request, v wire.Value) error {
	var name, about string
	var tools wire.Value
	err := v.Object(func(key []byte, v wire.Value) error {
		switch string(key) {
		case "type":
			return nil
		case "name":
			return v.Into(&name)
		case "description":
			return v.Into(&about)
		case "tools":
			tools = v
			return nil
		}
		return unknown(v)
	})
	if err == nil && name == "" {
		err = wire.WrongField("name", "is required")
	}
	if err != nil {
		return err
	}
	return wire.Within("tools", tools.List(func(_ int, v wire.Value) error { return decodeTool(r, v, name, about) }))
}

// decodeTool reads a function, of the group space unless that is empty.
func decodeTool(r *dialect.Request, v wire.Value, space, about string) error {
	if kind := typeOf(v.Raw); kind != "function" {
		return wire.WrongField("type", "the tool %q is run or defined by OpenAI's server and %s; switch it off in the client", kind, untranslated)
	}
	tool := dialect.Tool{Space: space}
	err := v.Object(func(key []byte, v wire.Value) (err error) {
		switch string(key) {
		case "type":
		case "name":
			err = v.Into(&tool.Name)
		case "description":
			err = v.Into(&tool.Description)
		case "strict":
			tool.Strict, err = v.Bool()
		case "parameters":
			if v.IsNull() {
				return nil
			}
			if !v.IsObject() {
				return wire.Wrong("must be an object")
			}
			tool.Schema = v.Copy()
		default:
			err = unknown(v)
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case tool.Name == "":
		return wire.WrongField("name", "is required")
	}
	tool.Name = joined(space, tool.Name)
	if space != "" {
		tool.Description = strings.TrimSpace(about + "\n\n" + tool.Description)
	}
	if slices.ContainsFunc(r.Tools, func(other dialect.Tool) bool { return other.Name == tool.Name && other.Space != space }) {
		return wire.WrongField("name", "is the name of two tools, %q, where there are no namespaces", tool.Name)
	}
	r.Tools = append(r.Tools, tool)
	return nil
}

// joined is the name of a function of a group where there are no groups.
func joined(space, name string) string {
	if space == "" {
		return name
	}
	return strings.TrimRight(space, "_") + "__" + name
}

// grouped is a call as the client names the tool.
func grouped(req *dialect.Request, p dialect.Part) dialect.Part {
	if p.Call == nil || req == nil {
		return p
	}
	for _, tool := range req.Tools {
		if tool.Space != "" && tool.Name == p.Call.Name {
			call := *p.Call
			call.Space, call.Name = tool.Space, strings.TrimPrefix(tool.Name, joined(tool.Space, ""))
			p.Call = &call
			break
		}
	}
	return p
}
