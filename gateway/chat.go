// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"time"

	"holdfast"
	"holdfast/core/trace"
	"holdfast/gateway/breaker"
	"holdfast/gateway/budget"
	"holdfast/gateway/dialect"
	"holdfast/gateway/key"
	"holdfast/gateway/ledger"
	"holdfast/gateway/provider"
	"holdfast/gateway/route"
)

const (
	mostRequest = 10 << 20
	slowBody    = 30 * time.Second
	// mostName bounds the name of a model, which is kept, logged and repeated.
	mostName = 256
)

// chat serves models and agents.
func (g *Gateway) chat(w http.ResponseWriter, r *http.Request) {
	g.serve(w, r, g.tongues.get(provider.Chat), g.agents)
}

// innerChat serves models alone, so that an agent cannot call itself.
func (g *Gateway) innerChat(w http.ResponseWriter, r *http.Request) {
	g.serve(w, r, g.tongues.get(provider.Chat), nil)
}

// serving serves models in one dialect.
func (g *Gateway) serving(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { g.serve(w, r, g.tongues.get(name), nil) }
}

func (g *Gateway) serve(w http.ResponseWriter, r *http.Request, client *dialect.Dialect, agents agents) {
	buf := g.buffers.take()
	req, t := g.read(w, r, buf, client, client.Scan)
	if req == nil {
		return
	}
	chain, known := t.names.Resolve(req.Model)
	if chain.Alias == "" && agents != nil {
		if agent, ok := agents.Lookup(req.Model); ok {
			if no := g.barred(r.Context(), req.Model); no != nil {
				refuse(w, client, *no)
				return
			}
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(buf.Bytes())), int64(buf.Len())
			agent.ServeHTTP(w, r)
			return // the agent may keep the body
		}
	}
	if !known {
		refuse(w, client, g.unknownModel(req.Model, client))
		return
	}
	c := &call{g: g, w: w, client: client, header: r.Header, req: req, body: buf.Bytes(), table: t, settings: &t.config, began: time.Now()}
	if t.config.Capture.On {
		defer g.tape.begin(c, &t.config.Capture)()
	}
	c.trip = g.router.Trip(chain)
	if ctx := (spanning{c}).begin(r.Context()); t.config.Cache.On {
		caching{c}.run(ctx, chain)
	} else {
		c.run(ctx)
	}
	g.meters.observe(c)
	spanning{c}.end()
	if t.config.RequestLog {
		g.log(c)
	}
	g.buffers.give(buf)
}

// read reads a request as far as the gateway needs it, and tells by which table it goes; nil when it
// was refused.
func (g *Gateway) read(w http.ResponseWriter, r *http.Request, buf *bytes.Buffer, client *dialect.Dialect,
	scan func([]byte) (*dialect.Call, error),
) (*dialect.Call, *table) {
	if wrong := readBody(w, r, buf); wrong != nil {
		refuse(w, client, *wrong)
		return nil, nil
	}
	req, err := scan(buf.Bytes())
	if err != nil {
		refuse(w, client, badRequest(err))
		return nil, nil
	}
	if len(req.Model) > mostName {
		refuse(w, client, longName())
		return nil, nil
	}
	t := g.routes.Load()
	if t == nil {
		refuse(w, client, notStarted())
		return nil, nil
	}
	return req, t
}

// readBody reads the whole request; a body that drips in is given up.
func readBody(w http.ResponseWriter, r *http.Request, buf *bytes.Buffer) *dialect.Failure {
	tooLarge := &dialect.Failure{
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
		return &dialect.Failure{
			Status: http.StatusBadRequest, Type: "invalid_request_error", Message: "the request's body broke off or was too slow",
		}
	}
	return nil
}

