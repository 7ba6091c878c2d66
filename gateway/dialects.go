// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"net/http"
	"slices"

	"holdfast/gateway/dialect"
	"holdfast/gateway/dialect/anthropic"
	"holdfast/gateway/dialect/openai"
	"holdfast/gateway/dialect/responses"
	"holdfast/gateway/provider"
)

// tongues are the dialects in which clients may call.
type tongues []*dialect.Dialect

// allTongues has them, one line each.
func allTongues() tongues {
	return tongues{
		openai.Chat(),
		openai.Embeddings(),
		anthropic.Messages(),
		responses.Dialect(),
	}
}

// get finds one by its name; nil for none.
func (t tongues) get(name string) *dialect.Dialect {
	for _, d := range t {
		if d.Name == name {
			return d
		}
	}
	return nil
}

// way finds the dialect in which a provider is called for a client of another: the client's own when
// the provider speaks it, so that nothing is translated; nil when they do not understand each other.
func (t tongues) way(client *dialect.Dialect, via provider.Provider) *dialect.Dialect {
	speaks := via.Speaks()
	if slices.Contains(speaks, client.Name) {
		return client
	}
	if client.Decode == nil || client.EncodeAnswer == nil || client.NewEncoder == nil {
		return nil
	}
	for _, name := range speaks {
		if d := t.get(name); d != nil && d.Encode != nil && d.DecodeAnswer != nil && d.NewDecoder != nil {
			return inForm(d, via)
		}
	}
	return nil
}

// inForm is chat completions as the provider's own server speaks them.
func inForm(d *dialect.Dialect, via provider.Provider) *dialect.Dialect {
	server, ok := via.(interface{ Form() openai.Form })
	if !ok || d.Name != provider.Chat {
		return d
	}
	return openai.ChatAs(server.Form())
}

// of is the dialect of a client that asks without a body: Anthropic's send their version.
func (t tongues) of(r *http.Request) *dialect.Dialect {
	if r.Header.Get("Anthropic-Version") != "" {
		return t.get(provider.Messages)
	}
	return t.get(provider.Chat)
}
