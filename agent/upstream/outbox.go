// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

const (
	// maxOutbox bounds what waits to be read by a server: twice what as many calls as are made at once,
	// of the largest arguments, come to.
	maxOutbox = 64 << 20
	// looks is how often, within the time that a server may read nothing, it is looked whether it did.
	looks = 4
)

// an outbox takes what a server is sent, at once, and writes it to the server's standard input as the
// server reads: a session that waited for that itself would wait past the end of every call.
//
//	writing ──Close──▶ draining ──all written, or drop──▶ over
//	   └──── unread for too long, or a broken pipe ────────▲
type outbox struct {
	pipe *os.File
	// limit is for how long a server may read nothing of what waits for it.
	limit func() time.Duration
	// over is closed when the process has ended, which says more than that it did not read.
	over <-chan struct{}
	// giveUp ends the session with a server that lives but does not read.
	giveUp  func(why string) error
	dropped chan struct{}
	done    chan struct{} // closed when nothing is written any more

	mu      sync.Mutex
	more    sync.Cond
	pending []byte
	waiting int // pending, and what is being written
	closed  bool
	err     error
}

func newOutbox(pipe *os.File, limit func() time.Duration, over <-chan struct{}, giveUp func(why string) error) *outbox {
	o := &outbox{pipe: pipe, limit: limit, over: over, giveUp: giveUp, dropped: make(chan struct{}), done: make(chan struct{})}
	o.more.L = &o.mu
	go o.run()
	return o
}

// silentFor is for how long a server may read nothing of what waits for it, or say nothing when it is
// asked: one that does a call at a time reads and speaks again only after the longest.
func silentFor(settings Settings) time.Duration {
	limit := settings.Call
	if limit <= 0 {
		limit = time.Minute
	}
	return limit + limit/2
}

var errUnread = errors.New("it does not read what it is sent")

// Write has a message written, after those before it.
func (o *outbox) Write(p []byte) (int, error) {
	o.mu.Lock()
	full := o.err == nil && !o.closed && o.waiting > 0 && o.waiting+len(p) > maxOutbox
	if full {
		o.err = fmt.Errorf("%w: %d MiB have waited, and more would", errUnread, o.waiting>>20)
	}
	err := o.err
	if err == nil && o.closed {
		err = os.ErrClosed
	}
	if err == nil {
		o.pending = append(o.pending, p...)
		o.waiting += len(p)
		o.more.Signal()
	}
	o.mu.Unlock()
	if full {
		_ = o.giveUp(err.Error())
		_ = o.pipe.Close()
	}
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

// Close closes the server's input after what was sent before. It does not wait.
func (o *outbox) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	o.more.Signal()
	return nil
}

// drop gives up what is still unread. It returns when nothing is written any more.
func (o *outbox) drop() {
	_ = o.Close()
	o.mu.Lock()
	o.pending = nil
	o.mu.Unlock()
	close(o.dropped)
	_ = o.pipe.Close()
	<-o.done
}

func (o *outbox) run() {
	defer close(o.done)
	defer func() { _ = o.pipe.Close() }()
	for part := o.next(); len(part) > 0; part = o.next() {
		if err := o.put(part); err != nil {
			o.fail(err)
			return
		}
	}
}

// next waits for what is to be written; it is empty when nothing will be.
func (o *outbox) next() []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.pending) == 0 && !o.closed && o.err == nil {
		o.more.Wait()
	}
	part := o.pending
	o.pending = nil
	return part
}

// put writes as the server reads, until it has read nothing for too long.
func (o *outbox) put(part []byte) error {
	moved := time.Now()
	for len(part) > 0 {
		limit := o.limit()
		if err := o.pipe.SetWriteDeadline(time.Now().Add(limit/looks + 1)); err != nil {
			return err
		}
		n, err := o.pipe.Write(part)
		part = part[n:]
		waiting := o.sent(n)
		if n > 0 {
			moved = time.Now()
		}
		switch still := time.Since(moved); {
		case err == nil:
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return err
		case still >= limit:
			return fmt.Errorf("%w: %d KiB have waited for %s", errUnread, (waiting+1023)>>10, still.Round(time.Second/10))
		}
	}
	return nil
}

func (o *outbox) sent(n int) (waiting int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.waiting -= n
	return o.waiting
}

// fail ends the session with a server that is not about to end by itself.
func (o *outbox) fail(err error) {
	o.mu.Lock()
	told := o.err != nil || o.closed
	if o.err == nil {
		o.err = err
	}
	o.pending = nil
	o.mu.Unlock()
	if told {
		return
	}
	if errors.Is(err, errUnread) {
		_ = o.giveUp(err.Error())
		return
	}
	wait := time.NewTimer(lastWords) // a process that dies breaks its pipe just before it can be waited for
	defer wait.Stop()
	select {
	case <-o.over:
	case <-o.dropped:
	case <-wait.C:
		_ = o.giveUp("it closed its standard input: " + err.Error())
	}
}
