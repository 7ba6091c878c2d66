// SPDX-License-Identifier: Apache-2.0

// Package journal is the house's one append-only record of all that happened, hash-chained.
//
// It is for entries about actions, operations and refusals; it is not a log for programmers, and
// it keeps no secret: details are marshalled from typed values in which a Secret is its mask.
//
// An entry that Append returned is on the disk, and follows every entry returned before it. Each
// node has a chain of its own. Readers never hold up writers. Old months move to files, with the
// anchor of the chain kept. The waist (core/action, core/operation) appends; surfaces show and
// follow.
package journal

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"holdfast"
	"holdfast/core/home"
	"holdfast/core/store"
)

//go:embed migrations
var migrations embed.FS

// Migrations are the journal's tables.
func Migrations() fs.FS { return migrations }

// A Journal appends to one node's chain and reads all of them.
//
// Appends that come while another is being written are written together: the first of those who
// wait leads the next batch.
//
//	Append ──▶ waiting ──(lead)──▶ store.Write: head, rows, head ──▶ all answered, followers woken
type Journal struct {
	store   *store.Store
	node    atomic.Pointer[string]
	now     func() time.Time
	archive *archiver

	appended atomic.Int64

	mu      sync.Mutex
	waiting []*pending
	writing bool
	changed chan struct{} // closed and replaced after each batch
}

// pending is one entry on its way to the disk.
type pending struct {
	entry holdfast.Entry
	lead  chan struct{}
	done  chan error
}

// Needs is what the journal does not have of itself.
type Needs struct {
	// Home holds the node's name and the archives. Without one nothing is archived.
	Home home.Home
	// Log may be nil.
	Log *slog.Logger
}

// New is the journal of one node on a store; it touches nothing. With an empty name, Settle finds
// it, and nothing can be appended before.
func New(s *store.Store, node string) *Journal {
	j := &Journal{store: s, now: time.Now, changed: make(chan struct{})}
	node = clean(node, mostName)
	j.node.Store(&node)
	j.archive = newArchiver(j)
	return j
}

// Use hands over home and log. Call it before the house runs.
func (j *Journal) Use(n Needs) {
	if n.Log == nil {
		n.Log = slog.New(slog.DiscardHandler)
	}
	j.archive.home, j.archive.log = n.Home, n.Log
}

// Append gives the entry its sequence, time, node and hash, and returns it once it is durable.
// It waits for that even when ctx ends meanwhile, so that the answer is always true.
func (j *Journal) Append(ctx context.Context, e holdfast.Entry) (holdfast.Entry, error) {
	p, err := j.prepare(ctx, e)
	if err != nil {
		return e, err
	}
	if j.join(p) {
		j.writeBatch(ctx)
	}
	if err := j.await(ctx, p); err != nil {
		return e, err
	}
	return p.entry, nil
}

// AppendAll appends entries one after the other in as few writes as can be, and tells how many of
// them, from the first on, are durable.
func (j *Journal) AppendAll(ctx context.Context, entries []holdfast.Entry) (durable int, err error) {
	all := make([]*pending, 0, len(entries))
	for _, e := range entries {
		p, err := j.prepare(ctx, e)
		if err != nil {
			return 0, err
		}
		all = append(all, p)
	}
	if len(all) > 0 && j.join(all...) {
		j.writeBatch(ctx)
	}
	for _, p := range all { // all of them, for each may be told to lead
		if failed := j.await(ctx, p); failed != nil {
			err = cmp.Or(err, failed)
		} else if err == nil {
			durable++
		}
	}
	return durable, err
}

func (j *Journal) prepare(ctx context.Context, e holdfast.Entry) (*pending, error) {
	if store.Writing(ctx) {
		return nil, errors.New("cannot append to the journal: not within a write of the store")
	}
	if j.Node() == "" {
		return nil, errors.New("cannot append to the journal: this node has no name before the store is open")
	}
	if err := tidy(&e); err != nil {
		return nil, fmt.Errorf("cannot append to the journal: %w", err)
	}
	return &pending{entry: e, lead: make(chan struct{}, 1), done: make(chan error, 1)}, nil
}

// await leads the writing when it is told to, until the entry is durable or cannot be.
func (j *Journal) await(ctx context.Context, p *pending) error {
	for {
		select {
		case <-p.lead:
			j.writeBatch(ctx)
		case err := <-p.done:
			if err != nil {
				return fmt.Errorf("cannot append to the journal: %w", err)
			}
			return nil
		}
	}
}

// join queues entries and tells whether their caller leads.
func (j *Journal) join(p ...*pending) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.waiting = append(j.waiting, p...)
	if j.writing {
		return false
	}
	j.writing = true
	return true
}

// writeBatch writes all who wait, answers them, and hands the lead to the next in line.
func (j *Journal) writeBatch(ctx context.Context) {
	j.mu.Lock()
	batch := j.waiting[:min(len(j.waiting), mostBatch)]
	j.waiting = j.waiting[len(batch):]
	j.mu.Unlock()

	err := j.store.Write(context.WithoutCancel(ctx), func(ctx context.Context, tx store.Tx) error {
		return j.chain(ctx, tx, batch)
	})

	j.mu.Lock()
	defer j.mu.Unlock()
	for _, p := range batch {
		p.done <- err
	}
	if err == nil {
		j.appended.Add(int64(len(batch)))
		close(j.changed)
		j.changed = make(chan struct{})
	}
	if len(j.waiting) == 0 {
		j.writing = false
		return
	}
	j.waiting[0].lead <- struct{}{}
}

// Appended counts the entries acknowledged since the start.
func (j *Journal) Appended() int64 { return j.appended.Load() }

// next is closed when the next batch is durable.
func (j *Journal) next() <-chan struct{} {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.changed
}
