// SPDX-License-Identifier: Apache-2.0

// Package journaltest is a journal in memory, for tests of what appends to one.
//
// It is not for tests of the chain, of archives or of queries: those take a journal on a database of
// storetest. It guarantees the order of appending, and nothing is lost. Tests of every wing call it.
package journaltest

import (
	"context"
	"slices"
	"sync"

	"holdfast"
)

// Journal keeps what is appended. The zero value is empty and ready.
type Journal struct {
	mu      sync.Mutex
	entries []holdfast.Entry
	refusal error
}

// Append keeps an entry as it is, unless the journal refuses.
func (j *Journal) Append(_ context.Context, e holdfast.Entry) (holdfast.Entry, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.refusal != nil {
		return e, j.refusal
	}
	j.entries = append(j.entries, e)
	return e, nil
}

// Refuse has Append fail from now on; nil ends that.
func (j *Journal) Refuse(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.refusal = err
}

// Entries are all that were appended, oldest first.
func (j *Journal) Entries() []holdfast.Entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.entries)
}

// Of are the entries of an action.
func (j *Journal) Of(action string) []holdfast.Entry {
	return slices.DeleteFunc(j.Entries(), func(e holdfast.Entry) bool { return e.Action != action })
}
