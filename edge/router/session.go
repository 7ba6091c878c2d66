// SPDX-License-Identifier: Apache-2.0

package router

import (
	"context"
	"crypto/sha256"
	"errors"
	"sync"
	"time"
)

// maxCached bounds the answers kept; made-up cookies push out made-up cookies.
const maxCached = 8192

// A verdict is what is known of a session.
type verdict int

const (
	verdictInvalid verdict = iota
	verdictValid
	// verdictUnknown: the house is down and nothing recent is known.
	verdictUnknown
)

// asker puts questions to the house.
type asker interface {
	ask(context.Context, Ask) (Answer, error)
}

type cacheKey [sha256.Size]byte

// entry is one remembered answer. settled is closed when the question under way is answered.
type entry struct {
	answer    Answer
	confirmed time.Time // zero while never answered
	epoch     uint64    // of the connection that confirmed it
	retry     time.Time // when a house that was silent is asked again
	settled   chan struct{}
}

// sessions remembers the house's answers for seconds, and honours those confirmed less than a
// minute ago while the house is down.
type sessions struct {
	house asker
	now   func() time.Time

	mu      sync.Mutex
	epoch   uint64
	known   map[cacheKey]*entry
	revoked map[string]time.Time // so that an answer under way cannot bring a session back
}

func newSessions(house asker) *sessions {
	return &sessions{house: house, now: time.Now, known: map[cacheKey]*entry{}, revoked: map[string]time.Time{}}
}

// doubt makes every remembered answer one to be asked again.
func (s *sessions) doubt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epoch++
}

func (s *sessions) revoke(ids []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	for id, at := range s.revoked {
		if now.Sub(at) > honouredFor {
			delete(s.revoked, id)
		}
	}
	for _, id := range ids {
		s.revoked[id] = now
	}
	for _, e := range s.known {
		if _, gone := s.revoked[e.answer.Session]; gone {
			e.answer = Answer{}
		}
	}
}

// check tells what is known of a token, asking the house when the last answer is not fresh.
func (s *sessions) check(ctx context.Context, kind, token string) (Answer, verdict) {
	key := sha256.Sum256([]byte(kind + "\x00" + token))
	for {
		s.mu.Lock()
		e := s.known[key]
		if e == nil {
			s.makeRoom()
			e = &entry{}
			s.known[key] = e
		}
		if a, v, ok := s.recall(e); ok {
			s.mu.Unlock()
			return a, v
		}
		if e.settled == nil {
			settled := make(chan struct{})
			e.settled = settled
			epoch := s.epoch
			s.mu.Unlock()
			return s.inquire(ctx, e, settled, epoch, Ask{Kind: kind, Token: token})
		}
		wait := e.settled
		s.mu.Unlock()
		select {
		case <-wait:
		case <-ctx.Done():
			return Answer{}, verdictUnknown
		}
	}
}

// recall answers from memory when that is recent enough. The caller holds the lock.
func (s *sessions) recall(e *entry) (Answer, verdict, bool) {
	now := s.now()
	if now.Before(e.retry) {
		a, v := e.stale(now)
		return a, v, true
	}
	age := now.Sub(e.confirmed)
	if e.confirmed.IsZero() || e.epoch != s.epoch {
		return Answer{}, verdictUnknown, false
	}
	if e.answer.OK && age < freshFor {
		return e.answer, verdictValid, true
	}
	if !e.answer.OK && age < refusedFor {
		return e.answer, verdictInvalid, true
	}
	return Answer{}, verdictUnknown, false
}

// stale is what an unreachable house leaves standing.
func (e *entry) stale(now time.Time) (Answer, verdict) {
	if e.answer.OK && now.Sub(e.confirmed) < honouredFor {
		return e.answer, verdictValid
	}
	return Answer{}, verdictUnknown
}

// inquire asks the house once for all who wait on the entry.
func (s *sessions) inquire(ctx context.Context, e *entry, settled chan struct{}, epoch uint64, q Ask) (Answer, verdict) {
	// Whoever waits with us must not suffer from our client going away.
	a, err := s.house.ask(context.WithoutCancel(ctx), q)
	s.mu.Lock()
	defer s.mu.Unlock()
	e.settled = nil
	close(settled)
	now := s.now()
	if err != nil {
		e.retry = now.Add(refusedFor / 2)
		return e.stale(now)
	}
	if _, gone := s.revoked[a.Session]; gone {
		a = Answer{}
	}
	e.answer, e.confirmed, e.epoch, e.retry = a, now, epoch, time.Time{}
	if a.OK {
		return a, verdictValid
	}
	return a, verdictInvalid
}

// makeRoom keeps the memory bounded: first what is out of date goes, then anything invalid, then
// anything. The caller holds the lock.
func (s *sessions) makeRoom() {
	if len(s.known) < maxCached {
		return
	}
	now := s.now()
	for key, e := range s.known {
		if e.settled == nil && (!e.answer.OK || now.Sub(e.confirmed) > honouredFor) {
			delete(s.known, key)
		}
	}
	for key, e := range s.known {
		if len(s.known) < maxCached {
			return
		}
		if e.settled == nil {
			delete(s.known, key)
		}
	}
}

// errEnded is why a request was cut whose session ended.
var errEnded = errors.New("the session ended")

// live knows the open requests of each session, so that the end of a session ends them.
type live struct {
	mu   sync.Mutex
	next uint64
	open map[string]map[uint64]context.CancelCauseFunc
}

func newLive() *live { return &live{open: map[string]map[uint64]context.CancelCauseFunc{}} }

// enter registers an open request; leave must be called when it is over.
func (l *live) enter(ctx context.Context, session string) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	l.mu.Lock()
	l.next++
	id := l.next
	if l.open[session] == nil {
		l.open[session] = map[uint64]context.CancelCauseFunc{}
	}
	l.open[session][id] = cancel
	l.mu.Unlock()
	return ctx, func() {
		cancel(nil)
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.open[session], id)
		if len(l.open[session]) == 0 {
			delete(l.open, session)
		}
	}
}

func (l *live) end(sessions []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, session := range sessions {
		for _, cancel := range l.open[session] {
			cancel(errEnded)
		}
	}
}

// maxGreeting bounds what a Hello names.
const maxGreeting = 10000

func (l *live) sessions() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	ids := make([]string, 0, min(len(l.open), maxGreeting))
	for id := range l.open {
		if len(ids) == maxGreeting {
			break
		}
		ids = append(ids, id)
	}
	return ids
}
