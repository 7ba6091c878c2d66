// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"holdfast/core/store"
	"holdfast/gateway/price"
)

const (
	mostTogether = 512
	retryAfter   = time.Second
	patience     = 30 * time.Second // with the store
	// lazily is how long a settlement may wait for company: its reservation is on disk.
	lazily = 25 * time.Millisecond
)

// writer brings rows to disk, many in one transaction. Reservations wait for it; settlements do
// not, and are tried again until they are written: their reservation stands in for them meanwhile.
type writer struct {
	store *store.Store
	log   *slog.Logger
	// corrected hears, after each commit, what it changed that the burn in memory does not have yet.
	corrected func([]Claim)

	mu      sync.Mutex
	urgent  []op // reservations, for which somebody waits
	lazy    []op // everything else, in order
	closed  bool
	due     bool        // what is lazy has waited long enough
	after   bool        // a reservation is urgent that must not be written before what is lazy
	timer   *time.Timer // makes it due
	scratch scratch     // of run alone
	wake    chan struct{}
	gone    chan struct{}
	giveUp  chan struct{}
}

// op is one piece of work; exactly one of reserve, settle, extend, observe or none (a barrier) is set.
type op struct {
	reserve *reservationRow
	settle  *callRow
	extend  *extension
	observe []*observedRow
	done    chan error // nil: nobody waits
	after   bool       // of a reservation: not before what is lazy now
}

type extension struct {
	id, output int64
	cost       price.Cost
}

func newWriter(s *store.Store, log *slog.Logger, first scratch, corrected func([]Claim)) *writer {
	w := &writer{store: s, log: log, corrected: corrected, scratch: first, wake: make(chan struct{}, 1), gone: make(chan struct{}), giveUp: make(chan struct{})}
	w.timer = time.AfterFunc(time.Hour, w.hurry)
	w.timer.Stop()
	go w.run()
	return w
}

func (w *writer) push(o op) bool {
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return false
	}
	awake := o.done != nil
	if o.reserve != nil {
		w.urgent = append(w.urgent, o)
		w.after = w.after || o.after
	} else {
		w.lazy = append(w.lazy, o)
		awake = awake || len(w.lazy) == mostTogether
		w.due = w.due || awake
		if len(w.lazy) == 1 && !awake {
			w.timer.Reset(lazily)
		}
	}
	w.mu.Unlock()
	if awake {
		w.signal()
	}
	return true
}

// hurry makes what is queued due.
func (w *writer) hurry() {
	w.mu.Lock()
	w.due = true
	w.mu.Unlock()
	w.signal()
}

func (w *writer) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// reserve returns when the row is on disk; when it is to be after, then what was settled before is too.
func (w *writer) reserve(ctx context.Context, row *reservationRow, after bool) error {
	return w.wait(ctx, op{reserve: row, after: after})
}

