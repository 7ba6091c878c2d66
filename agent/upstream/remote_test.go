// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast"
	"holdfast/agent/upstream/upstreamtest"
	"holdfast/holdfasttest/timing"
)

// far is a server under test that is reached by HTTP, running until the test ends.
func far(t *testing.T, remote Remote, change func(*Needs)) *bench {
	t.Helper()
	needs := testNeeds(t, usual())
	if change != nil {
		change(&needs)
	}
	return (&bench{t: t, Server: New(Declaration{Name: "alpha", Remote: &remote}, needs)}).up()
}

func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

func streamable(stateless bool) http.Handler {
	talker := upstreamtest.Talker()
	return mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return talker }, &mcp.StreamableHTTPOptions{Stateless: stateless})
}

func events() http.Handler {
	talker := upstreamtest.Talker()
	return mcp.NewSSEHandler(func(*http.Request) *mcp.Server { return talker }, nil)
}

// A talker is the same over every transport.
func TestRemoteServersOfEachTransport(t *testing.T) {
	for name, c := range map[string]struct {
		handler http.Handler
		legacy  bool
		era     Era
	}{
		"streamable with sessions": {streamable(false), false, Legacy},
		"streamable without":       {streamable(true), false, Modern},
		"the older, declared":      {events(), true, Legacy},
		"the older, found out":     {events(), false, Legacy},
	} {
		t.Run(name, func(t *testing.T) {
			b := far(t, Remote{URL: serve(t, c.handler), Legacy: c.legacy}, nil)
			<-b.Tried()
			if err := b.Trouble(); err != nil {
				t.Fatal(err)
			}
			if o := b.Offer(); len(o.Tools) != 6 || len(o.Prompts) != 1 || len(o.Resources) != 2 {
				t.Fatalf("the offer is %+v", o)
			}
			if got := b.Status().Running; len(got) != 1 || got[0].Era != c.era {
				t.Errorf("it runs as %+v, want %s", got, c.era)
			}
			for _, era := range eras() {
				peer := &client{era: era, can: able()}
				answer, err := b.Call(WithPeer(t.Context(), peer), Request{Name: "progress", Meta: mcp.Meta{mcp.MetaKeyLogLevel: "debug"}})
				if err != nil || text(answer) != "done" || len(peer.progress) != 20 || len(peer.lines) != 20 {
					t.Errorf("%s: %v %v, progress %v, lines %v", era, err, answer, peer.progress, peer.lines)
				}
				answer, err = b.as(peer, "input")
				if err != nil || (text(answer) != "accept Ada half way" && !answer.NeedsInput()) {
					t.Errorf("%s: %v %v", era, err, answer)
				}
			}
		})
	}
}

func TestKeyAndHeadersAreSent(t *testing.T) {
	var got atomic.Pointer[http.Header]
	next := streamable(true)
	b := far(t, Remote{
		URL: serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h := r.Header.Clone()
			got.Store(&h)
			next.ServeHTTP(w, r)
		})),
		Key: "FAR_KEY", Header: map[string]string{"X-Plain": "one", "X-Secret": "${OTHER_KEY}"},
	}, func(n *Needs) {
		n.Secret = func(name string) (holdfast.Secret, bool) { return holdfast.NewSecret("value of " + name), true }
	})
	<-b.Tried()
	if err := b.Trouble(); err != nil {
		t.Fatal(err)
	}
	h := *got.Load()
	if h.Get("Authorization") != "Bearer value of FAR_KEY" || h.Get("X-Plain") != "one" || h.Get("X-Secret") != "value of OTHER_KEY" {
		t.Errorf("the headers are %v", h)
	}
}

