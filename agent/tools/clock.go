// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast/agent/upstream"
)

var errTimeout = errors.New("the call took too long")

// within bounds a call in time. While the server asks whoever called, the time stands still: a person
// may think for longer than a tool may work.
func within(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	peer := upstream.PeerFrom(ctx)
	if peer == nil {
		return context.WithTimeoutCause(ctx, limit, errTimeout)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	clock := &clock{left: limit, began: time.Now()}
	clock.timer = time.AfterFunc(limit, func() { cancel(errTimeout) })
	return upstream.WithPeer(ctx, &patientPeer{Peer: peer, clock: clock}), func() {
		clock.timer.Stop()
		cancel(context.Canceled)
	}
}

// a clock counts the time that a call has left, while nobody is asked.
type clock struct {
	mu    sync.Mutex
	timer *time.Timer
	left  time.Duration
	began time.Time
	asked int
}

func (c *clock) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.asked++; c.asked == 1 && c.timer.Stop() {
		c.left = max(c.left-time.Since(c.began), 0)
	}
}

func (c *clock) resume() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.asked--; c.asked == 0 {
		c.began = time.Now()
		c.timer.Reset(c.left)
	}
}

// a patientPeer stops the clock while it asks.
type patientPeer struct {
	upstream.Peer
	clock *clock
}

// Ask asks whoever called.
func (p *patientPeer) Ask(ctx context.Context, r mcp.InputRequest) (mcp.InputResponse, error) {
	p.clock.stop()
	defer p.clock.resume()
	return p.Peer.Ask(ctx, r)
}
