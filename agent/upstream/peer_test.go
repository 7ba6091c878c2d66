// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast/holdfasttest/timing"
)

// a client is a peer that notes what it is told, and answers every question.
type client struct {
	era Era
	can *mcp.ClientCapabilities
	// hold keeps questions open until it is closed; nil answers at once.
	hold chan struct{}

	mu       sync.Mutex
	progress []float64
	lines    []any
	asked    int
}

func able() *mcp.ClientCapabilities {
	return &mcp.ClientCapabilities{Elicitation: &mcp.ElicitationCapabilities{Form: &mcp.FormElicitationCapabilities{}}}
}

func (c *client) Progress(p *mcp.ProgressNotificationParams) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.progress = append(c.progress, p.Progress)
}

func (c *client) Log(p *mcp.LoggingMessageParams) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lines = append(c.lines, p.Data)
}

func (c *client) Ask(ctx context.Context, _ mcp.InputRequest) (mcp.InputResponse, error) {
	c.mu.Lock()
	c.asked++
	c.mu.Unlock()
	if c.hold != nil {
		select {
		case <-c.hold:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return &mcp.ElicitResult{Action: "accept", Content: map[string]any{"name": "Ada"}}, nil
}

func (c *client) Era() Era { return c.era }

func (c *client) Capabilities() *mcp.ClientCapabilities { return c.can }

func (c *client) questions() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asked
}

func (b *bench) as(peer Peer, tool string) (*mcp.CallToolResult, error) {
	b.t.Helper()
	return b.Call(WithPeer(b.t.Context(), peer), Request{Name: tool})
}

func eras() []Era { return []Era{Legacy, Modern} }

func TestPeersAreToldInOrderBeforeTheAnswer(t *testing.T) {
	for _, kind := range []string{"legacy", "modern", "both"} {
		for _, era := range eras() {
			t.Run(fmt.Sprintf("%s client of %s", era, kind), func(t *testing.T) {
				b := started(t, kind, nil)
				peer := &client{era: era}
				ctx := WithPeer(t.Context(), peer)
				answer, err := b.Call(ctx, Request{Name: "progress", Meta: mcp.Meta{mcp.MetaKeyLogLevel: "debug", "progressToken": "mine"}})
				if err != nil || text(answer) != "done" {
					t.Fatalf("%v: %v", err, answer)
				}
				if len(peer.progress) != 20 || len(peer.lines) != 20 {
					t.Fatalf("progress %v, lines %v", peer.progress, peer.lines)
				}
				for i := range 20 {
					if peer.progress[i] != float64(i) || peer.lines[i] != fmt.Sprint("line ", i) {
						t.Errorf("at %d: %v %v", i, peer.progress[i], peer.lines[i])
					}
				}
			})
		}
	}
}

func TestProgressGoesToItsOwnCall(t *testing.T) {
	b := started(t, "legacy", nil)
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			peer := &client{era: Legacy}
			if _, err := b.as(peer, "progress"); err != nil || len(peer.progress) != 20 {
				t.Errorf("%v: %v", err, peer.progress)
			}
		})
	}
	group.Wait()
}

// What a server asks reaches the client whatever the two speak; a modern client of a modern server
// alone is handed the question instead.
func TestAClientOfEitherEraIsAsked(t *testing.T) {
	for _, kind := range []string{"legacy", "modern", "both"} {
		for _, era := range eras() {
			t.Run(fmt.Sprintf("%s client of %s", era, kind), func(t *testing.T) {
				b := started(t, kind, nil)
				peer := &client{era: era, can: able()}
				answer, err := b.as(peer, "input")
				if err != nil {
					t.Fatal(err)
				}
				if era == Legacy || kind == "legacy" {
					if got := text(answer); got != "accept Ada half way" || peer.questions() != 1 {
						t.Fatalf("answer is %q after %d questions", got, peer.questions())
					}
					return
				}
				if !answer.NeedsInput() || answer.RequestState != "half way" || len(answer.InputRequests) != 1 {
					t.Fatalf("answer is %+v", answer)
				}
				answer, err = b.Call(WithPeer(t.Context(), peer), Request{
					Name: "input", State: answer.RequestState,
					Responses: mcp.InputResponseMap{"who": &mcp.ElicitResult{Action: "accept", Content: map[string]any{"name": "Ada"}}},
				})
				if err != nil || text(answer) != "accept Ada half way" {
					t.Errorf("the retry: %v %v", err, answer)
				}
			})
		}
	}
}

