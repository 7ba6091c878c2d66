// SPDX-License-Identifier: Apache-2.0

package responses

import (
	"encoding/json"
	"strings"

	"holdfast"
	"holdfast/gateway/dialect"
	"holdfast/gateway/dialect/wire"
)

// A tap listens at the side of one stream.
type tap struct {
	id       string
	model    string
	next     int64 // the number that follows
	text     int64 // bytes of what was generated
	chunks   int64
	spoke    bool
	finished bool
	usage    holdfast.Usage
	stated   bool
}

// See judges one event and counts it.
func (t *tap) See(data []byte) dialect.Kind {
	if kind, judged := wire.KindOf(data); judged {
		return kind
	}
	e := readEvent(data)
	t.next = max(t.next, e.number+1)
	kind := t.judge(e)
	if kind != dialect.KindGarbage && kind != dialect.KindError {
		t.chunks++
	}
	t.spoke = t.spoke || kind == dialect.KindChunk
	return kind
}

func (t *tap) judge(e event) dialect.Kind {
	switch e.kind {
	case "response.created", "response.in_progress", "response.queued":
		if t.id == "" {
			t.id, t.model = idOf(e.response), textOf(e.response, "model")
		}
		return dialect.KindSilent
	case "response.content_part.added", "response.content_part.done", "response.reasoning_summary_part.added":
		return dialect.KindSilent
	case "response.output_text.done", "response.refusal.done":
		return said(t.spoke || len(e.text) > len(`""`))
	case "response.output_item.done":
		if t.spoke || typeOf(e.item) != "message" {
			return dialect.KindChunk
		}
		_, spoke := readItem(e.item)
		return said(spoke)
	case "response.output_item.added":
		if kind := typeOf(e.item); kind == "message" || kind == "reasoning" {
			return dialect.KindSilent
		}
		return dialect.KindChunk
	case "response.completed", "response.incomplete":
		return t.end(e)
	case "response.failed", "response.cancelled", "error":
		return dialect.KindError
	}
	switch {
	case strings.HasSuffix(e.kind, ".delta"):
		t.text += wire.Size(e.delta)
		if len(e.delta) == 0 {
			return dialect.KindSilent
		}
		return dialect.KindChunk
	case strings.HasPrefix(e.kind, "response."):
		return dialect.KindChunk
	case e.failed || e.kind == "" && !json.Valid(e.data):
		if e.failed {
			return dialect.KindError
		}
		return dialect.KindGarbage
	}
	return dialect.KindSilent // an event of another time, such as a keepalive
}

// said is the kind of an event that repeats what was said before, or says it for the first time.
func said(something bool) dialect.Kind {
	if something {
		return dialect.KindChunk
	}
	return dialect.KindSilent
}

// end reads the whole response that ends a stream. One that says something though nothing was
// streamed is a part of the answer itself.
func (t *tap) end(e event) dialect.Kind {
	if !json.Valid(e.data) {
		return dialect.KindGarbage
	}
	said, _ := readAnswer(e.response)
	t.finished = true
	t.usage, t.stated = said.Usage, said.HasUsage
	if t.id == "" {
		t.id = said.ID
	}
	if t.spoke || (said.Empty && e.kind == "response.completed") {
		return dialect.KindDone
	}
	t.text += 4 * said.Output
	return dialect.KindChunk
}

// End is the failure that follows what was seen.
func (t *tap) End(f dialect.Failure) []byte {
	return appendFailure(nil, f, whole{id: t.id, model: t.model}, t.next)
}

// Usage is what the end of the stream stated.
func (t *tap) Usage() (holdfast.Usage, bool) { return t.usage, t.stated }

// Seen is what the tap saw so far.
func (t *tap) Seen() dialect.Seen {
	return dialect.Seen{ID: t.id, Output: (t.text + 3) / 4, Finished: t.finished, Chunks: t.chunks}
}

// An event is one of a stream, as far as any reader needs it; what is a slice is a part of data.
type event struct {
	data           []byte
	kind           string
	delta          []byte // between its quotes
	response, item []byte
	failed         bool
	number         int64
	output         int64
	summary        int64
	content        int64
	text           []byte // a whole text, arguments or refusal, as a value
	part           []byte
}

