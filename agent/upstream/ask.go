// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"golang.org/x/sync/errgroup"

	"holdfast"
	"holdfast/agent/plain"
)

const (
	// maxRounds is how often one call may ask its client before it must be done.
	maxRounds = 10
	// busyFor is how long to wait when a server wants to be called again without asking anything.
	busyFor = 500 * time.Millisecond
	// maxTrial is how long a server may take to answer in the modern era, once that it is tried.
	maxTrial = 5 * time.Second
)

// an answer is one that may ask instead of answering.
type answer interface {
	*mcp.CallToolResult | *mcp.GetPromptResult | *mcp.ReadResourceResult
	NeedsInput() bool
}

// converse makes one request of a server. What a modern server asks goes back as it is to a modern
// peer; a legacy peer is asked, and the request made again.
func converse[R answer](ctx context.Context, s *Server, r Request, send func(context.Context, *live, Request) (R, error),
	asks func(R) (mcp.InputRequestMap, string),
) (R, error) {
	return ask(ctx, s, r.Name, func(ctx context.Context, l *live, call *underway) (R, error) {
		if err := holds(r.Still); err != nil {
			return nil, err
		}
		r.Meta = call.meta(r.Meta, l.era)
		for range maxRounds {
			answer, err := send(ctx, l, r)
			if err != nil || !answer.NeedsInput() {
				return answer, err
			}
			requests, state := asks(answer)
			if call == nil {
				return nil, holdfast.Errorf(holdfast.CodeUnavailable,
					"%s asks %s, and the caller cannot be asked: call it from a client of the house's MCP server",
					s.decl.Name, wanted(requests))
			}
			if call.peer.Era() == Modern {
				return answer, nil
			}
			if r.Responses, err = askAll(ctx, call.peer, requests); err != nil {
				return nil, err
			}
			r.State = state
		}
		return nil, holdfast.Errorf(holdfast.CodeUnavailable, "%s asked %d times during one call of %s, so the call was given up", s.decl.Name, maxRounds, r.Name)
	})
}

// holds asks a check that may be nil.
func holds(still func() error) error {
	if still == nil {
		return nil
	}
	return still()
}

// askAll asks a peer all that an answer wants, at the same time.
func askAll(ctx context.Context, peer Peer, requests mcp.InputRequestMap) (mcp.InputResponseMap, error) {
	if len(requests) == 0 {
		sleep(ctx, busyFor)
		return nil, ctx.Err()
	}
	group, ctx := errgroup.WithContext(ctx)
	var mu sync.Mutex
	responses := mcp.InputResponseMap{}
	for id, r := range requests {
		group.Go(func() error {
			response, err := AskPeer(ctx, peer, r)
			mu.Lock()
			defer mu.Unlock()
			responses[id] = response
			return err
		})
	}
	return responses, group.Wait()
}

// ask makes one request of a server, waking it when it rests. A server's own protocol error is found
// in the error as a *jsonrpc.Error.
func ask[R any](ctx context.Context, s *Server, what string, send func(context.Context, *live, *underway) (R, error)) (R, error) {
	var none R
	round := s.current()
	slot, err := sit(ctx, round.slots)
	if err != nil {
		return none, holdfast.Errorf(holdfast.CodeUnavailable, "%w: %d calls of the tools of %s are under way already: %w", ErrQueued, cap(round.slots), s.decl.Name, err)
	}
	defer slot.leave()
	peer := PeerFrom(ctx)
	life := round.suits(ctx, peer, what)
	life.hold()
	defer life.release()
	for first := true; ; first = false {
		live, err := life.acquire(ctx)
		if err != nil {
			return none, err
		}
		var taken atomic.Bool
		answer, err := once(context.WithValue(ctx, takenKey{}, &taken), live, peer, slot, send)
		if err == nil {
			life.healthy()
			return answer, nil
		}
		if first && !taken.Load() && errors.Is(err, mcp.ErrSessionMissing) && live.awaitEnd(ctx) {
			continue
		}
		return none, s.wrong(ctx, what, life, live, err)
	}
}

// once makes a request in a session, with the peer told and asked while it lasts.
func once[R any](
	ctx context.Context, l *live, peer Peer, slot *seat, send func(context.Context, *live, *underway) (R, error),
) (R, error) {
	var call *underway
	if peer != nil {
		opened, done, err := l.calls.open(ctx, peer, slot)
		if err != nil {
			var none R
			return none, err
		}
		defer done()
		l.speakUp(ctx)
		call = opened
	}
	before := l.heard()
	answer, err := send(ctx, l, call)
	if err != nil {
		l.doubt(ctx, before)
	}
	return answer, err
}

// wrong says why a request got no answer.
func (s *Server) wrong(ctx context.Context, what string, life *life, live *live, err error) error {
	if errors.Is(err, ErrQueued) {
		return err
	}
	if ctx.Err() != nil {
		return holdfast.Errorf(holdfast.CodeUnavailable, "the call of %s was given up: %w", what, ctx.Err())
	}
	if _, ours := errors.AsType[*holdfast.Error](err); ours {
		return err
	}
	if said := spoke(err); said != nil && !live.over() {
		life.healthy()
		return fmt.Errorf("%s refused %s: %w", s.decl.Name, what, said)
	}
	if bad := misshapen(err); bad != "" && !live.over() {
		life.healthy()
		return holdfast.Errorf(holdfast.CodeUnavailable, "the tool server of %s answered, but not by MCP: %w", s.decl.Name, inWords(err))
	}
	if why := spoilt(err); why != "" && !live.over() {
		return holdfast.Errorf(holdfast.CodeUnavailable, "the tool server of %s did not answer %s: %s", s.decl.Name, what, why)
	}
	return holdfast.Errorf(holdfast.CodeUnavailable, "the tool server of %s ended while %s ran: %w", s.decl.Name, what, live.link.explain(ctx, err))
}

// spoke is a server's own protocol error, nil when the way to it is what failed, which the SDK tells
// in the same form.
func spoke(err error) *jsonrpc.Error {
	said, ok := errors.AsType[*jsonrpc.Error](err)
	if !ok || said.Message == "rejected by transport" || said.Message == "client is closing" || spoilt(err) != "" {
		return nil
	}
	copied := *said
	copied.Message = worded(plain.Text(said.Message, 4<<10))
	return &copied
}

// answered tells that a server answered, though not what was wanted.
func answered(err error) bool { return spoke(err) != nil || misshapen(err) != "" }

// suits is the life for a peer: that of its era, but the other where only that one has what is wanted.
func (r *round) suits(ctx context.Context, peer Peer, what string) *life {
	fit, other := r.ofEra(ctx, peer), r.modern
	if fit == r.modern {
		other = r.main
	}
	if other != nil && !fit.has(what) && other.has(what) {
		return other
	}
	return fit
}

// ofEra is the life for a peer by its era: the second, where the first speaks the legacy era, the peer
// the modern one, and the server turned out to speak it too.
func (r *round) ofEra(ctx context.Context, peer Peer) *life {
	if peer == nil || peer.Era() == Legacy || r.modern == nil {
		return r.main
	}
	if r.main.speaks() == "" {
		r.main.hold()
		_, _ = r.main.acquire(ctx) // an error is found again by the call
		r.main.release()
	}
	if r.main.speaks() != Legacy {
		return r.main
	}
	r.modern.hold()
	defer r.modern.release()
	if _, err := r.modern.acquire(ctx); err != nil {
		return r.main
	}
	return r.modern
}
