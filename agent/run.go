// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"holdfast"
	"holdfast/agent/countdown"
	"holdfast/agent/plain"
	"holdfast/agent/tools"
	"holdfast/agent/upstream"
	"holdfast/core/action"
	"holdfast/core/trace"
)

// soon is how long a request waits for tool servers that start for the first time. It goes on with the
// tools that are known by then.
const soon = 5 * time.Second

// parallel is how many tools of one plan run at the same time.
const parallel = 4

// maxToolName is how much of a name that no tool has is said back to the model.
const maxToolName = 100

var (
	errTime   = errors.New("the time limit of the request was reached")
	errTokens = errors.New("the token limit of the request was reached")
	errSteps  = errors.New("the step limit of the request was reached before there was an answer")
	// errAborted ends the trace of a request that panicked.
	errAborted = errors.New("the request was aborted")
)

// a run is one request on its way: plan, call tools, plan again, until there is an answer or
// something for the client to decide.
type run struct {
	agents *Agents
	asked  *request
	as     persona
	caller holdfast.Caller
	tools  View
	clock  *countdown.Timer // stands while a person is asked
	out    answer
	trace  *recording
	offer  offered

	messages []json.RawMessage // what the model sees
	given    int               // how many of them were there before the first plan
	used     usage
	wrote    bool // the client has got text
	header   http.Header

	mu       sync.Mutex
	failures map[string]int // by tool
	acted    bool           // a tool was called
}

func (a *Agents) newRun(ctx context.Context, w http.ResponseWriter, asked *request, as persona) *run {
	r := &run{agents: a, asked: asked, as: as, caller: holdfast.CallerFrom(ctx), failures: map[string]int{}, used: usage{}, header: w.Header()}
	r.tools = a.view(r.caller, as)
	r.trace = a.traces.begin(r.caller, asked.model, as.alias, holdfast.AgentFrom(ctx))
	w.Header().Set("X-Holdfast-Trace", r.trace.id())
	if asked.stream {
		r.out = newStream(w, asked.model, asked.usage)
	} else {
		r.out = &wholeAnswer{w: w, model: asked.model}
	}
	return r
}

// do answers the request.
func (r *run) do(ctx context.Context) {
	err := r.answer(ctx)
	if cause := context.Cause(ctx); err != nil && cause != nil && !bounded(err) {
		err = cause
	}
	r.trace.end(err, r.used)
	switch {
	case err == nil:
	case bounded(err), errors.Is(err, errTime) && r.wrote:
		// The client keeps what it has, and is told why there is no more.
		r.say("[Stopped: " + err.Error() + ".]")
		r.out.finish("length", nil, r.used)
	case limited(err) != "":
		// A person sees what is said, and may see no error at all; programs read the headers.
		r.refused(err)
		r.say("[No answer: " + limited(err) + "]")
		r.out.finish("stop", nil, r.used)
	default:
		if r.acted {
			// Clients repeat what failed; what the tools did must not be done again.
			r.header.Set("X-Should-Retry", "false")
		}
		r.out.fail(err)
	}
}

// bounded tells that a request came to an end that it had from its beginning.
func bounded(err error) bool { return errors.Is(err, errTokens) || errors.Is(err, errSteps) }

func (r *run) answer(ctx context.Context) error {
	if r.as.home {
		return r.home(ctx)
	}
	if err := r.prepare(ctx); err != nil {
		return err
	}
	return r.loop(ctx)
}

// refused tells programs by headers that what is said is no answer, where nothing was sent yet.
func (r *run) refused(err error) {
	if inner, ok := errors.AsType[*innerError](err); ok {
		inner.hint(r.header)
	}
	r.header.Set("X-Holdfast-Error", "rate_limited")
}

// prepare collects the tools and the messages.
func (r *run) prepare(ctx context.Context) error {
	var entries []tools.Entry
	if !r.asked.free() {
		list, late, err := r.tools.Soon(ctx, soon)
		if err != nil {
			return err
		}
		entries = list
		r.trace.late(late)
	}
	r.offer = offer(r.asked, entries, r.as.plans())
	if text := (guide{r}).text(); text != "" {
		r.messages = append(r.messages, said("system", text))
	}
	messages, err := deciding{r}.recall(ctx)
	r.messages = append(r.messages, messages...)
	r.given = len(r.messages)
	return err
}

func (r *run) loop(ctx context.Context) error {
	steps := r.as.bounds.steps
	for step := range steps {
		last := step == steps-1
		t, err := r.plan(ctx, step, last)
		if err != nil {
			return err
		}
		if done := r.ended(t); done {
			return nil
		}
		if last {
			break
		}
		if r.used.total() >= r.as.bounds.tokens {
			return errTokens
		}
		asked, err := r.carryOut(ctx, t)
		if err != nil || asked {
			return err
		}
	}
	return fmt.Errorf("%w (%d model calls)", errSteps, steps)
}

