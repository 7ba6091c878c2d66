// SPDX-License-Identifier: Apache-2.0

package responses

import (
	"encoding/json"
	"slices"
	"strings"

	"holdfast/gateway/dialect"
	"holdfast/gateway/dialect/wire"
)

func decodeTools(r *dialect.Request, v wire.Value) error { return toolbox{request: r}.list(v) }

// A toolbox reads a list of tools into a request.
type toolbox struct {
	request *dialect.Request
	// space and about are the name and the description of the group, if it is one.
	space, about string
	// found: the tools stand amid the conversation, perhaps again, and are no longer deferred.
	found bool
}

func (b toolbox) list(v wire.Value) error {
	return v.List(func(_ int, v wire.Value) error {
		switch kind := typeOf(v.Raw); {
		case kind == "namespace" && b.space == "":
			return b.group(v)
		case kind == "tool_search" && b.space == "":
			return decodeSearch(b.request, v)
		}
		return b.tool(v)
	})
}

// group reads a group of functions. Other dialects have none, so that each function is named by both
// names and says what the group is.
func (b toolbox) group(v wire.Value) error {
	var tools wire.Value
	err := v.Object(func(key []byte, v wire.Value) error {
		switch string(key) {
		case "type":
			return nil
		case "name":
			return v.Into(&b.space)
		case "description":
			return v.Into(&b.about)
		case "tools":
			tools = v
			return nil
		}
		return unknown(v)
	})
	if err == nil && b.space == "" {
		err = wire.WrongField("name", "is required")
	}
	if err != nil {
		return err
	}
	return wire.Within("tools", b.list(tools))
}

// tool reads a function or a custom tool.
func (b toolbox) tool(v wire.Value) error {
	tool := dialect.Tool{Space: b.space}
	switch kind := typeOf(v.Raw); kind {
	case "function":
	case formCustom:
		tool.Form, tool.Schema = formCustom, json.RawMessage(freeSchema)
	default:
		advice := "switch it off in the client"
		if strings.HasPrefix(kind, "web_search") {
			advice += ` (Codex: web_search = "disabled")`
		}
		return wire.WrongField("type", "the tool %q is run or defined by OpenAI's server and %s; %s", kind, untranslated, advice)
	}
	err := v.Object(func(key []byte, v wire.Value) error { return b.field(&tool, string(key), v) })
	switch {
	case err != nil:
		return err
	case tool.Name == "":
		return wire.WrongField("name", "is required")
	}
	tool.Name = joined(b.space, tool.Name)
	if b.space != "" {
		tool.Description = strings.TrimSpace(b.about + "\n\n" + tool.Description)
	}
	return offer(b.request, tool, b.found)
}

func (b toolbox) field(tool *dialect.Tool, name string, v wire.Value) (err error) {
	switch {
	case name == "type" || v.IsNull():
	case name == "name":
		err = v.Into(&tool.Name)
	case name == "description":
		var about string
		err = v.Into(&about)
		tool.Description = about + tool.Description
	case name == "format" && tool.Form == formCustom:
		err = decodeGrammar(tool, v)
	case name == "strict" && tool.Form == "":
		tool.Strict, err = v.Bool()
	case name == "parameters" && tool.Form == "":
		err = v.ObjectInto(&tool.Schema)
	case name == "defer_loading" && (b.found || string(v.Raw) == "false"):
	case name == "allowed_callers":
		err = v.List(func(_ int, v wire.Value) error { return expect(v, "direct") })
	default:
		err = unknown(v)
	}
	return err
}

// offer adds a tool. One that stands amid the conversation may be there already.
func offer(r *dialect.Request, tool dialect.Tool, again bool) error {
	same := func(other dialect.Tool) bool { return other.Name == tool.Name }
	at := slices.IndexFunc(r.Tools, same)
	switch {
	case at < 0:
		r.Tools = append(r.Tools, tool)
	case r.Tools[at].Space != tool.Space || r.Tools[at].Form != tool.Form:
		return wire.WrongField("name", "is the name of two tools, %q, where there are no namespaces", tool.Name)
	case again:
		r.Tools[at] = tool
	default:
		r.Tools = append(r.Tools, tool)
	}
	return nil
}

// joined is the name of a function of a group where there are no groups.
func joined(space, name string) string {
	if space == "" {
		return name
	}
	return strings.TrimRight(space, "_") + "__" + name
}

// grouped is a call as the client names and writes it.
func grouped(req *dialect.Request, p dialect.Part) dialect.Part {
	if p.Call == nil || req == nil {
		return p
	}
	for _, tool := range req.Tools {
		if tool.Name != p.Call.Name || tool.Space == "" && tool.Form == "" {
			continue
		}
		call := *p.Call
		call.Form = tool.Form
		if tool.Space != "" {
			call.Space, call.Name = tool.Space, strings.TrimPrefix(tool.Name, joined(tool.Space, ""))
		}
		p.Call = &call
		break
	}
	return p
}
