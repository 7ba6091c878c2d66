// SPDX-License-Identifier: Apache-2.0

package mcp

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
)

const (
	// subscriptionsEach bounds the resources that the clients of one face follow.
	subscriptionsEach = 1000
	// subscribing bounds how long a server may take to begin or end a subscription.
	subscribing = 10 * time.Second
)

// followers are the sessions of a face that follow resources, and what they are still to be told.
type followers struct {
	view   resourceView
	server *sdk.Server
	log    *slog.Logger

	mu         sync.Mutex
	subscribed map[string]map[*sdk.ServerSession]bool // by URI
	watched    map[*sdk.ServerSession]bool            // those of them whose end is waited for

	newsMu  sync.Mutex
	news    map[string]bool // resources that changed, of which nobody was told yet
	telling bool
}

func newFollowers(view resourceView, log *slog.Logger) *followers {
	return &followers{
		view: view, log: log,
		subscribed: map[string]map[*sdk.ServerSession]bool{}, watched: map[*sdk.ServerSession]bool{}, news: map[string]bool{},
	}
}

// subscribe follows a resource for a session. The server is asked by the first of a face, and told
// off by the last.
func (f *followers) subscribe(ctx context.Context, r *sdk.SubscribeRequest) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	uri := r.Params.URI
	sessions := f.subscribed[uri]
	if sessions[r.Session] {
		return nil
	}
	if sessions == nil {
		if len(f.subscribed) >= subscriptionsEach {
			return &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: "too many resources are followed already: unsubscribe from some"}
		}
		ctx, cancel := context.WithTimeout(ctx, subscribing)
		defer cancel()
		if err := f.view.Subscribe(ctx, uri); err != nil {
			return failure(ctx, err)
		}
		sessions = map[*sdk.ServerSession]bool{}
		f.subscribed[uri] = sessions
	}
	sessions[r.Session] = true
	if !f.watched[r.Session] {
		f.watched[r.Session] = true
		go f.leaves(r.Session) // ends with the session
	}
	return nil
}

// leaves takes back the subscriptions of a session that ended without a word.
func (f *followers) leaves(session *sdk.ServerSession) {
	_ = session.Wait() // how it ended does not matter
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.watched, session)
	for uri := range f.subscribed {
		f.left(context.Background(), session, uri)
	}
}

func (f *followers) unsubscribe(ctx context.Context, r *sdk.UnsubscribeRequest) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	// A stream that ends takes its subscriptions back with its own context, which is over.
	f.left(context.WithoutCancel(ctx), r.Session, r.Params.URI)
	return nil
}

// left ends a session's subscription. Call it under the lock.
func (f *followers) left(ctx context.Context, session *sdk.ServerSession, uri string) {
	sessions := f.subscribed[uri]
	if !sessions[session] {
		return
	}
	delete(sessions, session)
	if len(sessions) > 0 {
		return
	}
	delete(f.subscribed, uri)
	ctx, cancel := context.WithTimeout(ctx, subscribing)
	defer cancel()
	if err := f.view.Unsubscribe(ctx, uri); err != nil {
		f.log.Debug("cannot end a subscription", slog.String("uri", uri), slog.Any("error", err))
	}
}

// updated has the sessions told that follow a resource. It does not wait for them: a client that
// reads slowly holds up no other, and hears once of what changed many times meanwhile.
func (f *followers) updated(uri string) {
	f.newsMu.Lock()
	defer f.newsMu.Unlock()
	if len(f.news) >= subscriptionsEach {
		return
	}
	f.news[uri] = true
	if !f.telling {
		f.telling = true
		go f.tell() // ends when all is told
	}
}

func (f *followers) tell() {
	for uri, more := f.nextNews(); more; uri, more = f.nextNews() {
		if err := f.server.ResourceUpdated(context.Background(), &sdk.ResourceUpdatedNotificationParams{URI: uri}); err != nil {
			f.log.Debug("cannot tell of a changed resource", slog.String("uri", uri), slog.Any("error", err))
		}
	}
}

func (f *followers) nextNews() (uri string, more bool) {
	f.newsMu.Lock()
	defer f.newsMu.Unlock()
	for uri := range f.news {
		delete(f.news, uri)
		return uri, true
	}
	f.telling = false
	return "", false
}
