// SPDX-License-Identifier: Apache-2.0

package openai

import (
	"encoding/json"

	"holdfast/gateway/dialect"
	"holdfast/gateway/dialect/wire"
)

// Embeddings is the dialect of /v1/embeddings. It is passed on and never translated or streamed.
func Embeddings() *dialect.Dialect {
	return &dialect.Dialect{
		Name:       "openai.embeddings",
		Scan:       scanEmbeddings,
		Answer:     readEmbeddings,
		Error:      errorBody,
		ErrorEvent: errorEvent,
		ReadError:  readError,
	}
}

type embedded struct {
	dialect.Call
	body  []byte
	model wire.Member
}

func scanEmbeddings(body []byte) (*dialect.Call, error) {
	value, err := wire.Check(body)
	if err != nil {
		return nil, err
	}
	r := &embedded{body: value.Raw}
	r.Edit = r
	given := false
	s := wire.Scanner{B: r.body}
	s.Members(func(m wire.Member) bool {
		v := wire.Value{Raw: r.body[m.Start:m.End]}
		switch string(m.Key) {
		case "model":
			if r.model.End > 0 {
				err = wire.WrongField("model", "is given twice")
				return false
			}
			r.model = m
			if r.Model, err = v.Text(); err != nil {
				err = wire.Within("model", err)
			}
		case "input":
			if given {
				err = wire.WrongField("input", "is given twice")
				return false
			}
			given = true
			r.Input, err = inputTokens(v)
		}
		return err == nil
	})
	switch {
	case err != nil:
		return nil, err
	case r.Model == "":
		return nil, wire.WrongField("model", "is required")
	case !given:
		return nil, wire.WrongField("input", "is required")
	}
	return &r.Call, nil
}

// inputTokens estimates text, texts, tokens, or lists of tokens.
func inputTokens(v wire.Value) (int64, error) {
	if !v.IsText() && !v.IsList() {
		return 0, wire.WrongField("input", "must be a string or a list")
	}
	tokens := int64(0)
	count := func(e wire.Value) {
		switch {
		case e.IsText():
			tokens += wire.Tokens(e.Raw[1 : len(e.Raw)-1])
		default:
			tokens++
		}
	}
	if v.IsText() {
		count(v)
		return tokens, nil
	}
	s := wire.Scanner{B: v.Raw}
	s.Elements(func(raw []byte) {
		if raw[0] != '[' {
			count(wire.Value{Raw: raw})
			return
		}
		inner := wire.Scanner{B: raw}
		inner.Elements(func(raw []byte) { count(wire.Value{Raw: raw}) })
	})
	return tokens, nil
}

// For names another model; a limit on the output has no meaning here.
func (r *embedded) For(model string, _ int64) []byte {
	return wire.Apply(r.body, wire.Edit{Start: r.model.Start, End: r.model.End, Text: wire.Quote(model)})
}

// readEmbeddings reads an answer: usage names prompt_tokens alone.
func readEmbeddings(body []byte) (dialect.Said, bool) {
	var said dialect.Said
	s := wire.Scanner{B: body}
	if !json.Valid(body) || s.Peek() != '{' {
		return said, false
	}
	list, some := false, false
	s.Members(func(m wire.Member) bool {
		value := body[m.Start:m.End]
		switch string(m.Key) {
		case "data":
			list = value[0] == '['
			some = list && !wire.Blank(value)
		case "usage":
			said.Usage, said.HasUsage = ParseUsage(value)
		}
		return true
	})
	said.Empty = !some
	return said, list
}
