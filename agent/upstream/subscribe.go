// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"context"
	"log/slog"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast"
)

// subscribing tells in errors what was asked. Nothing that a server lists has such a name, so that it
// is asked of the process that serves all.
const subscribing = "the subscription to "

// maxSubscriptions bounds what clients subscribe to of one server.
const maxSubscriptions = 1000

// Subscribe asks to be told of changes of a resource: Needs.Updated is called. It holds until as many
// calls of Unsubscribe as of Subscribe, also when the process is another by then; a server that is
// subscribed to does not rest. still is as a Request's.
func (s *Server) Subscribe(ctx context.Context, uri string, still func() error) error {
	first, err := s.subscriptions.add(uri)
	if err != nil || !first {
		return err
	}
	_, err = ask(s.anyEra(ctx), s, subscribing+uri, func(ctx context.Context, l *live, _ *underway) (struct{}, error) {
		if err := holds(still); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, l.session.Subscribe(ctx, &mcp.SubscribeParams{URI: uri})
	})
	if err != nil {
		s.subscriptions.remove(uri)
	}
	return err
}

// Unsubscribe ends a subscription.
func (s *Server) Unsubscribe(ctx context.Context, uri string) error {
	if last := s.subscriptions.remove(uri); !last {
		return nil
	}
	_, err := ask(s.anyEra(ctx), s, subscribing+uri, func(ctx context.Context, l *live, _ *underway) (struct{}, error) {
		return struct{}{}, l.session.Unsubscribe(ctx, &mcp.UnsubscribeParams{URI: uri})
	})
	return err
}

// Follow has a server that does not run yet subscribe to resources when it starts, as Subscribe does.
func (s *Server) Follow(uris []string) {
	s.subscriptions.mu.Lock()
	defer s.subscriptions.mu.Unlock()
	for _, uri := range uris {
		s.subscriptions.count[uri] = 1
	}
}

// anyEra is a context without a peer: subscriptions are with the process that serves all.
func (s *Server) anyEra(ctx context.Context) context.Context { return WithPeer(ctx, nil) }

func (t *subscriptions) add(uri string) (first bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.count[uri] == 0 && len(t.count) >= maxSubscriptions {
		return false, holdfast.Errorf(holdfast.CodeUnavailable, "there are %d subscriptions already", maxSubscriptions)
	}
	t.count[uri]++
	return t.count[uri] == 1, nil
}

func (t *subscriptions) remove(uri string) (last bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.count[uri] == 0 {
		return false
	}
	t.count[uri]--
	if t.count[uri] > 0 {
		return false
	}
	delete(t.count, uri)
	return true
}

func (t *subscriptions) uris() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := make([]string, 0, len(t.count))
	for uri := range t.count {
		list = append(list, uri)
	}
	return list
}

// renew subscribes a new session to what the one before was.
func (t *subscriptions) renew(ctx context.Context, l *live, log *slog.Logger) {
	for _, uri := range t.uris() {
		if err := l.session.Subscribe(ctx, &mcp.SubscribeParams{URI: uri}); err != nil {
			log.Warn("cannot subscribe again", slog.String("resource", uri), slog.Any("error", err))
		}
	}
}
