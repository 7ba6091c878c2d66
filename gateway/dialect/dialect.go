// SPDX-License-Identifier: Apache-2.0

// Package dialect holds what the dialects of model APIs have in common: the form of a dialect, and a
// conversation in no dialect, through which a request in one is put to a provider of another.
//
// It is not a client and knows no network; each dialect stands in a package beneath. Where client and
// provider speak the same dialect nothing is translated: Scan reads what the gateway needs to know,
// the bytes stay as they were, and a Tap reads usage at the side of the stream. All input is hostile.
// What one dialect says and another cannot is an InputError that names the field, never dropped.
// Callers: the gateway.
package dialect

import (
	"time"

	"holdfast"
)

// A Dialect is one form in which models are called. Functions that are nil are not part of it.
type Dialect struct {
	// Name is what the ledger books: openai.chat, openai.responses, openai.embeddings,
	// anthropic.messages.
	Name string

	// Scan reads a request as far as the gateway needs it, and keeps body.
	Scan func(body []byte) (*Call, error)
	// Answer reads a plain answer; false when it is none of this dialect.
	Answer func(body []byte) (Said, bool)
	// NewTap begins to listen to one stream.
	NewTap func() Tap
	// Error is the body of an answer that reports a failure, ErrorEvent the bytes that end a stream
	// which broke: one or more whole events.
	Error      func(Failure) []byte
	ErrorEvent func(Failure) []byte
	// ReadError reads an upstream's own error; false when the body is none of this dialect.
	ReadError func(status int, body []byte) (Failure, bool)

	// Decode and Encode translate requests.
	Decode func(body []byte) (*Request, error)
	Encode func(*Request) ([]byte, error)
	// DecodeAnswer and EncodeAnswer translate plain answers.
	DecodeAnswer func(body []byte) (*Response, error)
	EncodeAnswer func(*Response, *Request) ([]byte, error)
	// NewDecoder reads one stream of this dialect, NewEncoder writes one for the client who asked
	// with that request.
	NewDecoder func() Decoder
	NewEncoder func(*Request) Encoder
}

// A Call is what the gateway needs to know of a request, and the request itself.
type Call struct {
	Model  string
	Stream bool
	// UsageAsked tells that the client itself wants usage at the end of its stream.
	UsageAsked bool
	// MaxOutput is the client's limit on the answer in tokens, over all choices; 0 for none.
	MaxOutput int64
	// Input is the estimated size of what is sent in tokens.
	Input int64
	Edit  Editor
}

// An Editor makes the body that goes to a provider of the same dialect: the client's bytes with
// another model, with usage asked for, and where the client set no limit with limit as the most
// output (0: none). Unknown fields stay as they were.
type Editor interface {
	For(model string, limit int64) []byte
}

// Said is what the gateway needs to know of a plain answer.
type Said struct {
	ID       string // the upstream's own name of the answer
	Usage    holdfast.Usage
	HasUsage bool
	// Output is the estimated size of the answer in tokens.
	Output int64
	// Empty answers say nothing and call no tool, though nothing cut them short.
	Empty bool
}

// A Kind is what an event of a stream is to the gateway.
type Kind int

// The kinds of events.
const (
	KindChunk   Kind = iota // part of the answer
	KindSilent              // says nothing yet: a role, an empty text
	KindComment             // no data: a sign of life
	KindUsage               // usage alone, which only a client that asked for it expects
	KindError               // an error of the upstream
	KindDone                // the end of the stream
	KindGarbage             // not of this dialect
)

// A Tap listens at the side of one stream. It keeps nothing of the events but what is said of the
// whole.
type Tap interface {
	// See reads one event's data.
	See(data []byte) Kind
	// Usage is what the upstream said was used; false when it said nothing believable.
	Usage() (holdfast.Usage, bool)
	Seen() Seen
}

// An Ender is a Tap or an Encoder whose dialect counts and names its events: End is the ErrorEvent that
// follows those which it saw or wrote.
type Ender interface {
	End(Failure) []byte
}

// Seen is what a Tap saw so far.
type Seen struct {
	// ID is the upstream's own name of the answer, as session logs of coding agents repeat it.
	ID string
	// Output is the estimated size of the answer in tokens.
	Output int64
	// Finished tells that the answer was declared finished, Chunks how many events were part of it.
	Finished bool
	Chunks   int64
}

// A Failure is an error as any dialect may word it.
type Failure struct {
	Status  int
	Type    string // in OpenAI's words: invalid_request_error, rate_limit_error, …
	Code    string
	Message string
	Param   string // the field that is wrong
	// Reason is the house's word for a refusal, such as breaker_halt.
	Reason     string
	RetryAfter time.Duration
}

// An InputError says which field of a request is wrong, or cannot be put to a provider.
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
