// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"holdfast"
	"holdfast/agent/tools"
	"holdfast/agent/upstream"
	"holdfast/core/action"
	"holdfast/core/config"
	"holdfast/core/home"
	"holdfast/core/journal/journaltest"
	"holdfast/core/store"
	"holdfast/core/store/storetest"
)

// a model is a scripted gateway: each call is answered by the next line of the script.
type model struct {
	mu     sync.Mutex
	script []line
	asked  []seen
}

// a line is one answer of the model. Status other than 0 is an error of the gateway.
type line struct {
	text   string
	calls  []toolCall
	finish string
	status int
	body   string
	header map[string]string
	hang   chan struct{} // closed when the call was cancelled
	cut    bool
	silent chan struct{} // says its text, then nothing; closed when the call was cancelled
	panics bool
}

// seen is what the model was asked.
type seen struct {
	Model    string            `json:"model"`
	Messages []message         `json:"messages"`
	Tools    []json.RawMessage `json:"tools"`
	Choice   json.RawMessage   `json:"tool_choice"`
	Stream   bool              `json:"stream"`
	Options  json.RawMessage   `json:"stream_options"`
	Heat     float64           `json:"temperature"`
	Format   struct {
		Type   string `json:"type"`
		Schema struct {
			Name string `json:"name"`
		} `json:"json_schema"`
	} `json:"response_format"`
	agent  string
	caller string
}

func (s seen) offered() (names []string) {
	for _, raw := range s.Tools {
		var tool struct{ Function struct{ Name string } }
		_ = json.Unmarshal(raw, &tool)
		names = append(names, tool.Function.Name)
	}
	return names
}

func (s seen) last() message { return s.Messages[len(s.Messages)-1] }

func (m *model) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var asked seen
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	asked.agent, asked.caller = holdfast.AgentFrom(r.Context()), holdfast.CallerFrom(r.Context()).String()
	m.mu.Lock()
	m.asked = append(m.asked, asked)
	var l line
	if len(m.script) > 0 {
		l, m.script = m.script[0], m.script[1:]
	}
	m.mu.Unlock()
	if l.hang != nil {
		<-r.Context().Done()
		close(l.hang)
		return
	}
	if l.panics {
		panic(http.ErrAbortHandler)
	}
	for name, value := range l.header {
		w.Header().Set(name, value)
	}
	if l.status != 0 {
		w.WriteHeader(l.status)
		_, _ = io.WriteString(w, l.body)
		return
	}
	if l.finish == "" {
		l.finish = "stop"
		if len(l.calls) > 0 {
			l.finish = "tool_calls"
		}
	}
	if asked.Stream {
		l.stream(w)
		if l.silent != nil {
			<-r.Context().Done()
			close(l.silent)
		}
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{
		"id": "x", "object": "chat.completion",
		"choices": []any{map[string]any{"index": 0, "finish_reason": l.finish, "message": map[string]any{"role": "assistant", "content": l.text, "tool_calls": l.calls}}},
		"usage":   map[string]any{"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15, "prompt_tokens_details": map[string]int{"cached_tokens": 4}},
	})
}

