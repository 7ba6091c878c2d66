// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast/agent/upstream/upstreamtest"
	"holdfast/holdfasttest/timing"
)

// What either process adds to its lists is offered, and called there whoever calls.
func TestListsOfBothProcessesAreFollowed(t *testing.T) {
	for _, learner := range eras() {
		t.Run(string(learner), func(t *testing.T) {
			b := started(t, "both", nil)
			if _, err := b.as(&client{era: learner, can: able()}, "learn"); err != nil {
				t.Fatal(err)
			}
			timing.Until(t, "what was learned is offered", func() bool {
				o := b.Offer()
				return len(o.Prompts) == 2 && o.Prompts[1].Name == "learned" &&
					slices.ContainsFunc(o.Tools, func(t *mcp.Tool) bool { return t.Name == "learned" })
			})
			for _, era := range eras() {
				peer := &client{era: era, can: able()}
				if answer, err := b.as(peer, "learned"); err != nil || text(answer) != "learned" {
					t.Errorf("%s: %v %v", era, err, answer)
				}
				if filled, err := b.Prompt(WithPeer(t.Context(), peer), Request{Name: "learned"}); err != nil || filled.Description != "learned" {
					t.Errorf("%s: %v %v", era, err, filled)
				}
			}
			if got := text(b.must("learned", "{}")); got != "learned" {
				t.Errorf("nobody's call got %q", got)
			}
			if got := b.left(); got != 2 {
				t.Errorf("%d processes run", got)
			}
		})
	}
}

// A server that tells nobody what changed is asked again.
func TestListsAreTakenUpAgainWithoutAWord(t *testing.T) {
	talker := upstreamtest.Talker()
	next := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return talker }, nil)
	b := far(t, Remote{URL: serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet { // it has no stream of notices
			http.Error(w, "no", http.StatusMethodNotAllowed)
			return
		}
		next.ServeHTTP(w, r)
	}))}, func(n *Needs) {
		n.Settings = func() Settings { return Settings{StartWithin: time.Minute, Parallel: 4, Probe: 20 * time.Millisecond} }
	})
	<-b.Tried()
	talker.RemoveTools("nag")
	timing.Until(t, "the list without it", func() bool { return len(b.Offer().Tools) == 5 })
}

// A server that lets the newest protocol go unanswered is spoken with in the older, and the next time
// at once.
func TestAServerThatHangsOnTheNewestProtocol(t *testing.T) {
	var hung atomic.Int32
	var handler atomic.Pointer[http.Handler]
	fresh := func() { h := streamable(false); handler.Store(&h) }
	fresh()
	b := far(t, Remote{URL: serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		if bytes.Contains(body, []byte("server/discover")) {
			hung.Add(1)
			<-r.Context().Done()
			return
		}
		(*handler.Load()).ServeHTTP(w, r)
	}))}, func(n *Needs) {
		n.Settings = func() Settings { return Settings{StartWithin: 4 * time.Second, Parallel: 4} }
	})
	<-b.Tried()
	if err := b.Trouble(); err != nil {
		t.Fatal(err)
	}
	if got := b.Status().Running; len(got) != 1 || got[0].Era != Legacy || len(b.Offer().Tools) != 6 {
		t.Errorf("it runs as %+v and offers %+v", got, b.Offer())
	}
	b.old()
	fresh()
	if _, err := b.Call(t.Context(), Request{Name: "can"}); err != nil {
		t.Fatal(err)
	}
	if s := b.Status(); s.Starts != 2 || hung.Load() != 1 {
		t.Errorf("it hung %d times: %+v", hung.Load(), s)
	}
}
