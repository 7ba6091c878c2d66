// SPDX-License-Identifier: Apache-2.0

package openai

import (
	"math"

	"holdfast/gateway/dialect"
	"holdfast/gateway/dialect/wire"
)

// untranslated ends the sentence about a field that only a model of this dialect understands.
const untranslated = "cannot be put to a model that does not speak OpenAI's chat completions"

// decode reads a request that is to be put to a provider of another dialect.
func decode(body []byte) (*dialect.Request, error) {
	v, err := wire.Check(body)
	if err != nil {
		return nil, err
	}
	r := &dialect.Request{}
	messages := false
	err = v.Object(func(key []byte, v wire.Value) error {
		name := string(key)
		if name == "messages" {
			messages = true
			return decodeMessages(r, v)
		}
		return decodeField(r, name, v)
	})
	switch {
	case err != nil:
		return nil, err
	case r.Model == "":
		return nil, wire.WrongField("model", "is required")
	case !messages:
		return nil, wire.WrongField("messages", "is required")
	}
	return r, nil
}

// decodeField reads one member of a request beside its messages.
func decodeField(r *dialect.Request, name string, v wire.Value) error {
	if v.IsNull() {
		return nil
	}
	if known, err := SharedField(r, name, v); known {
		return err
	}
	switch name {
	case "stream_options":
		return decodeStreamOptions(r, v)
	case "tools":
		return decodeTools(r, v)
	case "tool_choice":
		return decodeChoice(r, v)
	case "response_format":
		return decodeFormat(r, v)
	case "reasoning_effort", "reasoning", "thinking", "verbosity":
		return decodeReasoning(r, name, v)
	case "store":
		return optional(v, &r.Store)
	}
	return decodeSampling(r, name, v)
}

// decodeSampling reads what bounds and steers the answer.
func decodeSampling(r *dialect.Request, name string, v wire.Value) (err error) {
	switch name {
	case "max_completion_tokens":
		r.MaxOutput, err = v.Int(1, math.MaxInt32)
	case "max_tokens":
		limit, wrong := v.Int(1, math.MaxInt32)
		if r.MaxOutput == 0 {
			r.MaxOutput = limit
		}
		err = wrong
	case "top_k":
		k, wrong := v.Int(0, math.MaxInt32)
		r.TopK, err = &k, wrong
	case "frequency_penalty":
		r.Frequency, err = v.Float()
	case "presence_penalty":
		r.Presence, err = v.Float()
	case "seed":
		seed, wrong := v.Int(math.MinInt64, math.MaxInt64)
		r.Seed, err = &seed, wrong
	case "stop":
		r.Stop, err = texts(v)
	case "n":
		return decodeChoices(v)
	default:
		return refuseField(name, v)
	}
	return err
}

func decodeChoices(v wire.Value) error {
	n, err := v.Int(1, 128)
	if err == nil && n > 1 {
		return wire.Wrong("more than one answer %s", untranslated)
	}
	return err
}

// refuseField refuses what only this dialect knows, unless it asks for nothing.
func refuseField(name string, v wire.Value) error {
	switch name {
	case "functions":
		return wire.Wrong("is not supported any more: tools say the same")
	case "function_call":
		return wire.Wrong("is not supported any more: tool_choice says the same")
	case "logprobs", "logit_bias", "top_logprobs":
		if wire.Blank(v.Raw) || string(v.Raw) == "0" {
			return nil
		}
	case "modalities":
		list, err := texts(v)
		if err == nil && len(list) == 1 && list[0] == "text" {
			return nil
		}
	}
	return wire.Wrong("%s", untranslated)
}

func flag(v wire.Value, place *bool) error {
	b, err := v.Bool()
	if b != nil {
		*place = *b
	}
	return err
}

func optional(v wire.Value, place **bool) (err error) {
	*place, err = v.Bool()
	return err
}

// texts reads a string or a list of them.
func texts(v wire.Value) ([]string, error) {
	if v.IsText() {
		text, err := v.Text()
		return []string{text}, err
	}
	var list []string
	err := v.List(func(_ int, v wire.Value) error {
		text, err := v.Text()
		list = append(list, text)
		return err
	})
	return list, err
}

func decodeStreamOptions(r *dialect.Request, v wire.Value) error {
	return v.Object(func(key []byte, v wire.Value) error {
		switch string(key) {
		case "include_usage":
			return flag(v, &r.UsageAsked)
		case "include_obfuscation":
			return nil // padding
		}
		return unknown(v)
	})
}

// unknown refuses a member that is not understood, unless it is null.
func unknown(v wire.Value) error {
	if v.IsNull() {
		return nil
	}
	return wire.Wrong("%s", untranslated)
}

// decodeReasoning reads how much the model shall think: OpenAI's word for it, OpenRouter's object, and
// the switch that DeepSeek and Z.ai have.
func decodeReasoning(r *dialect.Request, name string, v wire.Value) error {
	if name == "verbosity" {
		return v.Into(&r.Verbosity)
	}
	if r.Reasoning == nil {
		r.Reasoning = new(dialect.Reasoning)
	}
	switch name {
	case "reasoning_effort":
		return decodeEffort(r.Reasoning, v)
	case "thinking":
		return decodeThinkingSwitch(r.Reasoning, v)
	}
	return v.Object(func(key []byte, v wire.Value) error {
		switch string(key) {
		case "effort":
			return decodeEffort(r.Reasoning, v)
		case "max_tokens":
			if v.IsNull() {
				return nil
			}
			budget, err := v.Int(0, math.MaxInt32)
			r.Reasoning.Budget = budget
			return err
		case "enabled":
			on, err := v.Bool()
			r.Reasoning.Off = r.Reasoning.Off || (on != nil && !*on)
			return err
		case "summary":
			return v.Into(&r.Reasoning.Summary)
		case "exclude":
			hide, err := v.Bool()
			if err == nil && hide != nil && *hide {
				return wire.Wrong("%s", untranslated)
			}
			return err
		}
		return unknown(v)
	})
}

func decodeEffort(how *dialect.Reasoning, v wire.Value) error {
	if err := v.Into(&how.Effort); err != nil {
		return err
	}
	switch how.Effort {
	case "none":
		how.Off = true
	case "", "minimal", "low", "medium", "high", "xhigh", "max":
	default:
		return wire.Wrong("must be none, minimal, low, medium, high, xhigh or max")
	}
	return nil
}

func decodeThinkingSwitch(how *dialect.Reasoning, v wire.Value) error {
	return v.Object(func(key []byte, v wire.Value) error {
		if string(key) != "type" {
			return unknown(v)
		}
		kind, err := v.Text()
		switch {
		case err != nil:
			return err
		case kind == "disabled":
			how.Off = true
		case kind != "enabled":
			return wire.Wrong("must be enabled or disabled")
		}
		return nil
	})
}