// call is one model call on its way.
type call struct {
	g        *Gateway
	w        http.ResponseWriter
	client   *dialect.Dialect
	header   http.Header // the client's
	req      *dialect.Call
	body     []byte
	said     *dialect.Request // the same in no dialect, once it is translated
	table    *table
	trip     route.Trip
	settings *Config
	began    time.Time

	id     string
	booked *ledger.Reservation
	asked  ledger.Call
	caller holdfast.Caller
	room   int64 // output tokens reserved
	least  int64 // as few as the call can do with
	most   int64 // the limit that the target takes, when it takes less than was reserved; else 0
	passed bool  // the owner lets it past a HALT
	bound  bool  // it is a stream without a limit to which the house gives one
	// charged is what the key's limits took for spent.
	charged int64
	ended   ledger.Result
	status  int         // what the client was answered with
	code    string      // why it was refused or failed, in one word
	span    *trace.Span // nil while it is not traced
	// first is the failure that is told when those behind it could not even be asked.
	first *failure
	from  step
}

// run finds who may be asked, reserves the call, tries the chain and settles.
func (c *call) run(ctx context.Context) {
	g := c.g
	if refusal := g.needs.Breaker.Refusal(); refusal != nil && !c.passed {
		c.refuse(refused(refusal))
		return
	}
	defer c.trip.Left()
	s, err := c.next(ctx)
	if err != nil {
		c.refuse(unasked(ctx, err))
		return
	}
	if err := c.admit(ctx, c.trip.Target()); err != nil {
		c.refuse(g.notAdmitted(ctx, err))
		return
	}
	// Whatever happens below, the reservation does not stay: a panic settles it as an estimate.
	defer c.settle(s, ledger.Result{Status: ledger.StatusFailed})
	c.try(ctx, s)
}

// next is who is asked next.
func (c *call) next(ctx context.Context) (step, error) {
	s, err := c.trip.Next(ctx)
	if err != nil {
		return step{}, err
	}
	return c.table.step(s), nil
}

// refuse answers with an error of the house in the client's dialect.
func (c *call) refuse(f dialect.Failure) {
	c.status, c.code = f.Status, cmp.Or(f.Code, f.Type)
	refuse(c.w, c.client, f)
}

// admit asks the key's limits, then the ledger, whose budgets may have the call wait for approval.
func (c *call) admit(ctx context.Context, first route.Target) error {
	caller := holdfast.CallerFrom(ctx)
	c.name(ctx, caller, first)
	if c.g.needs.Limits != nil && caller.Key != "" {
		model := c.req.Model
		if agent := holdfast.AgentFrom(ctx); agent != "" {
			model = agent // a key that is for an agent is for the models that it asks
		}
		err := c.g.needs.Limits.Allow(ctx, caller, model, c.req.Input+c.room)
		if c.lessHelps(err) {
			err = c.g.needs.Limits.Allow(ctx, caller, model, c.req.Input+c.room)
		}
		if err != nil {
			return err
		}
		c.charged = c.req.Input + c.room
	}
	err := c.reserve(ctx)
	if over, ok := errors.AsType[*budget.Exceeded](err); ok && over.Park && c.g.needs.Budgets != nil {
		c.trip.Yield()
		err = c.g.needs.Budgets.Patiently(ctx, func() error { return c.reserve(ctx) })
	}
	if err != nil {
		c.count(0)
	}
	return err
}

// count corrects what the key's limits counted to what was spent, once.
func (c *call) count(spent int64) {
	if c.charged > 0 {
		c.g.needs.Limits.Settle(c.caller, c.began, c.charged, spent)
		c.charged = 0
	}
}

func (c *call) reserve(ctx context.Context) error {
	var err error
	c.booked, err = c.g.needs.Ledger.Reserve(ctx, c.asked, c.req.Input, c.room)
	if c.lessHelps(err) {
		c.booked, err = c.g.needs.Ledger.Reserve(ctx, c.asked, c.req.Input, c.room)
	}
	return err
}

// turn moves what is reserved to who comes next, who may be dearer.
func (c *call) turn(next step) error {
	err := c.booked.Turn(next.Provider, next.Model, c.room)
	if c.lessHelps(err) {
		err = c.booked.Turn(next.Provider, next.Model, c.room)
	}
	return err
}

