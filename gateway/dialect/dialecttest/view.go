// SPDX-License-Identifier: Apache-2.0

package dialecttest

import (
	"encoding/json"
	"fmt"
	"strings"

	"holdfast/gateway/dialect"
)

// describe tells what a request says, the same for requests that say the same: without the borders of
// messages, defaults that are spelled out, and the labels that dialects want.
func describe(r *dialect.Request) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("model %s stream %v limit %d stop %q", r.Model, r.Stream, r.MaxOutput, r.Stop)
	line("temperature %s top_p %s", number(r.Temperature), number(r.TopP))
	if r.TopK != nil {
		line("top_k %d", *r.TopK)
	}
	for _, t := range r.Tools {
		line("tool %s: %s %s strict %v", t.Name, t.Description, canonical(t.Schema), t.Strict != nil && *t.Strict)
	}
	mode := r.Choice.Mode
	if mode == "auto" {
		mode = ""
	}
	line("choice %s %s alone %v", mode, r.Choice.Name, r.Parallel != nil && !*r.Parallel)
	if r.Format != nil {
		line("format %s %s", r.Format.Type, canonical(r.Format.Schema))
	}
	if how := r.Reasoning; how != nil {
		effort := how.Effort
		if how.Off {
			effort = "none"
		}
		line("effort %s", effort)
	}
	for _, m := range r.Messages {
		role := m.Role
		if role == dialect.Developer {
			role = dialect.System
		}
		for _, p := range m.Parts {
			line("%s %s %s", role, m.Name, describePart(p))
		}
	}
	return b.String()
}

func number(f *float64) string {
	if f == nil {
		return "-"
	}
	return fmt.Sprint(*f)
}

func canonical(raw json.RawMessage) string {
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return string(raw)
	}
	out, _ := json.Marshal(v)
	return string(out)
}

func describePart(p dialect.Part) string {
	switch p.Kind {
	case dialect.PartText:
		return "says " + p.Text
	case dialect.PartRefusal:
		return "refuses " + p.Text
	case dialect.PartToolCall:
		return fmt.Sprintf("calls %s %s %s", p.Call.ID, p.Call.Name, canonical(json.RawMessage(p.Call.Arguments)))
	case dialect.PartToolResult:
		var said []string
		for _, inner := range p.Result.Parts {
			said = append(said, describePart(inner))
		}
		failed := ""
		if p.Result.Error {
			failed = "failed "
		}
		return fmt.Sprintf("answers %s %s%s", p.Result.ID, failed, strings.Join(said, " "))
	case dialect.PartThinking:
		return "thinks " + p.Thinking.Text
	case dialect.PartImage, dialect.PartFile, dialect.PartAudio:
		return fmt.Sprintf("shows %d %s %s %s %s %s", p.Kind, p.Media.Type, p.Media.Data, p.Media.URL, p.Media.ID, p.Media.Name)
	}
	return "?"
}
