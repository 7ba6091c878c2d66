// SPDX-License-Identifier: Apache-2.0

package mcp

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast"
	"holdfast/agent/tools"
	"holdfast/agent/upstream"
)

// stocked is a shelf with something of each kind, and a hub that shows things as they are.
func stocked() *shelf {
	books := newShelf(entry("add", 0))
	books.entries[0].Declared = &sdk.Tool{Name: "ADD it", Description: "as declared", InputSchema: json.RawMessage(`{"type":"object","x":1}`)}
	books.prompts = []tools.PromptEntry{{Prompt: sdk.Prompt{Name: "greet", Description: "Greets."}, Source: "extension notes", Declared: &sdk.Prompt{Name: "GREET"}}}
	books.resources = []tools.ResourceEntry{{
		Resource: sdk.Resource{Name: "page", URI: "test://page"},
		Source:   "extension notes", Declared: &sdk.Resource{Name: "PAGE", URI: "test://page"},
	}}
	books.templates = []tools.TemplateEntry{{
		ResourceTemplate: sdk.ResourceTemplate{Name: "pages", URITemplate: "test://pages/{id}"},
		Source:           "extension notes", Declared: &sdk.ResourceTemplate{Name: "PAGES", URITemplate: "test://pages/{id}"},
	}}
	books.hubs = map[string]tools.Hub{"bare": {Name: "bare", Enabled: true}, "named": {Name: "named", Enabled: true, Prefix: true}}
	return books
}

func TestPromptsAndResources(t *testing.T) {
	both(t, func(t *testing.T, version string) {
		_, url := endpoint(t, stocked())
		session := connect(t, url, "agent", version, nil)
		prompts, err := session.ListPrompts(t.Context(), nil)
		if err != nil || len(prompts.Prompts) != 1 || prompts.Prompts[0].Name != "greet" || prompts.Prompts[0].Meta["holdfast/source"] != "extension notes" {
			t.Errorf("prompts are %+v, %v", prompts, err)
		}
		filled, err := session.GetPrompt(t.Context(), &sdk.GetPromptParams{Name: "greet", Arguments: map[string]string{"who": "you"}})
		if err != nil || filled.Messages[0].Content.(*sdk.TextContent).Text != `greet{"who":"you"}` {
			t.Errorf("the prompt is %+v, %v", filled, err)
		}
		resources, err := session.ListResources(t.Context(), nil)
		if err != nil || len(resources.Resources) != 1 || resources.Resources[0].Name != "page" {
			t.Errorf("resources are %+v, %v", resources, err)
		}
		templates, err := session.ListResourceTemplates(t.Context(), nil)
		if err != nil || len(templates.ResourceTemplates) != 1 || templates.ResourceTemplates[0].Name != "pages" {
			t.Errorf("templates are %+v, %v", templates, err)
		}
		for _, uri := range []string{"test://page", "test://pages/7"} {
			read, err := session.ReadResource(t.Context(), &sdk.ReadResourceParams{URI: uri})
			if err != nil || read.Contents[0].Text != uri {
				t.Errorf("%s reads as %+v, %v", uri, read, err)
			}
		}
		if _, err := session.ReadResource(t.Context(), &sdk.ReadResourceParams{URI: "test://nowhere"}); err == nil {
			t.Error("a resource that is nowhere was read")
		}
		completed, err := session.Complete(t.Context(), &sdk.CompleteParams{
			Ref:      &sdk.CompleteReference{Type: "ref/prompt", Name: "greet"},
			Argument: sdk.CompleteParamsArgument{Name: "who", Value: "yo"},
		})
		if err != nil || !slices.Equal(completed.Completion.Values, []string{"yo!"}) {
			t.Errorf("completion is %+v, %v", completed, err)
		}
		if version == modern && (prompts.CacheScope != "private" || prompts.TTLMs == 0) {
			t.Errorf("the hint for caches is %+v", prompts.Cacheable)
		}
	})
}

