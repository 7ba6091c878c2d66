// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"holdfast/core/store"
)

const (
	// manyTraces and traceLife bound what is kept.
	manyTraces = 2000
	traceLife  = 14 * 24 * time.Hour
	// traceBatch is how many one transaction takes, and traceDelay how long more are waited for.
	traceBatch = 200
	traceDelay = 200 * time.Millisecond
	traceRetry = 5 * time.Second
	// maxTrace bounds one trace in the store.
	maxTrace = 64 << 10
	// skewed is how far the clock may jump before nothing is forgotten for its age any more.
	skewed = time.Hour
)

// traces keeps what requests did: running ones in memory, and as far as they are in the store, where the
// next house finds those that this one did not live to end. A request never waits for the store; what it
// does not take is kept in memory, bounded, and offered again.
//
//	begin ──▶ running ──end──▶ ended ──flush──▶ stored ──prune──▶ gone
//	          └─flush─▶ draft in the store ──start of the next house──▶ broken off ──▲
type traces struct {
	store *store.Store
	now   func() time.Time
	log   *slog.Logger
	wake  chan struct{}
	node  func() string // which house this is, of those with the same store
	// since is when the process began, by the wall and by the machine's own clock.
	since, machine time.Time

	writing sync.Mutex // held by a flush
	mu      sync.Mutex
	running []*recording // oldest first
	ended   []Trace      // oldest first
	lost    int
	failing bool
}

func newTraces(s *store.Store, now func() time.Time, log *slog.Logger) *traces {
	return &traces{
		store: s, now: now, log: log, wake: make(chan struct{}, 1), node: func() string { return "" }, since: now(), machine: time.Now(),
	}
}

// take moves an ended trace on its way into the store.
func (t *traces) take(r *recording) {
	done := r.copy()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.running = slices.DeleteFunc(t.running, func(other *recording) bool { return other == r })
	t.ended = append(t.ended, done)
	t.bound()
	t.stir()
}

// stir has run write soon.
func (t *traces) stir() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// bound drops the oldest of what the store did not take. Call it under the lock.
func (t *traces) bound() {
	if over := len(t.ended) - manyTraces; over > 0 {
		t.ended = slices.Delete(t.ended, 0, over)
		t.lost += over
	}
}

// run writes what happened, of several traces at a time, until ctx ends; what is left then is for stop.
func (t *traces) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.wake:
		}
		wait := traceDelay
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(wait):
			}
			if t.flush(ctx) == nil {
				break
			}
			wait = traceRetry
		}
	}
}

// stop writes what is left.
func (t *traces) stop(ctx context.Context) error { return t.flush(ctx) }

// a draft is a running trace as the store gets it, with the count of changes that are in it.
type draft struct {
	of      *recording
	changes int
	trace   Trace
}

// drafts are those that changed since the store got them, so many at most. Call it under the lock.
func (t *traces) drafts(most int) (list []draft) {
	for _, r := range t.running {
		if len(list) == most {
			break
		}
		r.mu.Lock()
		changes, stale := r.changes, r.changes != r.stored
		r.mu.Unlock()
		if stale {
			list = append(list, draft{r, changes, r.copy()})
		}
	}
	return list
}

// flush writes all that have ended, and how far the running ones are; what changes meanwhile is for the
// next time.
func (t *traces) flush(ctx context.Context) error {
	t.writing.Lock()
	defer t.writing.Unlock()
	for {
		t.mu.Lock()
		ended := slices.Clone(t.ended[:min(len(t.ended), traceBatch)])
		drafts := t.drafts(traceBatch - len(ended))
		t.mu.Unlock()
		batch := slices.Clone(ended)
		for _, d := range drafts {
			batch = append(batch, d.trace)
		}
		if len(batch) == 0 {
			return nil
		}
		err := t.store.Write(ctx, func(ctx context.Context, tx store.Tx) error { return t.write(ctx, tx, batch) })
		t.settle(ended, drafts, err)
		if err != nil || len(batch) < traceBatch {
			return err
		}
	}
}

// settle forgets in memory what is stored, and says when the store begins or ends to refuse.
func (t *traces) settle(ended []Trace, drafts []draft, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err == nil {
		stored := map[string]bool{}
		for _, one := range ended {
			stored[one.ID] = true
		}
		t.ended = slices.DeleteFunc(t.ended, func(one Trace) bool { return stored[one.ID] })
		for _, d := range drafts {
			d.of.mu.Lock()
			d.of.stored = d.changes
			d.of.mu.Unlock()
		}
		if t.failing {
			t.log.Info("traces of agents are kept again", slog.Int("lost", t.lost))
		}
	} else if !t.failing {
		t.log.Error("cannot keep the traces of agents; they wait in memory", slog.Int("most", manyTraces), slog.Any("error", err))
	}
	t.failing = err != nil
}

