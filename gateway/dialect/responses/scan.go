// SPDX-License-Identifier: Apache-2.0

package responses

import (
	"math"
	"strconv"

	"holdfast/gateway/dialect"
	"holdfast/gateway/dialect/wire"
)

// leastLimit is the smallest limit on an answer that the API takes.
const leastLimit = 16

// A scanned request is what the gateway needs to know of it, and where its members stand.
type scanned struct {
	dialect.Call
	body  []byte
	model wire.Member
	limit wire.Member // of a limit that is null, with End 0 when absent
	fed   bool        // something is sent, or lies with the server
}

// scan reads a request. It keeps body, which must not change while the request is in use.
func scan(body []byte) (*dialect.Call, error) {
	value, err := wire.Check(body)
	if err != nil {
		return nil, err
	}
	r := &scanned{body: value.Raw}
	r.UsageAsked, r.Edit = true, r
	var room [8]string
	seen := room[:0]
	s := wire.Scanner{B: r.body}
	s.Members(func(m wire.Member) bool {
		if !read(m.Key) {
			return true
		}
		key := string(m.Key)
		for _, other := range seen {
			if other == key {
				err = wire.WrongField(key, "is given twice")
				return false
			}
		}
		seen = append(seen, key)
		if err = r.take(key, m); err != nil {
			err = wire.Within(key, err)
		}
		return err == nil
	})
	switch {
	case err != nil:
		return nil, err
	case r.Model == "":
		return nil, wire.WrongField("model", "is required")
	case !r.fed:
		return nil, wire.WrongField("input", "is required")
	}
	return &r.Call, nil
}

// read tells the members that the gateway reads.
func read(key []byte) bool {
	switch string(key) {
	case "model", "input", "stream", "max_output_tokens", "background", "instructions", "tools",
		"previous_response_id", "conversation", "prompt":
		return true
	}
	return false
}

func (r *scanned) take(key string, m wire.Member) error {
	v := wire.Value{Raw: r.body[m.Start:m.End]}
	switch key {
	case "model":
		r.model = m
		model, err := v.Text()
		r.Model = model
		return err
	case "input":
		if !v.IsText() && !v.IsList() {
			return wire.Wrong("must be a string or a list")
		}
		r.fed = true
		r.count(v)
	case "instructions", "tools":
		r.Input += wire.Tokens(v.Raw)
	case "previous_response_id", "conversation", "prompt":
		r.fed = r.fed || !v.IsNull()
	case "stream":
		stream, err := v.Bool()
		r.Stream = stream != nil && *stream
		return err
	case "background":
		later, err := v.Bool()
		if err == nil && later != nil && *later {
			return wire.Wrong("is not offered: the gateway could not count what is used later")
		}
		return err
	case "max_output_tokens":
		if v.IsNull() {
			r.limit = m
			return nil
		}
		limit, err := v.Int(1, math.MaxInt32)
		r.MaxOutput = limit
		return err
	}
	return nil
}

// count estimates what is sent.
func (r *scanned) count(v wire.Value) {
	if v.IsText() {
		r.Input += wire.MessageTokens + wire.Tokens(v.Raw)
		return
	}
	s := wire.Scanner{B: v.Raw}
	s.Elements(func(item []byte) {
		r.Input += wire.MessageTokens
		inner := wire.Scanner{B: item}
		inner.Walk(func(text []byte) { r.Input += wire.ValueTokens(text) })
	})
}

// For returns the request as it goes upstream: for another model, and with limit where the client set
// none. Everything else stays as the client wrote it.
func (r *scanned) For(model string, limit int64) []byte {
	to := wire.Edit{Start: r.model.Start, End: r.model.End, Text: wire.Quote(model)}
	if limit <= 0 || r.MaxOutput > 0 {
		return wire.Apply(r.body, to)
	}
	number := strconv.FormatInt(max(limit, leastLimit), 10)
	if r.limit.End > 0 {
		return wire.Apply(r.body, to, wire.Edit{Start: r.limit.Start, End: r.limit.End, Text: number})
	}
	return wire.Apply(r.body, to, wire.Edit{Start: 1, End: 1, Text: `"max_output_tokens":` + number + ","})
}
