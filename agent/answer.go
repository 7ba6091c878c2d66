// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"holdfast"
)

// an answer is what goes to the client: whole, or as a stream.
type answer interface {
	text(delta string)
	refusal(delta string)
	// tool shows a call that the agent makes by itself: as it begins, how far it is, as it ends.
	tool(toolEvent)
	// finish ends the answer, with the calls that the client is to decide on.
	finish(reason string, calls []toolCall, used usage)
	// fail ends the answer with an error.
	fail(error)
}

// a toolEvent is one call of the agent's own: running, also when it tells how far it is, then done or failed.
type toolEvent struct {
	ID        string          `json:"id"`
	Name      string          `json:"name"`
	Arguments json.RawMessage `json:"arguments,omitempty"`
	Status    string          `json:"status"`
	Progress  *progress       `json:"progress,omitempty"`
	Duration  float64         `json:"duration_ms,omitempty"`
}

// progress is how far a call is, in the tool's own measure; Total is 0 when it does not know.
type progress struct {
	Done    float64 `json:"done"`
	Total   float64 `json:"total,omitempty"`
	Message string  `json:"message,omitempty"`
}

// a head is what whole answers and chunks have in common.
type head struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"`
	Model   string `json:"model"`
}

func newHead(object, model string) head {
	return head{"chatcmpl-" + strings.ToLower(rand.Text()), object, time.Now().Unix(), model}
}

type choice struct {
	Index    int     `json:"index"`
	Message  *reply  `json:"message,omitempty"`
	Delta    *delta  `json:"delta,omitempty"`
	Logprobs *string `json:"logprobs"` // always null: an agent has none of its own
	Finish   *string `json:"finish_reason"`
}

type reply struct {
	Role    string     `json:"role"`
	Content *string    `json:"content"`
	Refusal *string    `json:"refusal"`
	Calls   []toolCall `json:"tool_calls,omitempty"`
}

type delta struct {
	Role    string      `json:"role,omitempty"`
	Content *string     `json:"content,omitempty"`
	Refusal *string     `json:"refusal,omitempty"`
	Calls   []deltaCall `json:"tool_calls,omitempty"`
}

type deltaCall struct {
	Index int `json:"index"`
	toolCall
}

// a wholeAnswer is one JSON object at the end.
type wholeAnswer struct {
	w        http.ResponseWriter
	model    string
	mu       sync.Mutex
	said     strings.Builder
	declined strings.Builder
}

func (a *wholeAnswer) text(delta string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.said.WriteString(delta)
}

func (a *wholeAnswer) refusal(delta string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.declined.WriteString(delta)
}

func (*wholeAnswer) tool(toolEvent) {}

func (a *wholeAnswer) finish(reason string, calls []toolCall, used usage) {
	m := &reply{Role: "assistant", Calls: calls}
	if text := a.said.String(); text != "" || len(calls) == 0 {
		m.Content = &text
	}
	if text := a.declined.String(); text != "" {
		m.Refusal, m.Content = &text, nil
	}
	writeJSON(a.w, http.StatusOK, struct {
		head
		Choices []choice `json:"choices"`
		Usage   usage    `json:"usage"`
	}{newHead("chat.completion", a.model), []choice{{Message: m, Finish: &reason}}, used.complete()})
}

func (a *wholeAnswer) fail(err error) { refuse(a.w, err) }

// a streamAnswer is server-sent events, begun with the first thing to say, so that an error before
// it still has its status.
type streamAnswer struct {
	w     http.ResponseWriter
	head  head
	usage bool

	mu    sync.Mutex
	begun bool
	over  bool
	beat  *time.Timer
}

// heartbeat keeps proxies from cutting a stream while a tool runs.
const heartbeat = 15 * time.Second

func newStream(w http.ResponseWriter, model string, usage bool) *streamAnswer {
	return &streamAnswer{w: w, head: newHead("chat.completion.chunk", model), usage: usage}
}

func (a *streamAnswer) text(text string) { a.send(delta{Content: &text}, nil, nil) }

func (a *streamAnswer) refusal(text string) { a.send(delta{Refusal: &text}, nil, nil) }

func (a *streamAnswer) tool(e toolEvent) { a.send(delta{}, nil, &e) }

