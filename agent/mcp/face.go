// SPDX-License-Identifier: Apache-2.0

package mcp

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast"
	"holdfast/agent/tools"
)

// a face is the house, or one hub of it, as one caller sees it by MCP.
type face struct {
	key    string
	hub    string
	stands string // what let its caller in
	plain  bool   // nothing of what a server said is marked or renamed
	view   View
	parked *lot
	log    *slog.Logger
	server *sdk.Server
	used   time.Time    // under Server.mu
	uses   atomic.Int64 // requests under way that found it

	standing func(context.Context) (string, error)

	mu    sync.Mutex
	shown map[string]string // kind and name of what is shown → its form

	followers *followers
	underway  *underway
}

// manyFaces is from how many faces on those without sessions are forgotten.
const manyFaces = 64

// faceKey tells faces apart that may see or do different things.
func faceKey(c holdfast.Caller, hub string) string {
	return strings.Join([]string{c.String(), c.Tier.String(), c.Unit, c.Tenant, c.Key, c.Only, hub}, "\x00")
}

type faceInContext struct{}

func withFace(ctx context.Context, f *face) context.Context {
	return context.WithValue(ctx, faceInContext{}, f)
}

func faceFrom(ctx context.Context) *face { return ctx.Value(faceInContext{}).(*face) }

// face finds or makes what a caller sees of a hub, or of the house where the hub is empty. It is in use
// until leave.
func (s *Server) face(ctx context.Context, caller holdfast.Caller, hub string) (*face, error) {
	caller.Surface = "mcp"
	key := faceKey(caller, hub)
	if f := s.known(key); f != nil {
		if f.open(ctx) {
			return f, nil
		}
		f.uses.Add(-1)
	}
	f := s.newFace(caller, hub)
	var err error
	if f.stands, err = f.standing(ctx); err != nil {
		return nil, holdfast.Errorf(holdfast.CodeUnavailable, "cannot tell whether the key still opens: %w", err)
	}
	if f.stands == "" {
		return nil, holdfast.Errorf(holdfast.CodeUnknown, "the key was taken back just now")
	}
	if !f.open(ctx) {
		return nil, holdfast.Errorf(holdfast.CodeNotFound, "there is no hub %s here: `holdfast mcp-hub list` shows those that are", quote(hub))
	}
	changed := s.needs.Changed()
	f.serve(ctx, s)
	if other := s.keep(f); other != f {
		return other, nil
	}
	select {
	case <-changed: // while nobody followed it yet
		f.show(ctx)
	default:
	}
	return f, nil
}

// keep takes a new face up, and answers the one that is there already when another request was faster.
// It asks nobody anything, for all requests wait for the lock.
func (s *Server) keep(f *face) *face {
	s.mu.Lock()
	defer s.mu.Unlock()
	if other := s.faces[f.key]; other != nil {
		if other.stands == f.stands && other.plain == f.plain {
			other.uses.Add(1)
			return other
		}
		s.ends.Go(other.end) // nobody else would find it any more
	}
	f.used = time.Now()
	f.uses.Add(1)
	s.forget()
	s.faces[f.key] = f
	return f
}

func (s *Server) known(key string) *face {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.faces[key]
	if f != nil {
		f.used = time.Now()
		f.uses.Add(1)
	}
	return f
}

// leave is the end of a request that found a face. What it opened there ends when the face did meanwhile.
func (s *Server) leave(f *face) {
	f.uses.Add(-1)
	s.mu.Lock()
	gone := s.faces[f.key] != f
	s.mu.Unlock()
	if gone {
		f.underway.closeAll(f.server)
	}
}

func (s *Server) newFace(caller holdfast.Caller, hub string) *face {
	view := s.needs.View(caller, tools.Scope{Hub: hub})
	return &face{
		key: faceKey(caller, hub), hub: hub, plain: view.Bare(), parked: &s.parked, log: s.needs.Log,
		view: view, shown: map[string]string{},
		followers: newFollowers(view, s.needs.Log), underway: newUnderway(),
		standing: func(ctx context.Context) (string, error) { return s.needs.Standing(ctx, caller, hub) },
	}
}

// open tells whether the caller is still let in by what let it in, and the hub of a face still is what
// the face was made for.
func (f *face) open(ctx context.Context) bool {
	if now, err := f.standing(ctx); err != nil {
		f.log.Warn("cannot tell whether a caller is still let in; it stays until that is known", slog.Any("error", err))
	} else if now != f.stands {
		return false
	}
	if f.hub == "" {
		return true
	}
	_, ok := f.view.Hub()
	return ok && f.plain == f.view.Bare()
}

