// SPDX-License-Identifier: Apache-2.0

package mcp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast/agent/tools"
	"holdfast/agent/upstream"
	"holdfast/holdfasttest/timing"
)

// absent is a client of the legacy era that is asked and says nothing for good. Its call tells how it ended.
func absent(t *testing.T, url string) (session *sdk.ClientSession, asked chan struct{}, called chan error) {
	t.Helper()
	asked, called = make(chan struct{}, 1), make(chan error, 1)
	client := sdk.NewClient(&sdk.Implementation{Name: "test", Version: "1"}, &sdk.ClientOptions{
		ElicitationHandler: func(ctx context.Context, _ *sdk.ElicitRequest) (*sdk.ElicitResult, error) {
			asked <- struct{}{}
			<-ctx.Done()
			return nil, ctx.Err()
		},
	})
	session, err := client.Connect(t.Context(), &sdk.StreamableClientTransport{Endpoint: url, HTTPClient: keyed("agent")},
		&sdk.ClientSessionOptions{ProtocolVersion: "2025-11-25"})
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		_, err := session.CallTool(t.Context(), &sdk.CallToolParams{Name: "ask"})
		called <- err
	}()
	return session, asked, called
}

// A client that is asked and does not answer holds up neither the house's end, nor its hub's, nor its own.
func TestAnOpenQuestionHoldsNobodyUp(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, s *Server, books *shelf, url, id string){
		"the house stops": func(t *testing.T, s *Server, _ *shelf, _, _ string) {
			if err := s.stop(t.Context()); err != nil {
				t.Error(err)
			}
		},
		"the hub is closed": func(t *testing.T, s *Server, books *shelf, _, _ string) {
			books.change(func() { books.hubs = nil })
			timing.Until(t, "the hub is forgotten", func() bool { return len(s.all()) == 0 })
		},
		"the client ends its session": func(t *testing.T, _ *Server, _ *shelf, url, id string) {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, url, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set(sessionHeader, id)
			answer, err := keyed("agent").Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = answer.Body.Close()
		},
		"others need the room": func(t *testing.T, s *Server, _ *shelf, _, _ string) {
			for _, f := range s.all() {
				for session := range f.server.Sessions() {
					f.underway.close(session)
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			books := newShelf(entry("ask", 0))
			books.hubs = map[string]tools.Hub{"desk": {Name: "desk", Enabled: true}}
			ended := make(chan error, 1)
			books.does = func(ctx context.Context, r upstream.Request) (tools.Result, error) {
				answer, err := asker(1)(ctx, r)
				ended <- context.Cause(ctx)
				return answer, err
			}
			s, url := endpoint(t, books)
			session, asked, _ := absent(t, url+"/mcp/desk")
			<-asked
			end(t, s, books, url+"/mcp/desk", session.ID())
			if err := <-ended; !errors.Is(err, errClosed) {
				t.Errorf("the call ended for %v", err)
			}
		})
	}
}

// What arrives while a session is closed is given up too, for closing waits for it.
func TestWhatArrivesAtTheEndIsGivenUp(t *testing.T) {
	u, session := newUnderway(), &sdk.ServerSession{}
	u.closing[session] = true
	ctx, done := u.begin(t.Context(), session)
	if why := context.Cause(ctx); !errors.Is(why, errClosed) {
		t.Errorf("it goes on: %v", why)
	}
	done()
	if len(u.requests) > 0 {
		t.Error("it is remembered")
	}
}

func TestAQuestionIsNotOpenForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := sdk.NewInMemoryTransports()
		server := sdk.NewServer(&sdk.Implementation{Name: "house", Version: "1"}, nil)
		began := time.Now()
		server.AddTool(&sdk.Tool{Name: "ask", InputSchema: map[string]any{"type": "object"}}, func(ctx context.Context, r *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
			p := &peer{line: &line{ctx: ctx, session: r.Session}}
			_, err := p.Ask(ctx, &sdk.ElicitParams{Message: "well?", RequestedSchema: map[string]any{"type": "object"}})
			return &sdk.CallToolResult{Content: []sdk.Content{&sdk.TextContent{Text: fmt.Sprint(err)}}}, nil
		})
		serving, err := server.Connect(t.Context(), here, nil)
		if err != nil {
			t.Fatal(err)
		}
		client := sdk.NewClient(&sdk.Implementation{Name: "test", Version: "1"}, &sdk.ClientOptions{
			ElicitationHandler: func(ctx context.Context, _ *sdk.ElicitRequest) (*sdk.ElicitResult, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			},
		})
		session, err := client.Connect(t.Context(), there, &sdk.ClientSessionOptions{ProtocolVersion: "2025-11-25"})
		if err != nil {
			t.Fatal(err)
		}
		answer, err := session.CallTool(t.Context(), &sdk.CallToolParams{Name: "ask"})
		if err != nil {
			t.Fatal(err)
		}
		if text := answer.Content[0].(*sdk.TextContent).Text; !strings.Contains(text, "did not answer what it was asked within 5m0s") {
			t.Errorf("the call is answered %s", text)
		}
		if took := time.Since(began); took != parkedFor {
			t.Errorf("it was asked for %s, want %s", took, parkedFor)
		}
		_ = session.Close()
		_ = serving.Wait()
	})
}

