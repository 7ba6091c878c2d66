// SPDX-License-Identifier: Apache-2.0

package breaker

import (
	"sync"
	"sync/atomic"
	"time"

	"holdfast/gateway/breaker/halt"
	"holdfast/gateway/breaker/judge"
	"holdfast/gateway/ledger"
)

// A meter is what one tenant or key burns, when it has caps of its own.
type meter struct {
	scope    halt.Scope
	caps     judge.Caps
	slide    judge.Slide
	reserved int64
	warned   bool
	loaded   bool // it knows the last day
}

func (m *meter) burn(now time.Time) judge.Burn {
	m.slide.Advance(now)
	return m.slide.Burn(m.reserved)
}

// add counts what was burned at a time. What was burned just now belongs to the newest minute, also
// when the clock was set back.
func (m *meter) add(at, now time.Time, tokens int64) {
	m.slide.Advance(now)
	minute := judge.MinuteOf(at)
	if now.Sub(at) < time.Minute {
		minute = m.slide.Head()
	}
	m.slide.Add(minute, tokens)
}

// meters keep the burn of every tenant and key that has caps of its own, and of the whole house for
// others to judge.
type meters struct {
	now    func() time.Time
	clock  *halt.Clock
	scoped atomic.Bool // there are any scopes

	mu       sync.Mutex
	tenants  map[string]*meter
	keys     map[string]*meter
	held     map[bearer]int64 // by calls under way, also of those without caps: they may be given some
	house    judge.Slide
	loaded   bool // house knows the last day
	revision int64
}

// A bearer is who makes a call: a tenant, a key, or both.
type bearer struct{ tenant, key string }

func newMeters(now func() time.Time, clock *halt.Clock) *meters {
	return &meters{now: now, clock: clock, held: map[bearer]int64{}, house: judge.Slide{Uptime: clock.Uptime}}
}

// fit makes the meters those of the caps in force, and tells whether one is new.
func (m *meters) fit(t *judge.Thresholds) (fresh bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	one := func(before map[string]*meter, caps map[string]judge.Caps, scope func(string) halt.Scope) map[string]*meter {
		after := make(map[string]*meter, len(caps))
		for name, c := range caps {
			after[name] = before[name]
			if after[name] == nil {
				after[name], fresh = &meter{scope: scope(name), slide: judge.Slide{Uptime: m.clock.Uptime}}, true
			}
			after[name].caps = c
		}
		return after
	}
	m.tenants, m.keys = one(m.tenants, t.Tenants, halt.Tenant), one(m.keys, t.Keys, halt.Key)
	if fresh {
		m.holdAgain()
	}
	m.scoped.Store(len(m.tenants)+len(m.keys) > 0)
	return fresh
}

// holdAgain reckons what the calls under way hold of each meter. It is called with the lock held.
func (m *meters) holdAgain() {
	for _, all := range []map[string]*meter{m.tenants, m.keys} {
		for _, one := range all {
			one.reserved = 0
		}
	}
	for of, tokens := range m.held {
		for _, one := range m.of(&ledger.Call{Tenant: of.tenant, Key: of.key}) {
			if one != nil {
				one.reserved += tokens
			}
		}
	}
}

// hold reserves for a call, or gives back what is negative. It is called with the lock held.
func (m *meters) hold(c *ledger.Call, tokens int64) {
	of := bearer{c.Tenant, c.Key}
	if of == (bearer{}) || tokens == 0 {
		return
	}
	if left := m.held[of] + tokens; left > 0 {
		m.held[of] = left
	} else {
		delete(m.held, of)
	}
	for _, one := range m.of(c) {
		if one != nil {
			one.reserved = max(one.reserved+tokens, 0)
		}
	}
}

// load brings in what the ledger knows of the last day, once for each meter. What was booked meanwhile
// is inside both, so the larger of the two counts.
func (m *meters) load(minutes []judge.Minute, past judge.Past) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	all, tenants, keys := map[int64]int64{}, map[*meter]map[int64]int64{}, map[*meter]map[int64]int64{}
	for _, b := range minutes {
		at, within := past.Now(b.At)
		if !within {
			continue
		}
		b.At = at
		all[b.At] += b.Tokens
		collect(tenants, m.tenants[b.Tenant], b)
		collect(keys, m.keys[b.Key], b)
	}
	if !m.loaded {
		raise(&m.house, now, all)
		m.loaded = true
	}
	for _, of := range []map[*meter]map[int64]int64{tenants, keys} {
		for one, sums := range of {
			raise(&one.slide, now, sums)
		}
	}
	for _, of := range []map[string]*meter{m.tenants, m.keys} {
		for _, one := range of {
			one.loaded = true
		}
	}
}

func collect(into map[*meter]map[int64]int64, of *meter, b judge.Minute) {
	if of == nil || of.loaded {
		return
	}
	if into[of] == nil {
		into[of] = map[int64]int64{}
	}
	into[of][b.At] += b.Tokens
}

