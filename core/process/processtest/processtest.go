// SPDX-License-Identifier: Apache-2.0

// Package processtest is a process.Host without processes, for tests that run in a synctest
// bubble, where a real child would stop the clock.
//
// It is for tests of what keeps processes running. It is not for tests of how a process is
// signalled or found (core/process tests that with real ones). Supervisor tests call it.
package processtest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"syscall"
	"time"

	"holdfast/core/process"
)

// A Host keeps launches in memory. The zero value is ready.
type Host struct {
	// OnStart decides over each launch before it counts: it may refuse it, script its life with
	// the launch's methods, or start goroutines that do. Nil accepts all.
	OnStart func(*Launch) error

	mu       sync.Mutex
	pid      int
	launches []*Launch
	ports    map[int]process.Holder
}

var _ process.Host = (*Host)(nil)

// Start makes a launch that lives until it is told to end.
func (h *Host) Start(spec process.Spec) (process.Child, error) {
	h.mu.Lock()
	h.pid++
	l := &Launch{
		Spec: spec, Began: time.Now(), done: make(chan struct{}),
		id: process.Identity{PID: 1000 + h.pid, Start: uint64(h.pid), Boot: "test", Mark: spec.Mark},
	}
	h.mu.Unlock()
	if h.OnStart != nil {
		if err := h.OnStart(l); err != nil {
			return nil, err
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.launches = append(h.launches, l)
	return l, nil
}

// Adopt finds a launch that lives.
func (h *Host) Adopt(id process.Identity) (process.Child, error) {
	for _, l := range h.Launches() {
		if l.id == id && l.Alive() {
			return l, nil
		}
	}
	return nil, process.ErrGone
}

// Marked lists the launches that live.
func (h *Host) Marked(house string) ([]process.Found, error) {
	var found []process.Found
	for _, l := range h.Launches() {
		if l.Alive() && (house == "" || l.id.Mark.House == house) {
			found = append(found, process.Found{Identity: l.id, Name: l.Spec.Argv[0], Leader: true})
		}
	}
	return found, nil
}

// EndMarked ends the launches that carry the mark.
func (h *Host) EndMarked(ctx context.Context, m process.Mark, s syscall.Signal, grace time.Duration) error {
	var failed error
	for _, l := range h.Launches() {
		if l.id.Mark == m {
			failed = errors.Join(failed, l.End(ctx, s, grace))
		}
	}
	return failed
}

// PortHolder tells what Hold was told.
func (h *Host) PortHolder(port int) (process.Holder, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	holder, held := h.ports[port]
	return holder, held
}

// Hold makes a port taken; a nil holder frees it.
func (h *Host) Hold(port int, holder *process.Holder) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ports == nil {
		h.ports = map[int]process.Holder{}
	}
	delete(h.ports, port)
	if holder != nil {
		h.ports[port] = *holder
	}
}

// Launches lists all launches so far, oldest first.
func (h *Host) Launches() []*Launch {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.launches)
}

// Of lists the launches of one unit, oldest first.
func (h *Host) Of(unit string) []*Launch {
	return slices.DeleteFunc(h.Launches(), func(l *Launch) bool { return l.id.Mark.Unit != unit })
}

// A Launch is one fake process.
type Launch struct {
	Spec  process.Spec
	Began time.Time

	id   process.Identity
	done chan struct{}

	mu      sync.Mutex
	ended   bool
	exit    process.Exit
	ignore  bool
	signals []syscall.Signal
}

// Identity tells which launch this is.
func (l *Launch) Identity() process.Identity { return l.id }

// Done is closed when the launch has ended.
func (l *Launch) Done() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.done
}

// Exit is how it ended.
func (l *Launch) Exit() process.Exit {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.exit
}

// Alive tells whether it has not ended.
func (l *Launch) Alive() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.ended
}

// IgnoreTerm makes the launch outlive every signal but SIGKILL.
func (l *Launch) IgnoreTerm() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ignore = true
}

// Signals lists what was sent.
func (l *Launch) Signals() []syscall.Signal {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.signals)
}

// Quit ends the launch with a status.
func (l *Launch) Quit(code int) { l.finish(process.Exit{Known: true, Code: code, At: time.Now()}) }

// QuitAfter ends the launch with a status after a time.
func (l *Launch) QuitAfter(d time.Duration, code int) {
	time.AfterFunc(d, func() { l.Quit(code) })
}

// Kill ends the launch as SIGKILL does.
func (l *Launch) Kill() { _ = l.Signal(syscall.SIGKILL) }

// Signal ends the launch by the signal unless it ignores it.
func (l *Launch) Signal(signal syscall.Signal) error {
	l.mu.Lock()
	if l.ended {
		l.mu.Unlock()
		return process.ErrGone
	}
	l.signals = append(l.signals, signal)
	ignored := l.ignore && signal != syscall.SIGKILL
	l.mu.Unlock()
	if !ignored {
		l.finish(process.Exit{Known: true, Code: 128 + int(signal), Signal: signal, At: time.Now()})
	}
	return nil
}

// End signals, waits for the grace, and kills.
func (l *Launch) End(ctx context.Context, signal syscall.Signal, grace time.Duration) error {
	if err := l.Signal(signal); errors.Is(err, process.ErrGone) {
		return nil
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-l.Done():
		return nil
	case <-ctx.Done():
	case <-timer.C:
	}
	l.Kill()
	return nil
}

func (l *Launch) finish(exit process.Exit) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return
	}
	l.ended, l.exit = true, exit
	close(l.done)
}

// Forsake gives the launch a new watcher's channel: the old watchers never hear of it again, as
// when the house that held them was killed.
func (l *Launch) Forsake() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ended {
		l.done = make(chan struct{})
	}
}