// Some servers want their key in the URL: they get it, and it stands in no error.
func TestAKeyInTheURLIsSentAndNotTold(t *testing.T) {
	for name, c := range map[string]struct {
		handler http.Handler
		legacy  bool
	}{"streamable": {streamable(false), false}, "events": {events(), true}} {
		t.Run(name, func(t *testing.T) {
			var without atomic.Int32
			b := far(t, Remote{Legacy: c.legacy, URL: serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				// The older transport posts to an address that the server names.
				if r.URL.Query().Get("key") != "hunter2" && (!c.legacy || r.Method == http.MethodGet) {
					without.Add(1)
				}
				c.handler.ServeHTTP(w, r)
			})) + "/mcp?key=hunter2"}, nil)
			<-b.Tried()
			if err := b.Trouble(); err != nil || without.Load() > 0 {
				t.Errorf("%d requests without the key, %v", without.Load(), err)
			}
		})
		t.Run(name+" that hangs up", func(t *testing.T) {
			b := far(t, Remote{Legacy: c.legacy, URL: serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
				panic(http.ErrAbortHandler)
			})) + "/mcp?key=hunter2"}, nil)
			<-b.Tried()
			if err := b.Trouble(); err == nil || strings.Contains(err.Error()+b.Status().Error, "hunter2") {
				t.Errorf("error is %v", err)
			}
		})
	}
}

func TestAMissingKeyIsNamed(t *testing.T) {
	b := far(t, Remote{URL: serve(t, streamable(true)), Key: "FAR_KEY"}, nil)
	<-b.Tried()
	if said := b.Status().Error; !strings.Contains(said, "FAR_KEY in .env") {
		t.Errorf("error is %q", said)
	}
}

// What would lead a request elsewhere is refused, so that no key goes there and nothing inside the
// house's network can be reached by a server's word.
func TestNoServerLeadsElsewhere(t *testing.T) {
	var reached atomic.Int32
	other := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	for name, h := range map[string]struct {
		http.HandlerFunc
		legacy bool
	}{
		"a redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other, http.StatusTemporaryRedirect)
		}, false},
		"an endpoint": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = fmt.Fprintf(w, "event: endpoint\ndata: %s/messages\n\n", other)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			var told atomic.Pointer[string]
			b := far(t, Remote{URL: serve(t, h), Legacy: h.legacy}, func(n *Needs) {
				n.Elsewhere = func(place string) { told.Store(&place) }
			})
			<-b.Tried()
			if said := b.Status().Error; !strings.Contains(said, "another place") {
				t.Errorf("error is %q", said)
			}
			if place := told.Load(); place == nil || *place != other {
				t.Errorf("told is %v, want %s", place, other)
			}
		})
	}
	if n := reached.Load(); n > 0 {
		t.Errorf("the other place was reached %d times", n)
	}
}

func TestRedirectsAtHomeAreBounded(t *testing.T) {
	next := streamable(true)
	near := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/old" {
			http.Redirect(w, r, "/new", http.StatusPermanentRedirect)
			return
		}
		next.ServeHTTP(w, r)
	}))
	b := far(t, Remote{URL: near + "/old"}, nil)
	<-b.Tried()
	if err := b.Trouble(); err != nil {
		t.Error(err)
	}
	round := far(t, Remote{URL: serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, r.URL.Path+"x", http.StatusTemporaryRedirect)
	}))}, nil)
	<-round.Tried()
	if said := round.Status().Error; !strings.Contains(said, "more than 3 times") {
		t.Errorf("error is %q", said)
	}
}

// Servers that answer nothing, nonsense, too much or by halves cost a bounded time and are told.
func TestHostileServersAreBounded(t *testing.T) {
	for name, c := range map[string]struct {
		http.HandlerFunc
		want string
	}{
		"silent": {func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // only then is it noticed that the house hung up
			<-r.Context().Done()
		}, "did not answer within"},
		"refusing": {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusUnauthorized) }, "401 Unauthorized: it wants a key"},
		"broken":   {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusInternalServerError) }, "500"},
		"a page": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, "<html>")
		}, "content type"},
		"huge": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			for range 20 {
				_, _ = io.WriteString(w, strings.Repeat(" ", 1<<20))
			}
		}, "16 MiB"},
		"garbage": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, "]]]")
		}, "cannot connect"},
		"hanging up": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "cannot connect"},
	} {
		t.Run(name, func(t *testing.T) {
			patience := time.Minute
			if name == "silent" {
				patience = time.Second
			}
			b := far(t, Remote{URL: serve(t, c)}, func(n *Needs) {
				n.Settings = func() Settings { return Settings{StartWithin: patience, Parallel: 4} }
			})
			<-b.Tried()
			if s := b.Status(); s.State == StateServing || !strings.Contains(s.Error, c.want) { // it may be tried again already
				t.Errorf("it stands as %s: %s", s.State, s.Error)
			}
		})
	}
}

