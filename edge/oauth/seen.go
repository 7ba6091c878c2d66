// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"sync"
	"time"
)

const (
	// fresh is how long what was seen of a token counts: another node may have ended its grant. What
	// ends in this house counts at once.
	fresh    = 5 * time.Second
	mostSeen = 1000
)

// seen are the access tokens that were good a moment ago, so that not every call of a client asks the
// store.
type seen struct {
	mu      sync.Mutex
	tokens  map[string]sight // by hash
	changes int              // counts what was forgotten
}

type sight struct {
	token token
	grant grant
	at    time.Time
}

// find gives what was seen of a token, and the state of things to remember it by.
func (x *seen) find(hash string, now time.Time) (one sight, ok bool, changes int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	one, ok = x.tokens[hash]
	age := now.Sub(one.at)
	return one, ok && age >= 0 && age < fresh, x.changes
}

// keep remembers a token, unless something was forgotten since the store was asked: it may have been
// this one.
func (x *seen) keep(one sight, changes int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.changes != changes {
		return
	}
	if x.tokens == nil || len(x.tokens) >= mostSeen {
		x.tokens = map[string]sight{}
	}
	x.tokens[one.token.Hash] = one
}

// forget drops the tokens of a grant, or the one of a hash.
func (x *seen) forget(name string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.changes++
	for hash, one := range x.tokens {
		if hash == name || one.grant.ID == name {
			delete(x.tokens, hash)
		}
	}
}
