// SPDX-License-Identifier: Apache-2.0

package router

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"time"
)

// maxAsks bounds the questions under way, so that a flood of made-up cookies cannot pile up here.
const maxAsks = 512

var (
	errDown = errors.New("the house is not reachable")
	errBusy = errors.New("too many questions wait for the house")
)

// follower is what the link drives.
type follower interface {
	// greeting is called at each connection and gives the sessions with open requests.
	greeting() []string
	apply(Table) error
	revoke(sessions []string)
	Revision() uint64
}

// A link is the talk with the house over its socket.
//
//	dialling ──▶ connected ──▶ dialling …      (backoff 50 ms … 1 s)
type link struct {
	socket string
	to     follower
	log    *slog.Logger

	mu      sync.Mutex
	conn    net.Conn // nil while there is none
	next    uint64
	pending map[uint64]chan Answer
}

func newLink(socket string, to follower, log *slog.Logger) *link {
	return &link{socket: socket, to: to, log: log, pending: map[uint64]chan Answer{}}
}

func (l *link) connected() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.conn != nil
}

// run dials, follows, and dials again until ctx ends.
func (l *link) run(ctx context.Context) {
	const first, most = 50 * time.Millisecond, time.Second
	for wait := first; ctx.Err() == nil; wait = min(2*wait, most) {
		began := time.Now()
		err := l.follow(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > most {
			wait = first
			l.log.Warn("lost the house, the last table goes on", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait/2 + rand.N(wait)): //nolint:gosec // a pause needs no secrecy
		}
	}
}

func (l *link) follow(ctx context.Context) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", l.socket)
	if err != nil {
		return fmt.Errorf("cannot reach the house: %w", err)
	}
	defer l.hangUp(conn)
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	l.mu.Lock()
	l.conn = conn
	l.mu.Unlock()
	hello := Hello{Version: Version, PID: os.Getpid(), Revision: l.to.Revision(), Sessions: l.to.greeting()}
	if err := l.say(Word{Hello: &hello}); err != nil {
		return err
	}
	lines := bufio.NewScanner(conn)
	lines.Buffer(make([]byte, 64<<10), MaxLine)
	for lines.Scan() {
		var order Order
		if err := json.Unmarshal(lines.Bytes(), &order); err != nil {
			return fmt.Errorf("cannot read the house: %w", err)
		}
		if err := l.obey(order); err != nil {
			return err
		}
	}
	return errors.Join(errDown, lines.Err())
}

func (l *link) obey(order Order) error {
	if order.Answer != nil {
		l.settle(*order.Answer)
	}
	if len(order.Revoke) > 0 {
		l.to.revoke(order.Revoke)
	}
	if order.Table == nil {
		return nil
	}
	if err := l.to.apply(*order.Table); err != nil {
		l.log.Error("a table of the house was refused, the last one goes on", "error", err)
		return l.say(Word{Refused: err.Error()})
	}
	return l.say(Word{Applied: order.Table.Revision})
}

func (l *link) settle(a Answer) {
	l.mu.Lock()
	waiter := l.pending[a.ID]
	delete(l.pending, a.ID)
	l.mu.Unlock()
	if waiter != nil {
		waiter <- a
	}
}

// hangUp forgets the connection and fails every question that waits for it.
func (l *link) hangUp(conn net.Conn) {
	_ = conn.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conn = nil
	for id, waiter := range l.pending {
		delete(l.pending, id)
		close(waiter)
	}
}

func (l *link) say(word Word) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.write(word)
}

// write sends one line; the caller holds the lock. A house that does not read is as good as down.
func (l *link) write(word Word) error {
	if l.conn == nil {
		return errDown
	}
	line, err := json.Marshal(word)
	if err != nil {
		return fmt.Errorf("cannot word a line: %w", err)
	}
	_ = l.conn.SetWriteDeadline(time.Now().Add(askPatience))
	if _, err := l.conn.Write(append(line, '\n')); err != nil {
		_ = l.conn.Close()
		return fmt.Errorf("cannot tell the house: %w", err)
	}
	return nil
}

// ask puts a question and waits for its answer, for the house's patience at most.
func (l *link) ask(ctx context.Context, q Ask) (Answer, error) {
	waiter := make(chan Answer, 1)
	l.mu.Lock()
	if len(l.pending) >= maxAsks {
		l.mu.Unlock()
		return Answer{}, errBusy
	}
	l.next++
	q.ID = l.next
	err := l.write(Word{Ask: &q})
	if err == nil {
		l.pending[q.ID] = waiter
	}
	l.mu.Unlock()
	if err != nil {
		return Answer{}, err
	}
	return l.await(ctx, q.ID, waiter)
}

func (l *link) await(ctx context.Context, id uint64, waiter <-chan Answer) (Answer, error) {
	patience := time.NewTimer(askPatience)
	defer patience.Stop()
	err := errDown
	select {
	case a, ok := <-waiter:
		if ok && a.Error != "" {
			return a, fmt.Errorf("the house cannot tell: %s", a.Error)
		}
		if ok {
			return a, nil
		}
	case <-ctx.Done():
		err = ctx.Err()
	case <-patience.C:
		err = fmt.Errorf("the house did not answer within %s", askPatience)
	}
	l.mu.Lock()
	delete(l.pending, id)
	l.mu.Unlock()
	return Answer{}, err
}
