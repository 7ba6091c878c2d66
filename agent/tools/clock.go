// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"context"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast/agent/countdown"
	"holdfast/agent/upstream"
)

// within bounds a call in time. While the server asks whoever called, the time stands still: a person
// may think for longer than a tool may work.
func within(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	peer := upstream.PeerFrom(ctx)
	if peer == nil {
		return context.WithTimeoutCause(ctx, limit, upstream.ErrTimeout)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	clock := countdown.AfterFunc(limit, func() { cancel(upstream.ErrTimeout) })
	return upstream.WithPeer(ctx, &patientPeer{Peer: peer, clock: clock}), func() {
		clock.Stop()
		cancel(context.Canceled)
	}
}

// a patientPeer stops the clock while it asks.
type patientPeer struct {
	upstream.Peer
	clock *countdown.Timer
}

// Ask asks whoever called.
func (p *patientPeer) Ask(ctx context.Context, r mcp.InputRequest) (mcp.InputResponse, error) {
	defer p.clock.Pause()()
	return p.Peer.Ask(ctx, r)
}
