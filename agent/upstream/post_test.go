// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"golang.org/x/oauth2"
)

// a granting always gets another authorization.
type granting struct{ asked atomic.Int32 }

func (*granting) TokenSource(context.Context) (oauth2.TokenSource, error) { return nil, nil }

func (g *granting) Authorize(context.Context, *http.Request, *http.Response) error {
	g.asked.Add(1)
	return nil
}

// a pair is an odd server whose tool slow answers once that it may, and whose tool quick answers as given.
type pair struct {
	odd

	came, may chan struct{}
	quick     func(w http.ResponseWriter, id json.RawMessage)
}

func (s pair) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	var asked struct {
		ID     json.RawMessage
		Params struct{ Name string }
	}
	_ = json.Unmarshal(body, &asked)
	switch asked.Params.Name {
	case "quick":
		s.quick(w, asked.ID)
		return
	case "slow":
		close(s.came)
		select {
		case <-s.may:
		case <-r.Context().Done():
			return
		}
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	s.odd.ServeHTTP(w, r)
}

// replies answers with a status, a kind of content and a body, in which % is the request's own id.
func replies(status int, kind, body string) func(http.ResponseWriter, json.RawMessage) {
	return func(w http.ResponseWriter, id json.RawMessage) {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		_, _ = w.Write(bytes.ReplaceAll([]byte(body), []byte("%"), id))
	}
}

// A bad answer to one request is that request's alone: who waits for another gets it, in the same session.
func TestABadAnswerFailsItsOwnCallAlone(t *testing.T) {
	const jsonKind, stream = "application/json", "text/event-stream"
	whole := `{"jsonrpc":"2.0","id":%,"result":{"content":[]}}`
	for name, c := range map[string]struct {
		quick func(http.ResponseWriter, json.RawMessage)
		want  string // empty for an answer
	}{
		"garbage":           {replies(200, jsonKind, "{{{"), noMessage},
		"another's answer":  {replies(200, jsonKind, `{"jsonrpc":"2.0","id":4711,"result":{"content":[]}}`), noMessage},
		"a page":            {replies(200, "text/html", "<html>"), `it answered with the content type "text/html", which is not MCP's: look whether its URL is that of an MCP server`},
		"nothing":           {replies(202, "", ""), noMessage},
		"unauthorized":      {replies(401, "text/plain", "no"), "it answered 401 Unauthorized: it wants a key or an authorization (`remote-mcp update --key NAME` or `--oauth`)"},
		"a teapot":          {replies(418, "text/plain", "no"), "it answered 418 I'm a teapot"},
		"broken":            {replies(500, "text/plain", "no"), "it answered 500 Internal Server Error: it cannot serve just now"},
		"a garbage event":   {replies(200, stream, "data: {{{\n\n"), noMessage},
		"no event":          {replies(200, stream, "oops\n\n"), noMessage},
		"an empty stream":   {replies(200, stream, ": hello\n\n"), hungUp},
		"hanging up":        {func(http.ResponseWriter, json.RawMessage) { panic(http.ErrAbortHandler) }, hungUp},
		"half an answer":    {half200, "it hung up before its answer was whole"},
		"an event at last":  {replies(200, stream, ": hello\n\nevent: other\ndata: {{{\n\nid: 1\ndata: "+whole+"\n\noops\n\n"), ""},
		"a first event":     {replies(200, stream, "id: 1\nretry: 10\ndata: \n\ndata: "+whole+"\n\n"), ""},
		"an event's lines":  {replies(200, stream, "data: {\"jsonrpc\":\"2.0\",\r\ndata: \"id\":%,\"result\":{\"content\":[]}}\r\n\r\n"), ""},
		"an event unended":  {replies(200, stream, "data: "+whole), ""},
		"an answer as such": {replies(200, jsonKind+"; charset=utf-8", whole), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := pair{odd{"tools/call": always(`{"content":[{"type":"text","text":"at last"}]}`)}, make(chan struct{}), make(chan struct{}), c.quick}
			s.survives(t, nil, c.want)
		})
	}
}

func half200(w http.ResponseWriter, id json.RawMessage) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", "1000")
	_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,`, id)
}

// A request that is refused again with a new authorization fails alone.
func TestARefusalAfterAGrantFailsItsOwnCallAlone(t *testing.T) {
	s := pair{
		odd{"tools/call": always(`{"content":[{"type":"text","text":"at last"}]}`)},
		make(chan struct{}), make(chan struct{}), replies(http.StatusForbidden, "text/plain", "no"),
	}
	grants := &granting{}
	s.survives(t, grants, "it answered 403 Forbidden: its key or authorization does not suffice")
	if n := grants.asked.Load(); n != 1 {
		t.Errorf("it was asked %d times", n)
	}
}

func (s pair) survives(t *testing.T, grants *granting, want string) {
	t.Helper()
	remote := Remote{URL: serve(t, s)}
	if grants != nil {
		remote.Auth = grants
	}
	b := far(t, remote, nil)
	<-b.Tried()
	slow := make(chan string, 1)
	go func() {
		answer, err := b.Call(context.Background(), Request{Name: "slow"})
		if err != nil {
			slow <- err.Error()
			return
		}
		slow <- text(answer)
	}()
	<-s.came
	_, err := b.Call(t.Context(), Request{Name: "quick"})
	switch {
	case want == "" && err != nil:
		t.Errorf("error is %v", err)
	case want == "":
	case err == nil || err.Error() != "the tool server of alpha did not answer quick: "+want:
		t.Errorf("error is %v", err)
	}
	if _, own := errors.AsType[*jsonrpc.Error](err); own {
		t.Error("it passes for the server's own error")
	}
	close(s.may)
	if got := <-slow; got != "at last" {
		t.Errorf("the other call got %q", got)
	}
	if st := b.Status(); st.State != StateServing || st.Starts != 1 || st.Error != "" {
		t.Errorf("it stands as %+v", st)
	}
}
