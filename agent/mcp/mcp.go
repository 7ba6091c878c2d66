// SPDX-License-Identifier: Apache-2.0

// Package mcp serves the catalogue to MCP clients: by streamable HTTP at one URL for the whole house
// and one for each hub, and over a connection of messages for `holdfast mcp`. Each request is served
// in the era that it speaks: up to 2025-11-25 with sessions, 2026-07-28 without.
//
// It is not for what is offered or done (agent/tools), nor for knowing callers: whoever mounts the
// routes has put the caller into the request's context. It guarantees that a client sees and calls
// only what its caller and its hub allow, that a session or a parked call is used by no other caller
// than its own, and that what a client leaves behind is bounded and ends. app mounts its routes.
package mcp

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast"
	"holdfast/agent/skills"
	"holdfast/agent/tools"
	"holdfast/agent/upstream"
	"holdfast/core/house"
)

// A View is what one caller may see and use.
type View interface {
	// Hub is the hub of the view; ok is false for one that is off or gone.
	Hub() (hub tools.Hub, ok bool)
	// Bare tells whether what a server said is shown by its own names, unchanged.
	Bare() bool
	toolView
	promptView
	resourceView
}

type toolView interface {
	List(context.Context) ([]tools.Entry, error)
	Now() []tools.Entry
	Call(context.Context, upstream.Request) (tools.Result, error)
	// Refused is told of a call of what is not shown, which never came to Call.
	Refused(ctx context.Context, name string, arguments json.RawMessage, why error)
	Instructions() map[string]string
}

type promptView interface {
	Prompts(context.Context) []tools.PromptEntry
	Prompt(context.Context, upstream.Request) (*sdk.GetPromptResult, error)
	Complete(context.Context, *sdk.CompleteParams) (*sdk.CompleteResult, error)
	// Skills are those of the house; shown is false where it shows none.
	Skills() (list []skills.Skill, shown bool)
}

type resourceView interface {
	Resources(context.Context) []tools.ResourceEntry
	Templates(context.Context) []tools.TemplateEntry
	Read(context.Context, upstream.Request) (*sdk.ReadResourceResult, error)
	Subscribe(ctx context.Context, uri string) error
	Unsubscribe(ctx context.Context, uri string) error
}

// Needs is what a server is made of.
type Needs struct {
	// View is what a caller may see of a hub, or of the whole house where the hub is empty.
	View func(holdfast.Caller, tools.Scope) View
	// Changed is closed at the next change of what is offered.
	Changed func() <-chan struct{}
	// Hear calls hear with the address of each resource that changed, until stop.
	Hear func(hear func(uri string)) (stop func())
	// Bearer tells who bears a hub's key.
	Bearer func(hub, token string) (holdfast.Caller, bool)
	// Standing is what lets a caller in at a hub, as a word that becomes another when that does; it is
	// empty once nothing does. Nil lets everybody stay.
	Standing func(ctx context.Context, caller holdfast.Caller, hub string) (string, error)
	// Rekeyed is closed when what lets callers in may be another; nil is never.
	Rekeyed func() <-chan struct{}
	// Version is the house's own.
	Version string
	Log     *slog.Logger
}

const (
	// sessionIdle ends sessions of clients that went without a word.
	sessionIdle = 24 * time.Hour
	// sessionsEach bounds the sessions of one face; the oldest make room.
	sessionsEach = 128
	maxBody      = 4 << 20
)

// A Server is the MCP endpoint of the house.
type Server struct {
	needs    Needs
	seal     []byte // binds session ids to faces; of this process only
	sessions *sdk.StreamableHTTPHandler
	single   *sdk.StreamableHTTPHandler
	parked   lot

	mu    sync.Mutex
	faces map[string]*face
	ends  sync.WaitGroup // of sessions
}

// New makes a server.
func New(needs Needs) *Server {
	if needs.Standing == nil {
		needs.Standing = func(context.Context, holdfast.Caller, string) (string, error) { return "everybody", nil }
	}
	if needs.Rekeyed == nil {
		needs.Rekeyed = func() <-chan struct{} { return nil }
	}
	s := &Server{needs: needs, faces: map[string]*face{}, seal: newSeal()}
	find := func(r *http.Request) *sdk.Server { return faceFrom(r.Context()).server }
	s.sessions = sdk.NewStreamableHTTPHandler(find, &sdk.StreamableHTTPOptions{SessionTimeout: sessionIdle, MaxRequestBodyBytes: maxBody})
	s.single = sdk.NewStreamableHTTPHandler(find, &sdk.StreamableHTTPOptions{
		Stateless: true, PropagateRequestCancellation: true, MaxRequestBodyBytes: maxBody,
	})
	return s
}

// Capability is what the endpoint contributes to the house.
func (s *Server) Capability() house.Capability {
	return house.Capability{
		Name: "mcp",
		Routes: []house.Route{{
			Pattern: "/api/mcp", Auth: house.AuthMCP, Loopback: true, Handler: s,
			Summary: "MCP: what the house offers, by streamable HTTP",
		}, {
			Pattern: "/mcp/{hub}", Auth: house.AuthMCP, Loopback: true, Handler: s, Bearer: s.ofHub,
			Summary: "MCP: what a hub offers, with the hub's own key or one of the house",
		}, {
			Pattern: "GET " + stdioPath, Auth: house.AuthPeer, Handler: http.HandlerFunc(s.stdio),
			Summary: "MCP: a connection of messages, for `holdfast mcp`",
		}},
		Run:    s.follow,
		Stop:   s.stop,
		Reason: "it serves the catalogue of tools",
	}
}

// ofHub tells who bears the key of the hub that a request is for.
func (s *Server) ofHub(r *http.Request, token string) (holdfast.Caller, bool) {
	return s.needs.Bearer(r.PathValue("hub"), token)
}

// follow brings every face up to date when the catalogue changed; clients are told by their server. A
// face whose hub or caller is let in no more ends.
func (s *Server) follow(ctx context.Context) error {
	defer s.needs.Hear(s.updated)()
	for {
		changed, rekeyed := s.needs.Changed(), s.needs.Rekeyed()
		for _, f := range s.all() {
			if !f.open(ctx) {
				s.drop(f)
				continue
			}
			f.show(ctx)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		case <-rekeyed:
		}
	}
}

// updated has clients told that subscribed to a resource.
func (s *Server) updated(uri string) {
	for _, f := range s.all() {
		f.followers.updated(uri)
	}
}

// stop ends every session and parked call, so that open streams do not hold the house; nor does a call
// that does not end when it is given up.
func (s *Server) stop(ctx context.Context) error {
	s.parked.close()
	for _, f := range s.all() {
		s.ends.Go(f.end)
	}
	ended := make(chan struct{})
	go func() {
		s.ends.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("calls of MCP clients go on though they were given up: %w", ctx.Err())
	}
}

func (s *Server) all() []*face {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*face, 0, len(s.faces))
	for _, f := range s.faces {
		list = append(list, f)
	}
	return list
}