func TestHubs(t *testing.T) {
	both(t, func(t *testing.T, version string) {
		books := stocked()
		_, url := endpoint(t, books)
		bare := connect(t, url+"/mcp/bare", "agent", version, nil)
		list, err := bare.ListTools(t.Context(), nil)
		if err != nil || list.Tools[0].Name != "ADD it" || list.Tools[0].Description != "as declared" || len(list.Tools[0].Meta) > 0 {
			t.Errorf("tools are %+v, %v", list.Tools[0], err)
		}
		prompts, err := bare.ListPrompts(t.Context(), nil)
		if err != nil || prompts.Prompts[0].Name != "GREET" || len(prompts.Prompts[0].Meta) > 0 {
			t.Errorf("prompts are %+v, %v", prompts, err)
		}
		if got := bare.InitializeResult().Instructions; got != "Keep notes." {
			t.Errorf("instructions are %q", got)
		}
		books.does = func(context.Context, upstream.Request) (tools.Result, error) {
			return tools.Result{ToolResult: holdfast.ToolResult{Text: "x"}, Meta: sdk.Meta{"own/key": "kept", sdk.MetaKeyServerInfo: "another"}}, nil
		}
		called, err := bare.CallTool(t.Context(), &sdk.CallToolParams{Name: "ADD it"})
		if err != nil || called.Meta["own/key"] != "kept" || called.Meta[sdk.MetaKeyServerInfo] == "another" {
			t.Errorf("the call is answered %+v, %v", called, err)
		}
		named := connect(t, url+"/mcp/named", "agent", version, nil)
		if called, err := named.CallTool(t.Context(), &sdk.CallToolParams{Name: "add"}); err != nil || called.Meta["own/key"] != nil {
			t.Errorf("the call is answered %+v, %v", called, err)
		}
		if list, err := named.ListTools(t.Context(), nil); err != nil || list.Tools[0].Name != "add" {
			t.Errorf("tools are %+v, %v", list, err)
		}
		client := sdk.NewClient(&sdk.Implementation{Name: "test", Version: "1"}, nil)
		if _, err := client.Connect(t.Context(),
			&sdk.StreamableClientTransport{Endpoint: url + "/mcp/nowhere", HTTPClient: keyed("agent")},
			&sdk.ClientSessionOptions{ProtocolVersion: version}); err == nil {
			t.Error("a hub that is nowhere was opened")
		}
		// A hub that is closed ends what is open of it.
		books.change(func() { delete(books.hubs, "named") })
		deadline := time.After(time.Minute)
		for {
			if _, err := named.CallTool(t.Context(), &sdk.CallToolParams{Name: "add"}); err != nil {
				break
			}
			select {
			case <-deadline:
				t.Fatal("a closed hub still answers")
			default:
			}
		}
	})
}

func TestInstructionsThatWereTakenOutAreNotTold(t *testing.T) {
	both(t, func(t *testing.T, version string) {
		books := stocked()
		_, url := endpoint(t, books)
		if got := connect(t, url, "agent", version, nil).InitializeResult().Instructions; !strings.Contains(got, "Keep notes.") {
			t.Errorf("instructions are %q", got)
		}
		books.change(func() { books.silent = true })
		if got := connect(t, url, "agent", version, nil).InitializeResult().Instructions; got != "" {
			t.Errorf("instructions are still %q", got)
		}
	})
}

func TestSessionOfOneHubIsNotOfAnother(t *testing.T) {
	_, url := endpoint(t, stocked())
	id := connect(t, url+"/mcp/bare", "agent", "2025-11-25", nil).ID()
	for _, path := range []string{"/mcp/named", "/"} {
		if answer := post(t, url+path, "agent", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, map[string]string{sessionHeader: id}); answer.code != http.StatusNotFound {
			t.Errorf("%s served a session of a hub: %d %s", path, answer.code, answer.body)
		}
	}
}

func TestEveryKindOfListTellsOfChanges(t *testing.T) {
	both(t, func(t *testing.T, version string) {
		books := stocked()
		_, url := endpoint(t, books)
		prompts, resources := make(chan struct{}, 100), make(chan struct{}, 100)
		client := sdk.NewClient(&sdk.Implementation{Name: "test", Version: "1"}, &sdk.ClientOptions{
			PromptListChangedHandler:   func(context.Context, *sdk.PromptListChangedRequest) { prompts <- struct{}{} },
			ResourceListChangedHandler: func(context.Context, *sdk.ResourceListChangedRequest) { resources <- struct{}{} },
		})
		session(t, client, url, version)
		for kind, changed := range map[string]chan struct{}{"prompts": prompts, "resources": resources} {
			n := 0
			untilTold(t, kind, changed, func() {
				n++
				books.change(func() {
					books.prompts[0].Description = fmt.Sprint(n)
					books.templates[0].Description = fmt.Sprint(n)
				})
			})
		}
	})
}

