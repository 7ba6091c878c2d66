// SPDX-License-Identifier: Apache-2.0

package breaker

import (
	"encoding/json"
	"sync"
	"sync/atomic"
	"time"

	"holdfast/gateway/breaker/halt"
	"holdfast/gateway/breaker/judge"
)

// limits are the owner's thresholds in force.
type limits struct {
	files  halt.Files
	teller *teller
	now    func() time.Time

	current atomic.Pointer[judge.Thresholds]
	mu      sync.Mutex
	wrong   string // why the file is not of use
}

// get is what is in force. What it points to is never changed.
func (l *limits) get() *judge.Thresholds {
	if t := l.current.Load(); t != nil {
		return t
	}
	return l.read(false)
}

// fault says why the owner's file is not of use; empty when it is.
func (l *limits) fault() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.wrong
}

// read takes up the owner's file. A file that is wrong changes nothing and is told of. With keep a
// change by hand is journaled, also one from while no house ran.
func (l *limits) read(keep bool) *judge.Thresholds {
	l.mu.Lock()
	defer l.mu.Unlock()
	t, err := l.files.Thresholds()
	if err != nil {
		l.wrong = "the thresholds are not usable, those before stay in force: " + err.Error()
		if l.current.Load() == nil {
			l.current.Store(&t)
		}
		return l.current.Load()
	}
	l.wrong = ""
	if old := l.current.Load(); old == nil || !old.Equal(t) {
		l.current.Store(&t)
	}
	if keep {
		l.keep(t)
	}
	return l.current.Load()
}

// keep remembers thresholds as of use, and tells when they are not those of before. It is called
// with the lock held.
func (l *limits) keep(t judge.Thresholds) {
	last, known := l.files.Last()
	if known && last.Equal(t) {
		return
	}
	if err := l.files.Keep(t); err != nil {
		l.teller.log.Error("cannot keep the thresholds", "error", err)
		return
	}
	if known {
		l.teller.announce(halt.Event{
			Time: l.now().UTC(), Event: halt.EventThresholds, By: "file", Reason: "the thresholds file was changed",
			Detail: detail(change{last, t}),
		})
	}
}

// set writes the owner's file for him.
func (l *limits) set(next judge.Thresholds, by string) (old judge.Thresholds, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	old, err = l.files.Thresholds()
	if err != nil {
		l.teller.log.Warn("replacing thresholds that are not usable", "error", err)
	}
	if err := l.files.SetThresholds(next); err != nil {
		return old, err
	}
	l.current.Store(&next)
	l.wrong = ""
	if err := l.files.Keep(next); err != nil {
		l.teller.log.Error("cannot keep the thresholds", "error", err)
	}
	l.teller.announce(halt.Event{Time: l.now().UTC(), Event: halt.EventThresholds, By: by, Detail: detail(change{old, next})})
	return old, nil
}

func detail(value any) json.RawMessage {
	raw, err := json.Marshal(value)
	if err != nil {
		return nil
	}
	return raw
}