func TestWhoCannotBeAskedIsToldSo(t *testing.T) {
	b := started(t, "legacy", nil)
	if got := text(b.must("elicit", "{}")); !strings.Contains(got, "nobody can be asked") {
		t.Errorf("without a peer: %s", got)
	}
	answer, err := b.as(&client{era: Legacy}, "elicit")
	if err != nil || !strings.Contains(text(answer), "does not support elicitation") {
		t.Errorf("a client that cannot: %v %v", err, answer)
	}
	modern := started(t, "modern", nil)
	if _, err := modern.Call(t.Context(), Request{Name: "input"}); err == nil || !strings.Contains(err.Error(), "Who are you?") {
		t.Errorf("a modern server, nobody to ask: %v", err)
	}
	if _, err := modern.as(&client{era: Legacy}, "input"); err == nil || !strings.Contains(err.Error(), "does not support elicitation") {
		t.Errorf("a modern server, a client that cannot: %v", err)
	}
}

func TestAServerThatAsksForEverIsLeft(t *testing.T) {
	b := started(t, "modern", nil)
	peer := &client{era: Legacy, can: able()}
	_, err := b.as(peer, "nag")
	if err == nil || !strings.Contains(err.Error(), "asked 10 times") || peer.questions() != maxRounds {
		t.Errorf("after %d questions: %v", peer.questions(), err)
	}
}

// Two calls that ask at once cannot be told apart: one may be answered, none is answered by the
// other's client, and from then on they come one after the other.
func TestQuestionsOfSeveralCallsAreNotMixedUp(t *testing.T) {
	b := started(t, "legacy", nil)
	first := &client{era: Legacy, can: able(), hold: make(chan struct{})}
	done := make(chan string, 1)
	go func() {
		answer, err := b.as(first, "elicit")
		if err != nil {
			done <- err.Error()
			return
		}
		done <- text(answer)
	}()
	timing.Until(t, "the first question", func() bool { return first.questions() == 1 })
	second := &client{era: Legacy, can: able()}
	answer, err := b.as(second, "elicit")
	if err != nil || !strings.Contains(text(answer), "cannot tell which of 2 calls asks") || second.questions() > 0 {
		t.Errorf("the second: %v %v, asked %d", err, answer, second.questions())
	}
	close(first.hold)
	if got := <-done; got != "accept Ada" {
		t.Errorf("the first: %s", got)
	}
	var group sync.WaitGroup
	for range 5 {
		group.Go(func() {
			if answer, err := b.as(&client{era: Legacy, can: able()}, "elicit"); err != nil || text(answer) != "accept Ada" {
				t.Errorf("one of five: %v %v", err, answer)
			}
		})
	}
	group.Wait()
}

