// SPDX-License-Identifier: Apache-2.0

package openai

import (
	"bytes"
	"encoding/json"

	"holdfast"
	"holdfast/gateway/dialect"
	"holdfast/gateway/dialect/wire"
)

// A Tap watches the events of one stream pass and keeps count.
type Tap struct {
	// Text is the estimated size of what was generated so far, in bytes of text.
	Text int64
	// Finished tells that a finish reason was seen.
	Finished bool
	// Chunks counts the events that were part of the answer.
	Chunks int64

	usage []byte
	id    string
}

// See judges one event and counts it.
func (t *Tap) See(data []byte) dialect.Kind {
	if kind, judged := wire.KindOf(data); judged {
		return kind
	}
	if t.Chunks++; t.id == "" && t.Chunks <= idWithin {
		t.id = idOf(data)
	}
	before := t.Text
	t.Text += textBytes(data)
	if usage := objectAfter(data, `"usage"`); usage {
		t.usage = append(t.usage[:0], data...)
		if !bytes.Contains(data, []byte(`"delta"`)) && withoutChoices(data) {
			return dialect.KindUsage
		}
	}
	if t.Text > before {
		t.Finished = t.Finished || finishes(data)
		return dialect.KindChunk
	}
	return t.judgeSilent(data)
}

// judgeSilent tells apart the chunks without text: tool calls and endings speak, errors end.
func (t *Tap) judgeSilent(data []byte) dialect.Kind {
	if !json.Valid(data) {
		return dialect.KindGarbage
	}
	t.Finished = t.Finished || finishes(data)
	kind := dialect.KindSilent
	s := wire.Scanner{B: data}
	s.Members(func(m wire.Member) bool {
		value := data[m.Start:m.End]
		switch {
		case string(m.Key) == "error" && !wire.Blank(value):
			kind = dialect.KindError
			return false
		case string(m.Key) == "choices":
			inner := wire.Scanner{B: value}
			inner.Elements(func(choice []byte) {
				if _, said := readChoice(choice); said {
					kind = dialect.KindChunk
				}
			})
		}
		return true
	})
	return kind
}

// Usage is the last usage that the stream stated.
func (t *Tap) Usage() (holdfast.Usage, bool) {
	if t.usage == nil {
		return holdfast.Usage{}, false
	}
	var chunk struct {
		Usage json.RawMessage `json:"usage"`
	}
	if json.Unmarshal(t.usage, &chunk) != nil {
		return holdfast.Usage{}, false
	}
	return ParseUsage(chunk.Usage)
}

// idWithin is among how many first chunks the stream's own name is looked for.
const idWithin = 4

func idOf(data []byte) string {
	id := ""
	s := wire.Scanner{B: data}
	s.Members(func(m wire.Member) bool {
		if string(m.Key) != "id" {
			return true
		}
		if value := data[m.Start:m.End]; len(value) > 1 && value[0] == '"' && len(value) <= 256 {
			id = wire.Unquote(value[1 : len(value)-1])
		}
		return false
	})
	return id
}

// Seen is what the tap saw so far.
func (t *Tap) Seen() dialect.Seen {
	return dialect.Seen{ID: t.id, Output: t.Output(), Finished: t.Finished, Chunks: t.Chunks}
}

// Output estimates the tokens generated so far.
func (t *Tap) Output() int64 { return (t.Text + 3) / 4 }

// textKeys are the members of a delta whose strings are generated tokens.
var textKeys = [...][]byte{
	[]byte(`"content"`), []byte(`"arguments"`), []byte(`"reasoning_content"`), []byte(`"reasoning"`), []byte(`"refusal"`),
}

// textBytes sums the generated text in a chunk without decoding it. A quote inside a string is
// always escaped, so a match is a key.
func textBytes(data []byte) int64 {
	total := int64(0)
	for _, key := range textKeys {
		for rest := data; ; {
			at := bytes.Index(rest, key)
			if at < 0 {
				break
			}
			rest = bytes.TrimLeft(rest[at+len(key):], " \t:")
			if len(rest) == 0 || rest[0] != '"' {
				continue
			}
			s := wire.Scanner{B: rest}
			total += wire.Size(s.Str())
			rest = rest[s.I:]
		}
	}
	return total
}

// finishes tells whether a chunk carries a finish reason.
func finishes(data []byte) bool {
	key := []byte(`"finish_reason"`)
	for rest := data; ; {
		at := bytes.Index(rest, key)
		if at < 0 {
			return false
		}
		rest = bytes.TrimLeft(rest[at+len(key):], " \t:")
		if len(rest) > 0 && rest[0] == '"' {
			return true
		}
	}
}

// objectAfter tells whether the last of a key's values is an object. Most chunks have no such key: it is
// looked for from the front, which is the fast way.
func objectAfter(data []byte, key string) bool {
	found := false
	for rest := data; ; {
		at := bytes.Index(rest, []byte(key))
		if at < 0 {
			return found
		}
		rest = bytes.TrimLeft(rest[at+len(key):], " \t:")
		found = len(rest) > 0 && rest[0] == '{'
	}
}

// withoutChoices tells whether a chunk has an empty list of choices, or none.
func withoutChoices(data []byte) bool {
	at := bytes.Index(data, []byte(`"choices"`))
	if at < 0 {
		return true
	}
	rest := bytes.TrimLeft(data[at+len(`"choices"`):], " \t:")
	return len(rest) > 1 && rest[0] == '[' && bytes.TrimLeft(rest[1:], " \t")[0] == ']'
}
