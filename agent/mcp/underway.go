// SPDX-License-Identifier: Apache-2.0

package mcp

import (
	"context"
	"errors"
	"sync"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
)

var errClosed = errors.New("the session was closed")

// underway knows what the sessions of a face have under way. Closing a session waits for that, and a
// question whose client is gone would be waited for without end: so it is given up first.
type underway struct {
	mu       sync.Mutex
	requests map[*request]struct{}
	closing  map[*sdk.ServerSession]bool // what reaches them still is given up at once
}

type request struct {
	session *sdk.ServerSession
	cancel  context.CancelCauseFunc
}

func newUnderway() *underway {
	return &underway{requests: map[*request]struct{}{}, closing: map[*sdk.ServerSession]bool{}}
}

// noted is the middleware by which each request of a session is known while it lasts.
func (u *underway) noted(next sdk.MethodHandler) sdk.MethodHandler {
	return func(ctx context.Context, method string, r sdk.Request) (sdk.Result, error) {
		session, ok := r.GetSession().(*sdk.ServerSession)
		if !ok {
			return next(ctx, method, r)
		}
		ctx, done := u.begin(ctx, session)
		defer done()
		return next(ctx, method, r)
	}
}

func (u *underway) begin(ctx context.Context, session *sdk.ServerSession) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	one := &request{session, cancel}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.closing[session] {
		cancel(errClosed)
	}
	u.requests[one] = struct{}{}
	return ctx, func() {
		u.mu.Lock()
		delete(u.requests, one)
		u.mu.Unlock()
		cancel(nil)
	}
}

// giveUp ends what a session has under way.
func (u *underway) giveUp(id string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for one := range u.requests {
		if one.session.ID() == id {
			one.cancel(errClosed)
		}
	}
}

// close ends a session and what it has under way.
func (u *underway) close(session *sdk.ServerSession) {
	u.mu.Lock()
	u.closing[session] = true
	for one := range u.requests {
		if one.session == session {
			one.cancel(errClosed)
		}
	}
	u.mu.Unlock()
	_ = session.Close()
	u.mu.Lock()
	delete(u.closing, session)
	u.mu.Unlock()
}
