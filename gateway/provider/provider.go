// SPDX-License-Identifier: Apache-2.0

// Package provider names what the gateway asks of a source of models.
//
// It is for the contract alone: one call in the dialect of OpenAI's chat completions, answered as
// an HTTP response would be, whether it comes over a network or from inside the house. It is not
// for choosing among providers, retrying or counting, which are the gateway's. The kinds live in
// the packages beside it.
package provider

import (
	"context"
	"errors"
	"io"
	"net/http"
)

// A Provider is one configured source of models.
type Provider interface {
	// Chat sends one call and returns once the answer's head is there. The body may still be
	// growing; it ends early with the context.
	Chat(ctx context.Context, call Call) (*Answer, error)
	// Models lists the models known without asking anybody; it may be empty.
	Models() []string
}

// A Call is one request for a chat completion.
type Call struct {
	Model string
	// Body is the whole request as JSON, its model already the provider's own name.
	Body   []byte
	Stream bool
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
