// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"
)

// ErrTimeout is the cause of a context whose call took all the time it may. Such a call may be a sign that
// its server is frozen; one that was given up earlier is none.
var ErrTimeout = errors.New("the call took too long")

// an ear reads of a process, and counts what it hears.
type ear struct {
	*os.File
	heard *atomic.Uint64
}

func (e ear) Read(p []byte) (int, error) {
	n, err := e.File.Read(p)
	if n > 0 {
		e.heard.Add(1)
	}
	return n, err
}

// heard grows with all that comes from a process; of a remote server, which is probed, nothing counts.
func (l *live) heard() uint64 {
	if p, ok := l.link.(*pipes); ok {
		return p.heard.Load()
	}
	return 0
}

// doubt has a process that was heard no more since before a call asked whether it is frozen, when the
// call's time is over.
func (l *live) doubt(ctx context.Context, before uint64) {
	if !errors.Is(context.Cause(ctx), ErrTimeout) {
		return
	}
	select {
	case <-l.doubts: // of an earlier call
	default:
	}
	select {
	case l.doubts <- before:
	default:
	}
}

// attend ends the session with a process that is in doubt and stays silent, until the session ends.
func (l *live) attend(p *pipes, settings func() Settings) {
	for {
		var before uint64
		select {
		case <-l.ended:
			return
		case before = <-l.doubts:
		}
		if limit := silentFor(settings()); l.silent(before, limit) {
			_ = p.reader.giveUp(fmt.Sprintf("it answers nothing: it was asked, and silent for %s", limit))
		}
	}
}

// silent asks a server from which nothing came since before, and tells whether nothing does in time: one
// that does a call at a time does not answer before that is done, and one whose question is open may wait
// for the answer.
func (l *live) silent(before uint64, limit time.Duration) bool {
	if l.heard() != before || l.calls.questions.Load() > 0 {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	l.waits.Go(func() {
		defer cancel()
		_ = l.ping(ctx) // an answer is heard
	})
	select {
	case <-ctx.Done():
	case <-l.ended:
		return false
	}
	return errors.Is(ctx.Err(), context.DeadlineExceeded) && l.heard() == before
}
