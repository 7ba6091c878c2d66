// SPDX-License-Identifier: Apache-2.0

// Package provider names what the gateway asks of a source of models.
//
// It is for the contract alone: which dialects a source speaks, and one call in one of them, answered
// as an HTTP response would be, whether it comes over a network or from inside the house. It is not
// for choosing among providers, translating, retrying or counting, which are the gateway's. The kinds
// live in the packages beside it. Callers: the gateway.
package provider

import (
	"context"
	"errors"
	"io"
	"net/http"
)

// The dialects by the names that the ledger books, and the one question that is no call.
const (
	Chat        = "openai.chat"
	Responses   = "openai.responses"
	Embeddings  = "openai.embeddings"
	Messages    = "anthropic.messages"
	CountTokens = "anthropic.count_tokens" //nolint:gosec // the name of a question, no secret
)

// A Provider is one configured source of models.
type Provider interface {
	// Speaks lists the dialects in which calls may come, the preferred one first.
	Speaks() []string
	// Do sends one call and returns once the answer's head is there. The body may still be growing;
	// it ends early with the context. A *dialect.InputError says that this source refuses a field of
	// the request, which no other attempt will change.
	Do(ctx context.Context, call Call) (*Answer, error)
	// Models lists the models known without asking anybody; it may be empty.
	Models() []string
}

// A Call is one request to a model.
type Call struct {
	Model string
	// Dialect is one of those that the provider speaks.
	Dialect string
	// Body is the whole request as JSON in that dialect, its model already the provider's own name.
	Body   []byte
	Stream bool
	// Client holds the headers of the client's request; a provider passes on those alone that it
	// names itself, never the client's key or cookies. It may be nil.
	Client http.Header
	// TraceParent and TraceState are the trace context to tell; empty for none.
	TraceParent, TraceState string
}

// An Answer is the head of a provider's reply and its body, which the gateway closes.
type Answer struct {
	Status int
	Header http.Header
	Body   io.ReadCloser
}

// Causes of a call that had no answer.
var (
	ErrConnect = errors.New("cannot connect")
	ErrTimeout = errors.New("timed out")
)
