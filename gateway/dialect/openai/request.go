// SPDX-License-Identifier: Apache-2.0

package openai

import (
	"strconv"

	"holdfast/gateway/dialect"
	"holdfast/gateway/dialect/wire"
)

// A scanned request is what the gateway needs to know of it, and where its members stand.
type scanned struct {
	dialect.Call
	body    []byte
	model   wire.Member
	options wire.Member // stream_options, with End 0 when absent
	usage   wire.Member // include_usage inside it, likewise
	limit   wire.Member // a limit on the output that is null, likewise
	max     int64
	choices int64
}

// scanChat reads a request. It keeps body, which must not change while the request is in use.
func scanChat(body []byte) (*dialect.Call, error) {
	value, err := wire.Check(body)
	if err != nil {
		return nil, err
	}
	body = value.Raw
	r := &scanned{body: body, choices: 1}
	s := wire.Scanner{B: body}
	var wrong error
	seen := fields(0)
	s.Members(func(m wire.Member) bool {
		wrong = r.take(m, &seen)
		return wrong == nil
	})
	if wrong != nil {
		return nil, wrong
	}
	if r.Model == "" {
		return nil, wire.WrongField("model", "is required")
	}
	if seen&fieldMessages == 0 {
		return nil, wire.WrongField("messages", "is required")
	}
	r.MaxOutput = r.max * r.choices
	r.Edit = r
	return &r.Call, nil
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

func (r *scanned) take(m wire.Member, seen *fields) error {
	field := fieldOf(m.Key)
	if field != 0 && *seen&field != 0 {
		return wire.WrongField(string(m.Key), "is given twice")
	}
	*seen |= field &^ fieldText
	value := r.body[m.Start:m.End]
	switch {
	case field == fieldText:
		r.Input += wire.Tokens(value)
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
		return r.takeNumber(string(m.Key), field, value)
	}
	return nil
}

func (r *scanned) takeNull(m wire.Member, field fields) {
	switch field { //nolint:exhaustive // the others need no place
	case fieldOptions:
		r.options = m
	case fieldMaxCompletion:
		r.limit = m
	}
}

func (r *scanned) takeModel(m wire.Member, value []byte) error {
	if len(value) < 2 || value[0] != '"' {
		return wire.WrongField("model", "must be a string")
	}
	r.Model, r.model = wire.Unquote(value[1:len(value)-1]), m
	return nil
}

func (r *scanned) takeMessages(value []byte) error {
	if value[0] != '[' {
		return wire.WrongField("messages", "must be a list")
	}
	s, wrong := wire.Scanner{B: value}, false
	s.Elements(func(message []byte) {
		wrong = wrong || message[0] != '{'
		r.Input += wire.MessageTokens
		inner := wire.Scanner{B: message}
		inner.Walk(func(text []byte) { r.Input += wire.ValueTokens(text) })
	})
	if wrong {
		return wire.WrongField("messages", "must be a list of objects")
	}
	return nil
}

func (r *scanned) takeStream(value []byte) error {
	switch string(value) {
	case "true":
		r.Stream = true
	case "false":
	default:
		return wire.WrongField("stream", "must be true or false")
	}
	return nil
}

func (r *scanned) takeOptions(m wire.Member, value []byte) error {
	if value[0] != '{' {
		return wire.WrongField("stream_options", "must be an object")
	}
	r.options = m
	s := wire.Scanner{B: r.body, I: m.Start}
	s.Members(func(inner wire.Member) bool {
		if string(inner.Key) == "include_usage" {
			r.usage = inner
			r.UsageAsked = string(r.body[inner.Start:inner.End]) == "true"
		}
		return true
	})
	return nil
}

// takeNumber reads a limit or the number of choices. Of two limits servers differ in which one counts,
// so the larger one is what may be spent.
func (r *scanned) takeNumber(key string, field fields, value []byte) error {
	n, err := strconv.ParseInt(string(value), 10, 32)
	if err != nil || n < 1 {
		return wire.WrongField(key, "must be a whole number from 1 to 2147483647")
	}
	switch {
	case field == fieldChoices && n > 128:
		return wire.WrongField(key, "must be at most 128")
	case field == fieldChoices:
		r.choices = n
	default:
		r.max = max(r.max, n)
	}
	return nil
}

// For returns the request as it goes upstream: for another model, when it streams asking for usage
// at the end, and with limit where the client set none. Everything else stays as the client wrote it.
func (r *scanned) For(model string, limit int64) []byte {
	var room [3]wire.Edit
	edits := append(room[:0], wire.Edit{Start: r.model.Start, End: r.model.End, Text: wire.Quote(model)})
	if r.Stream && !r.UsageAsked {
		edits = append(edits, r.askUsage())
	}
	if limit > 0 && r.max == 0 {
		edits = append(edits, r.setLimit(max(limit/r.choices, 1)))
	}
	return wire.Apply(r.body, edits...)
}

func (r *scanned) askUsage() wire.Edit {
	const include = `"include_usage":true`
	switch {
	case r.usage.End > 0:
		return wire.Edit{Start: r.usage.Start, End: r.usage.End, Text: "true"}
	case r.options.End == 0:
		return wire.Edit{Start: 1, End: 1, Text: `"stream_options":{` + include + `},`}
	case r.body[r.options.Start] == 'n':
		return wire.Edit{Start: r.options.Start, End: r.options.End, Text: "{" + include + "}"}
	}
	at := r.options.Start + 1
	inner := wire.Scanner{B: r.body, I: at}
	if inner.Peek() == '}' {
		return wire.Edit{Start: at, End: at, Text: include}
	}
	return wire.Edit{Start: at, End: at, Text: include + ","}
}

func (r *scanned) setLimit(limit int64) wire.Edit {
	number := strconv.FormatInt(limit, 10)
	if r.limit.End > 0 { // it was null
		return wire.Edit{Start: r.limit.Start, End: r.limit.End, Text: number}
	}
	return wire.Edit{Start: 1, End: 1, Text: `"max_completion_tokens":` + number + ","}
}
