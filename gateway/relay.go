// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"holdfast"
	"holdfast/gateway/dialect/openai"
	"holdfast/gateway/ledger"
	"holdfast/gateway/provider"
)

const (
	mostAnswer = 64 << 20
	// slowClient is how long a client may leave a piece of its answer unread.
	slowClient = 2 * time.Minute
	// lastWords is how long a client may take to read why its answer was cut.
	lastWords = 5 * time.Second
	// afterDone is how long an upstream may take to end its body after [DONE], so that its
	// connection serves again.
	afterDone = 100 * time.Millisecond
	// extension is how much more output is reserved when a stream outgrows its reservation.
	extension = 1024
)

// attempt asks one target and relays its answer; a failure means that nothing was relayed.
func (c *call) attempt(ctx context.Context, s step) *failure {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	flight := c.g.flights.begin(cancel)
	defer c.g.flights.end(flight)
	if flag, halted := c.g.needs.Breaker.Halted(); halted { // raised before this flight could be cut
		return &failure{halt: &haltedError{flag.Reason}}
	}
	patience := c.times.Answer.Std()
	if c.req.Stream {
		patience = c.times.FirstByte.Std()
	}
	silence := time.AfterFunc(patience, func() { cancel(provider.ErrTimeout) })
	defer silence.Stop()
	answer, err := s.via.Chat(ctx, provider.Call{Model: s.model, Body: c.req.For(s.model), Stream: c.req.Stream})
	if err != nil {
		return broken(cause(ctx, err))
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.Status != http.StatusOK {
		return failed(answer, time.Now())
	}
	if encoding := answer.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return invalid("answered in the encoding %q, which was not asked for", encoding)
	}
	if c.req.Stream {
		return c.stream(ctx, s, answer, silence)
	}
	return c.plain(ctx, s, answer, silence)
}

// cause is why a context ended, when that is why a call failed.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// plain relays an answer that is not streamed.
func (c *call) plain(ctx context.Context, s step, answer *provider.Answer, silence *time.Timer) *failure {
	silence.Reset(c.times.Stall.Std())
	buf := c.g.buffer()
	defer c.g.recycle(buf)
	if n := answer.Header.Get("Content-Length"); n != "" {
		if size, err := strconv.Atoi(n); err == nil && size > 0 && size < keptBodySize {
			buf.Grow(size + 512)
		}
	}
	_, err := buf.ReadFrom(&patient{io.LimitReader(answer.Body, mostAnswer+1), silence, c.times.Stall.Std()})
	silence.Stop()
	if err != nil && ctx.Err() != nil {
		return broken(context.Cause(ctx))
	}
	if err != nil {
		return invalid("broke off in the middle of its answer")
	}
	said, ok := openai.ReadCompletion(buf.Bytes())
	switch {
	case buf.Len() > mostAnswer:
		return invalid("gave an answer larger than 64 MiB")
	case !ok:
		return invalid("gave no chat completion (content type %q)", answer.Header.Get("Content-Type"))
	case said.Empty:
		return &failure{next: true, cool: true, spent: true, code: "upstream_empty", message: "gave an empty answer"}
	}
	usage := said.Usage
	if !said.HasUsage {
		usage = holdfast.Usage{Input: c.req.Input, Output: said.Output}
	}
	c.settle(s, ledger.StatusOK, usage, !said.HasUsage, time.Since(c.began))
	c.g.cooling.answered(s.target, c.alias)
	c.head(s)
	h := c.w.Header()
	h["Content-Type"] = []string{"application/json"}
	h["Content-Length"] = []string{strconv.Itoa(buf.Len())}
	c.w.WriteHeader(http.StatusOK)
	_, _ = c.w.Write(buf.Bytes()) // a client that is gone was booked
	return nil
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

// A relay passes one stream on.
type relay struct {
	c       *call
	s       step
	events  *openai.Events
	tap     openai.Tap
	silence *time.Timer
	out     []byte // what the client gets at the next flush
	flush   *http.ResponseController
	// usageOurs: the client did not ask for the usage at the end, so it is kept from it.
	usageOurs bool
	first     time.Duration
	patience  time.Time // the client's deadline

	mu   sync.Mutex
	over bool // the connection is no longer ours
}

var (
	errHungUp  = errors.New("the client hung up")
	errEnded   = errors.New("the stream ended")
	errGarbage = errors.New("sent something that is no event of a chat completion")
	errOwn     = errors.New("the upstream reported an error")
)

// stream relays a stream: nothing before the first word, so that another target may still answer;
// then every event as it comes.
func (c *call) stream(ctx context.Context, s step, answer *provider.Answer, silence *time.Timer) *failure {
	if kind := answer.Header.Get("Content-Type"); !strings.HasPrefix(strings.ToLower(kind), "text/event-stream") {
		return invalid("answered a stream with content type %q", kind)
	}
	buf, _ := c.g.streams.Get().(*[]byte)
	if buf == nil {
		buf = new([]byte)
	}
	r := &relay{
		c: c, s: s, silence: silence, events: openai.NewEvents(answer.Body, *buf),
		flush: http.NewResponseController(c.w), usageOurs: !c.req.UsageAsked,
	}
	defer func() {
		if *buf = r.events.Buffer(); cap(*buf) <= keptBodySize {
			c.g.streams.Put(buf)
		}
	}()
	if f := r.prime(ctx); f != nil {
		return f
	}
	r.begin()
	unwatch := context.AfterFunc(ctx, r.hurry)
	defer unwatch()
	r.finish(ctx, r.pass(ctx))
	return nil
}

// hurry frees a write that waits for a slow client when the call is cut.
func (r *relay) hurry() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.over {
		_ = r.flush.SetWriteDeadline(time.Now().Add(lastWords))
	}
}

