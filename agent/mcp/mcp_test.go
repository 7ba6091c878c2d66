// SPDX-License-Identifier: Apache-2.0

package mcp

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast"
	"holdfast/agent/skills"
	"holdfast/agent/tools"
	"holdfast/agent/upstream"
)

// told is what tests change, and who waits for that is told of it.
type told struct {
	mu      sync.Mutex
	changed chan struct{} // closed and replaced with each change; nil until somebody waits
}

func (w *told) next() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.changed == nil {
		w.changed = make(chan struct{})
	}
	return w.changed
}

func (w *told) change(alter func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	alter()
	if w.changed != nil {
		close(w.changed)
		w.changed = nil
	}
}

// shelf is a catalogue whose content a test changes.
type shelf struct {
	told

	entries   []tools.Entry
	prompts   []tools.PromptEntry
	resources []tools.ResourceEntry
	templates []tools.TemplateEntry
	hubs      map[string]tools.Hub
	skills    []skills.Skill // shown outside of hubs
	silent    bool           // without instructions
	callers   []holdfast.Caller
	followed  []string             // subscriptions and their ends, in order
	calls     chan context.Context // when set, a call is handed over and waits
	// does answers a call of a tool, a prompt or a resource; nil is the ordinary answer.
	does func(context.Context, upstream.Request) (tools.Result, error)
}

func newShelf(entries ...tools.Entry) *shelf {
	return &shelf{entries: entries}
}

// a look is the shelf as one caller sees it.
type look struct {
	*shelf
	caller holdfast.Caller
	hub    string
}

func (s *shelf) view(c holdfast.Caller, scope tools.Scope) View { return look{s, c, scope.Hub} }

func (l look) Hub() (tools.Hub, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	hub, ok := l.hubs[l.hub]
	return hub, ok
}

func (l look) Bare() bool {
	hub, ok := l.Hub()
	return ok && !hub.Prefix
}

func (l look) Now() []tools.Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(l.entries), func(e tools.Entry) bool { return e.Tier > l.caller.Tier })
}

func (l look) List(context.Context) ([]tools.Entry, error) { return l.Now(), nil }

func (l look) Prompts(context.Context) []tools.PromptEntry {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.prompts)
}

func (l look) Resources(context.Context) []tools.ResourceEntry {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.resources)
}

func (l look) Templates(context.Context) []tools.TemplateEntry {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.templates)
}

func (l look) Prompt(ctx context.Context, r upstream.Request) (*sdk.GetPromptResult, error) {
	result, err := l.Call(ctx, r)
	if err != nil {
		return nil, err
	}
	return &sdk.GetPromptResult{Messages: []*sdk.PromptMessage{{Role: "user", Content: result.Blocks()[0]}}}, nil
}

func (l look) Read(ctx context.Context, r upstream.Request) (*sdk.ReadResourceResult, error) {
	result, err := l.Call(ctx, r)
	if err != nil {
		return nil, err
	}
	return &sdk.ReadResourceResult{Contents: []*sdk.ResourceContents{{URI: r.Name, Text: result.Text}}}, nil
}

func (l look) Complete(_ context.Context, p *sdk.CompleteParams) (*sdk.CompleteResult, error) {
	return &sdk.CompleteResult{Completion: sdk.CompletionResultDetails{Values: []string{p.Argument.Value + "!"}}}, nil
}

func (l look) Skills() ([]skills.Skill, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.skills), l.hub == ""
}

func (l look) Subscribe(_ context.Context, uri string) error { return l.note("+" + uri) }

func (l look) Unsubscribe(ctx context.Context, uri string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return l.note("-" + uri)
}

func (l look) note(word string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.followed = append(l.followed, word)
	return nil
}

func (look) Refused(context.Context, string, json.RawMessage, error) {}

func (l look) Instructions() map[string]string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.silent {
		return nil
	}
	return map[string]string{"notes": "Keep notes."}
}

