// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"holdfast/core/store"
)

const (
	mostTogether = 512
	retryAfter   = time.Second
	patience     = 30 * time.Second // with the store
	// lazily is how long a settlement may wait for company: it is in the log.
	lazily = 200 * time.Millisecond
	// mostQueued is how far the store may be behind before further calls wait for it.
	mostQueued = 8 * mostTogether
)

// writer brings what was settled and observed into the store, many rows in one transaction. What is
// settled is in the log already and is tried until it is written.
type writer struct {
	store *store.Store
	node  string
	log   *slog.Logger
	// open is the position of the oldest reservation that is open.
	open func() int64
	// corrected hears, after each commit, what it changed that the burn in memory does not have yet.
	corrected func([]Claim)
	// advanced hears how far the store is.
	advanced func(position)

	mu     sync.Mutex
	queue  []op // in the order of the log
	closed bool
	due    bool        // what is queued has waited long enough
	timer  *time.Timer // makes it due
	wake   chan struct{}
	gone   chan struct{}
	life   context.Context    // of the store's work
	giveUp context.CancelFunc // ends it
	behind atomic.Int64       // how many are queued
	less   chan struct{}      // closed when some of them are taken; nil: nobody waits
	// ill is why the store takes nothing; nil while it does.
	ill atomic.Pointer[error]

	// Of run alone:
	at      position
	high    int64 // the end of the last settlement that is written
	scratch scratch
	unsure  batch // of which is not known whether the store has it
	failed  []op  // settlements that the store does not take
	rest    []op  // what comes after the one that is tried by itself
	again   time.Time
	refused error // why the store did not take the last of them
}

// op is one piece of work: a settlement, observations, or neither (a barrier).
type op struct {
	settle   *callRow
	from, to int64 // where it stands in the log; to 0: nowhere
	observe  []*observedRow
	done     chan error // nil: nobody waits
}

// position is how far the store has what the log has.
type position struct {
	batch   int64 // names the transaction that said so
	floor   int64 // nothing before it is needed
	applied int64 // everything settled before it is written
}

// batch is what one transaction writes, and where it stands then. However often it is tried, it is
// written once, for the store knows it by its name.
type batch struct {
	ops []op
	position
}

func newWriter(w *writer) *writer {
	w.wake, w.gone = make(chan struct{}, 1), make(chan struct{})
	w.life, w.giveUp = context.WithCancel(context.Background())
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
	w.queue = append(w.queue, o)
	w.behind.Store(int64(len(w.queue)))
	now := o.done != nil || len(w.queue) == mostTogether
	w.due = w.due || now
	if len(w.queue) == 1 && !now {
		w.timer.Reset(lazily)
	}
	w.mu.Unlock()
	if now {
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

// flush waits until everything booked before it was tried.
func (w *writer) flush(ctx context.Context) error { return w.wait(ctx, op{}) }

// pace returns once the store is not too far behind.
func (w *writer) pace(ctx context.Context) error {
	if w == nil {
		return ErrClosed
	}
	for w.behind.Load() >= mostQueued && w.ill.Load() == nil {
		w.mu.Lock()
		if w.less == nil {
			w.less = make(chan struct{})
		}
		less, late := w.less, w.closed || len(w.queue) < mostQueued
		w.mu.Unlock()
		if late {
			return nil
		}
		select {
		case <-less:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-w.gone:
			return ErrClosed
		}
	}
	return nil
}

// refusal is why no call may be made: the store takes nothing.
func (w *writer) refusal() error {
	if ill := w.ill.Load(); ill != nil {
		return *ill
	}
	return nil
}

// close writes what is left; when ctx ends first, that is left to the log.
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
		w.giveUp()
		<-w.gone
		return fmt.Errorf("cannot write the last settlements, they stay in the ledger's log: %w", context.Cause(ctx))
	}
}

func (w *writer) run() {
	defer close(w.gone)
	defer w.giveUp()
	for {
		b, closed := w.next()
		switch {
		case b.ops != nil:
			if w.commit(b) || w.pause(true) {
				continue
			}
			return
		case closed && len(w.failed) == 0:
			return
		case !w.pause(len(w.failed) > 0):
			return
		}
	}
}

