// SPDX-License-Identifier: Apache-2.0

package openai

import (
	"io"

	"holdfast/gateway/dialect"
	"holdfast/gateway/dialect/wire"
)

// The names below stand until the gateway calls dialects as values.

// An Event is one event of a stream.
type Event = wire.Event

// Events splits a stream into events.
type Events = wire.Events

// NewEvents reads events from a body.
func NewEvents(from io.Reader, buf []byte) *Events { return wire.NewEvents(from, buf) }

// ErrHugeEvent reports an event past its bound.
var ErrHugeEvent = wire.ErrHugeEvent

// A Kind is what an event is to the gateway.
type Kind = dialect.Kind

// The kinds of events.
const (
	KindChunk   = dialect.KindChunk
	KindSilent  = dialect.KindSilent
	KindComment = dialect.KindComment
	KindUsage   = dialect.KindUsage
	KindError   = dialect.KindError
	KindDone    = dialect.KindDone
	KindGarbage = dialect.KindGarbage
)

// An InputError says which field of a request is wrong.
type InputError = dialect.InputError

// A Completion is what the gateway needs to know of a plain answer.
type Completion = dialect.Said

// ReadCompletion reads a plain answer.
func ReadCompletion(body []byte) (Completion, bool) { return readAnswer(body) }

// Tokens estimates how many tokens a text is.
func Tokens(text []byte) int64 { return wire.Tokens(text) }

// A Request is what the gateway needs to know of a request.
type Request struct{ *dialect.Call }

// Decode reads a request.
func Decode(body []byte) (*Request, error) {
	call, err := scanChat(body)
	if err != nil {
		return nil, err
	}
	return &Request{call}, nil
}

// For returns the request as it goes upstream.
func (r *Request) For(model string) []byte { return r.Edit.For(model, 0) }
