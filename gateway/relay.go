// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"holdfast"
	"holdfast/gateway/dialect"
	"holdfast/gateway/dialect/wire"
	"holdfast/gateway/ledger"
	"holdfast/gateway/provider"
)

const (
	// lastWords is how long a client may take to read why its answer was cut.
	lastWords = 5 * time.Second
	// afterDone is how long an upstream may take to end its body after [DONE], so that its
	// connection serves again.
	afterDone = 100 * time.Millisecond
	// extension is how much more output is reserved when a stream outgrows its reservation.
	extension = 1024
)

// A relay passes one stream on.
type relay struct {
	c       *call
	s       step
	theirs  *dialect.Dialect
	body    io.Closer // the upstream's
	events  *wire.Events
	tap     dialect.Tap
	silence *time.Timer
	out     []byte // what the client gets at the next flush
	flush   *http.ResponseController
	// usageOurs: the client did not ask for the usage at the end, so it is kept from it.
	usageOurs bool
	// decode and encode translate; both are nil where nothing is.
	decode dialect.Decoder
	encode dialect.Encoder
	closed bool // the encoder was told that the stream is done
	// failure is the upstream's own, which a translated stream still has to tell.
	failure *dialect.Failure
	first   time.Duration

	mu   sync.Mutex
	over bool // the connection is no longer ours
}

var (
	errHungUp  = errors.New("the client hung up")
	errEnded   = errors.New("the stream ended")
	errGarbage = errors.New("sent something that is no event of its dialect")
	errOwn     = errors.New("the upstream reported an error")
)

// stream relays a stream: nothing before the first word, so that another target may still answer;
// then every event as it comes.
func (c *call) stream(ctx context.Context, s step, theirs *dialect.Dialect, answer *provider.Answer, silence *time.Timer) *failure {
	if kind := answer.Header.Get("Content-Type"); !strings.HasPrefix(strings.ToLower(kind), "text/event-stream") {
		body, _ := io.ReadAll(io.LimitReader(answer.Body, mostErrorBody))
		if f := confessed(theirs, body); f != nil {
			return f
		}
		return invalid("answered a stream with content type %q", kind)
	}
	pipes := c.g.buffers.takePiping()
	r := &relay{
		c: c, s: s, theirs: theirs, body: answer.Body, silence: silence, events: wire.NewEvents(answer.Body, pipes.in), tap: theirs.NewTap(), out: pipes.out[:0],
		flush: http.NewResponseController(c.w), usageOurs: !c.req.UsageAsked,
	}
	if theirs != c.client {
		r.decode, r.encode = theirs.NewDecoder(), c.client.NewEncoder(c.said)
	}
	defer func() {
		pipes.in, pipes.out = r.events.Buffer(), r.out
		c.g.buffers.givePiping(pipes)
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
			kind := r.tap.See(event.Data)
			switch kind {
			case dialect.KindError:
				return r.upstreamError(event.Data)
			case dialect.KindGarbage:
				return invalid("%s", errGarbage)
			case dialect.KindDone:
				return empty()
			case dialect.KindChunk, dialect.KindSilent, dialect.KindComment, dialect.KindUsage:
			}
			if err := r.keep(event, kind); err != nil {
				if r.failure != nil {
					return r.upstreamError(event.Data)
				}
				return invalid("%s", err)
			}
			if kind == dialect.KindChunk || len(r.out) > mostErrorBody {
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
	case errors.Is(err, wire.ErrHugeEvent):
		return invalid("%s", err)
	case len(r.events.Rest()) > 0:
		return invalid("broke off in the middle of an event")
	case errors.Is(err, io.EOF):
		return empty()
	}
	return invalid("broke off before its first word")
}

// upstreamError is an error that came as the first event, under a head that promised success.
func (r *relay) upstreamError(data []byte) *failure {
	if f := confessed(r.theirs, data); f != nil {
		if r.theirs.Name == provider.Responses { // whose events have another form than its errors
			f.body = nil
		}
		return f
	}
	return &failure{next: true, cool: true, code: "upstream_error", status: http.StatusBadGateway, message: "reported an error instead of an answer"}
}

// keep puts an event out for the client, in the client's words.
func (r *relay) keep(event wire.Event, kind dialect.Kind) error {
	switch {
	case r.decode == nil:
		if kind != dialect.KindUsage || !r.usageOurs {
			r.out = append(r.out, event.Raw...)
		}
		return nil
	case kind == dialect.KindComment:
		if len(event.Raw) > 0 && event.Raw[0] == ':' {
			r.out = append(r.out, event.Raw...)
		}
		return nil
	}
	said, err := r.decode.Decode(event.Data)
	if err != nil {
		return fmt.Errorf("%w: %w", errGarbage, err)
	}
	for _, one := range said {
		switch one.Kind {
		case dialect.EventFailure:
			r.failure = one.Failure
			if r.failure == nil {
				r.failure = &dialect.Failure{Type: "upstream_error", Code: "upstream_error", Message: r.s.String() + " reported an error"}
			}
			return errOwn
		case dialect.EventDone:
			r.close()
		default:
			r.out = r.encode.Encode(r.out, one)
		}
	}
	if kind == dialect.KindDone {
		r.close()
	}
	return nil
}

// close writes the end of a translated stream, once.
func (r *relay) close() {
	if r.encode == nil || r.closed {
		return
	}
	r.closed = true
	r.out = r.encode.Encode(r.out, dialect.Event{Kind: dialect.EventDone})
}

// begin sends the head.
func (r *relay) begin() {
	r.silence.Stop()
	r.first = time.Since(r.c.began)
	r.c.trip.Answered()
	r.c.head(r.s)
	if limit := r.c.limit(r.s.Target); limit > 0 {
		limited(r.c.w.Header(), limit)
	}
	h := r.c.w.Header()
	h["Content-Type"] = []string{"text/event-stream; charset=utf-8"}
	h["Cache-Control"] = []string{"no-cache"}
	h["X-Accel-Buffering"] = []string{"no"}
	r.c.status = http.StatusOK
	r.c.w.WriteHeader(http.StatusOK)
}

// pass relays events until the stream ends; what it returns says how.
func (r *relay) pass(ctx context.Context) error {
	for {
		err := r.gather()
		if err != nil && err != errEnded { //nolint:errorlint // our own, never wrapped
			_ = r.body.Close() // it says nothing more that anybody hears, however slowly the client takes the rest
		}
		if writeErr := r.send(err); writeErr != nil {
			return errHungUp
		}
		if err != nil {
			return err
		}
		r.silence.Reset(r.c.settings.Timeouts.Stall.Std())
		err = r.events.Fill()
		r.silence.Stop()
		if err == nil {
			continue
		}
		if !r.ended(err) {
			return cause(ctx, err)
		}
		r.close() // some end after their finish reason without another word
		if writeErr := r.send(errEnded); writeErr != nil {
			return errHungUp
		}
		return err
	}
}

// ended tells whether the end of a body is the end of the answer.
func (r *relay) ended(err error) bool {
	return errors.Is(err, io.EOF) && r.tap.Seen().Finished && len(r.events.Rest()) == 0
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
		if kind == dialect.KindGarbage {
			return errGarbage
		}
		if kind == dialect.KindError && r.decode != nil {
			if f, ok := r.theirs.ReadError(http.StatusBadGateway, event.Data); ok {
				r.failure = &f
				return errOwn
			}
		}
		if err := r.keep(event, kind); err != nil {
			return err
		}
		switch kind {
		case dialect.KindError:
			return errOwn
		case dialect.KindDone:
			return errEnded
		case dialect.KindChunk, dialect.KindSilent, dialect.KindComment, dialect.KindUsage, dialect.KindGarbage:
		}
	}
}