// pause waits for work, and no longer than it takes to try again where that is asked; false when the
// house ends without.
func (w *writer) pause(again bool) bool {
	if !again {
		select {
		case <-w.wake:
			return true
		case <-w.life.Done():
			return false
		}
	}
	timer := time.NewTimer(retryAfter)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-w.wake:
	case <-w.life.Done():
		return false
	}
	return true
}

// next is the next work: a batch of which is not known whether it was written, then what failed and
// has waited, then what is due.
func (w *writer) next() (batch, bool) {
	ops, closed := w.take()
	if b := w.unsure; b.ops != nil {
		w.unsure = batch{}
		return b, closed
	}
	if ops == nil {
		return batch{}, closed
	}
	return w.batchOf(ops), closed
}

func (w *writer) take() (ops []op, closed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.unsure.ops != nil {
		return nil, w.closed
	}
	if len(w.failed) > 0 && !time.Now().Before(w.again) {
		ops, w.failed = w.failed, nil
		return ops, w.closed
	}
	if !w.due && !w.closed || len(w.queue) == 0 {
		return nil, w.closed
	}
	n := min(len(w.queue), mostTogether)
	ops = append(ops, w.queue[:n]...)
	left := copy(w.queue, w.queue[n:])
	clear(w.queue[left:])
	w.queue = w.queue[:left]
	w.due = left > 0
	w.behind.Store(int64(left))
	w.wakeAll()
	return ops, w.closed
}

// wakeAll has those look again who wait for the store. Called with the lock held.
func (w *writer) wakeAll() {
	if w.less != nil {
		close(w.less)
		w.less = nil
	}
}

// batchOf names a batch and tells where the store is once it is written.
func (w *writer) batchOf(ops []op) batch {
	b := batch{ops: ops, position: w.at}
	b.batch += 1 + rand.Int64N(1<<30) //nolint:gosec // a name is no secret
	b.applied = max(b.applied, w.high, highest(ops))
	for _, unwritten := range [...][]op{w.failed, w.rest} {
		for _, o := range unwritten {
			if o.settle != nil && o.to > 0 {
				b.applied = max(w.at.applied, min(b.applied, o.from))
			}
		}
	}
	b.floor = max(w.at.floor, min(b.applied, w.open()))
	return b
}

func highest(ops []op) (to int64) {
	for _, o := range ops {
		to = max(to, o.to)
	}
	return to
}

// commit writes a batch, and each of its rows by itself when that fails, so that one bad row spoils no
// other. It is false when it is to be tried again later.
func (w *writer) commit(b batch) bool {
	definite, err := w.try(b)
	switch {
	case err == nil:
		answer(b.ops, nil)
		w.well()
		return true
	case !definite:
		w.sick(b.ops, err)
		w.unsure, w.again = b, time.Now().Add(retryAfter)
		return false
	}
	return w.apart(b.ops)
}

// apart writes each by itself.
func (w *writer) apart(ops []op) bool {
	defer func() { w.rest = nil }()
	for i, o := range ops {
		w.rest = ops[i+1:]
		one := w.batchOf([]op{o})
		definite, err := w.alone(one)
		if err == nil {
			answer(one.ops, nil)
			continue
		}
		if !definite {
			return w.later(one, err)
		}
		w.log.Error("cannot write to the ledger", "error", err)
		answer(one.ops, err)
		if o.settle == nil {
			continue
		}
		w.failed, w.again, w.refused = append(w.failed, o), time.Now().Add(retryAfter), err
		probe := w.batchOf([]op{})
		if _, err := w.try(probe); err != nil { // it is not the row
			return w.later(probe, err)
		}
	}
	w.well()
	return true
}

// later keeps a batch of which is not known whether it is written, and what was not tried after it.
func (w *writer) later(unsure batch, err error) bool {
	w.sick(unsure.ops, err)
	w.sick(w.rest, err)
	w.unsure, w.failed, w.again = unsure, append(w.failed, w.rest...), time.Now().Add(retryAfter)
	return false
}

// well lets calls be made, unless too many settlements are not taken: they are in memory and hold the
// log.
func (w *writer) well() {
	if len(w.failed) < mostTogether {
		w.ill.Store(nil)
		return
	}
	w.sick(nil, w.refused)
}

