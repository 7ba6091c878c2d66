// SPDX-License-Identifier: Apache-2.0

package anthropic

import (
	"math"
	"slices"
	"strings"

	"holdfast/gateway/dialect"
	"holdfast/gateway/dialect/wire"
)

// members are an object's members that are not null, by name.
type members map[string]wire.Value

func membersOf(v wire.Value) (members, error) {
	m := members{}
	err := v.Object(func(key []byte, v wire.Value) error {
		if !v.IsNull() {
			m[string(key)] = v
		}
		return nil
	})
	return m, err
}

// only refuses members of other names: what is not understood cannot be translated.
func (m members) only(names ...string) error {
	var unknown []string
	for name := range m {
		if !slices.Contains(names, name) {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	return wire.WrongField(slices.Min(unknown), "cannot be put to a model that does not speak Anthropic's Messages API")
}

// text reads a member that must be there and be a string.
func (m members) text(name string) (string, error) {
	v, ok := m[name]
	if !ok {
		return "", wire.WrongField(name, "is required")
	}
	text, err := v.Text()
	if err != nil {
		return "", wire.Within(name, err)
	}
	return text, nil
}

// with reads a member if it is there.
func (m members) with(name string, read func(wire.Value) error) error {
	v, ok := m[name]
	if !ok {
		return nil
	}
	if err := read(v); err != nil {
		return wire.Within(name, err)
	}
	return nil
}

// first returns the first error.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func decode(body []byte) (*dialect.Request, error) {
	v, err := wire.Check(body)
	if err != nil {
		return nil, err
	}
	m, err := membersOf(v)
	if err != nil {
		return nil, err
	}
	r := &dialect.Request{UsageAsked: true, Words: words()}
	if err := first(decodeSettings(r, m), decodeConversation(r, m), decodeTools(r, m), decodeThinking(r, m), decodeTurns(r, m)); err != nil {
		return nil, err
	}
	if err := m.only(
		"model", "messages", "max_tokens", "stream", "system", "temperature", "top_p", "top_k", "stop_sequences",
		"metadata", "service_tier", "tools", "tool_choice", "thinking", "output_config", "output_format",
		"cache_control", "context_management", "speed", "diagnostics",
	); err != nil {
		return nil, err
	}
	_, limited := m["max_tokens"]
	return r, missing(r.Model, r.Messages != nil, limited)
}

// words are the dialect's names of settings that translations name as chat completions do.
func words() map[string]string {
	return map[string]string{
		"stop": "stop_sequences", "reasoning_effort": "output_config.effort", "response_format": "output_config.format",
		"max_completion_tokens": "max_tokens", "parallel_tool_calls": "tool_choice.disable_parallel_tool_use", "user": "metadata.user_id",
	}
}

func decodeSettings(r *dialect.Request, m members) error {
	return first(
		m.with("model", func(v wire.Value) error { return v.Into(&r.Model) }),
		m.with("stream", func(v wire.Value) (err error) { r.Stream, err = truth(v); return err }),
		m.with("max_tokens", func(v wire.Value) error { return decodeLimit(r, v) }),
		m.with("temperature", func(v wire.Value) (err error) { r.Temperature, err = v.Float(); return err }),
		m.with("top_p", func(v wire.Value) (err error) { r.TopP, err = v.Float(); return err }),
		m.with("top_k", func(v wire.Value) error {
			k, err := v.Int(0, math.MaxInt32)
			r.TopK = &k
			return err
		}),
		m.with("stop_sequences", func(v wire.Value) error {
			return v.List(func(_ int, v wire.Value) error {
				stop, err := v.Text()
				r.Stop = append(r.Stop, stop)
				return err
			})
		}),
		m.with("metadata", func(v wire.Value) error { return decodeMetadata(r, v) }),
		m.with("service_tier", func(v wire.Value) error { return decodeTier(r, v) }),
		m.with("speed", func(v wire.Value) error { return expect(v, "standard") }),
		m.with("context_management", clearsThinkingAlone),
	)
}

// decodeLimit refuses 0, which fills Anthropic's cache and asks for no answer.
func decodeLimit(r *dialect.Request, v wire.Value) error {
	n, err := v.Int(0, math.MaxInt32)
	if err == nil && n == 0 {
		return wire.Wrong("0 fills the prompt cache of Anthropic's models and cannot be put to another")
	}
	r.MaxOutput = n
	return err
}

// expect refuses every word but the one that asks for nothing special.
func expect(v wire.Value, word string) error {
	text, err := v.Text()
	if err == nil && text != word {
		return wire.Wrong("%q cannot be put to a model that does not speak Anthropic's Messages API", text)
	}
	return err
}

func decodeMetadata(r *dialect.Request, v wire.Value) error {
	m, err := membersOf(v)
	if err != nil {
		return err
	}
	return first(m.only("user_id"), m.with("user_id", func(v wire.Value) error { return v.Into(&r.User) }))
}

func decodeTier(r *dialect.Request, v wire.Value) error {
	tier, err := v.Text()
	switch {
	case err != nil:
		return err
	case tier == "auto":
		r.Tier = "auto"
	case tier == "standard_only":
		r.Tier = "default"
	default:
		return wire.Wrong("must be auto or standard_only")
	}
	return nil
}

// clearsThinkingAlone allows edits of the context that only clear old thinking: other models never
// see it.
func clearsThinkingAlone(v wire.Value) error {
	m, err := membersOf(v)
	if err != nil {
		return err
	}
	return first(m.only("edits"), m.with("edits", func(v wire.Value) error {
		return v.List(func(_ int, v wire.Value) error {
			edit, err := membersOf(v)
			if err != nil {
				return err
			}
			kind, err := edit.text("type")
			if err == nil && !strings.HasPrefix(kind, "clear_thinking_") {
				err = wire.WrongField("type", "%q cannot be put to a model that does not speak Anthropic's Messages API", kind)
			}
			return err
		})
	}))
}

func decodeThinking(r *dialect.Request, m members) error {
	return first(
		m.with("thinking", func(v wire.Value) error { return decodeThinkingMode(r, v) }),
		m.with("output_config", func(v wire.Value) error { return decodeOutput(r, v) }),
		m.with("output_format", func(v wire.Value) error { return decodeFormat(r, v) }),
	)
}

func reasoning(r *dialect.Request) *dialect.Reasoning {
	if r.Reasoning == nil {
		r.Reasoning = new(dialect.Reasoning)
	}
	return r.Reasoning
}

func decodeThinkingMode(r *dialect.Request, v wire.Value) error {
	m, err := membersOf(v)
	if err != nil {
		return err
	}
	kind, err := m.text("type")
	if err != nil {
		return err
	}
	how := reasoning(r)
	switch kind {
	case "disabled":
		how.Off = true
		return m.only("type")
	case "adaptive":
		how.Summary = "auto"
		return first(m.only("type", "display"), m.with("display", displayOf(how)))
	case "enabled":
		how.Summary = "auto"
		return first(
			m.only("type", "display", "budget_tokens"),
			m.with("display", displayOf(how)),
			m.with("budget_tokens", func(v wire.Value) (err error) { how.Budget, err = v.Int(1024, math.MaxInt32); return err }),
		)
	}
	return wire.WrongField("type", "%q cannot be put to a model that does not speak Anthropic's Messages API", kind)
}

// displayOf reads whether the model tells of its thinking.
func displayOf(how *dialect.Reasoning) func(wire.Value) error {
	return func(v wire.Value) error {
		display, err := v.Text()
		switch {
		case err != nil:
			return err
		case display == "omitted":
			how.Summary = ""
		case display != "summarized":
			return wire.Wrong("must be summarized or omitted")
		}
		return nil
	}
}

func decodeOutput(r *dialect.Request, v wire.Value) error {
	m, err := membersOf(v)
	if err != nil {
		return err
	}
	return first(
		m.only("effort", "format"),
		m.with("effort", func(v wire.Value) error { return decodeEffort(v, &reasoning(r).Effort) }),
		m.with("format", func(v wire.Value) error { return decodeFormat(r, v) }),
	)
}

func decodeFormat(r *dialect.Request, v wire.Value) error {
	if r.Format != nil {
		return wire.Wrong("is given twice: output_config.format says the same")
	}
	m, err := membersOf(v)
	if err != nil {
		return err
	}
	strict := true
	r.Format = &dialect.Format{Type: "json_schema", Strict: &strict}
	return first(
		m.only("type", "schema"),
		m.with("type", func(v wire.Value) error { return expect(v, "json_schema") }),
		decodeSchema(m, "schema", &r.Format.Schema),
	)
}
