// SPDX-License-Identifier: Apache-2.0

package openai

import (
	"strings"

	"holdfast/gateway/dialect"
	"holdfast/gateway/dialect/wire"
)

// Compatible servers tell of thinking in three ways: reasoning_content (DeepSeek, vLLM, llama.cpp,
// Z.ai), reasoning (OpenRouter, Groq, Ollama), and OpenRouter's reasoning_details, a list of
// reasoning.text (text, signature), reasoning.summary (summary) and reasoning.encrypted (data), which
// repeats what reasoning says and alone may be sent back signed.

// OpenRouter's names of whose a signature is.
const (
	formatClaude = "anthropic-claude-v1"
	formatOpenAI = "openai-responses-v1"
)

// Sealed tells reasoning that OpenAI encrypted: its tokens are of the Fernet form.
func Sealed(signature string) bool { return strings.HasPrefix(signature, "gAAAA") }

func decodeThoughts(s said) ([]dialect.Part, error) {
	parts, err := decodeDetails(s.details)
	if err != nil || len(parts) > 0 {
		return parts, err
	}
	text := ""
	if err := s.reasoningContent.Into(&text); err != nil {
		return nil, wire.Within("reasoning_content", err)
	}
	if text == "" {
		if err := s.reasoning.Into(&text); err != nil {
			return nil, wire.Within("reasoning", err)
		}
	}
	if text == "" {
		return nil, nil
	}
	return []dialect.Part{{Kind: dialect.PartThinking, Thinking: &dialect.Thinking{Text: text}}}, nil
}

// decodeDetails reads a list of details; those of one piece of thinking follow each other.
func decodeDetails(v wire.Value) ([]dialect.Part, error) {
	if v.IsNull() {
		return nil, nil
	}
	var parts []dialect.Part
	err := v.List(func(_ int, v wire.Value) error {
		d, err := readDetail(v)
		if err != nil {
			return err
		}
		var last *dialect.Thinking
		if len(parts) > 0 {
			last = parts[len(parts)-1].Thinking
		}
		switch {
		case d.data != "" && !d.redacted() && last != nil && last.Signature == "" && last.Redacted == "":
			last.Signature = d.data
		case d.thinking() != (dialect.Thinking{}):
			t := d.thinking()
			parts = append(parts, dialect.Part{Kind: dialect.PartThinking, Thinking: &t})
		}
		return nil
	})
	if err != nil {
		return nil, wire.Within("reasoning_details", err)
	}
	return parts, nil
}

// A detail is one element of reasoning_details.
type detailed struct{ kind, text, signature, data, format string }

func readDetail(v wire.Value) (detailed, error) {
	var d detailed
	err := v.Object(func(key []byte, v wire.Value) error {
		switch string(key) {
		case "type":
			return v.Into(&d.kind)
		case "text", "summary":
			if d.text != "" {
				return nil
			}
			return v.Into(&d.text)
		case "signature":
			return v.Into(&d.signature)
		case "data":
			return v.Into(&d.data)
		case "format":
			return v.Into(&d.format)
		}
		return nil
	})
	return d, err
}

// redacted tells thinking that nobody but its maker can read and that has no text beside it.
func (d detailed) redacted() bool {
	return d.data != "" && d.format != formatOpenAI && !Sealed(d.data)
}

func (d detailed) thinking() dialect.Thinking {
	switch {
	case d.redacted():
		return dialect.Thinking{Redacted: d.data}
	case d.data != "":
		return dialect.Thinking{Signature: d.data}
	}
	return dialect.Thinking{Text: d.text, Signature: d.signature}
}

// writeDetails writes thinking as reasoning_details.
func writeDetails(j *wire.JSON, parts []dialect.Part) {
	at := int64(0)
	for _, p := range parts {
		if p.Kind == dialect.PartThinking && p.Thinking != nil {
			writeDetail(j, *p.Thinking, at)
			at++
		}
	}
}

func writeDetail(j *wire.JSON, t dialect.Thinking, at int64) {
	switch {
	case t.Redacted != "":
		writeSealed(j, t.Redacted, formatClaude, at)
	case Sealed(t.Signature):
		if t.Text != "" {
			j.Open()
			j.Key("type").Text("reasoning.summary")
			j.Key("summary").Text(t.Text)
			j.Key("format").Text(formatOpenAI)
			j.Key("index").Int(at)
			j.Close()
		}
		writeSealed(j, t.Signature, formatOpenAI, at)
	default:
		j.Open()
		j.Key("type").Text("reasoning.text")
		j.Key("text").Text(t.Text)
		if t.Signature != "" {
			j.Key("signature").Text(t.Signature)
			j.Key("format").Text(formatClaude)
		}
		j.Key("index").Int(at)
		j.Close()
	}
}

func writeSealed(j *wire.JSON, data, format string, at int64) {
	j.Open()
	j.Key("type").Text("reasoning.encrypted")
	j.Key("data").Text(data)
	j.Key("format").Text(format)
	j.Key("index").Int(at)
	j.Close()
}

// thoughts joins the text of all thinking, and tells whether any of it is signed.
func thoughts(parts []dialect.Part) (text string, signed bool) {
	var all []string
	for _, p := range parts {
		if p.Kind != dialect.PartThinking || p.Thinking == nil {
			continue
		}
		if p.Thinking.Text != "" {
			all = append(all, p.Thinking.Text)
		}
		signed = signed || p.Thinking.Signature != "" || p.Thinking.Redacted != ""
	}
	return strings.Join(all, "\n\n"), signed
}
