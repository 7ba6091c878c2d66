// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"holdfast"
)

const (
	// journalRetry is the pause after the journal refused an entry.
	journalRetry = time.Second
	// backlogMost bounds the entries that wait for a journal that cannot be written.
	backlogMost = 10_000
)

// journal is where changes of units are written down.
type journal interface {
	Append(context.Context, holdfast.Entry) (holdfast.Entry, error)
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
	for {
		entry, ok := s.next()
		if !ok {
			return
		}
		_, err := s.book.Append(ctx, entry)
		for err != nil && retry && pause(closed) {
			_, err = s.book.Append(ctx, entry)
		}
		if err != nil {
			s.log.Error("cannot journal what happened to a unit", slog.String("unit", entry.Subject), slog.Any("error", err))
		}
	}
}

func (s *scribe) next() (holdfast.Entry, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.entries) == 0 {
		s.entries = nil
		return holdfast.Entry{}, false
	}
	entry := s.entries[0]
	s.entries = s.entries[1:]
	if s.dropped > 0 {
		s.entries = append(s.entries, holdfast.Entry{
			Action: "unit.state", Outcome: holdfast.OutcomeFailed, Caller: "house:supervisor", Tier: holdfast.TierInternal,
			Detail: detail(map[string]int{"changes_not_journaled": s.dropped}),
		})
		s.dropped = 0
	}
	return entry, true
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
