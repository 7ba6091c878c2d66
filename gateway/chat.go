// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"holdfast"
	"holdfast/gateway/dialect/openai"
	"holdfast/gateway/ledger"
)

const (
	mostRequest  = 10 << 20
	slowBody     = 30 * time.Second
	dialectName  = "openai.chat"
	keptBodySize = 1 << 20
)

// chat serves models and agents.
func (g *Gateway) chat(w http.ResponseWriter, r *http.Request) { g.serve(w, r, g.agents) }

// innerChat serves models alone, so that an agent cannot call itself.
func (g *Gateway) innerChat(w http.ResponseWriter, r *http.Request) { g.serve(w, r, nil) }

func (g *Gateway) serve(w http.ResponseWriter, r *http.Request, agents agents) {
	buf := g.buffer()
	if refusal := readBody(w, r, buf); refusal != nil {
		refuse(w, refusal)
		return
	}
	req, err := openai.Decode(buf.Bytes())
	if err != nil {
		refuse(w, badRequest(err))
		return
	}
	t := g.routes.Load()
	if t == nil {
		refuse(w, &openai.Error{Status: http.StatusServiceUnavailable, Type: "server_error", Message: "the gateway is not started"})
		return
	}
	chain, alias := t.resolve(req.Model)
	if alias == "" && agents != nil {
		if agent, ok := agents.Lookup(req.Model); ok {
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(buf.Bytes())), int64(buf.Len())
			agent.ServeHTTP(w, r)
			return // the agent may keep the body
		}
	}
	if len(chain) == 0 {
		refuse(w, unknownModel(req.Model))
		return
	}
	c := &call{g: g, w: w, req: req, alias: alias, times: t.config.Timeouts, began: time.Now()}
	c.run(r.Context(), chain)
	g.recycle(buf)
}

func (g *Gateway) buffer() *bytes.Buffer {
	if buf, ok := g.bodies.Get().(*bytes.Buffer); ok {
		buf.Reset()
		return buf
	}
	return new(bytes.Buffer)
}

func (g *Gateway) recycle(buf *bytes.Buffer) {
	if buf.Cap() <= keptBodySize {
		g.bodies.Put(buf)
	}
}

// readBody reads the whole request; a body that drips in is given up.
func readBody(w http.ResponseWriter, r *http.Request, buf *bytes.Buffer) *openai.Error {
	tooLarge := &openai.Error{
		Status: http.StatusRequestEntityTooLarge, Type: "invalid_request_error", Code: "request_too_large",
		Message: "the request is larger than 10 MiB",
	}
	if r.ContentLength > mostRequest {
		return tooLarge
	}
	deadline := http.NewResponseController(w)
	limited := deadline.SetReadDeadline(time.Now().Add(slowBody)) == nil
	_, err := buf.ReadFrom(http.MaxBytesReader(w, r.Body, mostRequest))
	if limited {
		_ = deadline.SetReadDeadline(time.Time{}) // the connection goes on without it
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return tooLarge
	}
	if err != nil {
		return &openai.Error{
			Status: http.StatusBadRequest, Type: "invalid_request_error", Message: "the request's body broke off or was too slow",
		}
	}
	return nil
}

func badRequest(err error) *openai.Error {
	e := &openai.Error{Status: http.StatusBadRequest, Type: "invalid_request_error", Message: err.Error()}
	if wrong, ok := errors.AsType[*openai.InputError](err); ok {
		e.Param = wrong.Field
	}
	return e
}

func unknownModel(name string) *openai.Error {
	return &openai.Error{
		Status: http.StatusNotFound, Type: "invalid_request_error", Param: "model", Code: "model_not_found",
		Message: fmt.Sprintf("there is no model %q: want an alias, an agent, or provider/model (GET /v1/models lists them)", name),
	}
}

// call is one model call on its way.
type call struct {
	g     *Gateway
	w     http.ResponseWriter
	req   *openai.Request
	alias string
	times Timeouts
	began time.Time

	id     string
	booked *ledger.Reservation
	asked  ledger.Call
	room   int64 // output tokens reserved
}

// run reserves the call, tries the chain and settles.
func (c *call) run(ctx context.Context, chain []target) {
	g := c.g
	if refusal := g.needs.Breaker.Refusal(); refusal != nil {
		refuse(c.w, refused(refusal))
		return
	}
	steps, wait := g.cooling.usable(chain, c.began)
	if len(steps) == 0 {
		refuse(c.w, resting(chain[0], wait))
		return
	}
	if err := c.reserve(ctx, steps[0].target); err != nil {
		refuse(c.w, g.notAdmitted(ctx, err))
		return
	}
	// Whatever happens below, the reservation does not stay: a panic settles it as an estimate.
	defer c.settle(steps[0], ledger.StatusFailed, holdfast.Usage{}, false, 0)
	c.try(ctx, steps)
}