// plan makes one model call. The last has no tools, so that it must answer.
func (r *run) plan(ctx context.Context, step int, last bool) (turn, error) {
	began := time.Now()
	first, structured := true, guide{r}.structured() && (!last || step == 0)
	stream := r.asked.stream && !structured
	t, err := r.agents.ask(ctx, r.body(step, last), stream, deltas{
		text: func(s string) {
			if first {
				s = r.gap() + s
				first = false
			}
			r.wrote = true
			r.out.text(s)
		},
		refusal: r.out.refusal,
	})
	r.used = r.used.add(t.usage)
	if (structured || last && guide{r}.structured()) && err == nil {
		t = t.understood(step) // in the last step nobody asked for a plan
	}
	if err == nil {
		t = mending{r}.fit(t)
	}
	r.trace.step(t, time.Since(began), err)
	if err != nil {
		return t, err
	}
	if !stream {
		if t.text != "" {
			r.say(t.text)
		}
		if t.refusal != "" {
			r.out.refusal(t.refusal)
		}
	}
	return t, nil
}

// gap stands between what the model says in different steps.
func (r *run) gap() string {
	if r.wrote {
		return "\n\n"
	}
	return ""
}

func (r *run) say(text string) {
	r.out.text(r.gap() + text)
	r.wrote = true
}

// body is the client's request with the agent's messages and tools in it.
func (r *run) body(step int, last bool) map[string]json.RawMessage {
	body := maps.Clone(r.asked.body)
	for _, name := range []string{"tools", "tool_choice", "n", "functions", "function_call", "stream", "stream_options"} {
		delete(body, name)
	}
	body["model"] = encode(r.as.alias)
	messages := r.messages
	switch {
	case len(r.offer.list) == 0 || r.asked.free():
		delete(body, "parallel_tool_calls")
	case last && step > 0:
		delete(body, "parallel_tool_calls")
		messages = append(slices.Clone(messages), said("system", "No more tool calls are possible: answer now with what you know, and say what is missing."))
	default:
		body["tools"] = encode(r.offer.list)
		body["tool_choice"] = json.RawMessage(`"auto"`)
		if step == 0 && len(r.asked.choice) > 0 && string(r.asked.choice) != "null" {
			body["tool_choice"] = r.asked.choice
		}
	}
	if (guide{r}).structured() {
		if messages = spelled(messages); body["tools"] != nil {
			guide{r}.structure(body, messages)
			return body
		}
	}
	body["messages"] = encode(messages)
	if r.asked.stream {
		body["stream"] = json.RawMessage("true")
		body["stream_options"] = json.RawMessage(`{"include_usage":true}`)
	}
	return body
}

// ended finishes the answer when the model wants no more tools.
func (r *run) ended(t turn) bool {
	if len(t.calls) == 1 && t.calls[0].as().Name == directResponse && !r.asked.own[directResponse] {
		r.say(directText(t.calls[0]))
		r.out.finish("stop", nil, r.used)
		return true
	}
	if len(t.calls) > 0 {
		return false
	}
	reason := t.finish
	if reason == "" || reason == "tool_calls" {
		reason = "stop"
	}
	r.out.finish(reason, nil, r.used)
	return true
}

// directText is what DIRECT_RESPONSE was given; a model that misses the form is quoted.
func directText(c toolCall) string {
	var in map[string]json.RawMessage
	arguments := c.as().Arguments
	if json.Unmarshal([]byte(arguments), &in) != nil {
		return arguments
	}
	for _, key := range []string{"text", "response", "content", "answer", "message"} {
		var text string
		if json.Unmarshal(in[key], &text) == nil {
			return text
		}
	}
	return arguments
}

// carryOut runs the calls that may run by themselves and hands the others to the client: true when
// there were such.
func (r *run) carryOut(ctx context.Context, t turn) (asked bool, err error) {
	r.messages = append(r.messages, t.message)
	results := make([]json.RawMessage, len(t.calls))
	var waiting []toolCall
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(r.together())
	for i, c := range t.calls {
		if r.forClient(c.as().Name) {
			if said := r.unfit(ctx, c); said != "" {
				results[i] = r.toolMessage(c.ID, said)
				continue
			}
			waiting = append(waiting, c)
			continue
		}
		group.Go(func() error {
			results[i] = r.toolMessage(c.ID, r.runTool(gctx, c))
			return gctx.Err()
		})
	}
	if err := group.Wait(); err != nil {
		return false, err
	}
	for _, result := range results {
		if result != nil {
			r.messages = append(r.messages, result)
		}
	}
	if len(waiting) == 0 {
		return false, nil
	}
	waiting, refused, err := deciding{r}.fitting(ctx, waiting)
	r.messages = append(r.messages, refused...)
	if err != nil || len(waiting) == 0 {
		return false, err
	}
	shown, err := deciding{r}.park(ctx, waiting)
	if err != nil {
		return false, err
	}
	r.trace.waiting(shown)
	r.out.finish("tool_calls", shown, r.used)
	return true, nil
}

