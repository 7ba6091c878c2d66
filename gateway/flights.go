// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"sync"

	"holdfast/gateway/breaker"
)

// halt cuts the calls under way that a HALT is about: all, or those of one tenant or key.
func (g *Gateway) halt(flag breaker.Flag) {
	g.flights.cut(&haltedError{reason: flag.Reason}, func(one flight) bool {
		switch name, tenant := flag.Scope.Name(); {
		case flag.Scope == "": // the whole house
			return true
		case tenant:
			return one.tenant == name
		default:
			return one.key == name
		}
	})
}

// A flight is one call under way, and whose it is.
type flight struct {
	cancel context.CancelCauseFunc
	tenant string
	key    string
	stream bool
}

// flights are the calls under way.
type flights struct {
	mu   sync.Mutex
	next int64
	all  map[int64]flight
}

func (f *flights) begin(one flight) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.all == nil {
		f.all = map[int64]flight{}
	}
	f.next++
	f.all[f.next] = one
	return f.next
}

func (f *flights) end(id int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.all, id)
}

// open counts those under way.
func (f *flights) open() (plain, streams int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, one := range f.all {
		if one.stream {
			streams++
		}
	}
	return len(f.all) - streams, streams
}

func (f *flights) cut(cause error, concerned func(flight) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, one := range f.all {
		if concerned(one) {
			one.cancel(cause)
		}
	}
}