// start ends the traces that an earlier house of this node left running. Call it before the first begins.
func (t *traces) start(ctx context.Context) error {
	err := t.store.Write(ctx, func(ctx context.Context, tx store.Tx) error {
		left, err := t.leftRunning(ctx, tx)
		if err != nil || len(left) == 0 {
			return err
		}
		for i := range left {
			left[i].breakOff()
		}
		return t.write(ctx, tx, left)
	})
	if err != nil {
		err = fmt.Errorf("cannot end the traces of agents that an earlier house left running: %w", err)
	}
	return err
}

func (t *traces) leftRunning(ctx context.Context, tx store.Tx) (left []Trace, err error) {
	ours, node := store.OfNode(t.store.Dialect(), t.node())
	rows, err := tx.Query(ctx, `SELECT body FROM agent_traces WHERE state = ? AND `+ours, append([]any{runRunning}, node...)...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		one, err := scanTrace(rows)
		if err != nil {
			return nil, err
		}
		left = append(left, one)
	}
	return left, rows.Err()
}

func (t *traces) write(ctx context.Context, tx store.Tx, batch []Trace) error {
	for _, one := range batch {
		_, err := tx.Exec(ctx, `INSERT INTO agent_traces (id, started, agent, state, body, node) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (id) DO UPDATE SET state = excluded.state, body = excluded.body`,
			one.ID, one.Started.UnixNano(), one.Agent, one.State, string(one.body()), t.node())
		if err != nil {
			return err
		}
	}
	_, err := tx.Exec(ctx, `DELETE FROM agent_traces WHERE started < (SELECT started FROM agent_traces ORDER BY started DESC LIMIT 1 OFFSET ?)`, manyTraces-1)
	if err != nil || t.jumped() {
		return err
	}
	_, err = tx.Exec(ctx, `DELETE FROM agent_traces WHERE started < ?`, t.now().Add(-traceLife).UnixNano())
	return err
}

// jumped tells that the clock was set while the house ran, so that ages mean nothing.
func (t *traces) jumped() bool {
	off := t.now().Round(0).Sub(t.since.Round(0)) - time.Since(t.machine)
	return off > skewed
}

// body is a trace as it is kept, without its longest parts when they are too long together.
func (t Trace) body() json.RawMessage {
	raw := encode(t)
	if len(raw) <= maxTrace {
		return raw
	}
	t.Tools = slices.Clone(t.Tools)
	for i := range t.Tools {
		t.Tools[i].Arguments = nil
	}
	if raw = encode(t); len(raw) <= maxTrace {
		return raw
	}
	for i := range t.Tools {
		t.Tools[i].Result = ""
	}
	return encode(t)
}

// newest lists traces that match, newest first.
func (t *traces) newest(ctx context.Context, limit int, agent, state string) ([]Trace, error) {
	fits := func(one Trace) bool {
		return (agent == "" || one.Agent == agent) && (state == "" || one.State == state)
	}
	list, seen := []Trace{}, map[string]bool{}
	for _, one := range t.inMemory() {
		if seen[one.ID] = true; fits(one) {
			list = append(list, one)
		}
	}
	err := t.store.Read(ctx, func(ctx context.Context, tx store.Tx) error {
		rows, err := tx.Query(ctx,
			`SELECT body FROM agent_traces WHERE (? = '' OR agent = ?) AND (? = '' OR state = ?) ORDER BY started DESC, id LIMIT ?`,
			agent, agent, state, state, limit+len(seen))
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			one, err := scanTrace(rows)
			if err != nil {
				return err
			}
			if !seen[one.ID] {
				list = append(list, one)
			}
		}
		return rows.Err()
	})
	slices.SortStableFunc(list, func(a, b Trace) int { return b.Started.Compare(a.Started) })
	return list[:min(limit, len(list))], err
}

func scanTrace(row interface{ Scan(...any) error }) (Trace, error) {
	var one Trace
	var body string
	if err := row.Scan(&body); err != nil {
		return one, err
	}
	return one, json.Unmarshal([]byte(body), &one)
}

func (t *traces) inMemory() []Trace {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := slices.Clone(t.ended)
	for _, r := range t.running {
		list = append(list, r.copy())
	}
	slices.Reverse(list)
	return list
}

// find is one trace; an error of sql.ErrNoRows when there is none.
func (t *traces) find(ctx context.Context, id string) (Trace, error) {
	for _, one := range t.inMemory() {
		if one.ID == id {
			return one, nil
		}
	}
	var found Trace
	err := t.store.Read(ctx, func(ctx context.Context, tx store.Tx) (err error) {
		found, err = scanTrace(tx.QueryRow(ctx, `SELECT body FROM agent_traces WHERE id = ?`, id))
		return err
	})
	return found, err
}