// stream answers in small pieces, arguments too.
func (l line) stream(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/event-stream")
	event := func(v any) { _, _ = fmt.Fprintf(w, "data: %s\n\n", encode(v)) }
	choice := func(d map[string]any, finish any) map[string]any {
		return map[string]any{"choices": []any{map[string]any{"index": 0, "delta": d, "finish_reason": finish}}}
	}
	event(choice(map[string]any{"role": "assistant", "content": ""}, nil))
	for _, word := range strings.SplitAfter(l.text, " ") {
		event(choice(map[string]any{"content": word}, nil))
	}
	if l.cut || l.silent != nil {
		return
	}
	for i, c := range l.calls {
		half := len(c.Function.Arguments) / 2
		event(choice(map[string]any{"tool_calls": []any{map[string]any{
			"index": i, "id": c.ID, "type": "function",
			"function": map[string]string{"name": c.Function.Name, "arguments": c.Function.Arguments[:half]},
		}}}, nil))
		event(choice(map[string]any{"tool_calls": []any{map[string]any{"index": i, "function": map[string]string{"arguments": c.Function.Arguments[half:]}}}}, nil))
	}
	event(choice(map[string]any{}, l.finish))
	event(map[string]any{
		"choices": []any{},
		"usage":   map[string]any{"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15, "prompt_tokens_details": map[string]int{"cached_tokens": 4}},
	})
	_, _ = io.WriteString(w, "data: [DONE]\n\n")
}

func call(id, name, arguments string) toolCall {
	return toolCall{ID: id, Type: "function", Function: function{name, arguments}}
}

// box is a catalogue of functions.
type box struct {
	mu    sync.Mutex
	tools map[string]func(context.Context, json.RawMessage) (tools.Result, error)
	alone map[string]bool
	calls []string
	// refused are the calls that were journaled as refused.
	refused []string
	tier    map[string]holdfast.Tier
	late    []string // servers that are still starting
}

// a seenBox is the box as one caller sees it with one preset.
type seenBox struct {
	*box
	caller holdfast.Caller
	scope  tools.Scope
}

func (b seenBox) Soon(context.Context, time.Duration) ([]tools.Entry, []string, error) {
	return b.Now(), b.late, nil
}

func (b seenBox) Now() []tools.Entry {
	var list []tools.Entry
	for name := range b.tools {
		e := tools.Entry{Extension: "notes", Tool: holdfast.Tool{
			Name: name, Summary: "does " + name, Passthrough: b.alone[name], Input: json.RawMessage(`{"type":"object"}`), Tier: b.tier[name],
		}}
		on := true
		if b.scope.Preset != nil {
			for _, said := range []string{"*", name} {
				if set, ok := b.scope.Preset.Tools[said]; ok {
					if set.EnabledInMCP != nil {
						on = *set.EnabledInMCP
					}
					if set.Passthrough != nil {
						e.Passthrough = *set.Passthrough
					}
				}
			}
		}
		if on && b.tier[name] <= b.caller.Tier {
			list = append(list, e)
		}
	}
	return list
}

func (b seenBox) Call(ctx context.Context, r upstream.Request) (tools.Result, error) {
	b.mu.Lock()
	b.calls = append(b.calls, r.Name+string(r.Arguments))
	b.mu.Unlock()
	return b.tools[r.Name](ctx, r.Arguments)
}

func (b seenBox) Refused(_ context.Context, name string, _ json.RawMessage, why error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refused = append(b.refused, name+": "+why.Error())
}

func (b seenBox) Instructions() map[string]string {
	said := map[string]string{"notes": "Notes are kept."}
	if b.tools[skillTool] != nil {
		said[tools.SkillIndex] = "- minutes: How minutes are written"
	}
	return said
}

func answers(text string) func(context.Context, json.RawMessage) (tools.Result, error) {
	return func(context.Context, json.RawMessage) (tools.Result, error) {
		return tools.Result{ToolResult: holdfast.ToolResult{Text: text}}, nil
	}
}

func fails(text string) func(context.Context, json.RawMessage) (tools.Result, error) {
	return func(context.Context, json.RawMessage) (tools.Result, error) {
		return tools.Result{ToolResult: holdfast.ToolResult{Text: text, Failed: true}}, nil
	}
}

type bench struct {
	*Agents
	t        *testing.T
	model    *model
	box      *box
	url      string
	store    *store.Store
	place    home.Home
	registry *action.Registry
	ahead    atomic.Int64 // of the clock, in nanoseconds
}

func allMigrations() []store.Migration {
	return []store.Migration{{Package: "action", FS: action.Migrations()}, {Package: "agent", FS: migrations}}
}

type noMeter struct{}

func (noMeter) Action(string, holdfast.Outcome, time.Duration) {}
func (noMeter) Refusal(string)                                 {}

// house makes a registry and agents on the store, as a start of the house does.
func (b *bench) house() (*action.Registry, *Agents) {
	b.t.Helper()
	now := func() time.Time { return time.Now().Add(time.Duration(b.ahead.Load())) }
	log := slog.New(slog.DiscardHandler)
	registry, err := action.NewRegistry(action.Needs{
		Journal: &journaltest.Journal{}, Store: b.store, Meter: noMeter{}, Log: log, Now: now,
		Seal: func() ([]byte, error) { return make([]byte, 32), nil },
	})
	if err != nil {
		b.t.Fatal(err)
	}
	a := New(Needs{
		Chat: b.model, Store: b.store, Home: b.place, Master: config.NewMaster(b.place),
		View: func(caller holdfast.Caller, scope tools.Scope) View { return seenBox{b.box, caller, scope} }, Approvals: registry.Queue("tool"), Log: log, Now: now,
	})
	if err := errors.Join(registry.Add(a.actions()...), registry.Recover(b.t.Context()), a.start(b.t.Context())); err != nil {
		b.t.Fatal(err)
	}
	return registry, a
}

func person() holdfast.Caller {
	return holdfast.Caller{Kind: holdfast.CallerOperator, Name: "terminal", Tier: holdfast.TierOperator}
}

// do has a person run an action.
func (b *bench) do(name, input string) (json.RawMessage, error) {
	out, err := b.registry.Dispatch(b.t.Context(), person(), name, json.RawMessage(input), nil)
	return encode(out), err
}

func newBench(t *testing.T, script ...line) *bench {
	t.Helper()
	return newBenchOn(t, storetest.SQLite(t, allMigrations()), script...)
}

func newBenchOn(t *testing.T, kept *store.Store, script ...line) *bench {
	t.Helper()
	b := &bench{t: t, model: &model{script: script}, box: &box{
		tools: map[string]func(context.Context, json.RawMessage) (tools.Result, error){
			"add": answers("added"), "list": answers("milk"), "delete": answers("deleted"), "broken": fails("no disk"),
		},
		alone: map[string]bool{"add": true, "list": true, "broken": true},
		tier:  map[string]holdfast.Tier{},
	}}
	b.place = home.At(t.TempDir())
	b.store = kept
	b.registry, b.Agents = b.house()
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var named struct{ Model string }
		_ = json.Unmarshal(body, &named)
		if named.Model == "" {
			named.Model = Name
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		handler, ok := b.Lookup(named.Model)
		if !ok {
			http.NotFound(w, r)
			return
		}
		caller := holdfast.Caller{Kind: holdfast.CallerAgent, Name: "key", Tier: holdfast.TierTenantPeer}
		handler.ServeHTTP(w, r.WithContext(holdfast.WithCaller(r.Context(), caller)))
	}))
	t.Cleanup(func() {
		front.CloseClientConnections()
		front.Close()
	})
	b.url = front.URL
	return b
}

