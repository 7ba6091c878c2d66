// SPDX-License-Identifier: Apache-2.0

package operation

import (
	"math"
	"slices"
	"strings"
	"sync"

	"holdfast"
)

// board is where an operation under way can be read, and asked to pause, by others than its
// goroutine.
type board struct {
	mu      sync.Mutex
	op      saved
	pausing bool
	changed chan struct{} // closed and replaced at each change
}

const mostMessage = 500

func (b *board) snapshot() holdfast.Operation {
	b.mu.Lock()
	defer b.mu.Unlock()
	op := b.op.Operation
	op.Steps = slices.Clone(op.Steps)
	return op
}

// next is closed at the next change.
func (b *board) next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.changed
}

// change edits the operation and wakes who follows it.
func (b *board) change(edit func(*saved)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	edit(&b.op)
	close(b.changed)
	b.changed = make(chan struct{})
}

func (b *board) paused() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.pausing
}

func (b *board) state() holdfast.OperationState {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.op.State
}

func (b *board) step(i int) holdfast.StepRecord {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.op.Steps[i]
}

func (b *board) saved() saved {
	b.mu.Lock()
	defer b.mu.Unlock()
	op := b.op
	op.Steps = slices.Clone(op.Steps)
	return op
}

func (b *board) progress(i int, percent float64, message string) {
	if math.IsNaN(percent) {
		percent = 0
	}
	if len(message) > mostMessage {
		message = strings.ToValidUTF8(message[:mostMessage], "") + "…"
	}
	b.change(func(op *saved) {
		s := &op.Steps[i]
		if s.State == stepBegun || s.State == stepUndoing {
			s.Percent, s.Message = min(max(percent, 0), 100), message
		}
	})
}

// pause lets the step under way end, and nothing begin.
func (b *board) pause() {
	b.mu.Lock()
	b.pausing = true
	b.mu.Unlock()
}
