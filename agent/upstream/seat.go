// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// ErrQueued is found in the error of a call that was not made, for it waited for others until its time was over.
var ErrQueued = errors.New("it was not called")

// a seat is what a call holds of what there is little of: one of its server's slots, or the turn where
// calls are made one at a time. While its client is asked, who may take minutes, or is gone, it is lent to
// others.
type seat struct {
	of chan struct{}

	mu     sync.Mutex
	asking int
	held   bool
	left   bool
}

// sit waits for a seat.
func sit(ctx context.Context, of chan struct{}) (*seat, error) {
	select {
	case of <- struct{}{}:
		taken := &seat{of: of, held: true}
		if err := ctx.Err(); err != nil { // it came to be free as the time was over
			taken.leave()
			return nil, err
		}
		return taken, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// leave is the end of the call.
func (s *seat) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left = true
	s.free()
}

// lend gives the seat to others until back.
func (s *seat) lend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asking++
	s.free()
}

// back waits for the seat again, when nothing else is asked.
func (s *seat) back(ctx context.Context) error {
	s.mu.Lock()
	s.asking--
	wanted := s.wanted()
	s.mu.Unlock()
	if !wanted {
		return nil
	}
	again, err := sit(ctx, s.of)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.wanted() {
		s.held = true
	} else {
		again.free()
	}
	return nil
}

func (s *seat) wanted() bool { return s.asking == 0 && !s.held && !s.left }

func (s *seat) free() {
	if s.held {
		<-s.of
		s.held = false
	}
}

// a lender is a peer whose call lends its seat when it is asked for long.
type lender struct {
	Peer
	seat  *seat
	after time.Duration
}

// Ask asks the peer.
func (l lender) Ask(ctx context.Context, r mcp.InputRequest) (mcp.InputResponse, error) {
	lent := make(chan struct{})
	patience := time.AfterFunc(l.after, func() {
		l.seat.lend()
		close(lent)
	})
	answer, err := l.Peer.Ask(ctx, r)
	if patience.Stop() {
		return answer, err
	}
	<-lent
	if late := l.seat.back(ctx); late != nil && err == nil {
		return nil, late
	}
	return answer, err
}