// lessHelps lowers what the call may need when that did not fit and less may, once.
func (c *call) lessHelps(err error) bool {
	if c.least >= c.room || err == nil {
		return false
	}
	_, full := errors.AsType[*breaker.Full](err)
	_, over := errors.AsType[*budget.Exceeded](err)
	_, fast := errors.AsType[*key.Limited](err)
	if !full && !over && !fast {
		return false
	}
	c.room = c.least
	return true
}

// name says whose call it is, and what it may need.
func (c *call) name(ctx context.Context, caller holdfast.Caller, first route.Target) {
	c.caller = caller
	agent := holdfast.AgentFrom(ctx)
	if agent == "" && caller.Kind == holdfast.CallerAgent {
		agent = caller.Name
	}
	if c.id = c.g.newID(); c.passed {
		c.g.needs.Breaker.Passes.Begin(c.id)
	}
	c.asked = ledger.Call{
		Caller: caller.String(), Key: caller.Key, Tenant: caller.Tenant, Agent: agent, Unit: caller.Unit, Session: session(c.header),
		Alias: c.trip.Alias(), Provider: first.Provider, Model: first.Model, Dialect: c.client.Name, RequestID: c.id,
	}
	switch {
	case c.req.MaxOutput > 0:
		c.room = max(c.req.MaxOutput, leastRoom) // where no smaller limit is taken it goes as that
		c.least = c.room
	case c.client.NewTap != nil:
		c.room = max(c.g.needs.Ledger.Expect(first.Provider, first.Model), leastRoom)
		c.least = c.room
		c.ample(ctx, first)
	}
}

// ample raises what is reserved for an answer without a limit, which is bound to it, as far as the
// caps are far away. A stream that is far from all of them is not bound, for it reserves more as it
// goes; near one it is, because what a model thinks may be told by the last event alone.
func (c *call) ample(ctx context.Context, first route.Target) {
	left := int64(math.MaxInt64)
	if c.g.needs.Limits != nil {
		left = c.g.needs.Limits.Left(ctx, c.caller)
	}
	most := c.g.rooms.of(first)
	if c.req.Stream {
		most = mostRoom
	}
	for room := most; room > c.least; room /= 2 {
		if c.req.Input+spare*room > left || !c.g.needs.Ledger.Fits(c.asked, c.req.Input, spare*room) {
			c.bound = c.req.Stream
			continue
		}
		if !c.req.Stream || c.bound {
			c.room = room
		}
		return
	}
}

// limit is what the upstream may answer with when the client set no limit: what was reserved, but for
// a stream that is far from every cap.
func (c *call) limit(t route.Target) int64 {
	switch {
	case c.req.MaxOutput > 0, c.room == 0, c.req.Stream && !c.bound:
		return 0
	case c.most > 0:
		return min(c.most, c.room)
	case c.req.Stream:
		return min(c.room, c.g.rooms.taken(t))
	}
	return min(c.room, c.g.rooms.of(t))
}

// limited says to which limit the house bound an answer.
func limited(h http.Header, limit int64) {
	h["X-Holdfast-Limit"] = []string{strconv.FormatInt(limit, 10)}
}

// session is the client's own name of the conversation, as coding agents send it; empty for none.
func session(h http.Header) string {
	for _, name := range [...]string{"X-Holdfast-Session", "Session-Id", "Session_id", "X-Claude-Code-Session-Id"} {
		if values := h[name]; len(values) > 0 && len(values[0]) <= 128 {
			return values[0]
		}
	}
	return ""
}

// newID names a request for the client and the ledger alike.
func (g *Gateway) newID() string {
	return "hf-" + strconv.FormatInt(g.began.UnixNano(), 36) + "-" + strconv.FormatInt(g.requests.Add(1), 36)
}

