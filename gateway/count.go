// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"holdfast"
	"holdfast/gateway/dialect"
	"holdfast/gateway/dialect/anthropic"
	"holdfast/gateway/provider"
)

// count answers how many tokens a request has: as its provider counts where it can be asked, else by
// estimate. Nothing is generated, so nothing is booked; a HALT refuses it like any call, and it is a
// request of its key's.
func (g *Gateway) count(w http.ResponseWriter, r *http.Request) {
	client := g.tongues.get(provider.Messages)
	buf := g.buffers.take()
	defer g.buffers.give(buf)
	req, t := g.read(w, r, buf, client, anthropic.ScanCount)
	if req == nil {
		return
	}
	if refusal := g.needs.Breaker.Refusal(); refusal != nil {
		refuse(w, client, refused(refusal))
		return
	}
	if no := g.barred(r.Context(), req.Model); no != nil {
		refuse(w, client, *no)
		return
	}
	if caller := holdfast.CallerFrom(r.Context()); g.needs.Limits != nil && caller.Key != "" {
		if err := g.needs.Limits.Allow(r.Context(), caller, req.Model, 0); err != nil {
			refuse(w, client, g.notAdmitted(r.Context(), err))
			return
		}
	}
	chain, known := t.names.Resolve(req.Model)
	if !known {
		refuse(w, client, g.unknownModel(req.Model, client))
		return
	}
	c := &call{g: g, w: w, client: client, header: r.Header, req: req, table: t, settings: &t.config, began: time.Now(), id: g.newID()}
	first, ok := g.router.First(chain)
	if s := t.step(first); ok && !s.Probe && slices.Contains(s.via.Speaks(), provider.CountTokens) && c.counted(r.Context(), s) {
		return
	}
	body := anthropic.CountAnswer(req.Input)
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("X-Holdfast-Estimated", "true")
	_, _ = w.Write(body)
}

// counted passes the question on; false when the provider has no answer, so that an estimate must do.
func (c *call) counted(ctx context.Context, s step) bool {
	ctx, cancel := context.WithTimeout(ctx, min(c.settings.Timeouts.FirstByte.Std(), mostCount))
	defer cancel()
	answer, err := s.via.Do(ctx, provider.Call{Model: s.Model, Dialect: provider.CountTokens, Body: c.req.Edit.For(s.Model, 0), Client: c.header})
	if err != nil {
		return false
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(answer.Body, mostErrorBody))
	said, wrong := dialect.Failure{}, false
	if answer.Status == http.StatusBadRequest || answer.Status == http.StatusRequestEntityTooLarge {
		said, wrong = c.client.ReadError(answer.Status, body)
	}
	switch {
	case err != nil, answer.Status != http.StatusOK && !wrong:
		return false
	case wrong: // the client's own mistake
		c.head(s)
		writeError(c.w, said, body)
		return true
	}
	c.head(s)
	c.w.Header().Set("Content-Type", "application/json")
	c.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = c.w.Write(body)
	return true
}

// mostCount bounds a count, which a client waits for before it asks.
const mostCount = 10 * time.Second