// wait pushes o and returns when it was tried.
func (w *writer) wait(ctx context.Context, o op) error {
	done := make(chan error, 1)
	o.done = done
	if !w.push(o) {
		return ErrClosed
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// void takes a reservation away with nothing in its place: before it is written, or once it is.
func (w *writer) void(reservation int64) {
	w.mu.Lock()
	queued := len(w.urgent)
	w.urgent = slices.DeleteFunc(w.urgent, func(o op) bool { return o.reserve.id == reservation })
	gone := len(w.urgent) < queued
	w.mu.Unlock()
	if gone {
		return
	}
	w.push(op{settle: &callRow{reservation: reservation, void: true}})
}
func (w *writer) settle(row *callRow) { w.push(op{settle: row}) }
func (w *writer) extend(e extension)  { w.push(op{extend: &e}) }

// flush waits until everything booked before it was tried.
func (w *writer) flush(ctx context.Context) error { return w.wait(ctx, op{}) }

// close writes what is left; when ctx ends first, that is left to the reservations.
func (w *writer) close(ctx context.Context) error {
	w.mu.Lock()
	w.closed = true
	w.timer.Stop()
	w.mu.Unlock()
	w.signal()
	select {
	case <-w.gone:
		return nil
	case <-ctx.Done():
		close(w.giveUp)
		<-w.gone
		return fmt.Errorf("cannot write the last settlements, they will be estimates: %w", context.Cause(ctx))
	}
}

func (w *writer) run() {
	defer close(w.gone)
	var failed []op // settlements to try again
	for {
		ops, closed := w.take(failed)
		if len(ops) == 0 {
			if closed {
				return
			}
			<-w.wake
			continue
		}
		failed = w.commit(ops)
		if len(failed) > 0 && !w.pause() {
			return
		}
	}
}

// take is the next work, up to one transaction's worth: what failed before, then reservations, then
// what was lazy and is due. Settlements wait for company even while reservations are written, for what
// they change in the sums is then written once for many.
func (w *writer) take(failed []op) ([]op, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ops := failed
	if w.after {
		ops, w.lazy = upTo(mostTogether, ops, w.lazy)
		w.due = len(w.lazy) > 0
		if w.after = w.due; w.due {
			return ops, w.closed
		}
	}
	ops, w.urgent = upTo(mostTogether, ops, w.urgent)
	if w.due || w.closed {
		ops, w.lazy = upTo(mostTogether, ops, w.lazy)
		w.due = len(w.lazy) > 0
	}
	return ops, w.closed
}

// upTo moves work to ops until there are so many.
func upTo(most int, ops, queue []op) (taken, left []op) {
	n := min(len(queue), max(0, most-len(ops)))
	return append(ops, queue[:n]...), append([]op(nil), queue[n:]...)
}

// pause waits before settlements are tried again; false when the house ends without them.
func (w *writer) pause() bool {
	timer := time.NewTimer(retryAfter)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-w.wake:
	case <-w.giveUp:
		return false
	}
	return true
}

// commit writes ops together, and one by one when that fails, so that one bad row spoils no
// other. It returns the settlements that are still to be written.
func (w *writer) commit(ops []op) []op {
	err := w.together(ops)
	if err == nil {
		answer(ops, nil)
		return nil
	}
	var failed []op
	for _, o := range ops {
		oneErr := w.alone(o)
		if oneErr != nil {
			w.log.Error("cannot write to the ledger", "error", oneErr)
			if o.settle != nil || o.extend != nil {
				failed = append(failed, o)
			}
		}
		answer([]op{o}, oneErr)
	}
	return failed
}

// alone writes one op after it failed among others. A settlement may be on disk already, when
// only the word of its commit was lost; or its id may be another node's, and then it gets a new one.
func (w *writer) alone(o op) error {
	if o.settle != nil && !o.settle.void {
		request, there, err := w.written(o.settle)
		switch {
		case err != nil:
			return err
		case there && request == short(o.settle.RequestID):
			o.settle.void = true
		case there:
			o.settle.id += 1 + rand.Int64N(1<<idBits) //nolint:gosec // an id is no secret
		}
	}
	w.scratch.crowded = true
	defer func() { w.scratch.crowded = false }()
	return w.together([]op{o})
}

// written tells whose call has the id of a row, by its request id; false when nobody's has.
func (w *writer) written(row *callRow) (request string, there bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err = w.store.Read(ctx, func(ctx context.Context, tx store.Tx) error {
		return tx.QueryRow(ctx, "SELECT request_id FROM ledger_calls WHERE id = ?", row.id).Scan(&request)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return "", false, nil
	}
	return request, err == nil, err
}

func answer(ops []op, err error) {
	for _, o := range ops {
		if o.done != nil {
			o.done <- err
		}
	}
}

func (w *writer) together(ops []op) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := w.store.Write(ctx, func(ctx context.Context, tx store.Tx) error { return w.scratch.write(ctx, tx, ops) })
	if err == nil && len(w.scratch.changed) > 0 {
		w.corrected(w.scratch.changed)
	}
	return err
}