func readEvent(data []byte) event {
	e := event{data: data}
	s := wire.Scanner{B: data}
	s.Members(func(m wire.Member) bool {
		v := data[m.Start:m.End]
		switch string(m.Key) {
		case "type":
			e.kind = kindOf(v)
		case "delta":
			if len(v) > 1 && v[0] == '"' {
				e.delta = v[1 : len(v)-1]
			}
		case "response":
			e.response = v
		case "item":
			e.item = v
		case "part":
			e.part = v
		case "error":
			e.failed = !wire.Blank(v)
		case "text", "arguments", "refusal":
			e.text = v
		case "sequence_number":
			e.number = place(v)
		case "output_index":
			e.output = place(v)
		case "summary_index":
			e.summary = place(v)
		case "content_index":
			e.content = place(v)
		}
		return true
	})
	return e
}

func place(v []byte) int64 {
	n, err := wire.Value{Raw: v}.Int(0, 1<<31)
	if err != nil {
		return -1
	}
	return n
}

// kindOf reads the type of an event; those of every token need no memory.
func kindOf(v []byte) string {
	switch string(v) {
	case `"response.output_text.delta"`:
		return "response.output_text.delta"
	case `"response.function_call_arguments.delta"`:
		return "response.function_call_arguments.delta"
	case `"response.reasoning_summary_text.delta"`:
		return "response.reasoning_summary_text.delta"
	}
	kind, _ := wire.Value{Raw: v}.Text()
	return kind
}

// member finds one member of an object.
func member(raw []byte, name string) wire.Value {
	var found wire.Value
	s := wire.Scanner{B: raw}
	s.Members(func(m wire.Member) bool {
		if string(m.Key) != name {
			return true
		}
		found = wire.Value{Raw: raw[m.Start:m.End]}
		return false
	})
	return found
}

func textOf(raw []byte, name string) string {
	text := ""
	_ = member(raw, name).Into(&text)
	return text
}

func idOf(raw []byte) string {
	id := textOf(raw, "id")
	return id[:min(len(id), 256)]
}

func typeOf(raw []byte) string { return textOf(raw, "type") }

// readAnswer reads a plain answer; false when it is no response.
func readAnswer(body []byte) (dialect.Said, bool) {
	var said dialect.Said
	s := wire.Scanner{B: body}
	if !json.Valid(body) || s.Peek() != '{' {
		return said, false
	}
	listed, spoke, status := false, false, ""
	s.Members(func(m wire.Member) bool {
		v := wire.Value{Raw: body[m.Start:m.End]}
		switch string(m.Key) {
		case "id":
			_ = v.Into(&said.ID)
		case "status":
			_ = v.Into(&status)
		case "usage":
			said.Usage, said.HasUsage = parseUsage(v.Raw)
		case "output":
			listed = v.IsList()
			items := wire.Scanner{B: v.Raw}
			items.Elements(func(item []byte) {
				tokens, some := readItem(item)
				said.Output += tokens
				spoke = spoke || some
			})
		}
		return true
	})
	said.Empty = !spoke && status != "incomplete"
	return said, listed
}

// readItem estimates an item and tells whether it says anything; thinking alone does not.
func readItem(item []byte) (tokens int64, spoke bool) {
	kind := ""
	s := wire.Scanner{B: item}
	s.Members(func(m wire.Member) bool {
		v := item[m.Start:m.End]
		switch string(m.Key) {
		case "type":
			kind, _ = wire.Value{Raw: v}.Text()
		case "id", "status", "role", "call_id", "encrypted_content", "phase":
		case "content":
			parts := wire.Scanner{B: v}
			parts.Elements(func(part []byte) {
				for _, name := range [...]string{"text", "refusal"} {
					if text := member(part, name); text.IsText() && len(text.Raw) > 2 {
						tokens += wire.Tokens(text.Raw)
						spoke = true
					}
				}
			})
		default:
			inner := wire.Scanner{B: v}
			inner.Walk(func(text []byte) { tokens += wire.ValueTokens(text) })
		}
		return true
	})
	switch kind {
	case "message":
		return tokens, spoke
	case "reasoning":
		return tokens, false
	}
	return tokens, true
}