// untilTold does something again and again until a client was told of it: its stream of notifications
// is opened beside its first requests.
func untilTold(t *testing.T, what string, told <-chan struct{}, do func()) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		do()
		select {
		case <-told:
			return
		case <-tick.C:
		case <-deadline:
			t.Fatalf("the client was not told of %s", what)
		}
	}
}

func TestSubscriptions(t *testing.T) {
	both(t, func(t *testing.T, version string) {
		books := stocked()
		s, url := endpoint(t, books)
		told := make(chan struct{}, 100)
		client := sdk.NewClient(&sdk.Implementation{Name: "test", Version: "1"}, &sdk.ClientOptions{
			ResourceUpdatedHandler: func(_ context.Context, r *sdk.ResourceUpdatedNotificationRequest) {
				if r.Params.URI == "test://page" {
					told <- struct{}{}
				}
			},
		})
		first, second := session(t, client, url, version), session(t, client, url, version)
		for _, session := range []*sdk.ClientSession{first, second} {
			if err := session.Subscribe(t.Context(), &sdk.SubscribeParams{URI: "test://page"}); err != nil {
				t.Fatal(err)
			}
		}
		untilTold(t, "a changed resource", told, func() { s.updated("test://page"); s.updated("test://other") })
		if err := first.Unsubscribe(t.Context(), &sdk.UnsubscribeParams{URI: "test://page"}); err != nil {
			t.Fatal(err)
		}
		untilTold(t, "a resource that one client still follows", told, func() { s.updated("test://page") })
		_ = second.Close() // without a word about its subscription
		deadline, tick := time.After(time.Minute), time.NewTicker(5*time.Millisecond)
		defer tick.Stop()
		for {
			books.mu.Lock()
			followed := strings.Join(books.followed, " ")
			books.mu.Unlock()
			if strings.HasSuffix(followed, "-test://page") {
				if strings.Count(followed, "+") != strings.Count(followed, "-") {
					t.Errorf("the server was asked %s", followed)
				}
				return
			}
			select {
			case <-deadline:
				t.Fatalf("the subscription is left: %s", followed)
			case <-tick.C:
			}
		}
	})
}

func TestServersOwnErrorsAndAsksPass(t *testing.T) {
	books := newShelf(entry("ask", 0))
	books.does = func(_ context.Context, r upstream.Request) (tools.Result, error) {
		switch {
		case r.State == "":
			return tools.Result{Asks: sdk.InputRequestMap{"q": &sdk.ElicitParams{Message: "well?"}}, State: "its own"}, nil
		case r.State != "its own":
			return tools.Result{}, fmt.Errorf("it refused: %w", &jsonrpc.Error{Code: -32123, Message: "tampered", Data: json.RawMessage(`{"a":1}`)})
		}
		return tools.Result{ToolResult: holdfast.ToolResult{Text: fmt.Sprint(r.Responses["q"].(*sdk.ElicitResult).Content["x"], " ", r.Meta["com.example/mine"])}}, nil
	}
	_, url := endpoint(t, books)
	asked, _ := modernCall(t, url, "agent", `"name":"ask","arguments":{}`)["result"].(map[string]any)
	if asked["requestState"] != "its own" || asked["resultType"] != "input_required" {
		t.Errorf("what a modern server asks is %v", asked)
	}
	client := answering(t, url, modern)
	result, err := client.CallTool(t.Context(), &sdk.CallToolParams{Name: "ask", Meta: sdk.Meta{"com.example/mine": "kept"}})
	if err != nil || result.Content[0].(*sdk.TextContent).Text != "answer 1 kept" {
		t.Errorf("the retry is answered %+v, %v", result, err)
	}
	refused := fmt.Sprint(modernCall(t, url, "agent", `"name":"ask","arguments":{},"requestState":"forged"`)["error"])
	if !strings.Contains(refused, "-32123") || !strings.Contains(refused, "tampered") || !strings.Contains(refused, "a:1") {
		t.Errorf("the server's own error is %s", refused)
	}
}

