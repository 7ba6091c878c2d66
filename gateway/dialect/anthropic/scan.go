// SPDX-License-Identifier: Apache-2.0

package anthropic

import (
	"math"

	"holdfast/gateway/dialect"
	"holdfast/gateway/dialect/wire"
)

// request is a body with the place of its model.
type request struct {
	body  []byte
	model wire.Member
}

// For returns the body for another model, without the thinking of other providers. The dialect has no
// request without a limit and no stream without usage, so nothing else changes.
func (r *request) For(model string, _ int64) []byte {
	named := wire.Edit{Start: r.model.Start, End: r.model.End, Text: wire.Quote(model)}
	if mayHoldForeign(r.body) {
		return wire.Apply(r.body, append(withoutForeign(r.body), named)...)
	}
	return wire.Apply(r.body, named)
}

func scanMessages(body []byte) (*dialect.Call, error) { return scan(body, true) }

// ScanCount reads a request of POST /v1/messages/count_tokens. Call.Input is the estimate that
// CountAnswer reports where the provider counts none itself: within a third for prose and code.
func ScanCount(body []byte) (*dialect.Call, error) { return scan(body, false) }

// CountAnswer is the answer to a request to count tokens.
func CountAnswer(tokens int64) []byte {
	var j wire.JSON
	j.Open()
	j.Key("input_tokens").Int(tokens)
	j.Close()
	return j
}

// fields is the set of members read so far: a second one of a name would be read differently here
// and upstream.
type fields uint

const (
	fieldModel fields = 1 << iota
	fieldMessages
	fieldLimit
	fieldStream
	fieldSystem
	fieldTools
	fieldOutput
)

func fieldOf(key []byte) fields {
	switch string(key) {
	case "model":
		return fieldModel
	case "messages":
		return fieldMessages
	case "max_tokens":
		return fieldLimit
	case "stream":
		return fieldStream
	case "system":
		return fieldSystem
	case "tools":
		return fieldTools
	case "output_config", "output_format":
		return fieldOutput
	}
	return 0
}

func scan(body []byte, limited bool) (*dialect.Call, error) {
	v, err := wire.Check(body)
	if err != nil {
		return nil, err
	}
	r := &request{body: v.Raw}
	c := &dialect.Call{Edit: r, UsageAsked: true}
	seen := fields(0)
	s := wire.Scanner{B: v.Raw}
	s.Members(func(m wire.Member) bool {
		field := fieldOf(m.Key)
		switch {
		case field == 0:
			return true
		case seen&field != 0 && field != fieldOutput:
			err = wire.Wrong("is given twice")
		default:
			seen |= field
			err = r.take(c, field, m)
		}
		if err != nil {
			err = wire.Within(string(m.Key), err)
		}
		return err == nil
	})
	if err != nil {
		return nil, err
	}
	return c, missing(c.Model, seen&fieldMessages != 0, seen&fieldLimit != 0 || !limited)
}

// missing says what a request lacks.
func missing(model string, messages, limit bool) error {
	switch {
	case model == "":
		return wire.WrongField("model", "is required")
	case !messages:
		return wire.WrongField("messages", "is required")
	case !limit:
		return wire.WrongField("max_tokens", "is required")
	}
	return nil
}

func (r *request) take(c *dialect.Call, field fields, m wire.Member) error {
	v := wire.Value{Raw: r.body[m.Start:m.End]}
	var err error
	switch field {
	case fieldModel:
		r.model = m
		c.Model, err = v.Text()
	case fieldMessages:
		err = v.List(func(_ int, message wire.Value) error {
			if !message.IsObject() {
				return wire.Wrong("must be an object")
			}
			c.Input += wire.MessageTokens + textTokens(message.Raw)
			return nil
		})
	case fieldLimit:
		c.MaxOutput, err = v.Int(0, math.MaxInt32)
	case fieldStream:
		c.Stream, err = truth(v)
	case fieldSystem:
		c.Input += wire.MessageTokens + textTokens(v.Raw)
	case fieldTools, fieldOutput:
		c.Input += wire.Tokens(v.Raw)
	}
	return err
}

func truth(v wire.Value) (bool, error) {
	b, err := v.Bool()
	return b != nil && *b, err
}

// mostName is how long the names and ids may be that textTokens leaves out; longer ones are counted,
// so that nothing large hides behind such a key.
const mostName = 64

// textTokens estimates what is said in a value: all of its strings but types, roles and ids.
func textTokens(raw []byte) int64 {
	total, name := int64(0), false
	for s := (wire.Scanner{B: raw}); ; {
		switch s.Peek() {
		case 0:
			return total
		case '"':
			text := s.Str()
			switch {
			case s.Peek() == ':':
				s.I++
				name = isName(text)
			case !name || len(text) > mostName:
				total += wire.ValueTokens(text)
			}
		default:
			s.I++
		}
	}
}

func isName(key []byte) bool {
	switch string(key) {
	case "type", "role", "id", "tool_use_id", "media_type", "file_id", "ttl":
		return true
	}
	return false
}
