// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"holdfast"
	"holdfast/agent/tools"
	"holdfast/core/trace"
)

const (
	maxExcerpt  = 400
	maxToolRuns = 200
	runRunning  = "running"
	endedAmid   = "the house ended in the midst of it; what it did last may be missing here"
	calledAmid  = "the house ended in the midst of it: it may have been done, or not"
)

// A Trace is what one request to an agent did.
type Trace struct {
	ID      string    `json:"id"`
	TraceID string    `json:"trace_id,omitempty" help:"its name at the collector of section traces"`
	Agent   string    `json:"agent"`
	Caller  string    `json:"caller"`
	Model   string    `json:"model" help:"as the client asked for it"`
	Alias   string    `json:"alias" help:"what planned"`
	Started time.Time `json:"started"`
	Seconds float64   `json:"seconds"`
	// State is running, done, waiting (for the client's decision), stopped (by a bound), cancelled or failed.
	State  string `json:"state" enum:"running,done,waiting,stopped,cancelled,failed"`
	Error  string `json:"error,omitempty"`
	Tokens Tokens `json:"tokens"`
	// What lists tell of the steps below, which they leave out.
	ModelCalls int        `json:"model_calls,omitempty" help:"in a list: how many calls of models it made"`
	ToolCalls  int        `json:"tool_calls,omitempty" help:"in a list: how many tools it called, those that wait among them"`
	Plan       []PlanStep `json:"plan,omitempty"`
	Tools      []ToolRun  `json:"tools,omitempty"`
	Late       []string   `json:"late,omitempty" help:"tool servers that were still starting, so that it had none of their tools"`
}

// brief is the trace without its steps, which are counted.
func (t Trace) brief() Trace {
	t.ModelCalls, t.ToolCalls = len(t.Plan), len(t.Tools)
	t.Plan, t.Tools, t.Late = nil, nil, nil
	return t
}

// Tokens are those of all model calls of a request.
type Tokens struct {
	Prompt     int64 `json:"prompt"`
	Completion int64 `json:"completion"`
	Total      int64 `json:"total"`
}

// A PlanStep is one model call.
type PlanStep struct {
	At      float64  `json:"at" help:"when it began, in seconds after the request"`
	Seconds float64  `json:"seconds"`
	Tokens  Tokens   `json:"tokens"`
	Finish  string   `json:"finish,omitempty"`
	Calls   []string `json:"calls,omitempty" help:"names of the tools that it planned"`
	Text    string   `json:"text,omitempty" help:"how its answer began"`
	Error   string   `json:"error,omitempty"`
}

// A ToolRun is one tool call, its secrets masked. Status is running, done, failed, or waiting for approval.
type ToolRun struct {
	ID        string          `json:"id"`
	Name      string          `json:"name"`
	Arguments json.RawMessage `json:"arguments,omitempty"`
	Status    string          `json:"status" enum:"running,done,failed,waiting"`
	At        float64         `json:"at" help:"when it began, in seconds after the request"`
	Seconds   float64         `json:"seconds"`
	Result    string          `json:"result,omitempty" help:"how its result began"`
}

// a recording is a trace being made.
type recording struct {
	mu    sync.Mutex
	of    *traces
	trace Trace
	over  bool
	// changes counts what happened, and stored how much of that the store has.
	changes, stored int
	// request and span are what a collector gets of it; nil while traces are off.
	request, span *trace.Span
	began         time.Time // by the machine's own clock
}

// spanned says whose spans the recording's end tells.
func (r *recording) spanned(request, span *trace.Span) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.request, r.span, r.trace.TraceID = request, span, span.TraceID()
	request.Set(trace.String("http.request.method", "POST"), trace.String("http.route", "/v1/chat/completions"))
	span.Set(
		trace.String("gen_ai.operation.name", "invoke_agent"), trace.String("gen_ai.agent.name", r.trace.Agent),
		trace.String("gen_ai.request.model", r.trace.Alias), trace.String("holdfast.caller", r.trace.Caller), trace.String("holdfast.agent_trace", r.trace.ID),
	)
}

func (t *traces) begin(caller holdfast.Caller, model, alias, agent string) *recording {
	r := &recording{of: t, trace: Trace{
		ID: strings.ToLower(rand.Text()[:16]), Agent: agent, Caller: caller.String(), Model: model, Alias: alias,
		Started: t.now().UTC(), State: runRunning,
	}, began: time.Now(), changes: 1}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.running = append(t.running, r)
	t.stir()
	return r
}

