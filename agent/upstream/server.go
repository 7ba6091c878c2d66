// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast"
)

// A Server is one MCP server that the house is a client of.
type Server struct {
	decl  Declaration
	needs Needs
	log   *slog.Logger
	over  chan struct{} // closed when Run has ended

	// subscriptions outlive restarts.
	subscriptions subscriptions

	mu    sync.Mutex
	round *round
}

// subscriptions are how often each resource is subscribed to.
type subscriptions struct {
	mu    sync.Mutex
	count map[string]int
}

// A round is a server between two restarts: the life of the process that serves, and of a second one
// for clients of the modern era when the first speaks only the legacy one.
type round struct {
	main, modern *life
	slots        chan struct{}
	ending       chan struct{} // closed by Restart
	tried        chan struct{} // closed after the first attempt to start
}

// New makes a server. It does nothing until Run.
func New(decl Declaration, needs Needs) *Server {
	s := &Server{decl: decl, needs: needs, log: needs.Log.With(slog.String("server", decl.Name)), over: make(chan struct{})}
	s.subscriptions.count = map[string]int{}
	s.round = s.begin(Offer{})
	return s
}

func (s *Server) begin(known Offer) *round {
	r := &round{
		slots: make(chan struct{}, max(s.needs.Settings().Parallel, 1)), ending: make(chan struct{}), tried: make(chan struct{}),
	}
	r.main = newLife(s, "")
	r.main.offered = known
	if s.decl.Stdio != nil {
		r.modern = newLife(s, Modern)
	}
	return r
}

// Resume has a server that does not run yet begin at rest with what it offered in an earlier house: its
// process starts at its first use.
func (s *Server) Resume(known Offer) {
	main := s.current().main
	main.mu.Lock()
	defer main.mu.Unlock()
	main.offered, main.state = known, StateResting
}

// Name is the declaration's.
func (s *Server) Name() string { return s.decl.Name }

// Run is the server's life, until ctx ends. It returns when nothing of it is left.
func (s *Server) Run(ctx context.Context) {
	defer close(s.over)
	for ctx.Err() == nil {
		s.current().run(ctx)
	}
}

func (s *Server) current() *round {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.round
}

// run is a round until ctx ends or a restart.
func (r *round) run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	var lives sync.WaitGroup
	lives.Go(func() { r.main.run(ctx, sync.OnceFunc(func() { close(r.tried) })) })
	if r.modern != nil {
		lives.Go(func() { r.modern.run(ctx, func() {}) })
	}
	select {
	case <-ctx.Done():
	case <-r.ending:
	}
	cancel()
	lives.Wait()
}

// Restart ends what runs of the server and starts it anew. It does not wait: Tried tells.
func (s *Server) Restart() {
	s.mu.Lock()
	old := s.round
	s.round = s.begin(old.main.offer())
	close(old.ending)
	s.mu.Unlock()
	s.needs.Changed()
}

// Tried is closed after the first attempt to start, which the catalogue's first list waits for.
func (s *Server) Tried() <-chan struct{} { return s.current().tried }

// Over is closed when Run has ended.
func (s *Server) Over() <-chan struct{} { return s.over }

// Offer is what the server last said it has, either of its processes.
func (s *Server) Offer() Offer {
	r := s.current()
	offer := r.main.offer()
	if r.modern != nil {
		offer = offer.with(r.modern.offer())
	}
	return offer
}

// Trouble is why the server does not serve, nil when it does or could.
func (s *Server) Trouble() error { return s.current().main.trouble() }

// Status is how the server stands.
func (s *Server) Status() Status {
	r := s.current()
	status := r.main.status()
	if r.modern != nil {
		second := r.modern.status()
		status.Calls += second.Calls
		status.Starts += second.Starts
		status.Running = append(status.Running, second.Running...)
	}
	return status
}

// Call calls a tool. A server's own protocol error is found in the error by errors.AsType as a
// *jsonrpc.Error; any other error means that the server did not answer. An answer that NeedsInput is
// for a modern peer alone.
func (s *Server) Call(ctx context.Context, r Request) (*mcp.CallToolResult, error) {
	return converse(ctx, s, r, func(ctx context.Context, l *live, r Request) (*mcp.CallToolResult, error) {
		return l.session.CallTool(ctx, &mcp.CallToolParams{
			Meta: r.Meta, Name: r.Name, Arguments: object(r.Arguments), InputResponses: r.Responses, RequestState: r.State,
		})
	}, func(a *mcp.CallToolResult) (mcp.InputRequestMap, string) {
		a.InputRequests = present(a.InputRequests)
		return a.InputRequests, a.RequestState
	})
}

// Prompt fills in a prompt.
func (s *Server) Prompt(ctx context.Context, r Request) (*mcp.GetPromptResult, error) {
	arguments, err := promptArguments(r.Arguments)
	if err != nil {
		return nil, err
	}
	return converse(ctx, s, r, func(ctx context.Context, l *live, r Request) (*mcp.GetPromptResult, error) {
		return l.session.GetPrompt(ctx, &mcp.GetPromptParams{
			Meta: r.Meta, Name: r.Name, Arguments: arguments, InputResponses: r.Responses, RequestState: r.State,
		})
	}, func(a *mcp.GetPromptResult) (mcp.InputRequestMap, string) {
		a.InputRequests = present(a.InputRequests)
		return a.InputRequests, a.RequestState
	})
}

// Read reads a resource, whose URI is the request's name.
func (s *Server) Read(ctx context.Context, r Request) (*mcp.ReadResourceResult, error) {
	return converse(ctx, s, r, func(ctx context.Context, l *live, r Request) (*mcp.ReadResourceResult, error) {
		return taken(l.session.ReadResource(ctx, &mcp.ReadResourceParams{
			Meta: r.Meta, URI: r.Name, InputResponses: r.Responses, RequestState: r.State,
		}))
	}, func(a *mcp.ReadResourceResult) (mcp.InputRequestMap, string) {
		a.InputRequests = present(a.InputRequests)
		return a.InputRequests, a.RequestState
	})
}

// present is a map that is not nil, by which the SDK's server knows an answer that asks.
func present(asks mcp.InputRequestMap) mcp.InputRequestMap {
	if asks == nil {
		return mcp.InputRequestMap{}
	}
	return asks
}

// object is the arguments as they came; none are an empty object.
func object(arguments json.RawMessage) any {
	if len(arguments) == 0 {
		return nil
	}
	return arguments
}

// Complete completes an argument of a prompt or a resource template; still is as a Request's.
func (s *Server) Complete(ctx context.Context, p *mcp.CompleteParams, still func() error) (*mcp.CompleteResult, error) {
	return ask(ctx, s, "the completion", func(ctx context.Context, l *live, call *underway) (*mcp.CompleteResult, error) {
		if err := holds(still); err != nil {
			return nil, err
		}
		of := *p
		of.Meta = call.meta(p.Meta, l.era)
		return l.session.Complete(ctx, &of)
	})
}

// promptArguments are strings by name.
func promptArguments(raw json.RawMessage) (map[string]string, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	var arguments map[string]string
	if err := json.Unmarshal(raw, &arguments); err != nil {
		return nil, holdfast.BadInput("bad arguments for a prompt", holdfast.Problem{Field: "arguments", Message: "want an object of strings: " + err.Error()})
	}
	return arguments, nil
}
