// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"context"
	"iter"
	"slices"
	"sync"
)

// readerMost is how many changes wait for a slow reader before old ones of a unit are left out.
const readerMost = 1024

// An audience are those who follow changes.
type audience struct {
	mu      sync.Mutex
	readers map[*reader]bool
	changed chan struct{} // closed at the next change
}

func newAudience() *audience {
	return &audience{readers: map[*reader]bool{}, changed: make(chan struct{})}
}

func (a *audience) tell(change Change) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for r := range a.readers {
		r.push(change)
	}
	close(a.changed)
	a.changed = make(chan struct{})
}

// next is closed at the next change.
func (a *audience) next() <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.changed
}

// follow gives the changes from now on, until ctx ends or the house does.
func (a *audience) follow(ctx context.Context) iter.Seq[Change] {
	r := newReader()
	a.mu.Lock()
	a.readers[r] = true
	a.mu.Unlock()
	context.AfterFunc(ctx, func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.readers, r)
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

// end lets the readers go when they have read what is there.
func (a *audience) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for r := range a.readers {
		r.end()
	}
}

// A reader is one who follows changes.
type reader struct {
	mu      sync.Mutex
	pending []Change
	more    chan struct{}
	ended   chan struct{}
}

func newReader() *reader {
	return &reader{more: make(chan struct{}, 1), ended: make(chan struct{})}
}

// push never waits.
func (r *reader) push(change Change) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.pending) >= readerMost {
		r.pending = slices.DeleteFunc(r.pending, func(old Change) bool { return old.Status.Name == change.Status.Name })
	}
	r.pending = append(r.pending, change)
	poke(r.more)
}

func (r *reader) end() { close(r.ended) }

func (r *reader) pull(ctx context.Context) (Change, bool) {
	for {
		if change, ok := r.take(); ok {
			return change, true
		}
		select {
		case <-r.more:
		case <-ctx.Done():
			return Change{}, false
		case <-r.ended:
			return r.take()
		}
	}
}

func (r *reader) take() (Change, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.pending) == 0 {
		return Change{}, false
	}
	change := r.pending[0]
	r.pending = r.pending[1:]
	return change, true
}
