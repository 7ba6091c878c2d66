// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"context"
	"iter"
	"log/slog"
	"sync"
	"time"

	"holdfast"
)

const (
	// gather is how long changes are gathered before the files are written again.
	gather = 20 * time.Millisecond
	// journalRetry is the pause after the journal refused an entry.
	journalRetry = time.Second
	// backlogMost bounds the entries that wait for a journal that cannot be written.
	backlogMost = 10_000
)

// A Change is one change of a unit's state.
type Change struct {
	From    holdfast.UnitState
	At      time.Time
	Status  holdfast.UnitStatus
	Adopted bool
}

// A scribe writes down what happens to the units, behind their backs: a slow disk never delays a
// restart. One goroutine writes the journal, in order; one the files that other programs read.
type scribe struct {
	s       *Supervisor
	running sync.WaitGroup

	mu       sync.Mutex
	entries  []holdfast.Entry
	dropped  int
	dirty    map[string]bool // units whose status file is old
	dropping []string        // units whose status file must go
	stale    bool            // units.json and state.json are old
	readers  map[*reader]bool
	work     chan struct{} // the journal has work
	write    chan struct{} // the files have work
	closed   chan struct{}
}

func newScribe(s *Supervisor) *scribe {
	return &scribe{
		s: s, dirty: map[string]bool{}, readers: map[*reader]bool{},
		work: make(chan struct{}, 1), write: make(chan struct{}, 1), closed: make(chan struct{}),
	}
}

func (c *scribe) start() {
	c.running.Go(c.keepJournal)
	c.running.Go(c.keepFiles)
}

// close writes what is left and ends.
func (c *scribe) close() {
	close(c.closed)
	c.running.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	for r := range c.readers {
		r.end()
	}
}

func poke(to chan struct{}) {
	select {
	case to <- struct{}{}:
	default:
	}
}

// note takes a change; the supervisor's lock is held, so it does no more than remember.
func (c *scribe) note(change Change, launch string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stale, c.dirty[change.Status.Name] = true, true
	poke(c.write)
	for r := range c.readers {
		r.push(change)
	}
	if change.From == change.Status.State {
		return // only the detail is new
	}
	c.enqueue(holdfast.Entry{
		Action: "unit.state", Subject: change.Status.Name, Outcome: outcomeOf(change.Status.State),
		Detail: detail(stateDetail{
			From: change.From, To: change.Status.State, Why: change.Status.Detail,
			PID: change.Status.PID, Launch: launch, Adopted: change.Adopted,
		}),
	})
}

type stateDetail struct {
	From    holdfast.UnitState `json:"from"`
	To      holdfast.UnitState `json:"to"`
	Why     string             `json:"why,omitempty"`
	PID     int                `json:"pid,omitempty"`
	Launch  string             `json:"launch,omitempty"`
	Adopted bool               `json:"adopted,omitempty"`
}

func outcomeOf(state holdfast.UnitState) holdfast.Outcome {
	if state == holdfast.UnitFailed {
		return holdfast.OutcomeFailed
	}
	return holdfast.OutcomeNoted
}

// noteLoop journals that a unit restarts too often.
func (c *scribe) noteLoop(unit string, restarts int, now time.Time) {
	c.journal(holdfast.Entry{
		Action: "unit.restart_loop", Subject: unit, Outcome: holdfast.OutcomeNoted,
		Detail: detail(map[string]any{"restarts_last_hour": restarts, "at": now.UTC()}),
	})
}

// journal appends an entry when it can; the order of calls is kept.
func (c *scribe) journal(entry holdfast.Entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.enqueue(entry)
}

func (c *scribe) enqueue(entry holdfast.Entry) {
	if c.s.options.Journal == nil {
		return
	}
	if len(c.entries) >= backlogMost {
		c.dropped++
		return
	}
	entry.Caller, entry.Tier = "house:supervisor", holdfast.TierInternal
	c.entries = append(c.entries, entry)
	poke(c.work)
}

func (c *scribe) keepJournal() {
	for {
		select {
		case <-c.work:
			c.empty(context.Background(), true)
		case <-c.closed:
			c.empty(context.Background(), false)
			return
		}
	}
}

// empty writes the backlog. When the journal refuses it tries again later, unless the house ends.
func (c *scribe) empty(ctx context.Context, retry bool) {
	for {
		entry, ok := c.next()
		if !ok {
			return
		}
		_, err := c.s.options.Journal.Append(ctx, entry)
		for err != nil && retry && c.pause() {
			_, err = c.s.options.Journal.Append(ctx, entry)
		}
		if err != nil {
			c.s.log.Error("cannot journal what happened to a unit", slog.String("unit", entry.Subject), slog.Any("error", err))
		}
	}
}

func (c *scribe) next() (holdfast.Entry, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.entries) == 0 {
		c.entries = nil
		return holdfast.Entry{}, false
	}
	entry := c.entries[0]
	c.entries = c.entries[1:]
	if c.dropped > 0 {
		c.entries = append(c.entries, holdfast.Entry{
			Action: "unit.state", Outcome: holdfast.OutcomeFailed, Caller: "house:supervisor", Tier: holdfast.TierInternal,
			Detail: detail(map[string]int{"changes_not_journaled": c.dropped}),
		})
		c.dropped = 0
	}
	return entry, true
}

// pause waits before another try; false when the house ends.
func (c *scribe) pause() bool {
	timer := time.NewTimer(journalRetry)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.closed:
		return false
	}
}

// Changes follows the changes of all units until ctx ends or the supervisor stops. A slow reader
// gets the newest change of each unit, never an old one after a newer.
func (s *Supervisor) Changes(ctx context.Context) iter.Seq[Change] {
	r := newReader()
	c := s.scribe
	c.mu.Lock()
	c.readers[r] = true
	c.mu.Unlock()
	context.AfterFunc(ctx, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.readers, r)
	})
	return func(yield func(Change) bool) {
		for {
			change, ok := r.pull(ctx)
			if !ok || !yield(change) {
				return
			}
		}
	}
}

// touch marks all files as old.
func (c *scribe) touch() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stale = true
	poke(c.write)
}

// touchUnit marks the files of a unit as old.
func (c *scribe) touchUnit(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stale, c.dirty[name] = true, true
	poke(c.write)
}

// drop takes away the status file of a unit that is no more.
func (c *scribe) drop(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.dirty, name)
	c.dropping, c.stale = append(c.dropping, name), true
	poke(c.write)
}