func raise(s *judge.Slide, now time.Time, sums map[int64]int64) {
	s.Advance(now)
	for at, tokens := range sums {
		s.Raise(at, tokens)
	}
}

// of finds the meters of a call: its tenant's and its key's. It is called with the lock held.
func (m *meters) of(c *ledger.Call) [2]*meter {
	var found [2]*meter
	if c.Tenant != "" {
		found[0] = m.tenants[c.Tenant]
	}
	if c.Key != "" {
		found[1] = m.keys[c.Key]
	}
	return found
}

// admit tells which scope a call does not fit in, nil when it fits. The scopes that rest are skipped.
func (m *meters) admit(c *ledger.Claim, t *judge.Thresholds, rests func(halt.Scope) bool) *Full {
	if !m.scoped.Load() {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, one := range m.of(&c.Call) {
		if one == nil || rests(one.scope) {
			continue
		}
		if short := judge.Admit(one.burn(m.now()), c.Tokens, t.For(one.caps)); short != nil {
			return &Full{Shortage: short.Small(), Scope: one.scope}
		}
	}
	return nil
}

// reserve holds what a call may spend.
func (m *meters) reserve(c *ledger.Claim) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hold(&c.Call, c.Tokens)
}

// settle gives back what was reserved and counts what was spent.
func (m *meters) settle(reserved, spent *ledger.Claim, at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hold(&reserved.Call, -reserved.Tokens)
	if !m.scoped.Load() {
		return
	}
	now := m.now()
	for _, one := range m.of(&spent.Call) {
		if one != nil {
			one.add(at, now, spent.Tokens)
		}
	}
}

// booked counts for the house what a call spent.
func (m *meters) booked(c *ledger.Claim) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	m.house.Advance(now)
	minute := m.house.Head()
	if !c.At.IsZero() && now.Sub(c.At) >= time.Minute {
		minute = judge.MinuteOf(c.At)
	}
	m.house.Add(minute, c.Tokens)
	m.revision++
}

// burnt is what others are told of the burn.
func (m *meters) burnt(reserved int64) halt.Burnt {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.house.Advance(m.now())
	return halt.Burnt{At: m.now().UTC(), Reserved: reserved, Minutes: m.house.Minutes()}
}

// count is how often something was booked.
func (m *meters) count() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.revision
}

// A reading is the verdict on one meter.
type reading struct {
	scope   halt.Scope
	verdict judge.Verdict
	fresh   bool // the WARN is new
}

// read judges the meters: all, or with a call that call's.
func (m *meters) read(t *judge.Thresholds, only *ledger.Call) []reading {
	if !m.scoped.Load() {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	var list []reading
	one := func(of *meter) {
		if of == nil {
			return
		}
		v := judge.Judge(of.burn(now), t.For(of.caps))
		list = append(list, reading{of.scope, v, v.Level != judge.Calm && !of.warned})
		of.warned = v.Level != judge.Calm
	}
	if only != nil {
		for _, of := range m.of(only) {
			one(of)
		}
		return list
	}
	for _, all := range []map[string]*meter{m.tenants, m.keys} {
		for _, name := range sorted(all) {
			one(all[name])
		}
	}
	return list
}

// peek judges every meter, and counts no WARN as told.
func (m *meters) peek(t *judge.Thresholds) []reading {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	var list []reading
	for _, all := range []map[string]*meter{m.tenants, m.keys} {
		for _, name := range sorted(all) {
			list = append(list, reading{scope: all[name].scope, verdict: judge.Judge(all[name].burn(now), t.For(all[name].caps))})
		}
	}
	return list
}

// one is the burn of a scope, false when it has no caps of its own.
func (m *meters) one(s halt.Scope) (judge.Burn, judge.Caps, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, all := range []map[string]*meter{m.tenants, m.keys} {
		for _, of := range all {
			if of.scope == s {
				return of.burn(m.now()), of.caps, true
			}
		}
	}
	return judge.Burn{}, judge.Caps{}, false
}

// A purse counts what tenants and keys hold and spend on the way to the purse behind it.
type purse struct {
	meters *meters
	next   ledger.Purse
}

func (p purse) Reserve(c ledger.Claim) error {
	if p.next != nil {
		if err := p.next.Reserve(c); err != nil {
			return err
		}
	}
	p.meters.reserve(&c)
	return nil
}

// Fits asks the purse behind; the caps of the burn are the gate's.
func (p purse) Fits(c ledger.Claim) bool {
	next, tells := p.next.(interface{ Fits(c ledger.Claim) bool })
	return !tells || next.Fits(c)
}

func (p purse) Settle(reserved, spent ledger.Claim, at time.Time) {
	if p.next != nil {
		p.next.Settle(reserved, spent, at)
	}
	p.meters.settle(&reserved, &spent, at)
}