func (s *shelf) set(entries ...tools.Entry) { s.change(func() { s.entries = entries }) }

func (l look) Call(ctx context.Context, r upstream.Request) (tools.Result, error) {
	l.mu.Lock()
	l.callers = append(l.callers, l.caller)
	l.mu.Unlock()
	if l.calls != nil {
		l.calls <- ctx
		<-ctx.Done()
		return tools.Result{}, ctx.Err()
	}
	if l.does != nil {
		return l.does(ctx, r)
	}
	switch r.Name {
	case "bad":
		return tools.Result{}, holdfast.BadInput("bad arguments", holdfast.Problem{Field: "x", Message: "is required"})
	case "fails":
		return tools.Result{ToolResult: holdfast.ToolResult{Text: "no", Failed: true}}, nil
	}
	return tools.Result{ToolResult: holdfast.ToolResult{Text: r.Name + string(r.Arguments), Structured: json.RawMessage(`{"ok":true}`)}}, nil
}

func entry(name string, tier holdfast.Tier) tools.Entry {
	return tools.Entry{Tool: holdfast.Tool{
		Name: name, Source: "extension notes", Summary: "does " + name, EnabledInMCP: true, Tier: tier,
		Input: json.RawMessage(`{"type":"object"}`), Output: json.RawMessage(`{"type":"object"}`),
	}, Hints: &sdk.ToolAnnotations{ReadOnlyHint: true}}
}

// callers are who the keys of the test belong to.
func callers() map[string]holdfast.Caller {
	return map[string]holdfast.Caller{
		"agent":    {Kind: holdfast.CallerAgent, Name: "a", Tier: holdfast.TierTenantPeer},
		"operator": {Kind: holdfast.CallerOperator, Name: "o", Tier: holdfast.TierOperator},
	}
}

// endpoint serves over HTTP, with keys as the house knows them.
func endpoint(t *testing.T, books *shelf) (*Server, string) {
	t.Helper()
	return serving(t, Needs{View: books.view, Changed: books.next})
}

func serving(t *testing.T, needs Needs) (*Server, string) {
	t.Helper()
	needs.Version, needs.Log = "1", slog.New(slog.DiscardHandler)
	if needs.Hear == nil {
		needs.Hear = func(func(string)) func() { return func() {} }
	}
	s := New(needs)
	routes := http.NewServeMux()
	routes.Handle("/{$}", s)
	routes.Handle("/mcp/{hub}", s)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller, ok := callers()[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
		if !ok {
			http.Error(w, "unknown key", http.StatusUnauthorized)
			return
		}
		routes.ServeHTTP(w, r.WithContext(holdfast.WithCaller(r.Context(), caller)))
	}))
	ctx, cancel := context.WithCancel(t.Context())
	var life sync.WaitGroup
	life.Go(func() { _ = s.follow(ctx) })
	t.Cleanup(func() {
		cancel()
		life.Wait()
		_ = s.stop(context.Background())
		front.CloseClientConnections()
		front.Close()
	})
	return s, front.URL
}

type withKey struct{ key string }

func (k withKey) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+k.key)
	return http.DefaultTransport.RoundTrip(r)
}

func keyed(key string) *http.Client { return &http.Client{Transport: withKey{key}} }

func connect(t *testing.T, url, key, version string, changed chan struct{}) *sdk.ClientSession {
	t.Helper()
	options := &sdk.ClientOptions{}
	if changed != nil {
		options.ToolListChangedHandler = func(context.Context, *sdk.ToolListChangedRequest) { changed <- struct{}{} }
	}
	client := sdk.NewClient(&sdk.Implementation{Name: "test", Version: "1"}, options)
	session, err := client.Connect(t.Context(), &sdk.StreamableClientTransport{Endpoint: url, HTTPClient: keyed(key)},
		&sdk.ClientSessionOptions{ProtocolVersion: version})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = session.Close() })
	return session
}