func TestPagesOfOtherSitesAreRefused(t *testing.T) {
	_, url := endpoint(t, newShelf(entry("add", 0)))
	own := strings.TrimPrefix(url, "http://")
	for origin, want := range map[string]int{
		"": http.StatusOK, "http://" + own: http.StatusOK, "http://localhost:6274": http.StatusOK,
		"http://evil.example.com": http.StatusForbidden, "null": http.StatusForbidden, "http://127.0.0.1.evil.example.com": http.StatusForbidden,
	} {
		body := `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}`
		if answer := post(t, url, "agent", body, map[string]string{"Origin": origin}); answer.code != want {
			t.Errorf("a page of %q is answered %d %s", origin, answer.code, answer.body)
		}
	}
}

// throughStdio is a client over a connection of messages, as `holdfast mcp` opens it.
func throughStdio(t *testing.T, s *Server, query, version string) (*sdk.ClientSession, error) {
	t.Helper()
	owner := holdfast.Caller{Kind: holdfast.CallerOwner, Name: "terminal", Tier: holdfast.TierOwner}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.stdio(w, r.WithContext(holdfast.WithCaller(r.Context(), owner)))
	}))
	t.Cleanup(front.Close)
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(front.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(conn, "GET /mcp/stdio?%s HTTP/1.1\r\nHost: house\r\nConnection: Upgrade\r\nUpgrade: mcp\r\n\r\n", query); err != nil {
		t.Fatal(err)
	}
	from := bufio.NewReader(conn)
	answer, err := http.ReadResponse(from, nil)
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode != http.StatusSwitchingProtocols {
		_ = conn.Close()
		return nil, fmt.Errorf("HTTP %d", answer.StatusCode)
	}
	client := sdk.NewClient(&sdk.Implementation{Name: "test", Version: "1"}, nil)
	return client.Connect(t.Context(), &sdk.IOTransport{Reader: closing{from, conn}, Writer: conn}, &sdk.ClientSessionOptions{ProtocolVersion: version})
}

type closing struct {
	*bufio.Reader
	net.Conn
}

func (c closing) Read(p []byte) (int, error) { return c.Reader.Read(p) }

func TestClientOfStdio(t *testing.T) {
	both(t, func(t *testing.T, version string) {
		books := stocked()
		books.entries = append(books.entries, entry("stop", holdfast.TierOperator))
		s := New(Needs{View: books.view, Changed: books.next, Version: "1", Log: slog.New(slog.DiscardHandler)})
		for query, want := range map[string]string{"": "add", "tier=operator": "add stop", "hub=bare": "ADD it stop"} {
			session, err := throughStdio(t, s, query, version)
			if err != nil {
				t.Fatal(err)
			}
			list, err := session.ListTools(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, tool := range list.Tools {
				names = append(names, tool.Name)
			}
			if got := strings.Join(names, " "); got != want && query != "hub=bare" || query == "hub=bare" && got != "ADD it" {
				t.Errorf("%q sees %s, want %s", query, got, want)
			}
			if _, err := session.GetPrompt(t.Context(), &sdk.GetPromptParams{Name: list.Tools[0].Name}); err == nil {
				t.Error("a tool was got as a prompt")
			}
			if result, err := session.CallTool(t.Context(), &sdk.CallToolParams{Name: list.Tools[0].Name}); err != nil || result.IsError {
				t.Errorf("the call is answered %+v, %v", result, err)
			}
			if c := books.callers[len(books.callers)-1]; c.Human() || c.Kind != holdfast.CallerAgent {
				t.Errorf("a model acts as %+v", c)
			}
			_ = session.Close()
		}
		deadline, tick := time.After(time.Minute), time.NewTicker(5*time.Millisecond)
		defer tick.Stop()
		for _, f := range s.all() {
			for f.busy() {
				select {
				case <-deadline:
					t.Fatal("a session is left of a client that ended")
				case <-tick.C:
				}
			}
		}
		for _, query := range []string{"tier=owner", "tier=king", "hub=nowhere"} {
			if _, err := throughStdio(t, s, query, version); err == nil {
				t.Errorf("%s was let in", query)
			}
		}
	})
}
