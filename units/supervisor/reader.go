// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"context"
	"slices"
	"sync"
)

// readerMost is how many changes wait for a slow reader before old ones of a unit are left out.
const readerMost = 1024

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