type gotten struct {
	status int
	header http.Header
	body   string
	whole  struct {
		Object  string `json:"object"`
		Model   string `json:"model"`
		Choices []struct {
			Message message `json:"message"`
			Finish  string  `json:"finish_reason"`
		} `json:"choices"`
		Usage usage `json:"usage"`
		Error struct {
			Message, Type, Code, Param string
		} `json:"error"`
	}
}

func (g gotten) text() string {
	if len(g.whole.Choices) == 0 {
		return ""
	}
	return g.whole.Choices[0].Message.text()
}

// said is the answer's text, whole or streamed.
func (g gotten) said() string {
	if !strings.HasPrefix(g.header.Get("Content-Type"), "text/event-stream") {
		return g.text()
	}
	var all strings.Builder
	for line := range strings.Lines(g.body) {
		var c chunk
		if data, ok := strings.CutPrefix(line, "data: "); ok && json.Unmarshal([]byte(data), &c) == nil && len(c.Choices) > 0 && c.Choices[0].Delta.Content != nil {
			all.WriteString(*c.Choices[0].Delta.Content)
		}
	}
	return all.String()
}

func (b *bench) post(body string, headers ...string) gotten {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.url+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := new(http.Client).Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	got := gotten{status: response.StatusCode, header: response.Header, body: string(text)}
	_ = json.Unmarshal(text, &got.whole) // a stream is read from body
	return got
}