// A client of the legacy era whose connection is gone amid a question is waited for no longer; the tool
// itself goes on to its end.
func TestAQuestionEndsWithItsConnection(t *testing.T) {
	books := newShelf(entry("ask", 0))
	told := make(chan string, 1)
	books.does = func(ctx context.Context, r upstream.Request) (tools.Result, error) {
		answer, err := asker(1)(ctx, r)
		if ctx.Err() != nil {
			t.Errorf("the tool is given up: %v", context.Cause(ctx))
		}
		told <- answer.Text
		return answer, err
	}
	_, url := endpoint(t, books)
	client := sdk.NewClient(&sdk.Implementation{Name: "test", Version: "1"}, &sdk.ClientOptions{
		ElicitationHandler: func(context.Context, *sdk.ElicitRequest) (*sdk.ElicitResult, error) {
			return nil, errors.New("the question came by another way than the call")
		},
	})
	session := session(t, client, url, "2025-11-25")
	ctx, hangUp := context.WithCancel(t.Context())
	defer hangUp()
	call := `{"jsonrpc":"2.0","id":99,"method":"tools/call","params":{"name":"ask","arguments":{}}}`
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(call))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"Content-Type": "application/json", "Accept": "application/json, text/event-stream",
		sessionHeader: session.ID(), versionHeader: "2025-11-25",
	} {
		r.Header.Set(name, value)
	}
	answer, err := keyed("agent").Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if _, err := answer.Body.Read(make([]byte, 1)); err != nil { // the question
		t.Fatal(err)
	}
	hangUp()
	if text := <-told; !strings.Contains(text, "went away before it answered") {
		t.Errorf("the tool was told %q", text)
	}
}

// Only who opens a session makes room for it.
func TestOnlyANewSessionMakesRoom(t *testing.T) {
	_, url := endpoint(t, newShelf(entry("ask", 0)))
	send := func(body, session string) answered {
		headers := map[string]string{versionHeader: "2025-11-25"}
		if session != "" {
			headers[sessionHeader] = session
		}
		return post(t, url, "agent", body, headers)
	}
	const hello = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`
	const ping = `{"jsonrpc":"2.0","id":2,"method":"ping"}`
	oldest := connect(t, url, "agent", "2025-11-25", nil).ID()
	for range sessionsEach - 1 {
		send(hello, "")
	}
	for _, stray := range []string{"garbage", `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":9}}`, ping} {
		send(stray, "")
	}
	if got := send(ping, oldest); got.code != http.StatusOK {
		t.Errorf("the oldest session made room for none: %d", got.code)
	}
	send(hello, "")
	if got := send(ping, oldest); got.code != http.StatusNotFound {
		t.Errorf("the oldest session did not make room: %d", got.code)
	}
}

// The bound on sessions holds however a client writes that it opens one.
func TestHoweverItIsWrittenANewSessionMakesRoom(t *testing.T) {
	const rest = `,"params":{"protocolVersion":"2025-03-26","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`
	for _, hello := range []string{
		`{"jsonrpc":"2.0","id":1,"method":"initi\u0061lize","METHOD":"ping"` + rest,
		`[{"jsonrpc":"2.0","id":1,"method":"initi\u0061lize"` + rest + `]`,
	} {
		s, url := endpoint(t, newShelf(entry("ask", 0)))
		for range sessionsEach + 2 {
			post(t, url, "agent", hello, nil)
		}
		if n := len(slices.Collect(s.all()[0].server.Sessions())); n != sessionsEach {
			t.Errorf("%d sessions are open, of at most %d", n, sessionsEach)
		}
	}
}
