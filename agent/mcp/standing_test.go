// SPDX-License-Identifier: Apache-2.0

package mcp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast"
	"holdfast/agent/tools"
	"holdfast/holdfasttest/timing"
)

// words are what lets the callers of a test in.
type words struct {
	told

	of    map[string]string // by name of the caller
	fails error
}

func newWords() *words {
	return &words{of: map[string]string{"a": "one", "o": "one"}}
}

func (w *words) standing(_ context.Context, c holdfast.Caller, _ string) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.of[c.Name], w.fails
}

func (w *words) serve(t *testing.T, books *shelf) (*Server, string) {
	t.Helper()
	return serving(t, Needs{View: books.view, Changed: books.next, Standing: w.standing, Rekeyed: w.next})
}

// ends are the ways in which a caller is let in no more.
func ends() map[string]func(w *words) {
	return map[string]func(w *words){
		"revoked": func(w *words) { w.change(func() { delete(w.of, "a") }) },
		"rotated": func(w *words) { w.change(func() { w.of["a"] = "two" }) },
	}
}

func TestCallsEndWithTheKeyOfTheirCaller(t *testing.T) {
	for name, end := range ends() {
		t.Run(name, func(t *testing.T) {
			both(t, func(t *testing.T, version string) {
				books, known := newShelf(entry("ask", 0)), newWords()
				books.calls = make(chan context.Context)
				s, url := known.serve(t, books)
				client, other := connect(t, url, "agent", version, nil), connect(t, url, "operator", version, nil)
				go func() { _, _ = client.CallTool(t.Context(), &sdk.CallToolParams{Name: "ask"}) }()
				mine := <-books.calls
				go func() { _, _ = other.CallTool(t.Context(), &sdk.CallToolParams{Name: "ask"}) }()
				theirs := <-books.calls
				end(known)
				select {
				case <-mine.Done():
				case <-time.After(time.Minute):
					t.Fatal("the call goes on")
				}
				timing.Until(t, "its face is forgotten", func() bool { return len(s.all()) == 1 })
				if theirs.Err() != nil {
					t.Error("the call of another caller was ended too")
				}
			})
		})
	}
}

// listen opens the stream by which a client of an era hears of changes; its end closes the channel.
func listen(t *testing.T, url, version string) <-chan struct{} {
	t.Helper()
	method, body, headers := http.MethodGet, "", map[string]string{versionHeader: version, "Accept": "text/event-stream"}
	if version == modern {
		method, headers["Accept"], headers["Mcp-Method"] = http.MethodPost, "application/json, text/event-stream", "subscriptions/listen"
		headers["Content-Type"] = "application/json"
		body = `{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true},"_meta":{` +
			`"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"x","version":"1"},` +
			`"io.modelcontextprotocol/clientCapabilities":{}}}}`
	} else {
		client := sdk.NewClient(&sdk.Implementation{Name: "test", Version: "1"}, nil)
		session, err := client.Connect(t.Context(), &sdk.StreamableClientTransport{Endpoint: url, HTTPClient: keyed("agent"), DisableStandaloneSSE: true},
			&sdk.ClientSessionOptions{ProtocolVersion: version})
		if err != nil {
			t.Fatal(err)
		}
		headers[sessionHeader] = session.ID()
	}
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	answer, err := keyed("agent").Do(r)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("the stream is answered %+v, %v", answer, err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.Copy(io.Discard, answer.Body)
		_ = answer.Body.Close()
	}()
	return ended
}

func TestStreamsEndWithTheKeyOfTheirCaller(t *testing.T) {
	for name, end := range ends() {
		t.Run(name, func(t *testing.T) {
			both(t, func(t *testing.T, version string) {
				known := newWords()
				s, url := known.serve(t, newShelf(entry("add", 0)))
				ended := listen(t, url, version)
				timing.Until(t, "the stream is open", func() bool {
					all := s.all()
					return len(all) == 1 && all[0].busy()
				})
				known.change(func() { known.of["o"] = "two" })
				known.change(func() { known.fails = errors.New("the store is away") })
				select {
				case <-ended:
					t.Fatal("the stream ended though its caller is let in")
				default:
				}
				known.change(func() { known.fails = nil })
				end(known)
				select {
				case <-ended:
				case <-time.After(time.Minute):
					t.Error("the stream goes on")
				}
			})
		})
	}
}

func TestParkedCallsEndWithTheirFace(t *testing.T) {
	for name, end := range map[string]func(books *shelf, known *words){
		"the hub is closed":  func(books *shelf, _ *words) { books.change(func() { books.hubs = nil }) },
		"the key is revoked": func(_ *shelf, known *words) { ends()["revoked"](known) },
		"the key is rotated": func(_ *shelf, known *words) { ends()["rotated"](known) },
	} {
		t.Run(name, func(t *testing.T) {
			books, known := newShelf(entry("ask", 0)), newWords()
			books.hubs = map[string]tools.Hub{"desk": {Name: "desk", Enabled: true}}
			books.does = asker(1)
			s, url := known.serve(t, books)
			stateOf(t, modernCall(t, url+"/mcp/desk", "agent", `"name":"ask"`))
			stateOf(t, modernCall(t, url, "operator", `"name":"ask"`))
			s.mu.Lock()
			for _, f := range s.faces {
				if !f.busy() {
					t.Error("a face with a parked call may be forgotten")
				}
			}
			s.mu.Unlock()
			end(books, known)
			timing.Until(t, "one call is parked", func() bool {
				s.parked.mu.Lock()
				defer s.parked.mu.Unlock()
				return len(s.parked.calls) == 1
			})
		})
	}
}

