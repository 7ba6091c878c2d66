// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast/agent/upstream/upstreamtest"
)

// soon is well below what a call may take, and above what the end of a session may.
const soon = 4 * time.Second

// a hanging is a remote server whose tool hang answers only when the test ends, or, where it listens,
// when it is told that nobody waits.
type hanging struct {
	http.Handler

	came    chan struct{}
	told    chan struct{} // closed when the tool heard that nobody waits
	deletes atomic.Int32
}

func (h *hanging) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodDelete {
		h.deletes.Add(1)
	}
	h.Handler.ServeHTTP(w, r)
}

// hangs is such a server of each transport by its name, and its URL.
func hangs(t *testing.T, transport string, listens bool) (h *hanging, url string) {
	t.Helper()
	h = &hanging{came: make(chan struct{}, 1), told: make(chan struct{})}
	over := make(chan struct{})
	talker := upstreamtest.Talker()
	talker.AddReceivingMiddleware(func(next mcp.MethodHandler) mcp.MethodHandler {
		return func(ctx context.Context, method string, r mcp.Request) (mcp.Result, error) {
			if p, ok := r.GetParams().(*mcp.CallToolParamsRaw); !ok || p.Name != "hang" {
				return next(ctx, method, r)
			}
			h.came <- struct{}{}
			if listens {
				select {
				case <-ctx.Done():
					close(h.told)
				case <-over:
				}
				return nil, ctx.Err()
			}
			<-over
			return &mcp.CallToolResult{}, nil
		}
	})
	of := func(*http.Request) *mcp.Server { return talker }
	switch transport {
	case "events":
		h.Handler = mcp.NewSSEHandler(of, nil)
	default:
		h.Handler = mcp.NewStreamableHTTPHandler(of, &mcp.StreamableHTTPOptions{
			Stateless: transport == "stateless", JSONResponse: transport == "whole",
		})
	}
	url = serve(t, h)
	t.Cleanup(func() { close(over) })
	return h, url
}

// transports are the ways in which an answer comes: as a stream, as a whole, without a session, and
// over the stream of another request.
func transports() []string { return []string{"streamable", "whole", "stateless", "events"} }

// hung calls the tool that hangs, and answers what comes of it.
func (b *bench) hung(h *hanging) <-chan error {
	b.t.Helper()
	<-b.Tried()
	done := make(chan error, 1)
	ctx := b.t.Context()
	go func() {
		_, err := b.Call(ctx, Request{Name: "hang"})
		done <- err
	}()
	<-h.came
	return done
}

func left(t *testing.T, done <-chan error) {
	t.Helper()
	err := within(t, "the call", done)
	const want = "the tool server of alpha ended while hang ran: the house ended the session with it"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("the call ended with %v", err)
	}
}

func within[T any](t *testing.T, what string, of <-chan T) T {
	t.Helper()
	select {
	case got := <-of:
		return got
	case <-time.After(soon):
		t.Fatalf("%s is not over after %s", what, soon)
		panic("unreachable")
	}
}

// restarted is such a server in the midst of whose call it was restarted.
func restarted(t *testing.T, transport string, listens bool) (*hanging, *bench) {
	t.Helper()
	h, url := hangs(t, transport, listens)
	b := far(t, Remote{URL: url, Legacy: transport == "events"}, nil)
	done := b.hung(h)
	b.Restart()
	left(t, done)
	return h, b
}

// A restart ends the calls under way at once, and the next session does not wait for them.
func TestARestartAmidACallOfARemoteServer(t *testing.T) {
	for _, transport := range transports() {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			h, b := restarted(t, transport, false)
			within(t, "the new start", b.Tried())
			if answer, err := b.Call(t.Context(), Request{Name: "can"}); err != nil || answer == nil {
				t.Errorf("then a call ends with %v", err)
			}
			want := int32(0)
			if transport == "streamable" || transport == "whole" {
				want = 1
			}
			if n := h.deletes.Load(); n != want {
				t.Errorf("%d sessions were ended by a DELETE, want %d", n, want)
			}
		})
	}
}

// The end of the house does not wait for a call either.
func TestTheEndAmidACallOfARemoteServer(t *testing.T) {
	for _, transport := range transports() {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			h, url := hangs(t, transport, false)
			b := &bench{t: t, Server: New(Declaration{Name: "alpha", Remote: &Remote{URL: url, Legacy: transport == "events"}}, testNeeds(t, usual()))}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			go b.Run(ctx)
			done := b.hung(h)
			cancel()
			left(t, done)
			within(t, "the server's life", b.Over())
		})
	}
}

// A tool that listens hears that nobody waits for its answer any more.
func TestARemoteServerIsToldThatACallIsLeft(t *testing.T) {
	for _, transport := range []string{"streamable", "whole", "events"} { // the SDK's server without sessions is deaf
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			h, _ := restarted(t, transport, true)
			within(t, "the tool", h.told)
		})
	}
}

// A server that forgot its session did not take the call that it refuses for that, which is made anew, but
// took those that were under way: they are not made twice.
func TestOnlyWhatAForgottenSessionRefusedIsMadeAgain(t *testing.T) {
	h, _ := hangs(t, "streamable", false)
	var known, forgotten atomic.Value
	b := far(t, Remote{URL: serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if id := r.Header.Get("Mcp-Session-Id"); id != "" {
			if known.Store(id); id == forgotten.Load() {
				http.Error(w, "session not found", http.StatusNotFound)
				return
			}
		}
		h.ServeHTTP(w, r)
	}))}, nil)
	done := b.hung(h)
	b.old()
	forgotten.Store(known.Load())
	if answer, err := b.Call(t.Context(), Request{Name: "can"}); err != nil || answer == nil {
		t.Errorf("the call that was refused ends with %v", err)
	}
	select {
	case err := <-done:
		if want := "the tool server of alpha ended while hang ran: it answered 404 Not Found: it has forgotten the session"; err == nil || err.Error() != want {
			t.Errorf("the call under way ended with %v", err)
		}
	case <-h.came:
		t.Error("the call under way was made twice")
	case <-time.After(soon):
		t.Error("the call under way goes on")
	}
}
