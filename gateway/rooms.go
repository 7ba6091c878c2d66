// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"sync"

	"holdfast/gateway/route"
)

const (
	// generous is what a plain answer may have for which nobody set a limit, mostRoom what it may have
	// where earlier ones came to that.
	generous = 32 << 10
	mostRoom = 128 << 10
	// leastRoom is the smallest limit that every API takes.
	leastRoom = 16
	// spare is how many answers of a size must fit under every cap before one may have it, so that it
	// takes nothing from others.
	spare = 8
	// keptRooms bounds how many targets differ from the rest.
	keptRooms = 1000
)

// rooms remember, by target, how large a limit plain answers get for which nobody set one. What is
// reserved bounds such an answer, so one that came to it may have been cut, and the next may say twice
// as much; a target that takes no limit so large gets the one that it took.
type rooms struct {
	mu  sync.Mutex
	all map[route.Target]int64
}

func (r *rooms) of(t route.Target) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.known(t)
}

func (r *rooms) known(t route.Target) int64 {
	if room := r.all[t]; room > 0 {
		return room
	}
	return generous
}

// taken is the largest limit that a target is known to take.
func (r *rooms) taken(t route.Target) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if room := r.all[t]; room > 0 && room < generous {
		return room
	}
	return mostRoom
}

// reached says that an answer came to its limit. A limit below the target's own tells nothing of it.
func (r *rooms) reached(t route.Target, limit int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if limit >= r.known(t) {
		r.set(t, min(2*limit, mostRoom))
	}
}

// took says that a target took this limit and none above.
func (r *rooms) took(t route.Target, limit int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if limit < r.known(t) {
		r.set(t, limit)
	}
}

func (r *rooms) set(t route.Target, room int64) {
	if r.all == nil || len(r.all) >= keptRooms {
		r.all = map[route.Target]int64{}
	}
	r.all[t] = room
}
