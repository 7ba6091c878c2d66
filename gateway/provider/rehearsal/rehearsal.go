// SPDX-License-Identifier: Apache-2.0

// Package rehearsal is a model inside the house that answers from a script: texts, tool calls and
// failures, without key or network, so that a fresh home works and tests can act out anything.
//
// It is not a mock of the gateway: what it answers takes the same path as a provider's answer. The
// same request is answered alike every time, but for its ids and the rules that count. The format
// of the script is docs/rehearsal.md. Callers: the gateway, which builds one a configured provider.
package rehearsal

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"holdfast/gateway/dialect"
	"holdfast/gateway/dialect/openai"
	"holdfast/gateway/provider"
)

// A Model answers from one script.
type Model struct {
	script *script
	calls  atomic.Int64
	run    string
}

// New returns a model that plays a script; nil data is the empty script, in which the default rule
// alone answers. File names the script in problems. The error is a *holdfast.Error with every
// problem of the script.
func New(file string, data []byte) (*Model, error) {
	s, err := parse(file, data)
	if err != nil {
		return nil, err
	}
	return &Model{script: s, run: strconv.FormatInt(time.Now().UnixNano(), 36)}, nil
}

// Models lists the names that the script announces.
func (m *Model) Models() []string { return m.script.models }

// Speaks lists the dialects of the rehearsal; the gateway translates the others.
func (m *Model) Speaks() []string { return []string{provider.Chat, provider.Embeddings} }

// Do answers one call.
func (m *Model) Do(ctx context.Context, call provider.Call) (*provider.Answer, error) {
	asked, err := read(call)
	if err != nil {
		return refusal(http.StatusBadRequest, 0, err.Error()), nil
	}
	act := m.script.choose(asked)
	if err := pause(ctx, act.Reply.Wait); err != nil {
		return nil, err
	}
	switch {
	case act.Fault.Refuse:
		return nil, fmt.Errorf("%w: the rehearsal refuses it", provider.ErrConnect)
	case act.Fault.Hang:
		<-ctx.Done()
		return nil, ctx.Err()
	case act.Fault.Status != 0:
		return refusal(act.Fault.Status, act.Fault.RetryAfter, fmt.Sprintf("%s was told to fail with %d: this is a rehearsal", asked.model, act.Fault.Status)), nil
	}
	said := act.say(asked, fmt.Sprintf("%s_%d", m.run, m.calls.Add(1)))
	switch {
	case asked.embed != nil:
		return m.plain(ctx, act, act.vectors(asked, said.usage)), nil
	case call.Stream:
		return m.stream(ctx, asked, act, said), nil
	}
	return m.plain(ctx, act, said.completion()), nil
}

func (m *Model) plain(ctx context.Context, act *rule, body []byte) *provider.Answer {
	frames := []frame{{bytes: body}}
	if act.Fault.Cut != nil {
		frames = []frame{{bytes: body[:len(body)/2]}, {cut: true}}
	}
	if act.Fault.Stall != nil {
		frames = []frame{{bytes: body[:len(body)/2]}, {stall: true}}
	}
	return answer(ctx, "application/json", frames)
}

func (m *Model) stream(ctx context.Context, asked request, act *rule, said speech) *provider.Answer {
	chunks := said.chunks(asked.StreamOptions.IncludeUsage, act.Reply.chunkSize())
	frames := make([]frame, 0, len(chunks)+1)
	for i, chunk := range chunks {
		if act.Fault.Cut != nil && i == *act.Fault.Cut {
			return answer(ctx, "text/event-stream", append(frames, frame{cut: true}))
		}
		if act.Fault.Stall != nil && i == *act.Fault.Stall {
			return answer(ctx, "text/event-stream", append(frames, frame{stall: true}))
		}
		frames = append(frames, frame{bytes: chunk, pause: act.Reply.Pause})
	}
	frames = append(frames, frame{bytes: []byte("data: [DONE]\n\n")})
	return answer(ctx, "text/event-stream", frames)
}

func answer(ctx context.Context, kind string, frames []frame) *provider.Answer {
	return &provider.Answer{
		Status: http.StatusOK,
		Header: http.Header{"Content-Type": {kind}},
		Body:   &body{ctx: ctx, frames: frames},
	}
}

func refusal(status int, after time.Duration, message string) *provider.Answer {
	header := http.Header{"Content-Type": {"application/json"}}
	if after > 0 {
		header.Set("Retry-After", strconv.FormatInt(int64((after+time.Second-1)/time.Second), 10))
	}
	said := openai.Chat().Error(dialect.Failure{Message: message, Type: "rehearsal_error", Code: strconv.Itoa(status)})
	return &provider.Answer{Status: status, Header: header, Body: io.NopCloser(bytes.NewReader(said))}
}

// A frame is one piece of a body: bytes after a pause, or the end of all good.
type frame struct {
	bytes []byte
	pause time.Duration
	cut   bool
	stall bool
}

// body plays frames, one a Read at most.
type body struct {
	ctx    context.Context
	frames []frame
	rest   []byte
}

func (b *body) Read(p []byte) (int, error) {
	if len(b.rest) == 0 {
		if err := b.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

func (b *body) next() error {
	if len(b.frames) == 0 {
		return io.EOF
	}
	f := b.frames[0]
	if f.cut {
		return io.ErrUnexpectedEOF
	}
	if f.stall {
		<-b.ctx.Done()
		return b.ctx.Err()
	}
	b.frames = b.frames[1:]
	b.rest = f.bytes
	return pause(b.ctx, f.pause)
}

func (b *body) Close() error { return nil }

func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
