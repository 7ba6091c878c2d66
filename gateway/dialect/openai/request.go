// SPDX-License-Identifier: Apache-2.0

package openai

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// A Request is what the gateway needs to know of a chat completion request, and the request itself.
type Request struct {
	Model  string
	Stream bool
	// UsageAsked tells that the client itself wants usage at the end of its stream.
	UsageAsked bool
	// MaxOutput is the client's limit on the answer in tokens, over all choices; 0 for none.
	MaxOutput int64
	// Input is the estimated size of the messages and tools in tokens.
	Input int64

	body    []byte
	model   member
	options member // stream_options, with end 0 when absent
	usage   member // include_usage inside it, likewise
	max     int64
	choices int64
}

// An InputError says which field of a request is wrong.
type InputError struct {
	Field   string
	Message string
}

func (e *InputError) Error() string {
	if e.Field == "" {
		return e.Message
	}
	return e.Field + ": " + e.Message
}

// Decode reads a request. It keeps body, which must not change while the request is in use.
func Decode(body []byte) (*Request, error) {
	if !utf8.Valid(body) {
		return nil, &InputError{"", "the request is not valid UTF-8"}
	}
	if !json.Valid(body) {
		return nil, syntaxError(body)
	}
	r := &Request{body: body, choices: 1}
	s := scanner{b: body}
	if s.peek() != '{' {
		return nil, &InputError{"", "the request is not a JSON object"}
	}
	var wrong error
	seen := fields(0)
	s.members(func(m member) bool {
		wrong = r.take(m, &seen)
		return wrong == nil
	})
	if wrong != nil {
		return nil, wrong
	}
	if r.Model == "" {
		return nil, &InputError{"model", "is required"}
	}
	if seen&fieldMessages == 0 {
		return nil, &InputError{"messages", "is required"}
	}
	r.MaxOutput = r.max * r.choices
	return r, nil
}

func syntaxError(body []byte) error {
	var any json.RawMessage
	err := json.Unmarshal(body, &any)
	if syntax, ok := err.(*json.SyntaxError); ok { //nolint:errorlint // Unmarshal returns it bare
		return &InputError{"", fmt.Sprintf("the request is not valid JSON at byte %d: %v", syntax.Offset, syntax)}
	}
	return &InputError{"", "the request is not valid JSON"}
}

// fields is the set of members read so far: a second one of a name would be read differently
// here and upstream.
type fields uint

const (
	fieldModel fields = 1 << iota
	fieldMessages
	fieldStream
	fieldOptions
	fieldMax
	fieldMaxCompletion
	fieldChoices
	fieldText // what costs input and is not read otherwise
)

func fieldOf(key []byte) fields {
	switch string(key) {
	case "model":
		return fieldModel
	case "messages":
		return fieldMessages
	case "stream":
		return fieldStream
	case "stream_options":
		return fieldOptions
	case "max_tokens":
		return fieldMax
	case "max_completion_tokens":
		return fieldMaxCompletion
	case "n":
		return fieldChoices
	case "tools", "functions", "response_format":
		return fieldText
	}
	return 0
}

func (r *Request) take(m member, seen *fields) error {
	field := fieldOf(m.key)
	if field != 0 && *seen&field != 0 {
		return &InputError{string(m.key), "is given twice"}
	}
	*seen |= field &^ fieldText
	value := bytes.TrimSpace(r.body[m.start:m.end])
	switch {
	case field == fieldText:
		r.Input += Tokens(value)
	case field == 0:
	case field == fieldModel:
		return r.takeModel(m, value)
	case field == fieldMessages:
		return r.takeMessages(value)
	case string(value) == "null":
		r.takeNull(m, field)
	case field == fieldStream:
		return r.takeStream(value)
	case field == fieldOptions:
		return r.takeOptions(m, value)
	default:
		return r.takeNumber(string(m.key), field, value, *seen)
	}
	return nil
}

func (r *Request) takeNull(m member, field fields) {
	if field == fieldOptions {
		r.options = m
	}
}

func (r *Request) takeModel(m member, value []byte) error {
	if len(value) < 2 || value[0] != '"' {
		return &InputError{"model", "must be a string"}
	}
	r.Model, r.model = unquote(value[1:len(value)-1]), m
	return nil
}

func (r *Request) takeMessages(value []byte) error {
	if value[0] != '[' {
		return &InputError{"messages", "must be a list"}
	}
	s, wrong := scanner{b: value}, false
	s.elements(func(message []byte) {
		wrong = wrong || message[0] != '{'
		r.Input += messageTokens
		inner := scanner{b: message}
		inner.walk(func(text []byte) { r.Input += valueTokens(text) })
	})
	if wrong {
		return &InputError{"messages", "must be a list of objects"}
	}
	return nil
}

func (r *Request) takeStream(value []byte) error {
	switch string(value) {
	case "true":
		r.Stream = true
	case "false":
	default:
		return &InputError{"stream", "must be true or false"}
	}
	return nil
}

func (r *Request) takeOptions(m member, value []byte) error {
	if value[0] != '{' {
		return &InputError{"stream_options", "must be an object"}
	}
	r.options = m
	s := scanner{b: r.body, i: m.start}
	s.members(func(inner member) bool {
		if string(inner.key) == "include_usage" {
			r.usage = inner
			r.UsageAsked = string(r.body[inner.start:inner.end]) == "true"
		}
		return true
	})
	return nil
}

func (r *Request) takeNumber(key string, field fields, value []byte, seen fields) error {
	n, err := strconv.ParseInt(string(value), 10, 32)
	if err != nil || n < 1 {
		return &InputError{key, "must be a whole number from 1 to 2147483647"}
	}
	switch {
	case field == fieldChoices && n > 128:
		return &InputError{key, "must be at most 128"}
	case field == fieldChoices:
		r.choices = n
	case field == fieldMaxCompletion, seen&fieldMaxCompletion == 0:
		r.max = n
	}
	return nil
}

// For returns the request as it goes upstream: for another model, and, when it streams, asking for
// usage at the end. Everything else stays as the client wrote it.
func (r *Request) For(model string) []byte {
	edits := []edit{{r.model.start, r.model.end, quote(model)}}
	if r.Stream && !r.UsageAsked {
		edits = append(edits, r.askUsage())
	}
	if len(edits) == 2 && edits[1].start < edits[0].start {
		edits[0], edits[1] = edits[1], edits[0]
	}
	out := make([]byte, 0, len(r.body)+len(model)+48)
	from := 0
	for _, e := range edits {
		out = append(append(out, r.body[from:e.start]...), e.text...)
		from = e.end
	}
	return append(out, r.body[from:]...)
}

type edit struct {
	start, end int
	text       string
}

func (r *Request) askUsage() edit {
	const include = `"include_usage":true`
	switch {
	case r.usage.end > 0:
		return edit{r.usage.start, r.usage.end, "true"}
	case r.options.end == 0:
		open := bytes.IndexByte(r.body, '{') + 1
		return edit{open, open, `"stream_options":{` + include + `},`}
	case r.body[r.options.start] == 'n':
		return edit{r.options.start, r.options.end, "{" + include + "}"}
	}
	at := r.options.start + 1
	inner := scanner{b: r.body, i: at}
	if inner.peek() == '}' {
		return edit{at, at, include}
	}
	return edit{at, at, include + ","}
}

func quote(text string) string {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c == '"' || c == '\\' || c >= 0x7f {
			quoted, _ := json.Marshal(text)
			return string(quoted)
		}
	}
	return `"` + text + `"`
}
