// SPDX-License-Identifier: Apache-2.0

package mcp

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"sync"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
)

var errClosed = errors.New("the session was closed")

// carrierHeader names, within the house, the request over HTTP by which a message of a session came.
const carrierHeader = "Holdfast-Carrier"

// underway knows what the sessions of a face have under way. Closing a session waits for that, and a
// question whose client is gone would be waited for without end: so it is given up first.
type underway struct {
	mu       sync.Mutex
	requests map[*request]struct{}
	closing  map[*sdk.ServerSession]bool // what reaches them still is given up at once
	carriers sync.Map                    // name → context.Context of a request over HTTP
	over     bool                        // so is what reaches any
}

type request struct {
	session *sdk.ServerSession
	cancel  context.CancelCauseFunc
}

func newUnderway() *underway {
	return &underway{requests: map[*request]struct{}{}, closing: map[*sdk.ServerSession]bool{}}
}

// carry makes a request over HTTP known while it lasts.
func (u *underway) carry(r *http.Request) (done func()) {
	name := rand.Text()
	u.carriers.Store(name, r.Context())
	r.Header.Set(carrierHeader, name)
	return func() { u.carriers.Delete(name) }
}

type carrierKey struct{}

// carried puts the context of the request over HTTP into that of the message it brought, which outlives it.
func (u *underway) carried(ctx context.Context, r sdk.Request) context.Context {
	extra := r.GetExtra()
	if extra == nil || extra.Header == nil {
		return ctx
	}
	if carrier, ok := u.carriers.Load(extra.Header.Get(carrierHeader)); ok {
		return context.WithValue(ctx, carrierKey{}, carrier)
	}
	return ctx
}

// whenUncarried runs what must not outlive the way back to the client.
func whenUncarried(ctx context.Context, then func()) (stop func() bool) {
	carrier, ok := ctx.Value(carrierKey{}).(context.Context)
	if !ok {
		return func() bool { return true }
	}
	return context.AfterFunc(carrier, then)
}

// noted is the middleware by which each request of a session is known while it lasts.
func (u *underway) noted(next sdk.MethodHandler) sdk.MethodHandler {
	return func(ctx context.Context, method string, r sdk.Request) (sdk.Result, error) {
		session, ok := r.GetSession().(*sdk.ServerSession)
		if !ok {
			return next(ctx, method, r)
		}
		ctx, done := u.begin(u.carried(ctx, r), session)
		defer done()
		return next(ctx, method, r)
	}
}

func (u *underway) begin(ctx context.Context, session *sdk.ServerSession) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	one := &request{session, cancel}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.over || u.closing[session] {
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

// end gives up all that is under way, and what comes still.
func (u *underway) end() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.over = true
	for one := range u.requests {
		one.cancel(errClosed)
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

// closeAll ends all sessions of a server, and what they have under way.
func (u *underway) closeAll(of *sdk.Server) {
	var closing sync.WaitGroup
	for session := range of.Sessions() {
		closing.Go(func() { u.close(session) })
	}
	closing.Wait()
}