// unfit is what the model is told of a call that no approval would make work, empty for one that fits: a
// person's attention is not spent on it.
func (r *run) unfit(ctx context.Context, c toolCall) string {
	name := c.as().Name
	e, known := r.offer.entries[name]
	if !known || r.offer.own[name] {
		return ""
	}
	arguments := argumentsOf(c)
	err := e.CheckArguments(arguments)
	if err == nil {
		return ""
	}
	r.tools.Refused(ctx, name, arguments, err)
	r.trace.tool(c, e.Shown(arguments))("failed", err.Error(), 0)
	return r.agents.seal.output(name, err.Error(), int(r.agents.settings().Result), joined(r.afterFailure(name), c.misspoke()))
}

// together is how many calls run at the same time.
func (r *run) together() int {
	if r.as.plans() {
		return parallel
	}
	return 1
}

// forClient tells that a call is the client's to make or to approve.
func (r *run) forClient(name string) bool {
	if r.offer.own[name] {
		return true
	}
	e, known := r.offer.entries[name]
	return known && !e.Passthrough
}

func (*run) toolMessage(id, content string) json.RawMessage {
	return encode(map[string]string{"role": "tool", "tool_call_id": id, "content": content})
}

var errNotOffered = errors.New("the model was not offered it")

// runTool runs one call and words its result for the model.
func (r *run) runTool(ctx context.Context, c toolCall) string {
	name := c.as().Name
	e, known := r.offer.entries[name]
	switch {
	case name == directResponse:
		return "Not shown to the user: call DIRECT_RESPONSE alone, after the other tools have answered."
	case !known:
		r.tools.Refused(ctx, name, argumentsOf(c), errNotOffered)
		if near := action.Nearest(name, slices.Sorted(maps.Keys(r.offer.entries))); near != "" {
			return fmt.Sprintf("There is no tool %q: did you mean %s? Use only the tools that were offered.", plain.Cut(name, maxToolName), near)
		}
		return fmt.Sprintf("There is no tool %q. Use only the tools that were offered.", plain.Cut(name, maxToolName))
	case r.failed(name) >= 2:
		return fmt.Sprintf("%s failed twice and is not called again. Tell the user.", name)
	}
	arguments := argumentsOf(c)
	result, note := r.carry(ctx, r.tools, c, e.Shown(arguments), arguments)
	return r.agents.seal.output(name, result.Text, int(r.agents.settings().Result), joined(note, c.misspoke()))
}

// carry makes one call, shows it, and tells what the model is to hear about a failure.
func (r *run) carry(ctx context.Context, by View, c toolCall, shown, arguments json.RawMessage) (result tools.Result, note string) {
	name := c.Function.Name
	event := toolEvent{ID: c.ID, Name: name, Status: runRunning}
	ctx = upstream.WithPeer(ctx, &teller{out: r.out, call: event})
	event.Arguments = shown
	r.out.tool(event)
	r.mu.Lock()
	r.acted = true
	r.mu.Unlock()
	ctx, span := r.agents.needs.Traces.Begin(ctx, trace.Inner, "execute_tool "+name, nil)
	defer span.End()
	span.Set(trace.String("gen_ai.operation.name", "execute_tool"), trace.String("gen_ai.tool.name", name), trace.String("gen_ai.tool.call.id", c.ID))
	ended := r.trace.tool(c, shown)
	began := time.Now()
	result, err := by.Call(ctx, upstream.Request{Name: name, Arguments: arguments})
	took := time.Since(began)
	status := "done"
	if err != nil {
		result.Text, result.Failed = err.Error(), true
	}
	if result.Failed {
		status, note = "failed", r.afterFailure(name)
		span.Fail("tool_failed")
	}
	r.out.tool(toolEvent{ID: c.ID, Name: name, Status: status, Duration: float64(took.Microseconds()) / 1000})
	ended(status, result.Text, took)
	return result, note
}

func (r *run) failed(name string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failures[name]
}

func (r *run) afterFailure(name string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures[name]++
	if r.failures[name] == 1 {
		return name + " failed. You may correct the call and try once more."
	}
	return name + " failed again and will not be called again. Tell the user what failed."
}