// A server that never answers the request for its notices is used without them.
func TestASilentStreamOfNoticesHoldsNobodyUp(t *testing.T) {
	next := streamable(false)
	b := far(t, Remote{URL: serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			http.Error(w, "no", http.StatusBadGateway)
			return
		}
		next.ServeHTTP(w, r)
	}))}, nil)
	<-b.Tried()
	if err := b.Trouble(); err != nil {
		t.Error(err)
	}
}

// A server that was restarted has forgotten the session, and the call is made in a new one.
func TestAForgottenSessionIsMadeAnew(t *testing.T) {
	var handler atomic.Pointer[http.Handler]
	fresh := func() { h := streamable(false); handler.Store(&h) }
	fresh()
	b := far(t, Remote{URL: serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*handler.Load()).ServeHTTP(w, r) }))}, nil)
	<-b.Tried()
	b.old()
	fresh()
	if answer, err := b.Call(t.Context(), Request{Name: "can"}); err != nil || answer == nil {
		t.Fatalf("%v %v", err, answer)
	}
	if s := b.Status(); s.Starts != 2 {
		t.Errorf("it stands as %+v", s)
	}
}

// A server that stops answering is noticed without a call, and taken up again when it is back.
func TestADeadServerIsNoticedAndComesBack(t *testing.T) {
	var dead atomic.Bool
	next := streamable(false)
	b := far(t, Remote{URL: serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if dead.Load() {
			panic(http.ErrAbortHandler)
		}
		next.ServeHTTP(w, r)
	}))}, func(n *Needs) {
		n.Settings = func() Settings {
			return Settings{StartWithin: 10 * time.Second, Parallel: 4, Probe: 20 * time.Millisecond}
		}
	})
	<-b.Tried()
	dead.Store(true)
	timing.Until(t, "it is noticed", func() bool { return b.Status().State == StateWaiting })
	if _, err := b.Call(t.Context(), Request{Name: "can"}); err == nil || !strings.Contains(err.Error(), "tried again in") {
		t.Errorf("error is %v", err)
	}
	dead.Store(false)
	timing.Until(t, "it is back", func() bool { return b.Status().State == StateServing })
	if _, err := b.Call(t.Context(), Request{Name: "can"}); err != nil {
		t.Error(err)
	}
}

// The server is told that the call was given up: its tool, which waits for an answer, ends.
func TestACallOfARemoteServerIsCancelled(t *testing.T) {
	for _, legacy := range []bool{false, true} {
		t.Run(fmt.Sprint("legacy ", legacy), func(t *testing.T) {
			var running atomic.Int64
			talker := upstreamtest.Talker()
			talker.AddReceivingMiddleware(func(next mcp.MethodHandler) mcp.MethodHandler {
				return func(ctx context.Context, method string, r mcp.Request) (mcp.Result, error) {
					if method == "tools/call" {
						running.Add(1)
						defer running.Add(-1)
					}
					return next(ctx, method, r)
				}
			})
			of := func(*http.Request) *mcp.Server { return talker }
			var handler http.Handler = mcp.NewStreamableHTTPHandler(of, nil)
			if legacy {
				handler = mcp.NewSSEHandler(of, nil)
			}
			far(t, Remote{URL: serve(t, handler), Legacy: legacy}, nil).givenUp()
			timing.Until(t, "the tool ends", func() bool { return running.Load() == 0 })
		})
	}
}
