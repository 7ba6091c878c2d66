// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"holdfast/edge/router"
)

const (
	// maxWaiting bounds the lines queued for one router; one that does not read is cut.
	maxWaiting = 1024
	// maxAnswering bounds the questions of one router under way.
	maxAnswering = 64
	sendWithin   = 5 * time.Second
)

// exchange is the house's side of the router socket: it answers questions and streams tables.
type exchange struct {
	answer func(context.Context, router.Ask) router.Answer
	dead   func(context.Context, []string) []string
	log    *slog.Logger

	mu      sync.Mutex
	table   *router.Table
	lines   map[*line]bool
	applied uint64
	refused string
	changed chan struct{} // closed when applied, refused or the number of lines changes
	since   time.Time     // when the last line came or went
	wait    sync.WaitGroup
}

// line is one router's connection.
type line struct {
	conn  net.Conn
	send  chan router.Order
	table chan struct{} // a newer table is there
	done  chan struct{}
	once  sync.Once
}

func newExchange(log *slog.Logger) *exchange {
	return &exchange{log: log, lines: map[*line]bool{}, changed: make(chan struct{}), since: time.Now()}
}

// accept serves routers until the listener is closed.
func (x *exchange) accept(ctx context.Context, l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		x.wait.Go(func() { x.serve(ctx, conn) })
	}
}

func (x *exchange) serve(ctx context.Context, conn net.Conn) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	n := &line{conn: conn, send: make(chan router.Order, maxWaiting), table: make(chan struct{}, 1), done: make(chan struct{})}
	defer n.close()
	stop := context.AfterFunc(ctx, n.close)
	defer stop()
	x.enter(n)
	defer x.leave(n)
	var work sync.WaitGroup
	defer work.Wait()
	work.Go(func() { x.write(n) })
	free := make(chan struct{}, maxAnswering)
	lines := bufio.NewScanner(conn)
	lines.Buffer(make([]byte, 16<<10), router.MaxLine)
	for lines.Scan() {
		var word router.Word
		if err := json.Unmarshal(lines.Bytes(), &word); err != nil {
			x.log.Warn("cannot read the edge", slog.Any("error", err))
			break
		}
		if word.Ask == nil {
			x.hear(ctx, n, word)
			continue
		}
		free <- struct{}{}
		work.Go(func() {
			defer func() { <-free }()
			a := x.answer(ctx, *word.Ask)
			a.ID = word.Ask.ID
			n.queue(router.Order{Answer: &a})
		})
	}
	cancel()
	n.close()
}

// hear takes what is no question.
func (x *exchange) hear(ctx context.Context, n *line, word router.Word) {
	switch {
	case word.Hello != nil:
		if gone := x.dead(ctx, word.Hello.Sessions); len(gone) > 0 {
			n.queue(router.Order{Revoke: gone})
		}
		n.nudge()
	case word.Applied != 0:
		x.note(word.Applied, "")
	case word.Refused != "":
		x.log.Error("the edge refused the route table, the one before it goes on", slog.String("reason", word.Refused))
		x.note(0, word.Refused)
	}
}

func (x *exchange) note(applied uint64, refused string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if applied != 0 {
		x.applied = applied
	}
	x.refused = refused
	x.wake()
}

// write sends what is queued, and the newest table whenever there is a newer one: a router that
// is slow skips tables, never answers.
func (x *exchange) write(n *line) {
	defer n.close()
	out := json.NewEncoder(n.conn)
	for {
		var order router.Order
		select {
		case <-n.done:
			return
		case order = <-n.send:
		case <-n.table:
			order.Table = x.current()
			if order.Table == nil {
				continue
			}
		}
		if err := n.conn.SetWriteDeadline(time.Now().Add(sendWithin)); err != nil {
			return
		}
		if err := out.Encode(order); err != nil {
			if !errors.Is(err, net.ErrClosed) {
				x.log.Warn("cannot tell the edge, it has to dial again", slog.Any("error", err))
			}
			return
		}
	}
}

// publish makes a table the current one and sends it to every router.
func (x *exchange) publish(t router.Table) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.table != nil {
		t.Revision = x.table.Revision
	}
	t.Revision++
	x.table = &t
	for n := range x.lines {
		n.nudge()
	}
}

// revoke tells every router that sessions ended.
func (x *exchange) revoke(sessions []string) {
	if len(sessions) == 0 {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for n := range x.lines {
		n.queue(router.Order{Revoke: sessions})
	}
}

// settled waits until a router has taken the current table over.
func (x *exchange) settled(ctx context.Context) error {
	for {
		x.mu.Lock()
		done := x.table != nil && x.applied >= x.table.Revision
		changed := x.changed
		x.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (x *exchange) current() *router.Table {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.table
}

// standing is how many routers are connected, since when, and which table they have.
func (x *exchange) standing() (lines int, since time.Time, applied uint64, refused string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.lines), x.since, x.applied, x.refused
}

func (x *exchange) enter(n *line) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.lines[n] = true
	x.since = time.Now()
	x.wake()
}

func (x *exchange) leave(n *line) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.lines, n)
	x.since = time.Now()
	if len(x.lines) == 0 {
		x.applied = 0
	}
	x.wake()
}

// wake tells those who wait; the caller holds the lock.
func (x *exchange) wake() {
	close(x.changed)
	x.changed = make(chan struct{})
}

// queue never waits: a router that lets a thousand lines pile up is cut and dials again.
func (n *line) queue(order router.Order) {
	select {
	case n.send <- order:
	default:
		n.close()
	}
}

func (n *line) nudge() {
	select {
	case n.table <- struct{}{}:
	default:
	}
}

func (n *line) close() {
	n.once.Do(func() {
		close(n.done)
		_ = n.conn.Close()
	})
}
