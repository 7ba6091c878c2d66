// SPDX-License-Identifier: Apache-2.0

package breaker

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"holdfast/gateway/breaker/halt"
)

// halts are the HALTs that stand, of the house and of single tenants and keys, in memory and on the
// disk. Memory comes first where one is raised, and last where one is ended.
type halts struct {
	files  halt.Files
	teller *teller
	log    *slog.Logger
	now    func() time.Time
	limits *limits

	house  atomic.Pointer[Flag]
	scopes atomic.Pointer[map[halt.Scope]*Flag] // never changed in place; nil for none
	// rests is until when judging rests, after a forced resume; never changed in place.
	rests atomic.Pointer[map[halt.Scope]time.Time]

	mu        sync.Mutex // one change at a time
	started   bool
	cut       []func(Flag)
	unkept    bool                     // what stands is not remembered beside the flags yet
	unwritten map[halt.Scope]string    // HALTs that stand in memory alone, and why
	tampered  map[halt.Scope]time.Time // flags that were deleted by hand
	unread    string                   // why the state beside the flags is not known
}

// get is the HALT of a scope that is known of, nil for none.
func (h *halts) get(s halt.Scope) *Flag {
	if s == halt.House {
		return h.house.Load()
	}
	if all := h.scopes.Load(); all != nil {
		return (*all)[s]
	}
	return nil
}

// put is called with the lock held.
func (h *halts) put(s halt.Scope, flag *Flag) {
	if s == halt.House {
		h.house.Store(flag)
		return
	}
	next := map[halt.Scope]*Flag{}
	if all := h.scopes.Load(); all != nil {
		maps.Copy(next, *all)
	}
	next[s] = flag
	if flag == nil {
		delete(next, s)
	}
	if len(next) == 0 {
		h.scopes.Store(nil)
		return
	}
	h.scopes.Store(&next)
}

// covering is the HALT that a call of a tenant with a key falls under, nil for none.
func (h *halts) covering(tenant, key string) *Flag {
	if flag := h.house.Load(); flag != nil {
		return flag
	}
	all := h.scopes.Load()
	if all == nil {
		return nil
	}
	for _, flag := range *all {
		if flag.Covers(tenant, key) {
			return flag
		}
	}
	return nil
}

// scoped lists the HALTs of single tenants and keys.
func (h *halts) scoped() []Flag {
	all := h.scopes.Load()
	if all == nil {
		return nil
	}
	var list []Flag
	for _, s := range slices.Sorted(maps.Keys(*all)) {
		list = append(list, *(*all)[s])
	}
	return list
}

// open takes up what the files say, for a house that starts and for an action without one.
func (h *halts) open() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.files.Sweep(h.now())
	state, err := h.files.State()
	h.unread = ""
	if err != nil {
		h.unread = err.Error()
		h.log.Error("cannot read the breaker's state", "error", err)
	}
	rests := map[halt.Scope]time.Time{halt.House: state.SuspendedUntil}
	maps.Copy(rests, state.Suspended)
	h.rests.Store(&rests)
	remembered := maps.Clone(state.Scopes)
	if remembered == nil {
		remembered = map[halt.Scope]*Flag{}
	}
	remembered[halt.House] = state.Halt
	for _, s := range h.files.Standing() {
		if _, known := remembered[s]; !known {
			remembered[s] = nil
		}
	}
	for s, before := range remembered {
		h.takeUp(s, before)
	}
}

// takeUp is called with the lock held.
func (h *halts) takeUp(s halt.Scope, before *Flag) {
	flag, stands := h.files.Flag(s, h.now())
	switch {
	case stands && before == nil:
		h.adopt(flag)
	case stands:
		h.put(s, &flag)
	case before != nil:
		before.Scope = s
		h.put(s, before)
		h.rewrite(*before)
	default:
		h.put(s, nil)
	}
}

// adopt takes up a flag that this process did not write. It is called with the lock held.
func (h *halts) adopt(flag Flag) {
	h.put(flag.Scope, &flag)
	h.keep()
	h.teller.announce(halt.Event{Time: h.now().UTC(), Event: halt.EventHalt, Reason: flag.Reason, By: flag.By, Flag: &flag})
	h.stop(flag)
}

// stop cuts what is under way of whom the HALT is for, unless the owner lets it finish.
func (h *halts) stop(flag Flag) {
	if !h.limits.get().CutStreams {
		return
	}
	for _, f := range h.cut {
		f(flag)
	}
}

