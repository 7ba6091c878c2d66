// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast"
	"holdfast/agent/plain"
)

// A Server is one MCP server that the house is a client of.
type Server struct {
	decl  Declaration
	needs Needs
	log   *slog.Logger
	over  chan struct{} // closed when Run has ended

	mu    sync.Mutex
	round *round
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

// Offer is what the server last said it has.
func (s *Server) Offer() Offer { return s.current().main.offer() }

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

// A serverError is a server's own protocol error, as it said it.
type serverError = jsonrpc.Error

// Call calls a tool. A server's own protocol error is found in the error by errors.AsType as a
// *jsonrpc.Error; any other error means that the server did not answer.
func (s *Server) Call(ctx context.Context, r Request) (*mcp.CallToolResult, error) {
	return ask(ctx, s, r.Name, func(ctx context.Context, l *live) (*mcp.CallToolResult, error) {
		return l.session.CallTool(ctx, &mcp.CallToolParams{
			Meta: r.Meta, Name: r.Name, Arguments: r.Arguments, InputResponses: r.Responses, RequestState: r.State,
		})
	})
}

// Prompt fills in a prompt.
func (s *Server) Prompt(ctx context.Context, r Request) (*mcp.GetPromptResult, error) {
	arguments, err := promptArguments(r.Arguments)
	if err != nil {
		return nil, err
	}
	return ask(ctx, s, r.Name, func(ctx context.Context, l *live) (*mcp.GetPromptResult, error) {
		return l.session.GetPrompt(ctx, &mcp.GetPromptParams{
			Meta: r.Meta, Name: r.Name, Arguments: arguments, InputResponses: r.Responses, RequestState: r.State,
		})
	})
}

// Read reads a resource, whose URI is the request's name.
func (s *Server) Read(ctx context.Context, r Request) (*mcp.ReadResourceResult, error) {
	return ask(ctx, s, r.Name, func(ctx context.Context, l *live) (*mcp.ReadResourceResult, error) {
		return l.session.ReadResource(ctx, &mcp.ReadResourceParams{
			Meta: r.Meta, URI: r.Name, InputResponses: r.Responses, RequestState: r.State,
		})
	})
}

// Complete completes an argument of a prompt or a resource template.
func (s *Server) Complete(ctx context.Context, p *mcp.CompleteParams) (*mcp.CompleteResult, error) {
	return ask(ctx, s, "completion", func(ctx context.Context, l *live) (*mcp.CompleteResult, error) {
		return l.session.Complete(ctx, p)
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

// Subscribe asks to be told of changes of a resource, until Unsubscribe: Needs.Updated is called.
func (s *Server) Subscribe(ctx context.Context, uri string) error {
	_, err := ask(ctx, s, uri, func(ctx context.Context, l *live) (struct{}, error) {
		return struct{}{}, l.session.Subscribe(ctx, &mcp.SubscribeParams{URI: uri})
	})
	return err
}

// Unsubscribe ends a subscription.
func (s *Server) Unsubscribe(ctx context.Context, uri string) error {
	_, err := ask(ctx, s, uri, func(ctx context.Context, l *live) (struct{}, error) {
		return struct{}{}, l.session.Unsubscribe(ctx, &mcp.UnsubscribeParams{URI: uri})
	})
	return err
}

// ask makes one request of a server, waking it when it rests.
func ask[R any](ctx context.Context, s *Server, what string, send func(context.Context, *live) (R, error)) (R, error) {
	var none R
	round := s.current()
	select {
	case round.slots <- struct{}{}:
		defer func() { <-round.slots }()
	case <-ctx.Done():
		return none, holdfast.Errorf(holdfast.CodeUnavailable, "%d calls of the tools of %s are under way already: %w", cap(round.slots), s.decl.Name, ctx.Err())
	}
	life := round.main
	life.hold()
	defer life.release()
	live, err := life.acquire(ctx)
	if err != nil {
		return none, err
	}
	answer, err := send(ctx, live)
	if err == nil {
		life.healthy()
		return answer, nil
	}
	if ctx.Err() != nil {
		return none, holdfast.Errorf(holdfast.CodeUnavailable, "the call of %s was given up: %w", what, ctx.Err())
	}
	if said, ok := errors.AsType[*serverError](err); ok {
		life.healthy()
		said.Message = plain.Text(said.Message, 4<<10)
		return none, fmt.Errorf("%s refused %s: %w", s.decl.Name, what, said)
	}
	return none, holdfast.Errorf(holdfast.CodeUnavailable, "the tool server of %s ended while %s ran: %w", s.decl.Name, what, live.link.explain(ctx, err))
}