// serve makes the server of a face.
func (f *face) serve(ctx context.Context, s *Server) {
	if _, err := f.view.List(ctx); err != nil {
		f.log.Debug("not every tool server has answered yet", slog.Any("error", err)) // the rest follows as a changed list
	}
	f.server = sdk.NewServer(&sdk.Implementation{Name: "holdfast", Title: "Holdfast", Version: s.needs.Version}, &sdk.ServerOptions{
		Capabilities: &sdk.ServerCapabilities{
			Tools: &sdk.ToolCapabilities{ListChanged: true}, Prompts: &sdk.PromptCapabilities{ListChanged: true},
			Resources: &sdk.ResourceCapabilities{ListChanged: true, Subscribe: true},
			Logging:   &sdk.LoggingCapabilities{}, Completions: &sdk.CompletionCapabilities{},
		},
		CompletionHandler: f.complete, SubscribeHandler: f.followers.subscribe, UnsubscribeHandler: f.followers.unsubscribe,
		SetCacheable: cacheable,
		GetSessionID: func() string { return s.sessionID(f.key) },
	})
	f.followers.server = f.server
	f.server.AddReceivingMiddleware(f.underway.noted, coding, f.noting, f.instructing)
	if err := f.serveSkills(); err != nil {
		f.log.Warn("cannot serve skills", slog.Any("error", err))
	}
	f.show(ctx)
}

// drop ends a face whose hub was closed, or whose caller is let in no more.
func (s *Server) drop(f *face) {
	s.mu.Lock()
	if s.faces[f.key] == f {
		delete(s.faces, f.key)
	}
	s.mu.Unlock()
	s.ends.Go(f.end)
}

// forget drops a face that nobody uses, the oldest first. Call it under the lock.
func (s *Server) forget() {
	if len(s.faces) < manyFaces {
		return
	}
	oldest := ""
	for key, f := range s.faces {
		if !f.busy() && (oldest == "" || f.used.Before(s.faces[oldest].used)) {
			oldest = key
		}
	}
	delete(s.faces, oldest)
}

func (f *face) busy() bool {
	if f.uses.Load() > 0 || f.parked.has(f.key) {
		return true
	}
	for range f.server.Sessions() {
		return true
	}
	return false
}

// end closes the sessions of a face, and ends its parked calls once none can come to them.
func (f *face) end() {
	f.underway.end()
	f.parked.end(f.key)
	f.underway.closeAll(f.server)
}

// makeRoom ends the oldest sessions of a face whose caller opens ever more.
func (f *face) makeRoom() {
	sessions := slices.Collect(f.server.Sessions())
	for _, session := range sessions[:max(0, len(sessions)-sessionsEach+1)] {
		f.underway.close(session)
	}
}

// instructing has every client told what the servers say of their tools now: a server's words may
// have been taken out since the face was made.
func (f *face) instructing(next sdk.MethodHandler) sdk.MethodHandler {
	return func(ctx context.Context, method string, r sdk.Request) (sdk.Result, error) {
		result, err := next(ctx, method, r)
		if err != nil {
			return nil, err
		}
		switch said := result.(type) {
		case *sdk.InitializeResult:
			said.Instructions, said.Capabilities = instructions(f.view.Instructions(), f.plain), f.able(said.Capabilities)
		case *sdk.DiscoverResult:
			said.Instructions, said.Capabilities = instructions(f.view.Instructions(), f.plain), f.able(said.Capabilities)
		}
		return result, nil
	}
}

// instructions joins what the tool servers say about themselves; where there is one and it is shown
// as it is, its words stand alone.
func instructions(by map[string]string, plain bool) string {
	const bound = 16 << 10
	var names []string
	for name := range by {
		names = append(names, name)
	}
	slices.Sort(names)
	if plain && len(names) == 1 {
		return by[names[0]]
	}
	var b strings.Builder
	for _, name := range names {
		if text := by[name]; b.Len()+len(text) < bound {
			fmt.Fprintf(&b, "Tools of extension %s:\n%s\n\n", name, text)
		}
	}
	return strings.TrimSpace(b.String())
}

// freshFor is how long a client may take a list for current that it got; changes are told as well.
const freshFor = 10 * time.Second

// cacheable says how long an answer may be kept: by nobody but its client, since what a caller sees
// is its own.
func cacheable(_ context.Context, r sdk.Request, c *sdk.Cacheable) {
	c.CacheScope = "private"
	if _, read := r.(*sdk.ReadResourceRequest); !read {
		c.TTLMs = int(freshFor.Milliseconds())
	}
}