func both(t *testing.T, test func(t *testing.T, version string)) {
	t.Helper()
	for _, version := range []string{"2025-06-18", "2025-11-25", "2026-07-28"} {
		t.Run(version, func(t *testing.T) { test(t, version) })
	}
}

func TestClientsOfBothProtocolsListAndCall(t *testing.T) {
	both(t, func(t *testing.T, version string) {
		hidden := entry("hidden", holdfast.TierTenantPeer)
		hidden.EnabledInMCP = false
		books := newShelf(entry("add", holdfast.TierTenantPeer), entry("stop", holdfast.TierOperator), hidden, entry("bad", 0), entry("fails", 0))
		_, url := endpoint(t, books)
		session := connect(t, url, "agent", version, nil)
		if got := session.InitializeResult().ProtocolVersion; got != version {
			t.Errorf("the protocol is %s, want %s", got, version)
		}
		if got := session.InitializeResult().Instructions; !strings.Contains(got, "Keep notes.") {
			t.Errorf("instructions are %q", got)
		}
		list, err := session.ListTools(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, tool := range list.Tools {
			names = append(names, tool.Name)
		}
		if !slices.Equal(names, []string{"add", "bad", "fails"}) {
			t.Errorf("tools are %v", names)
		}
		if !list.Tools[0].Annotations.ReadOnlyHint {
			t.Error("the hint is lost")
		}
		result, err := session.CallTool(t.Context(), &sdk.CallToolParams{Name: "add", Arguments: map[string]any{"x": 1}})
		if err != nil || result.IsError || result.Content[0].(*sdk.TextContent).Text != `add{"x":1}` {
			t.Errorf("answer is %+v, %v", result, err)
		}
		if got := fmt.Sprint(result.StructuredContent); got != "map[ok:true]" {
			t.Errorf("structured content is %s", got)
		}
		for name, want := range map[string]string{"bad": "is required", "fails": "no"} {
			result, err := session.CallTool(t.Context(), &sdk.CallToolParams{Name: name})
			if err != nil || !result.IsError || !strings.Contains(result.Content[0].(*sdk.TextContent).Text, want) {
				t.Errorf("%s: answer is %+v, %v", name, result, err)
			}
		}
		for _, name := range []string{"stop", "nowhere"} {
			if _, err := session.CallTool(t.Context(), &sdk.CallToolParams{Name: name}); err == nil {
				t.Errorf("%s was called", name)
			}
		}
		if c := books.callers[0]; c.Name != "a" || c.Surface != "mcp" {
			t.Errorf("the caller was %+v", c)
		}
	})
}

func TestChangedListIsToldToBoth(t *testing.T) {
	both(t, func(t *testing.T, version string) {
		books := newShelf(entry("add", 0))
		_, url := endpoint(t, books)
		changed := make(chan struct{}, 8)
		session := connect(t, url, "agent", version, changed)
		// The stream of notifications is opened beside the first requests: ask until it was there.
		deadline := time.After(time.Minute)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for n := 0; ; n++ {
			books.set(entry("add", 0), entry(fmt.Sprint("more", n), 0))
			select {
			case <-changed:
				list, err := session.ListTools(t.Context(), nil)
				if err != nil || len(list.Tools) != 2 {
					t.Errorf("list is %+v, %v", list, err)
				}
				return
			case <-tick.C:
			case <-deadline:
				t.Fatal("the client was not told")
			}
		}
	})
}

func TestSessionBelongsToItsCaller(t *testing.T) {
	books := newShelf(entry("add", 0), entry("stop", holdfast.TierOperator))
	_, url := endpoint(t, books)
	session := connect(t, url, "operator", "2025-11-25", nil)
	for _, key := range []string{"agent", "nobody"} {
		body := `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`
		answer := post(t, url, key, body, map[string]string{sessionHeader: session.ID(), versionHeader: "2025-11-25"})
		if answer.code != http.StatusNotFound && answer.code != http.StatusUnauthorized {
			t.Errorf("%s used an operator's session: %d %s", key, answer.code, answer.body)
		}
	}
	forged := session.ID()[:len(session.ID())-1] + "x"
	if answer := post(t, url, "operator", `{"jsonrpc":"2.0","id":1,"method":"ping"}`, map[string]string{sessionHeader: forged}); answer.code != http.StatusNotFound {
		t.Errorf("a forged session is answered %d", answer.code)
	}
}

type answered struct {
	code int
	body string
}

func post(t *testing.T, url, key, body string, headers map[string]string) answered {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json, text/event-stream")
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	response, err := withKey{key}.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answered{response.StatusCode, string(text)}
}

func TestBadRequestsAreClear(t *testing.T) {
	_, url := endpoint(t, newShelf(entry("add", 0)))
	for body, want := range map[string]int{
		`{`: http.StatusBadRequest,
		``:  http.StatusBadRequest,
		`{"jsonrpc":"2.0","id":1,"method":"initialize"}`:               http.StatusBadRequest,
		`{"jsonrpc":"2.0","id":1,"method":"initialize","params":null}`: http.StatusOK,
		`null`: http.StatusBadRequest,
		`{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}`: http.StatusBadRequest, // its header lacks the version
		`{"x":"` + strings.Repeat("x", maxBody) + `"}`: http.StatusRequestEntityTooLarge,
	} {
		if answer := post(t, url, "agent", body, nil); answer.code != want {
			t.Errorf("%.60s is answered %d %.200s, want %d", body, answer.code, answer.body, want)
		}
	}
}

func TestCancelReachesTheTool(t *testing.T) {
	both(t, func(t *testing.T, version string) {
		books := newShelf(entry("add", 0))
		books.calls = make(chan context.Context)
		_, url := endpoint(t, books)
		session := connect(t, url, "agent", version, nil)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			_, err := session.CallTool(ctx, &sdk.CallToolParams{Name: "add"})
			done <- err
		}()
		call := <-books.calls
		cancel()
		if err := <-done; err == nil {
			t.Error("the cancelled call was answered")
		}
		select {
		case <-call.Done():
		case <-time.After(time.Minute):
			t.Error("the tool was not cancelled")
		}
	})
}