func resting(t target, wait time.Duration) *openai.Error {
	return &openai.Error{
		Status: http.StatusTooManyRequests, Type: "rate_limit_error", Code: "cooling_down", RetryAfter: wait,
		Message: fmt.Sprintf("%s and all behind it are cooling down for %s more, as their providers asked", t, wait.Round(time.Second)),
	}
}

func (c *call) reserve(ctx context.Context, first target) error {
	caller, agent := holdfast.CallerFrom(ctx), holdfast.AgentFrom(ctx)
	if agent == "" && caller.Kind == holdfast.CallerAgent {
		agent = caller.Name
	}
	c.id = c.g.newID()
	c.asked = ledger.Call{
		Caller: caller.String(), Tenant: caller.Tenant, Agent: agent, Unit: caller.Unit,
		Alias: c.alias, Provider: first.provider, Model: first.model, Dialect: dialectName, RequestID: c.id,
	}
	c.room = c.req.MaxOutput
	if c.room == 0 {
		c.room = c.g.needs.Ledger.Expect(first.provider, first.model)
	}
	var err error
	c.booked, err = c.g.needs.Ledger.Reserve(ctx, c.asked, c.req.Input, c.room)
	return err
}

// newID names a request for the client and the ledger alike.
func (g *Gateway) newID() string {
	return "hf-" + strconv.FormatInt(g.began.UnixNano(), 36) + "-" + strconv.FormatInt(g.requests.Add(1), 36)
}

// try asks one step after the other until one answers or none may do better.
func (c *call) try(ctx context.Context, steps []step) {
	for i, s := range steps {
		f := c.attempt(ctx, s)
		switch {
		case f == nil:
			return
		case f.halt != nil:
			refuse(c.w, haltError(f.halt))
			c.settle(s, ledger.StatusHalted, holdfast.Usage{Input: c.req.Input}, true, 0)
			return
		case ctx.Err() != nil: // the client hung up before anything was relayed
			c.settle(s, ledger.StatusCancelled, holdfast.Usage{Input: c.req.Input}, true, 0)
			return
		}
		if f.cool {
			c.g.cooling.failed(s.target, f, time.Now())
		}
		c.g.needs.Log.Warn("a model gave no answer", "provider", s.provider, "model", s.model, "status", f.status, "why", f.message, "request", c.id)
		last := i == len(steps)-1 || !f.next
		if f.spent {
			c.spent(s, last)
		}
		if last {
			c.head(s)
			f.write(c.w, s.target)
			return
		}
	}
}

// spent books an attempt that the provider may charge for although it gave no answer.
func (c *call) spent(s step, last bool) {
	usage := holdfast.Usage{Input: c.req.Input}
	if last {
		c.settle(s, ledger.StatusFailed, usage, true, 0)
		return
	}
	c.g.needs.Ledger.Book(c.asked, ledger.Result{
		Provider: s.provider, Model: s.model, Fallback: s.at, Usage: usage, Estimated: true, Status: ledger.StatusFailed,
	}, time.Since(c.began))
}

func haltError(h *haltedError) *openai.Error {
	return &openai.Error{
		Status: http.StatusServiceUnavailable, Type: "service_unavailable", Code: "breaker_halt", Reason: "breaker_halt",
		Message: h.Error(), RetryAfter: 15 * time.Second,
	}
}

// settle books how the call ended. Only the first time counts.
func (c *call) settle(s step, status string, usage holdfast.Usage, estimated bool, firstToken time.Duration) {
	c.booked.Settle(ledger.Result{
		Provider: s.provider, Model: s.model, Fallback: s.at,
		Usage: usage, Estimated: estimated, Status: status, FirstToken: firstToken,
	})
}

// head says who answers.
func (c *call) head(s step) {
	h, values := c.w.Header(), [...]string{s.provider, s.model, strconv.Itoa(s.at), c.id}
	h["X-Holdfast-Provider"] = values[0:1:1]
	h["X-Holdfast-Model"] = values[1:2:2]
	h["X-Holdfast-Fallback"] = values[2:3:3]
	h["X-Request-Id"] = values[3:4:4]
}