// leave gives the connection back for another request.
func (r *relay) leave() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over = true
	_ = r.flush.SetWriteDeadline(time.Time{})
}

// prime gathers events until one says something. The time to the first word runs on meanwhile.
func (r *relay) prime(ctx context.Context) *failure {
	for {
		for {
			event, ok := r.events.Next()
			if !ok {
				break
			}
			switch kind := r.tap.See(event.Data); kind {
			case openai.KindChunk:
				r.keep(event, kind)
				return nil
			case openai.KindError:
				return upstreamError(event.Data)
			case openai.KindGarbage:
				return invalid("%s", errGarbage)
			case openai.KindDone:
				return &failure{next: true, cool: true, spent: true, code: "upstream_empty", message: "gave an empty answer"}
			case openai.KindSilent, openai.KindComment, openai.KindUsage:
				r.keep(event, kind)
			}
			if len(r.out) > mostErrorBody {
				return nil
			}
		}
		if err := r.events.Fill(); err != nil {
			return r.unprimed(ctx, err)
		}
	}
}

func (r *relay) unprimed(ctx context.Context, err error) *failure {
	switch {
	case ctx.Err() != nil:
		return broken(context.Cause(ctx))
	case errors.Is(err, openai.ErrHugeEvent):
		return invalid("%s", err)
	case len(r.events.Rest()) > 0:
		return invalid("broke off in the middle of an event")
	case errors.Is(err, io.EOF):
		return &failure{next: true, cool: true, spent: true, code: "upstream_empty", message: "gave an empty answer"}
	}
	return invalid("broke off before its first word")
}

// upstreamError is an error that came as the first event, under a head that promised success.
func upstreamError(data []byte) *failure {
	return &failure{
		next: true, cool: true, code: "upstream_error", status: http.StatusBadGateway,
		message: "reported an error instead of an answer", body: append([]byte(nil), data...),
	}
}

// keep puts an event out for the client.
func (r *relay) keep(event openai.Event, kind openai.Kind) {
	if kind == openai.KindUsage && r.usageOurs {
		return
	}
	r.out = append(r.out, event.Raw...)
}

// begin sends the head.
func (r *relay) begin() {
	r.silence.Stop()
	r.first = time.Since(r.c.began)
	r.c.g.cooling.answered(r.s.target, r.c.alias)
	r.c.head(r.s)
	h := r.c.w.Header()
	h["Content-Type"] = []string{"text/event-stream; charset=utf-8"}
	h["Cache-Control"] = []string{"no-cache"}
	h["X-Accel-Buffering"] = []string{"no"}
	r.c.w.WriteHeader(http.StatusOK)
}

// pass relays events until the stream ends; what it returns says how.
func (r *relay) pass(ctx context.Context) error {
	for {
		err := r.gather()
		if writeErr := r.send(err); writeErr != nil {
			return errHungUp
		}
		if err != nil {
			return err
		}
		r.silence.Reset(r.c.times.Stall.Std())
		err = r.events.Fill()
		r.silence.Stop()
		if err != nil {
			return cause(ctx, err)
		}
	}
}