// room reserves more for a stream that outgrew its reservation.
func (r *relay) room() error {
	c := r.c
	for r.tap.Seen().Output > c.room {
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
	seen := r.tap.Seen()
	switch {
	case !stated:
		usage = holdfast.Usage{Input: r.c.req.Input, Output: seen.Output}
	case status != ledger.StatusOK && usage.Output < seen.Output: // a count from the beginning of a stream that broke
		usage.Output, stated = seen.Output, false
	}
	r.c.settle(r.s, ledger.Result{Status: status, Usage: usage, Estimated: !stated, FirstToken: r.first, ResponseID: seen.ID})
}

// finish books how the stream ended and, when it broke, says so to the client.
func (r *relay) finish(ctx context.Context, how error) {
	defer r.leave()
	status, f := r.ending(ctx, how)
	r.settle(status)
	if f == nil {
		r.drain(how)
		return
	}
	r.c.code = f.Code
	r.c.g.needs.Log.Warn("a stream broke", "provider", r.s.Provider, "model", r.s.Model, "why", f.Message, "request", r.c.id)
	_ = r.flush.SetWriteDeadline(time.Now().Add(lastWords))
	_, _ = r.c.w.Write(r.lastEvent(*f))
	_ = r.flush.Flush()
}

// lastEvent is the failure as the end of what the client was sent.
func (r *relay) lastEvent(f dialect.Failure) []byte {
	ender, counts := r.tap.(dialect.Ender)
	if r.encode != nil {
		ender, counts = r.encode.(dialect.Ender)
	}
	if counts {
		return ender.End(f)
	}
	return r.c.client.ErrorEvent(f)
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

// ending tells how a stream ended: its status, and what to tell the client unless it ended well.
func (r *relay) ending(ctx context.Context, how error) (string, *dialect.Failure) {
	broke := func(code, format string, args ...any) *dialect.Failure {
		return &dialect.Failure{Status: http.StatusBadGateway, Type: "upstream_error", Code: code, Message: r.s.String() + ": " + fmt.Sprintf(format, args...)}
	}
	halt, halted := errors.AsType[*haltedError](context.Cause(ctx))
	refusal, no := errors.AsType[*holdfast.Refusal](how)
	switch {
	case errors.Is(how, errEnded), r.ended(how):
		return ledger.StatusOK, nil
	case halted:
		f := haltError(halt)
		return ledger.StatusHalted, &f
	case no:
		f := haltError(&haltedError{refusal.Reason})
		return ledger.StatusHalted, &f
	case errors.Is(how, holdfast.ErrEnding):
		f := ending()
		return ledger.StatusCancelled, &f
	case errors.Is(how, errHungUp), errors.Is(how, context.Canceled):
		return ledger.StatusCancelled, nil
	case errors.Is(how, errOwn):
		return ledger.StatusCut, r.failure // nil: the upstream's own event said it
	case errors.Is(how, provider.ErrTimeout):
		return ledger.StatusCut, broke("upstream_stalled", "fell silent for %s in the middle of its answer", r.c.settings.Timeouts.Stall)
	case errors.Is(how, errGarbage), errors.Is(how, wire.ErrHugeEvent):
		return ledger.StatusCut, broke("upstream_invalid", "%s", how)
	case errors.Is(how, io.EOF), errors.Is(how, io.ErrUnexpectedEOF):
		return ledger.StatusCut, broke("upstream_cut", "broke off in the middle of its answer")
	}
	if f, ok := outgrown(how); ok {
		return ledger.StatusHalted, &f
	}
	return ledger.StatusCut, broke("upstream_cut", "the connection broke in the middle of its answer")
}