// changed has the store told of what just happened. Call it under the lock.
func (r *recording) changed() {
	r.changes++
	r.of.stir()
}

func (r *recording) id() string { return r.trace.ID }

func (r *recording) copy() Trace {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.trace
	t.Plan, t.Tools = slices.Clone(t.Plan), slices.Clone(t.Tools)
	if t.State == runRunning {
		t.Seconds = time.Since(r.began).Seconds()
	}
	for i := range t.Tools {
		if t.Tools[i].Status == runRunning {
			t.Tools[i].Seconds = max(0, time.Since(r.began).Seconds()-t.Tools[i].At)
		}
	}
	return t
}

func (r *recording) step(t turn, took time.Duration, err error) {
	s := PlanStep{At: r.at(took), Seconds: took.Seconds(), Tokens: tokensOf(t.usage), Finish: t.finish, Text: tools.Excerpt(t.text, maxExcerpt)}
	for _, c := range t.calls {
		s.Calls = append(s.Calls, c.Function.Name)
	}
	if err != nil {
		s.Error = tools.Excerpt(err.Error(), maxExcerpt)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.trace.Plan = append(r.trace.Plan, s)
	r.changed()
}

// tool shows a call from its beginning on; what it returns is told how the call ended.
func (r *recording) tool(c toolCall, arguments json.RawMessage) (ended func(status, result string, took time.Duration)) {
	place := r.add(ToolRun{ID: c.ID, Name: c.Function.Name, Arguments: arguments, Status: runRunning, At: r.at(0)})
	return func(status, result string, took time.Duration) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if place < 0 || r.over {
			return
		}
		t := &r.trace.Tools[place]
		t.Status, t.Seconds, t.Result = status, took.Seconds(), tools.Excerpt(result, maxExcerpt)
		r.changed()
	}
}

func (r *recording) waiting(calls []toolCall) {
	for _, c := range calls {
		r.add(ToolRun{ID: c.ID, Name: c.Function.Name, Status: "waiting", At: r.at(0)})
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.trace.State = "waiting"
}

// late notes the servers whose tools were not there yet.
func (r *recording) late(servers []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.trace.Late = servers
	r.changed()
}

// at says when something that took so long and ends now began, in seconds after the request.
func (r *recording) at(took time.Duration) float64 {
	return max(0, time.Since(r.began)-took).Seconds()
}

// add answers the place of a call, less than 0 when there is no room for it.
func (r *recording) add(t ToolRun) (place int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.trace.Tools) >= maxToolRuns {
		return -1
	}
	r.trace.Tools = append(r.trace.Tools, t)
	r.changed()
	return len(r.trace.Tools) - 1
}

// breakOff ends a trace whose house did not live to tell how it went on.
func (t *Trace) breakOff() {
	t.State, t.Error = "failed", endedAmid
	for i := range t.Tools {
		if one := &t.Tools[i]; one.Status == runRunning {
			one.Status, one.Result = "failed", calledAmid
		}
	}
}

// end closes a trace, once: later ends, such as the one after a panic, say nothing.
func (r *recording) end(err error, used usage) {
	if r.close(err, used) {
		r.of.take(r)
	}
}

func (r *recording) close(err error, used usage) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return false
	}
	r.over = true
	for i := range r.trace.Tools {
		if t := &r.trace.Tools[i]; t.Status == runRunning { // the request was aborted
			t.Status, t.Seconds = "failed", max(0, time.Since(r.began).Seconds()-t.At)
		}
	}
	r.trace.Seconds = time.Since(r.began).Seconds()
	r.trace.Tokens = tokensOf(used)
	switch {
	case err == nil && r.trace.State == runRunning:
		r.trace.State = "done"
	case err == nil:
	case bounded(err), errors.Is(err, errTime):
		r.trace.State = "stopped"
	case errors.Is(err, context.Canceled), errors.Is(err, holdfast.ErrEnding):
		r.trace.State = "cancelled"
	default:
		r.trace.State = "failed"
	}
	r.span.Set(trace.String("holdfast.state", r.trace.State))
	if err != nil {
		r.trace.Error = tools.Excerpt(err.Error(), maxExcerpt)
		if r.trace.State == "cancelled" && !errors.Is(err, holdfast.ErrEnding) {
			r.trace.Error = "the client hung up, or the house ended"
		}
		r.request.Fail(r.trace.State)
		r.span.Fail(r.trace.State)
	}
	return true
}

func tokensOf(u usage) Tokens {
	return Tokens{Prompt: u.number("prompt_tokens"), Completion: u.number("completion_tokens"), Total: u.total()}
}