// gather takes every event that is read already.
func (r *relay) gather() error {
	for {
		event, ok := r.events.Next()
		if !ok {
			return nil
		}
		kind := r.tap.See(event.Data)
		if err := r.room(); err != nil {
			return err
		}
		switch kind {
		case openai.KindGarbage:
			return errGarbage
		case openai.KindError:
			r.keep(event, kind)
			return errOwn
		case openai.KindDone:
			r.keep(event, kind)
			return errEnded
		case openai.KindChunk, openai.KindSilent, openai.KindComment, openai.KindUsage:
			r.keep(event, kind)
		}
	}
}

// room reserves more for a stream that outgrew its reservation.
func (r *relay) room() error {
	c := r.c
	for r.tap.Output() > c.room {
		if err := c.booked.Extend(extension); err != nil {
			return err
		}
		c.room += extension
	}
	return nil
}

// send flushes what was gathered. The call is booked before the client sees its end.
func (r *relay) send(ending error) error {
	if len(r.out) == 0 {
		return nil
	}
	if ending == errEnded { //nolint:errorlint // our own, never wrapped
		r.settle(ledger.StatusOK)
	}
	if now := time.Now(); now.After(r.patience) {
		_ = r.flush.SetWriteDeadline(now.Add(slowClient)) // in process there is none
		r.patience = now.Add(slowClient / 2)
	}
	_, err := r.c.w.Write(r.out)
	r.out = r.out[:0]
	if err != nil {
		return err
	}
	return r.flush.Flush()
}

// settle books the stream: what the upstream stated, else what was seen.
func (r *relay) settle(status string) {
	usage, stated := r.tap.Usage()
	if !stated {
		usage = holdfast.Usage{Input: r.c.req.Input, Output: r.tap.Output()}
	}
	r.c.settle(r.s, status, usage, !stated, r.first)
}

// finish books how the stream ended and, when it broke, says so to the client.
func (r *relay) finish(ctx context.Context, how error) {
	defer r.leave()
	status, e := r.ending(ctx, how)
	r.settle(status)
	if e == nil {
		r.drain(how)
		return
	}
	r.c.g.needs.Log.Warn("a stream broke", "provider", r.s.provider, "model", r.s.model, "why", e.Message, "request", r.c.id)
	_ = r.flush.SetWriteDeadline(time.Now().Add(lastWords))
	_, _ = r.c.w.Write(e.Event())
	_ = r.flush.Flush()
}

// drain reads the end of a body that said [DONE].
func (r *relay) drain(how error) {
	if !errors.Is(how, errEnded) {
		return
	}
	r.silence.Reset(afterDone)
	for range 4 {
		if r.events.Fill() != nil {
			break
		}
	}
	r.silence.Stop()
}

// ending tells how a stream ended: its status, and the error event unless it ended well.
func (r *relay) ending(ctx context.Context, how error) (string, *openai.Error) {
	broke := func(code, format string, args ...any) *openai.Error {
		return &openai.Error{Type: "upstream_error", Code: code, Message: r.s.String() + ": " + fmt.Sprintf(format, args...)}
	}
	halt, halted := errors.AsType[*haltedError](context.Cause(ctx))
	refusal, refused := errors.AsType[*holdfast.Refusal](how)
	switch {
	case errors.Is(how, errEnded), errors.Is(how, io.EOF) && r.tap.Finished && len(r.events.Rest()) == 0:
		return ledger.StatusOK, nil
	case halted:
		return ledger.StatusHalted, haltError(halt)
	case refused:
		return ledger.StatusHalted, haltError(&haltedError{refusal.Reason})
	case errors.Is(how, errHungUp), errors.Is(how, context.Canceled):
		return ledger.StatusCancelled, nil
	case errors.Is(how, errOwn):
		return ledger.StatusCut, nil // the upstream's own event said it
	case errors.Is(how, provider.ErrTimeout):
		return ledger.StatusCut, broke("upstream_stalled", "fell silent for %s in the middle of its answer", r.c.times.Stall)
	case errors.Is(how, errGarbage), errors.Is(how, openai.ErrHugeEvent):
		return ledger.StatusCut, broke("upstream_invalid", "%s", how)
	case errors.Is(how, io.EOF), errors.Is(how, io.ErrUnexpectedEOF):
		return ledger.StatusCut, broke("upstream_cut", "broke off in the middle of its answer")
	}
	return r.full(how)
}

// full is the end of a stream that outgrew what the breaker allows, or of one whose connection
// failed in some other way.
func (r *relay) full(how error) (string, *openai.Error) {
	if e, ok := capped(how); ok {
		return ledger.StatusHalted, e
	}
	return ledger.StatusCut, &openai.Error{
		Type: "upstream_error", Code: "upstream_cut", Message: r.s.String() + ": the connection broke in the middle of its answer",
	}
}
