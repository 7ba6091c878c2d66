// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"sync"

	"holdfast/gateway/route"
)

// mostFloor bounds what is reserved because of earlier answers that were too short.
const mostFloor = 64 << 10

// floors remember, by target, how much plain answers need for which nobody set a limit. What is
// reserved bounds the answer, so an answer that came to it may have been cut, and shows too little of
// what the model would have said: the next one may say twice as much.
type floors struct {
	mu  sync.Mutex
	all map[named]int64
}

type named struct{ provider, model string }

func (f *floors) raise(t route.Target, room int64) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return max(room, f.all[named{t.Provider, t.Model}])
}

func (f *floors) double(t route.Target, limit int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.all == nil {
		f.all = map[named]int64{}
	}
	at := named{t.Provider, t.Model}
	f.all[at] = min(max(f.all[at], 2*limit), mostFloor)
}
