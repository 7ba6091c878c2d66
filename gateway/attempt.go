// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"holdfast"
	"holdfast/gateway/dialect"
	"holdfast/gateway/ledger"
	"holdfast/gateway/provider"
)

const (
	mostAnswer = 64 << 20
	// firstPause is the longest wait before a target is asked again; each further one is twice as long.
	firstPause = 250 * time.Millisecond
	// mostRetry is how late a call may be to be tried at the same target again.
	mostRetry = 15 * time.Second
	// mostFittings is how often a limit of the house's is lowered for a target that takes none so large.
	mostFittings = 3
)

// persist asks a target, and the last of a chain again when a moment may help: it could not be
// reached, or failed within itself, and nothing was streamed or charged.
func (c *call) persist(ctx context.Context, s step) *failure {
	f := c.fitted(ctx, s)
	if f == nil || !f.again || !c.trip.Last() {
		return f
	}
	for i := range c.settings.Retries {
		if f == nil || !f.again || f.halt != nil || time.Since(c.began) > mostRetry {
			return f
		}
		longest := firstPause << i
		pause := time.NewTimer(longest/2 + rand.N(longest/2)) //nolint:gosec // jitter is no secret
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return f
		}
		c.g.meters.retried(s.Provider)
		spanning{c}.missed(s, f)
		f = c.fitted(ctx, s)
	}
	return f
}

// fitted asks a target, again with a smaller limit where it takes none so large as the house set.
func (c *call) fitted(ctx context.Context, s step) *failure {
	c.most = 0
	for tries := 0; ; tries++ {
		f := c.attempt(ctx, s)
		if f == nil && c.most > 0 {
			c.g.rooms.took(s.Target, c.most)
		}
		limit := c.limit(s.Target)
		if f == nil || limit == 0 || tries == mostFittings {
			return f
		}
		if c.most = f.lower(limit); c.most == 0 {
			return f
		}
	}
}

// attempt asks one target and relays its answer; a failure means that nothing was relayed.
func (c *call) attempt(ctx context.Context, s step) *failure {
	theirs := c.g.tongues.way(c.client, s.via)
	if theirs == nil {
		return misfit(&dialect.InputError{Field: "model", Message: "does not speak " + c.client.Name})
	}
	body, err := c.upstream(theirs, s)
	if err != nil {
		return broken(err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	number := c.g.flights.begin(flight{cancel, c.asked.Tenant, c.asked.Key, c.req.Stream})
	defer c.g.flights.end(number)
	if flag, halted := c.g.needs.Breaker.HaltedFor(c.asked.Tenant, c.asked.Key); halted && !c.passed { // raised before this flight could be cut
		return &failure{halt: &haltedError{flag.Reason}}
	}
	patience := c.settings.Timeouts.Answer.Std()
	if c.req.Stream {
		patience = c.settings.Timeouts.FirstByte.Std()
	}
	silence := time.AfterFunc(patience, func() { cancel(provider.ErrTimeout) })
	defer silence.Stop()
	asked := provider.Call{Model: s.Model, Dialect: theirs.Name, Body: body, Stream: c.req.Stream, Client: c.header}
	asked.TraceParent, asked.TraceState = c.g.needs.Traces.Upstream(ctx, c.header)
	answer, err := s.via.Do(ctx, asked)
	if err != nil {
		return broken(cause(ctx, err))
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.Status != http.StatusOK {
		return failed(answer, theirs, time.Now())
	}
	if encoding := answer.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return invalid("answered in the encoding %q, which was not asked for", encoding)
	}
	if c.req.Stream {
		return c.stream(ctx, s, theirs, answer, silence)
	}
	return c.plain(ctx, s, theirs, answer, silence)
}

// upstream is the request as the provider gets it: the client's own bytes where both speak the same
// dialect.
func (c *call) upstream(theirs *dialect.Dialect, s step) ([]byte, error) {
	if theirs == c.client {
		return c.req.Edit.For(s.Model, c.limit(s.Target)), nil
	}
	if c.said == nil {
		said, err := c.client.Decode(c.body)
		if err != nil {
			return nil, err
		}
		c.said = said
	}
	asked := *c.said
	asked.Model, asked.UsageAsked = s.Model, asked.Stream
	if asked.MaxOutput == 0 {
		asked.MaxOutput = c.limit(s.Target)
	}
	return theirs.Encode(&asked)
}

// cause is why a context ended, when that is why a call failed.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// plain relays an answer that is not streamed.
func (c *call) plain(ctx context.Context, s step, theirs *dialect.Dialect, answer *provider.Answer, silence *time.Timer) *failure {
	stall := c.settings.Timeouts.Stall.Std()
	silence.Reset(stall)
	buf := c.g.buffers.take()
	defer c.g.buffers.give(buf)
	if n := answer.Header.Get("Content-Length"); n != "" {
		if size, err := strconv.Atoi(n); err == nil && size > 0 && size < keptBodySize {
			buf.Grow(size + 512)
		}
	}
	_, err := buf.ReadFrom(&patient{io.LimitReader(answer.Body, mostAnswer+1), silence, stall})
	silence.Stop()
	if err != nil && ctx.Err() != nil {
		return broken(context.Cause(ctx))
	}
	if err != nil {
		return invalid("broke off in the middle of its answer")
	}
	said, ok := theirs.Answer(buf.Bytes())
	switch {
	case buf.Len() > mostAnswer:
		return invalid("gave an answer larger than 64 MiB")
	case !ok:
		if f := confessed(theirs, buf.Bytes()); f != nil {
			return f
		}
		return invalid("gave no answer of %s (content type %q)", theirs.Name, answer.Header.Get("Content-Type"))
	case said.Empty:
		return empty()
	}
	body, f := c.inTheirWords(theirs, buf.Bytes())
	if f != nil {
		return f
	}
	usage := said.Usage
	if limit := c.limit(s.Target); limit > 0 && max(usage.Output, said.Output) >= limit {
		c.g.rooms.reached(s.Target, limit)
		limited(c.w.Header(), limit)
	}
	if !said.HasUsage {
		usage = holdfast.Usage{Input: c.req.Input, Output: said.Output}
	}
	c.settle(s, ledger.Result{
		Status: ledger.StatusOK, Usage: usage, Estimated: !said.HasUsage, FirstToken: time.Since(c.began), ResponseID: said.ID,
	})
	c.trip.Answered()
	c.head(s)
	h := c.w.Header()
	h["Content-Type"] = []string{"application/json"}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	c.status = http.StatusOK
	c.w.WriteHeader(http.StatusOK)
	_, _ = c.w.Write(body) // a client that is gone was booked
	return nil
}

// inTheirWords is a provider's answer as the client's dialect has it.
func (c *call) inTheirWords(theirs *dialect.Dialect, body []byte) ([]byte, *failure) {
	if theirs == c.client {
		return body, nil
	}
	answer, err := theirs.DecodeAnswer(body)
	if err != nil {
		return nil, invalid("gave an answer that cannot be read: %s", err)
	}
	out, err := c.client.EncodeAnswer(answer, c.said)
	if err != nil {
		return nil, invalid("gave an answer that %s cannot say: %s", c.client.Name, err)
	}
	return out, nil
}

// patient restarts the silence at each piece.
type patient struct {
	from    io.Reader
	silence *time.Timer
	stall   time.Duration
}

func (p *patient) Read(b []byte) (int, error) {
	n, err := p.from.Read(b)
	p.silence.Reset(p.stall)
	return n, err
}
