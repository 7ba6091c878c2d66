// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"holdfast"
)

const (
	// journalRetry is the pause after the journal refused an entry.
	journalRetry = time.Second
	// backlogMost bounds the entries that wait for a journal that cannot be written.
	backlogMost = 10_000
	// togetherMost bounds the entries that are appended in one.
	togetherMost = 64
)

// journal is where changes of units are written down.
type journal interface {
	Append(context.Context, holdfast.Entry) (holdfast.Entry, error)
}

// together is a journal that takes several entries in one write, and tells how many it took.
type together interface {
	AppendAll(context.Context, []holdfast.Entry) (durable int, err error)
}

// A scribe writes to the journal what happens to the units, in order, from one goroutine (keep).
type scribe struct {
	book journal // nil keeps nothing
	log  *slog.Logger

	mu      sync.Mutex
	entries []holdfast.Entry
	dropped int
	work    chan struct{}
}

func newScribe(book journal, log *slog.Logger) *scribe {
	return &scribe{book: book, log: log, work: make(chan struct{}, 1)}
}

// note journals a change of state.
func (s *scribe) note(change Change, launch string) {
	s.journal(holdfast.Entry{
		Action: "unit.state", Subject: change.Status.Name, Outcome: outcomeOf(change.Status.State),
		Detail: detail(stateDetail{
			From: change.From, To: change.Status.State, Why: change.Status.Detail,
			PID: change.Status.PID, Launch: launch, Adopted: change.Adopted, At: change.At.UTC(),
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
	// At is when it happened; the entry's own time is when the journal took it.
	At time.Time `json:"at,omitzero"`
}

func outcomeOf(state holdfast.UnitState) holdfast.Outcome {
	if state == holdfast.UnitFailed {
		return holdfast.OutcomeFailed
	}
	return holdfast.OutcomeNoted
}

// noteLoop journals that a unit restarts too often.
func (s *scribe) noteLoop(unit string, restarts int, now time.Time) {
	s.journal(holdfast.Entry{
		Action: "unit.restart_loop", Subject: unit, Outcome: holdfast.OutcomeNoted,
		Detail: detail(map[string]any{"restarts_last_hour": restarts, "at": now.UTC()}),
	})
}

// journal takes an entry to be appended when that can be; the order of calls is kept.
func (s *scribe) journal(entry holdfast.Entry) {
	if s.book == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.entries) >= backlogMost {
		s.dropped++
		return
	}
	entry.Caller, entry.Tier = "house:supervisor", holdfast.TierInternal
	s.entries = append(s.entries, entry)
	poke(s.work)
}

// keep writes until closed, and then what is left.
func (s *scribe) keep(closed <-chan struct{}) {
	for {
		select {
		case <-s.work:
			s.empty(closed, true)
		case <-closed:
			s.empty(closed, false)
			return
		}
	}
}

// flush writes the backlog where no house runs.
func (s *scribe) flush() { s.empty(nil, false) }

// empty writes the backlog. When the journal refuses it tries again later, unless the house ends.
func (s *scribe) empty(closed <-chan struct{}, retry bool) {
	ctx := context.Background()
	for entries := s.next(); len(entries) > 0; entries = s.next() {
		durable, err := s.append(ctx, entries)
		for err != nil && retry && pause(closed) {
			entries = entries[durable:]
			durable, err = s.append(ctx, entries)
		}
		if err != nil {
			for _, entry := range entries[durable:] {
				s.log.Error("cannot journal what happened to a unit", slog.String("unit", entry.Subject), slog.Any("error", err))
			}
		}
	}
}

func (s *scribe) append(ctx context.Context, entries []holdfast.Entry) (durable int, err error) {
	if book, ok := s.book.(together); ok {
		return book.AppendAll(ctx, entries)
	}
	for _, entry := range entries {
		if _, err := s.book.Append(ctx, entry); err != nil {
			return durable, err
		}
		durable++
	}
	return durable, nil
}

// next takes the oldest entries of the backlog.
func (s *scribe) next() []holdfast.Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := min(len(s.entries), togetherMost)
	entries := slices.Clone(s.entries[:n])
	s.entries = s.entries[n:]
	if n == 0 {
		s.entries = nil
	}
	if s.dropped > 0 && n > 0 {
		s.entries = append(s.entries, holdfast.Entry{
			Action: "unit.state", Outcome: holdfast.OutcomeFailed, Caller: "house:supervisor", Tier: holdfast.TierInternal,
			Detail: detail(map[string]int{"changes_not_journaled": s.dropped}),
		})
		s.dropped = 0
	}
	return entries
}

// pause waits before another try; false when the house ends.
func pause(closed <-chan struct{}) bool {
	timer := time.NewTimer(journalRetry)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-closed:
		return false
	}
}