// raise halts: memory, then the flag, then what is under way, then everything else. It returns the
// HALT that stands, which may be another that was there first.
func (h *halts) raise(flag Flag, journaled bool) (Flag, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := flag.Scope
	if known := h.get(s); known != nil {
		return *known, nil
	}
	h.put(s, &flag)
	first, err := h.files.Raise(flag)
	if err != nil {
		h.unwritten[s] = err.Error()
		h.log.Error("cannot write the HALT flag, it stands in memory and is tried again", "scope", s.Subject(), "error", err)
	} else if !first {
		theirs, _ := h.files.Flag(s, h.now())
		flag = orElse(theirs, flag)
		h.put(s, &flag)
	}
	h.stop(flag)
	h.keep()
	h.teller.send(announcement{halt.Event{Time: flag.Since, Event: halt.EventHalt, Reason: flag.Reason, By: flag.By, Flag: &flag}, journaled && first})
	if h.started { // else a person did it, and is told
		h.log.Error("HALT: model calls and dispatches are refused", "scope", s.Subject(), "reason", flag.Reason)
	}
	return flag, err
}

func orElse(flag, other Flag) Flag {
	if flag.Reason == "" {
		return other
	}
	return flag
}

// look compares the flags with what is known.
func (h *halts) look() {
	for _, s := range append(h.files.Standing(), halt.House) {
		if h.get(s) == nil && h.files.Stands(s) {
			h.find(s)
		}
	}
	known := []halt.Scope{halt.House}
	if all := h.scopes.Load(); all != nil {
		known = slices.AppendSeq(known, maps.Keys(*all))
	}
	for _, s := range known {
		if h.get(s) != nil && !h.files.Stands(s) {
			h.missing(s)
		}
	}
	h.keepAgain()
}

// find takes up a flag that another program wrote, and returns it.
func (h *halts) find(s halt.Scope) *Flag {
	flag, stands := h.files.Flag(s, h.now())
	if !stands {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if known := h.get(s); known != nil {
		return known
	}
	if !h.started {
		return &flag
	}
	h.adopt(flag)
	return &flag
}

// missing puts back a flag that is not there: deleted by hand, or never written. One that the watch
// ended stays away.
func (h *halts) missing(s halt.Scope) {
	h.mu.Lock()
	defer h.mu.Unlock()
	flag := h.get(s)
	if flag == nil || h.files.Stands(s) {
		return
	}
	if state, err := h.files.State(); err == nil && s == halt.House && state.Halt == nil && !state.Ended.IsZero() && state.Ended.Equal(flag.Since) {
		h.put(s, nil)
		return
	}
	h.rewrite(*flag)
}

// rewrite is called with the lock held.
func (h *halts) rewrite(flag Flag) {
	_, late := h.unwritten[flag.Scope]
	if !late {
		h.tampered[flag.Scope] = h.now()
	}
	first, err := h.files.Raise(flag)
	if err != nil {
		h.unwritten[flag.Scope] = err.Error()
		h.log.Error("cannot write the HALT flag, it is tried again", "scope", flag.Scope.Subject(), "error", err)
		return
	}
	delete(h.unwritten, flag.Scope)
	if late {
		h.keep()
		return
	}
	if first {
		h.teller.announce(halt.Event{Time: h.now().UTC(), Event: halt.EventRewritten, Reason: "the flag was deleted by hand while its cause stands", By: "breaker", Flag: &flag})
	}
}

// end takes a HALT away: what is remembered first, for a crash in between leaves a flag, which is
// the safe side.
func (h *halts) end(a announcement, s halt.Scope, suspended time.Time) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	since, wait := time.Time{}, halt.Briefly
	if flag := h.get(s); flag != nil {
		since = flag.Since
	}
	if a.journaled { // a person waits for it
		wait = halt.Patiently
	}
	now := h.now()
	err := h.files.Change(wait, func(state *halt.State) { state.End(s, since, suspended, now) }, func() error { return h.files.Lower(s, now) })
	if err != nil {
		return fmt.Errorf("cannot resume: %w", err)
	}
	h.put(s, nil)
	rests := map[halt.Scope]time.Time{s: suspended}
	for scope, until := range h.resting() {
		if scope != s {
			rests[scope] = until
		}
	}
	h.rests.Store(&rests)
	delete(h.unwritten, s)
	delete(h.tampered, s)
	h.teller.send(a)
	return nil
}

// keep remembers the HALTs beside their flags, so that a deleted flag is noticed. Where that fails it
// is tried again. It is called with the lock held.
func (h *halts) keep() {
	err := h.files.Change(halt.Briefly, func(s *halt.State) {
		if flag := h.house.Load(); flag != nil {
			s.Put(*flag)
		}
		for _, flag := range h.scoped() {
			s.Put(flag)
		}
	}, nil)
	if h.unkept = err != nil; h.unkept {
		h.log.Error("cannot remember the HALT beside its flag, it is tried again", "error", err)
	}
}

// keepAgain remembers what could not be.
func (h *halts) keepAgain() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.unkept {
		h.keep()
	}
}

// resting is until when judging rests, by scope.
func (h *halts) resting() map[halt.Scope]time.Time {
	if all := h.rests.Load(); all != nil {
		return *all
	}
	return nil
}

// rest is until when judging of a scope rests; the zero time when it does not.
func (h *halts) rest(s halt.Scope) time.Time {
	if until := h.resting()[s]; !until.IsZero() && halt.Rests(until, h.now()) {
		return until
	}
	return time.Time{}
}