func (a *streamAnswer) send(d delta, finish *string, event *toolEvent) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.over { // what a call that was given up still says
		return
	}
	a.begin()
	a.chunk([]choice{{Delta: &d, Finish: finish}}, nil, event)
}

// begin writes the head and the first chunk. Call it under the lock.
func (a *streamAnswer) begin() {
	if a.begun {
		a.beat.Reset(heartbeat)
		return
	}
	a.begun = true
	h := a.w.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("Cache-Control", "no-cache")
	h.Set("X-Accel-Buffering", "no")
	a.w.WriteHeader(http.StatusOK)
	empty := ""
	a.chunk([]choice{{Delta: &delta{Role: "assistant", Content: &empty}}}, nil, nil)
	a.beat = time.AfterFunc(heartbeat, a.alive)
}

func (a *streamAnswer) alive() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.over {
		a.write(": working\n\n")
		a.beat.Reset(heartbeat)
	}
}

// chunk writes one event. Call it under the lock.
func (a *streamAnswer) chunk(choices []choice, used usage, event *toolEvent) {
	c := struct {
		head
		Choices []choice `json:"choices"`
		Usage   *usage   `json:"usage,omitempty"`
		// What the agent does by itself is shown beside the form of the OpenAI API, not in it: a
		// client must not take it for a call that it is to make.
		Event *toolEvent `json:"holdfast_tool_call,omitempty"`
	}{head: a.head, Choices: choices, Event: event}
	if used != nil {
		c.Usage = &used
	}
	a.write("data: " + string(encode(c)) + "\n\n")
}

func (a *streamAnswer) write(text string) {
	_, _ = a.w.Write([]byte(text)) // a client that left is told by the context
	_ = http.NewResponseController(a.w).Flush()
}

func (a *streamAnswer) finish(reason string, calls []toolCall, used usage) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.begin()
	for i, call := range calls {
		a.chunk([]choice{{Delta: &delta{Calls: []deltaCall{{i, call}}}}}, nil, nil)
	}
	a.chunk([]choice{{Delta: &delta{}, Finish: &reason}}, nil, nil)
	if a.usage {
		a.chunk([]choice{}, used.complete(), nil)
	}
	a.write("data: [DONE]\n\n")
	a.end()
}

func (a *streamAnswer) end() {
	a.over = true
	if a.beat != nil {
		a.beat.Stop()
	}
}

func (a *streamAnswer) fail(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.begun {
		refuse(a.w, err)
		a.end()
		return
	}
	_, body := errorBody(err)
	a.write("data: " + string(body) + "\n\n")
	a.end()
}

// refuse answers with an error in the form of the OpenAI API; one of the gateway's is passed on with
// its status and what it says about trying again.
func refuse(w http.ResponseWriter, err error) {
	if inner, ok := errors.AsType[*innerError](err); ok {
		inner.hint(w.Header())
	}
	if errors.Is(err, holdfast.ErrEnding) && w.Header().Get("X-Should-Retry") == "" {
		w.Header().Set("Retry-After", strconv.Itoa(int(holdfast.EndingRetry.Seconds())))
	}
	status, body := errorBody(err)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

type apiError struct {
	Message string  `json:"message"`
	Type    string  `json:"type"`
	Param   *string `json:"param"`
	Code    *string `json:"code"`
}

// errorBody is an error as the OpenAI API words it, and its status.
func errorBody(err error) (int, []byte) {
	e := apiError{Message: err.Error(), Type: "server_error"}
	status := http.StatusBadGateway
	if inner, ok := errors.AsType[*innerError](err); ok {
		if isErrorBody(inner.body) {
			return inner.status, inner.body
		}
		status = inner.status
	}
	if b, ok := errors.AsType[*badRequest](err); ok {
		status, e.Type = http.StatusBadRequest, "invalid_request_error"
		if b.param != "" {
			e.Param = &b.param
		}
	}
	switch {
	case errors.Is(err, errTime):
		status = http.StatusGatewayTimeout
	case errors.Is(err, holdfast.ErrEnding):
		code := holdfast.EndingCode
		status, e.Code = http.StatusServiceUnavailable, &code
	}
	return status, encode(map[string]apiError{"error": e})
}

func isErrorBody(body []byte) bool {
	var form struct {
		Error *json.RawMessage `json:"error"`
	}
	return json.Unmarshal(body, &form) == nil && form.Error != nil
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body := encode(v)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
