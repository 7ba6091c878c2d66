// SPDX-License-Identifier: Apache-2.0

package anthropic

import (
	"encoding/json"

	"holdfast/gateway/dialect"
	"holdfast/gateway/dialect/wire"
)

// decodeSchema reads a member that must be there and be an object.
func decodeSchema(m members, name string, place *json.RawMessage) error {
	v, ok := m[name]
	if !ok {
		return wire.WrongField(name, "is required")
	}
	if !v.IsObject() {
		return wire.WrongField(name, "must be an object")
	}
	*place = v.Copy()
	return nil
}

func decodeTools(r *dialect.Request, m members) error {
	return first(
		m.with("tools", func(v wire.Value) error {
			var found map[string]bool
			return v.List(func(_ int, v wire.Value) error {
				tool, deferred, err := decodeTool(v)
				if deferred && found == nil {
					found = shown(m)
				}
				if !deferred || found[tool.Name] {
					r.Tools = append(r.Tools, tool)
				}
				return err
			})
		}),
		m.with("tool_choice", func(v wire.Value) error { return decodeChoice(r, v) }),
	)
}

// decodeTool also tells whether the model may not see the tool yet.
func decodeTool(v wire.Value) (tool dialect.Tool, deferred bool, err error) {
	m, err := membersOf(v)
	if err != nil {
		return tool, false, err
	}
	if err := m.with("type", func(v wire.Value) error { return refuseServerTool(m, v) }); err != nil {
		return tool, false, err
	}
	if err := requireID(m, "name", &tool.Name); err != nil {
		return tool, false, err
	}
	err = first(
		m.only(
			"type", "name", "description", "input_schema", "strict", "cache_control",
			"eager_input_streaming", "allowed_callers", "defer_loading",
		),
		m.with("description", func(v wire.Value) error { return v.Into(&tool.Description) }),
		decodeSchema(m, "input_schema", &tool.Schema),
		m.with("strict", func(v wire.Value) (err error) { tool.Strict, err = v.Bool(); return err }),
		m.with("cache_control", func(v wire.Value) (err error) { tool.Cache, err = cacheLife(v); return err }),
		m.with("allowed_callers", func(v wire.Value) error {
			return v.List(func(_ int, v wire.Value) error { return expect(v, "direct") })
		}),
		m.with("defer_loading", func(v wire.Value) (err error) { deferred, err = truth(v); return err }),
	)
	return tool, deferred, err
}

// refuseServerTool refuses every tool but the client's own: the others have schemas that only
// Anthropic's models know, or run there.
func refuseServerTool(m members, v wire.Value) error {
	kind, err := v.Text()
	if err != nil || kind == "custom" {
		return err
	}
	name, _ := m.text("name")
	return wire.Wrong("the tool %q of type %s exists at Anthropic alone and cannot be put to another provider's model", name, kind)
}

func decodeChoice(r *dialect.Request, v wire.Value) error {
	m, err := membersOf(v)
	if err != nil {
		return err
	}
	kind, err := m.text("type")
	if err != nil {
		return err
	}
	switch kind {
	case "auto", "none":
		r.Choice.Mode = kind
	case "any":
		r.Choice.Mode = "required"
	case "tool":
		r.Choice.Mode = "tool"
		if err := requireID(m, "name", &r.Choice.Name); err != nil {
			return err
		}
	default:
		return wire.WrongField("type", "must be auto, any, tool or none")
	}
	return first(
		m.only("type", "name", "disable_parallel_tool_use"),
		m.with("disable_parallel_tool_use", func(v wire.Value) error {
			alone, err := truth(v)
			parallel := !alone
			r.Parallel = &parallel
			return err
		}),
	)
}

// cacheLife reads how long a prefix shall stay in the cache. What else a mark says (coding agents give
// a scope) concerns Anthropic's cache alone.
func cacheLife(v wire.Value) (string, error) {
	m, err := membersOf(v)
	if err != nil {
		return "", err
	}
	life := "5m"
	err = m.with("ttl", func(v wire.Value) error {
		ttl, err := v.Text()
		if err == nil && ttl != "5m" && ttl != "1h" {
			return wire.Wrong("must be 5m or 1h")
		}
		life = ttl
		return err
	})
	return life, err
}