// A request whose face ends just then parks nothing: nobody would end it.
func TestNothingIsParkedAtTheEndOfItsFace(t *testing.T) {
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for range 64 { // which of both is seen first, the question or the end, is chance
		var l lot
		ended := false
		c := &call{owner: "a" + ownerEnd, peer: &peer{}, asks: make(chan inquiry, 1), cancel: func() { ended = true }}
		c.asks <- inquiry{reply: make(chan sdk.InputResponse, 1)}
		if _, asked, err := l.follow(c, &line{ctx: gone}); asked != nil || err == nil || !ended || len(l.calls) > 0 {
			t.Fatalf("it was parked: %v, %v", asked, err)
		}
	}
}

// A face that another took the place of ends: nothing else would find it.
func TestAFaceThatIsReplacedEnds(t *testing.T) {
	books, known := newShelf(entry("add", 0)), newWords()
	s := New(Needs{View: books.view, Changed: books.next})
	s.needs.Log = slog.New(slog.DiscardHandler)
	s.needs.Standing = func(ctx context.Context, c holdfast.Caller, hub string) (string, error) {
		if !s.mu.TryLock() {
			t.Error("all requests wait for what lets one in")
			return known.standing(ctx, c, hub)
		}
		defer s.mu.Unlock()
		return known.standing(ctx, c, hub)
	}
	old, err := s.face(t.Context(), callers()["agent"], "")
	if err != nil {
		t.Fatal(err)
	}
	ends()["rotated"](known)
	fresh, err := s.face(t.Context(), callers()["agent"], "")
	if err != nil || fresh == old {
		t.Fatalf("the old face serves on: %v", err)
	}
	s.ends.Wait()
	if !old.underway.over || fresh.underway.over {
		t.Error("want the old face ended, and only that")
	}
	ends()["revoked"](known)
	if _, err := s.face(t.Context(), callers()["agent"], ""); err == nil {
		t.Error("who is let in no more has a face")
	}
}

// Between the finding of a face and the session that is opened there it is neither forgotten, for its
// sessions would outlive the key, nor does a session stay that is opened when it has ended.
func TestAFaceIsKeptWhileARequestIsOnItsWay(t *testing.T) {
	books, known := newShelf(entry("add", 0)), newWords()
	s := New(Needs{View: books.view, Changed: books.next, Standing: known.standing})
	s.needs.Log = slog.New(slog.DiscardHandler)
	mine, err := s.face(t.Context(), callers()["agent"], "")
	if err != nil {
		t.Fatal(err)
	}
	for n := range 2 * manyFaces {
		name := fmt.Sprint("other ", n)
		known.change(func() { known.of[name] = "one" })
		other, err := s.face(t.Context(), holdfast.Caller{Kind: holdfast.CallerAgent, Name: name}, "")
		if err != nil {
			t.Fatal(err)
		}
		s.leave(other)
	}
	if !slices.Contains(s.all(), mine) {
		t.Error("a face that a request has found was forgotten")
	}
	if n := len(s.all()); n > manyFaces {
		t.Errorf("%d faces are kept", n)
	}
	s.drop(mine)
	s.ends.Wait()
	here, _ := sdk.NewInMemoryTransports()
	if _, err := mine.server.Connect(t.Context(), here, nil); err != nil {
		t.Fatal(err)
	}
	s.leave(mine)
	if n := len(slices.Collect(mine.server.Sessions())); n > 0 {
		t.Errorf("%d sessions outlive their face", n)
	}
}

// Who cannot be let in just now is not told that there is nothing here.
func TestWhoIsNotLetInIsToldWhy(t *testing.T) {
	known := newWords()
	_, url := known.serve(t, newShelf(entry("add", 0)))
	const hello = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`
	known.change(func() { known.fails = errors.New("the store is busy") })
	if got := post(t, url, "agent", hello, nil); got.code != http.StatusServiceUnavailable || !strings.Contains(got.body, "cannot tell") {
		t.Errorf("while nobody knows: %d %s", got.code, got.body)
	}
	known.change(func() { known.fails = nil; delete(known.of, "a") })
	if got := post(t, url, "agent", hello, nil); got.code != http.StatusUnauthorized {
		t.Errorf("once nothing lets it in: %d %s", got.code, got.body)
	}
	if got := post(t, url+"/mcp/none", "operator", hello, nil); got.code != http.StatusNotFound {
		t.Errorf("a hub that is not there: %d %s", got.code, got.body)
	}
}