func TestHostileDeclarationDoesNotEndTheHouse(t *testing.T) {
	evil := entry("evil", 0)
	evil.Input = json.RawMessage(`{"type":"object","properties":{"x":{"type":"string","x-mcp-header":"bad header\r\nname"}}}`)
	_, url := endpoint(t, newShelf(entry("add", 0), evil))
	list, err := connect(t, url, "agent", "2025-11-25", nil).ListTools(t.Context(), nil)
	if err != nil || len(list.Tools) == 0 {
		t.Errorf("list is %+v, %v", list, err)
	}
}

func TestReconnectsLeaveNothing(t *testing.T) {
	s, url := endpoint(t, newShelf(entry("add", 0)))
	reconnect := func(n int) {
		for range n {
			body := `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}`
			if answer := post(t, url, "agent", body, nil); answer.code != http.StatusOK {
				t.Fatalf("initialize is answered %d %s", answer.code, answer.body)
			}
		}
	}
	reconnect(2 * sessionsEach)
	before := runtime.NumGoroutine()
	reconnect(1000)
	f, err := s.face(t.Context(), callers()["agent"], "")
	if err != nil {
		t.Fatal(err)
	}
	if n := len(slices.Collect(f.server.Sessions())); n > sessionsEach {
		t.Errorf("%d sessions are kept, want at most %d", n, sessionsEach)
	}
	if after := runtime.NumGoroutine(); after > before+50 {
		t.Errorf("%d goroutines before 1000 reconnects, %d after", before, after)
	}
}
