// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"

	"holdfast"
)

// Harmless makes a text of several lines fit for a terminal, whoever wrote it.
func Harmless(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = harmless(line, false)
	}
	return strings.Join(lines, "\n")
}

// tame makes every text in a JSON document fit for a terminal.
func tame(raw json.RawMessage) json.RawMessage {
	var out bytes.Buffer
	for i := 0; i < len(raw); {
		if raw[i] != '"' {
			out.WriteByte(raw[i])
			i++
			continue
		}
		end := literal(raw[i:])
		out.Write(tameText(raw[i : i+end]))
		i += end
	}
	return out.Bytes()
}

// literal is the length of the text with which raw begins, its quotes included.
func literal(raw []byte) int {
	for i := 1; i < len(raw); i++ {
		switch raw[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(raw)
}

func tameText(quoted []byte) []byte {
	var text string
	if json.Unmarshal(quoted, &text) != nil {
		return quoted
	}
	calm := Harmless(text)
	if calm == text {
		return quoted
	}
	quoted, _ = json.Marshal(calm) // a text always can be
	return quoted
}

// A tamed caller answers with texts that are fit for a terminal.
type tamed struct{ Caller }

func (c tamed) Dispatch(ctx context.Context, name string, input json.RawMessage, confirm *holdfast.Confirmation) (json.RawMessage, error) {
	out, err := c.Caller.Dispatch(ctx, name, input, confirm)
	return tame(out), err
}

func (c tamed) Follow(ctx context.Context, name string, input json.RawMessage, receive func(json.RawMessage) error) error {
	return c.Caller.Follow(ctx, name, input, func(event json.RawMessage) error { return receive(tame(event)) })
}