// givenUp asks a client that does not answer, and gives the call up.
func (b *bench) givenUp() {
	b.t.Helper()
	peer := &client{era: Legacy, can: able(), hold: make(chan struct{})}
	ctx, cancel := context.WithCancel(b.t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() {
		_, err := b.Call(WithPeer(ctx, peer), Request{Name: "elicit"})
		done <- err
	}()
	timing.Until(b.t, "the question", func() bool { return peer.questions() == 1 })
	cancel()
	if err := <-done; err == nil {
		b.t.Error("a call that was given up was answered")
	}
}

// A call that its client gives up takes the question with it.
func TestAnAbandonedQuestionEnds(t *testing.T) {
	b := started(t, "legacy", nil)
	b.givenUp()
	timing.Until(t, "no call", func() bool { return b.Status().Calls == 0 })
}

func TestOneProcessUnlessBothErasAreSpoken(t *testing.T) {
	for kind, want := range map[string]int{"legacy": 1, "modern": 1, "both": 2} {
		t.Run(kind, func(t *testing.T) {
			b := started(t, kind, nil)
			for range 3 {
				for _, era := range eras() {
					if _, err := b.as(&client{era: era, can: able()}, "progress"); err != nil {
						t.Fatal(err)
					}
				}
			}
			if got := b.left(); got != want {
				t.Errorf("%d processes run, want %d: %+v", got, want, b.Status().Running)
			}
		})
	}
}

func TestTheSecondProcessRests(t *testing.T) {
	b := started(t, "both", func(n *Needs) {
		n.Settings = func() Settings { return Settings{StartWithin: time.Minute, Parallel: 4, Idle: 20 * time.Millisecond} }
	})
	for range 3 {
		if answer, err := b.as(&client{era: Modern, can: able()}, "input"); err != nil || !answer.NeedsInput() {
			t.Fatalf("%v %v", err, answer)
		}
		timing.Until(t, "both rest", func() bool { return b.left() == 0 })
	}
}

// A modern server is told what the caller can be asked, not what the house could.
func TestAModernServerIsToldWhatTheClientCan(t *testing.T) {
	b := started(t, "modern", nil)
	for _, peer := range []Peer{nil, &client{era: Modern}, &client{era: Modern, can: able()}} {
		ctx := t.Context()
		if peer != nil {
			ctx = WithPeer(ctx, peer)
		}
		answer, err := b.Call(ctx, Request{Name: "can", Meta: mcp.Meta{mcp.MetaKeyClientCapabilities: "forged", "traceparent": "kept"}})
		if err != nil {
			t.Fatal(err)
		}
		var meta map[string]any
		if err := json.Unmarshal([]byte(text(answer)), &meta); err != nil {
			t.Fatal(err)
		}
		can, _ := meta[mcp.MetaKeyClientCapabilities].(map[string]any)
		_, elicits := can["elicitation"]
		if want := peer != nil && peer.Capabilities() != nil; elicits != want || meta["traceparent"] != "kept" {
			t.Errorf("%+v: metadata is %v", peer, meta)
		}
	}
}

func TestEverythingElseIsServed(t *testing.T) {
	for _, kind := range []string{"legacy", "modern"} {
		t.Run(kind, func(t *testing.T) {
			updated := make(chan string, 10)
			b := started(t, kind, func(n *Needs) {
				n.Updated = func(uri string) {
					select {
					case updated <- uri:
					default: // a server that is touched faster than it tells must not wait for the test
					}
				}
			})
			<-b.Tried()
			o := b.Offer()
			if len(o.Prompts) != 1 || len(o.Resources) != 2 || len(o.Templates) != 1 || !o.Completion || !o.Logging || !o.Subscribe || o.Version != "4" {
				t.Fatalf("the offer is %+v", o)
			}
			prompt, err := b.Prompt(t.Context(), Request{Name: "greet", Arguments: json.RawMessage(`{"who":"Ada"}`)})
			if err != nil || prompt.Messages[0].Content.(*mcp.TextContent).Text != "Hello Ada" {
				t.Errorf("prompt: %v %v", err, prompt)
			}
			read, err := b.Read(t.Context(), Request{Name: "talk://any/x"})
			if err != nil || read.Contents[0].Text != "it is talk://any/x" {
				t.Errorf("resource: %v %v", err, read)
			}
			done, err := b.Complete(t.Context(), &mcp.CompleteParams{
				Ref: &mcp.CompleteReference{Type: "ref/prompt", Name: "greet"}, Argument: mcp.CompleteParamsArgument{Name: "who", Value: "be"},
			}, nil)
			if err != nil || done.Completion.Values[0] != "being" {
				t.Errorf("completion: %v %v", err, done)
			}
			if err := b.Subscribe(t.Context(), "talk://one", nil); err != nil {
				t.Fatal(err)
			}
			told := func() {
				t.Helper()
				for len(updated) > 0 { // what the process before said last
					<-updated
				}
				timing.Until(t, "it is told", func() bool {
					b.must("touch", "{}") // a subscription is answered before it holds
					return len(updated) > 0
				})
				if uri := <-updated; uri != "talk://one" {
					t.Errorf("%s was updated", uri)
				}
			}
			told()
			b.old()
			b.kill()
			timing.Until(t, "a new process", func() bool { s := b.Status(); return s.State == StateServing && s.Starts == 2 })
			told()
			if err := b.Unsubscribe(t.Context(), "talk://one"); err != nil {
				t.Error(err)
			}
		})
	}
}

// What one caller read is not handed to another, nor kept without an end, though a modern server says
// that it may be kept.
func TestReadsAreNotKeptForOthers(t *testing.T) {
	b := started(t, "modern", nil)
	for i := range 3 {
		read, err := b.Read(t.Context(), Request{Name: "talk://counted"})
		if err != nil || read.Contents[0].Text != fmt.Sprint("read ", i+1) || read.TTLMs != 60_000 {
			t.Errorf("%d: %v %+v", i, err, read)
		}
	}
}