// sick refuses calls until the store takes something again, and answers who waits, also for calls to be
// written that are queued.
func (w *writer) sick(ops []op, err error) {
	if w.ill.Load() == nil {
		w.log.Error("the ledger's store takes nothing, no call is made until it does", "error", err)
	}
	err = fmt.Errorf("the ledger's store takes nothing: %w", err)
	w.ill.Store(&err)
	for i := range ops {
		o := &ops[i]
		if o.observe != nil {
			o.tell(err)
		} else {
			o.tell(nil) // it was tried
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wakeAll()
	for i := range w.queue {
		if w.queue[i].observe == nil {
			w.queue[i].tell(nil)
		}
	}
}

// tell answers who waits, once.
func (o *op) tell(err error) {
	if o.done != nil {
		o.done <- err
		o.done = nil
	}
}

func answer(ops []op, err error) {
	for i := range ops {
		ops[i].tell(err)
	}
}

// alone writes one row after it failed among others. Its id may be another node's, and then it gets a
// new one.
func (w *writer) alone(b batch) (definite bool, err error) {
	if o := b.ops[0]; o.settle != nil {
		request, there, err := w.written(o.settle)
		if err != nil {
			return false, err
		}
		if there && request != short(o.settle.RequestID) {
			o.settle.id += 1 + rand.Int64N(1<<idBits) //nolint:gosec // an id is no secret
		}
	}
	w.scratch.crowded = true
	defer func() { w.scratch.crowded = false }()
	return w.try(b)
}

// written tells whose call has the id of a row, by its request id; false when nobody's has.
func (w *writer) written(row *callRow) (request string, there bool, err error) {
	ctx, cancel := context.WithTimeout(w.life, patience)
	defer cancel()
	err = w.store.Read(ctx, func(ctx context.Context, tx store.Tx) error {
		return tx.QueryRow(ctx, "SELECT request_id FROM ledger_calls WHERE id = ?", row.id).Scan(&request)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return "", false, nil
	}
	return request, err == nil, err
}

// try writes a batch, unless the store has it already: the word of an earlier commit was lost. When it
// fails, definite tells that it certainly is not there.
func (w *writer) try(b batch) (definite bool, err error) {
	ctx, cancel := context.WithTimeout(w.life, patience)
	defer cancel()
	var failed error
	err = w.store.Write(ctx, func(ctx context.Context, tx store.Tx) error {
		failed = nil
		there, err := advance(ctx, tx, w.node, w.at.batch, b.position)
		if err != nil || there {
			return err
		}
		failed = w.scratch.write(ctx, tx, b.ops)
		return failed
	})
	if err != nil {
		return failed != nil, err
	}
	w.at, w.high = b.position, max(w.high, highest(b.ops))
	if changed := w.scratch.changed; len(changed) > 0 {
		w.corrected(changed)
		w.scratch.changed = changed[:0]
	}
	w.advanced(w.at)
	return true, nil
}

// advance says in a transaction how far the store is, when it was where before says. It is there when
// it is at that position already.
func advance(ctx context.Context, tx store.Tx, node string, before int64, to position) (there bool, err error) {
	const query = "UPDATE ledger_log SET batch = ?, floor = ?, applied = ? WHERE node = ? AND batch = ?"
	result, err := tx.Exec(ctx, query, to.batch, to.floor, to.applied, node, before)
	if err != nil {
		return false, fmt.Errorf("cannot say how far the ledger's log is written: %w", err)
	}
	n, err := result.RowsAffected()
	if err != nil || n > 0 {
		return false, err
	}
	is, err := positionOf(ctx, tx, node)
	if err != nil || is.batch == to.batch {
		return err == nil, err
	}
	return false, fmt.Errorf("somebody else writes the calls of node %q: two houses share a name in one database", node)
}

// positionOf reads how far the store is; zero for a node that never wrote.
func positionOf(ctx context.Context, tx store.Tx, node string) (p position, err error) {
	err = tx.QueryRow(ctx, "SELECT batch, floor, applied FROM ledger_log WHERE node = ?", node).Scan(&p.batch, &p.floor, &p.applied)
	if errors.Is(err, sql.ErrNoRows) {
		return position{}, nil
	}
	if err != nil {
		return p, fmt.Errorf("cannot read how far the ledger's log is written: %w", err)
	}
	return p, nil
}