// try asks one step after the other until one answers or none may do better.
func (c *call) try(ctx context.Context, s step) {
	for {
		f := c.persist(ctx, s)
		switch {
		case f == nil:
			return
		case f.halt != nil:
			c.refuse(haltError(f.halt))
			c.settle(s, ledger.Result{Status: ledger.StatusHalted, Usage: holdfast.Usage{Input: c.req.Input}, Estimated: true})
			return
		case ctx.Err() != nil: // the client hung up before anything was relayed, or the house ends
			if c.status = statusHungUp; errors.Is(context.Cause(ctx), holdfast.ErrEnding) {
				c.refuse(ending())
			}
			c.settle(s, ledger.Result{Status: ledger.StatusCancelled, Usage: holdfast.Usage{Input: c.req.Input}, Estimated: true})
			return
		}
		c.g.needs.Log.Warn("a model gave no answer", "provider", s.Provider, "model", s.Model, "status", f.status, "why", f.message, "request", c.id)
		spanning{c}.missed(s, f)
		next, last := c.after(ctx, f)
		if f.spent {
			c.spent(s, last)
		}
		if last {
			c.fail(s, f)
			return
		}
		if c.first == nil && f.field == nil {
			c.first, c.from = f, s
		}
		if err := c.turn(next); err != nil { // a dearer model, or one without a price
			c.refuse(c.g.notAdmitted(ctx, err))
			return
		}
		s = next
	}
}

// after puts who failed out of its chain and gives who comes next; last when nobody does.
func (c *call) after(ctx context.Context, f *failure) (next step, last bool) {
	if f.cool {
		c.trip.Failed(route.Failure{RetryAfter: f.retryAfter, Reason: f.message, Limited: f.code == codeLimited})
	}
	if !f.next {
		return step{}, true
	}
	next, err := c.next(ctx)
	return next, err != nil
}

// fail tells the client why nobody answered. That the last one could not take the request says less
// than why the others did not.
func (c *call) fail(s step, f *failure) {
	if f.field != nil && c.first != nil {
		s, f = c.from, c.first
	}
	c.head(s)
	c.status, c.code = f.write(c.w, c.client, s.meant), f.code
}

// spent books an attempt that the provider may charge for although it gave no answer.
func (c *call) spent(s step, last bool) {
	result := ledger.Result{Usage: holdfast.Usage{Input: c.req.Input}, Estimated: true, Status: ledger.StatusFailed}
	if last {
		c.settle(s, result)
		return
	}
	result.Provider, result.Model, result.Fallback = s.Provider, s.Model, s.At
	c.g.needs.Ledger.Book(c.asked, result, time.Since(c.began))
}

// settle books how the call ended. Only the first time counts.
func (c *call) settle(s step, result ledger.Result) {
	result.Provider, result.Model, result.Fallback = s.Provider, s.Model, s.At
	if c.ended.Status == "" {
		c.ended = result
		c.count(result.Usage.Total())
	}
	c.booked.Settle(result)
}

// head says who answers.
func (c *call) head(s step) {
	h, values := c.w.Header(), [...]string{s.Provider, s.Model, strconv.Itoa(s.At), c.id}
	h["X-Holdfast-Provider"] = values[0:1:1]
	h["X-Holdfast-Model"] = values[1:2:2]
	h["X-Holdfast-Fallback"] = values[2:3:3]
	h["X-Request-Id"] = values[3:4:4]
	if c.client.Name == provider.Messages {
		h["Request-Id"] = values[3:4:4] // where Anthropic's clients look for it
	}
}

func badRequest(err error) dialect.Failure {
	f := dialect.Failure{Status: http.StatusBadRequest, Type: "invalid_request_error", Message: err.Error()}
	if wrong, ok := errors.AsType[*dialect.InputError](err); ok {
		f.Param = wrong.Field
	}
	return f
}

func longName() dialect.Failure {
	return badRequest(&dialect.InputError{Field: "model", Message: "is longer than 256 bytes"})
}

func (g *Gateway) unknownModel(name string, client *dialect.Dialect) dialect.Failure {
	f := dialect.Failure{
		Status: http.StatusNotFound, Type: "invalid_request_error", Param: "model", Code: "model_not_found",
		Message: fmt.Sprintf("there is no model %q: want an alias, an agent, or provider/model (GET /v1/models lists them)", name),
	}
	if client.Name != provider.Chat && g.agents != nil {
		if _, ok := g.agents.Lookup(name); ok {
			f.Message = fmt.Sprintf("%q is an agent, which answers at /v1/chat/completions", name)
		}
	}
	return f
}
