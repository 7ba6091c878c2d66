// SPDX-License-Identifier: Apache-2.0

// Package breaker is the last line of defence: it halts spending when the burn passes a cap.
//
// It is not for budgets, which are finer and earlier, nor for counting, which the ledger does. A
// HALT is the file var/breaker/HALT_FLAG: it is durable before anything else is done about it, any
// program may honour it without this one, and while it stands no model is called and no work is
// dispatched. Telling (journal, history, alert) comes after halting and never hinders it. What it
// decides is decided in breaker/judge, its files are breaker/halt's. Callers: the ledger at every
// booking, the gateway before every call, the waist through the guard, people through the actions.
package breaker

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"holdfast"
	"holdfast/core/home"
	"holdfast/gateway/breaker/halt"
	"holdfast/gateway/breaker/judge"
	"holdfast/gateway/ledger"
)

// The words by which refusals are known: of a HALT, and of a breaker that nobody looks through.
const (
	Reason = halt.Reason
	Blind  = halt.Blind
)

// A Flag is a HALT: whose, why, and until when.
type Flag = halt.Flag

const (
	judgeEvery   = halt.Every
	lookEvery    = time.Second
	lookFresh    = 10 * time.Millisecond
	forcedResume = halt.ForcedRest
)

type journal interface {
	Append(context.Context, holdfast.Entry) (holdfast.Entry, error)
}

// Needs is what a breaker is made of.
type Needs struct {
	Home    home.Home
	Journal journal
	Log     *slog.Logger
	// Burn is the ledger's, also when no house runs.
	Burn func(context.Context) (judge.Burn, error)
	// Minutes are what the ledger burned since then, by minute, tenant and key.
	Minutes func(ctx context.Context, since time.Time) ([]judge.Minute, error)
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Boot is the machine's own clock; nil means that the other one is all there is.
	Boot func() *halt.Moment
	// Clock tells the passing of time from a clock that is set; nil means one of Now and Boot.
	Clock *halt.Clock
	// Helper is holdfast-watch, which hooks of other programs call; empty: beside this program.
	Helper string
}

// A Breaker keeps one house's HALTs. Its methods may be called by many goroutines.
//
//	armed ──▶ warn ──▶ halted ──▶ armed   (resume, or by itself after the cooldown)
//	  └──────────────────▲
type Breaker struct {
	needs  Needs
	files  halt.Files
	teller *teller
	limits *limits
	halts  *halts
	meters *meters
	sight  *sight
	// Passes are the dispatches that the owner lets past a HALT.
	Passes Passes
	looked atomic.Int64 // when a call last looked at the flag, in Unix nanoseconds

	last telling // of Run alone

	mu       sync.Mutex
	warning  *warning
	bypasses []bypassed
	restored bool // the meters know the last day
}

// telling is what burn.json said last.
type telling struct{ count, reserved, revision int64 }

// warning is a WARN that stands.
type warning struct {
	since  time.Time
	reason string
}

// New names a breaker by its home; nothing is read before the first use.
func New(needs Needs) *Breaker {
	if needs.Now == nil {
		needs.Now = time.Now
	}
	if needs.Log == nil {
		needs.Log = slog.New(slog.DiscardHandler)
	}
	if needs.Burn == nil {
		needs.Burn = func(context.Context) (judge.Burn, error) { return judge.Burn{}, nil }
	}
	if needs.Minutes == nil {
		needs.Minutes = func(context.Context, time.Time) ([]judge.Minute, error) { return nil, nil }
	}
	if needs.Boot == nil {
		needs.Boot = func() *halt.Moment { return nil }
	}
	if needs.Clock == nil {
		needs.Clock = halt.NewClock(needs.Home, needs.Now, needs.Boot)
	}
	at := halt.In(needs.Home)
	tell := &teller{files: at, journal: needs.Journal, log: needs.Log, queue: make(chan announcement, 256), entered: map[int64]bool{}}
	caps := &limits{files: at, teller: tell, now: needs.Now}
	return &Breaker{
		needs: needs, files: at, teller: tell, limits: caps,
		halts: &halts{
			files: at, teller: tell, log: needs.Log, now: needs.Now, limits: caps,
			unwritten: map[halt.Scope]string{}, tampered: map[halt.Scope]time.Time{},
		},
		meters: newMeters(needs.Now, needs.Clock),
		sight:  &sight{files: at, now: needs.Now, epoch: needs.Now()},
	}
}

// OnHalt has f called when a HALT is raised, to cut what is under way of those whom the flag covers.
// It is not called where the owner lets streams finish. Call it before Start.
func (b *Breaker) OnHalt(f func(Flag)) { b.halts.cut = append(b.halts.cut, f) }

// Purse counts what tenants and keys with caps of their own hold and spend, before next, which may
// be nil. The ledger's purse must be this one for such caps to count.
func (b *Breaker) Purse(next ledger.Purse) ledger.Purse { return purse{b.meters, next} }

// Start takes up the HALTs that stand, also those whose flag somebody deleted while no house ran.
func (b *Breaker) Start(ctx context.Context) error {
	b.halts.started = true
	b.teller.started.Store(true)
	b.meters.fit(b.limits.read(true))
	b.halts.open()
	if err := b.files.Spare(); err != nil {
		b.needs.Log.Warn("cannot keep room for a flag on a full disk", "error", err)
	}
	b.restore(ctx)
	board{b}.watchClock(true)
	b.sight.seen()
	return nil
}

// watchClock keeps how the clock was set.
func (b board) watchClock(must bool) {
	if err := b.needs.Clock.Keep(must); err != nil {
		b.needs.Log.Warn("cannot keep how the clock was set", "error", err)
	}
}

// restore reads the last day out of the ledger.
func (b *Breaker) restore(ctx context.Context) {
	past := b.needs.Clock.Past()
	minutes, err := b.needs.Minutes(ctx, b.needs.Now().Add(-25*time.Hour-past.Reach()))
	if err == nil {
		b.meters.load(minutes, past)
	} else {
		b.needs.Log.Error("cannot read what was burned in the last day, it is tried again", "error", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.restored = err == nil
}

// Run judges until ctx ends.
func (b *Breaker) Run(ctx context.Context) error {
	look, tick := time.NewTicker(lookEvery), time.NewTicker(judgeEvery)
	defer look.Stop()
	defer tick.Stop()
	b.sight.seen()
	b.sight.begun.Store(true)
	b.round(ctx)
	for {
		select {
		case <-ctx.Done():
			b.teller.drain(context.WithoutCancel(ctx))
			return nil
		case a := <-b.teller.queue:
			b.teller.record(ctx, a)
		case <-look.C:
			board{b}.watchClock(false)
			b.halts.look()
			b.tell(ctx, false)
		case <-tick.C:
			b.round(ctx)
		}
	}
}

// round is what is done every 15 seconds.
func (b *Breaker) round(ctx context.Context) {
	b.Tick(ctx)
	board{b}.watchClock(true)
	b.tell(ctx, true)
	b.teller.catchUp(ctx)
	b.mu.Lock()
	missing := !b.restored
	b.mu.Unlock()
	if missing {
		b.restore(ctx)
	}
	if err := b.files.Spare(); err != nil {
		b.needs.Log.Warn("cannot keep room for a flag on a full disk", "error", err)
	}
}

// tell writes burn.json for the judge outside: when something burned, and else when it must.
func (b *Breaker) tell(ctx context.Context, must bool) {
	burn, err := b.needs.Burn(ctx)
	if err != nil {
		return
	}
	now := telling{b.meters.count(), burn.Reserved, b.last.revision}
	if !must && now == b.last {
		return
	}
	told := b.meters.burnt(burn.Reserved)
	now.revision++ // the judge outside sees by it that the house goes on
	told.House, told.Revision, told.Boot = os.Getpid(), now.revision, b.needs.Boot()
	if err := b.files.TellBurn(told); err != nil {
		b.needs.Log.Warn("cannot tell the judge outside what is burned", "error", err)
		return
	}
	b.last = now
}

// Refusal is non-nil while a HALT of the house stands or nobody judges: what to answer to a model
// call or a dispatch. It looks at the flag itself, so that a HALT raised by any other program counts
// within lookFresh. HALTs of single tenants and keys are answered by Admit.
func (b *Breaker) Refusal() *holdfast.Refusal {
	now := b.needs.Now()
	flag := b.halts.house.Load()
	if looked := b.looked.Load(); flag == nil && time.Duration(now.UnixNano()-looked).Abs() > lookFresh {
		b.looked.Store(now.UnixNano())
		if b.files.Stands(halt.House) {
			flag = b.halts.find(halt.House)
		}
	}
	if flag != nil {
		return flag.Refusal(now)
	}
	if !b.teller.started.Load() {
		return nil
	}
	dark, blind := b.sight.blind(now, b.limits.get().Blind())
	if !blind {
		if b.sight.told.Load() {
			b.sight.told.Store(false)
		}
		return nil
	}
	if !b.sight.told.Swap(true) {
		b.needs.Log.Error("the breaker is blind: model calls and dispatches are refused", "since", dark)
		b.teller.announce(halt.Event{Time: now.UTC(), Event: halt.EventBlind, By: "breaker", Reason: blindRefusal(dark).Reason})
	}
	return blindRefusal(dark)
}

// Halted gives the HALT of the house that is known of, without looking at the flag.
func (b *Breaker) Halted() (Flag, bool) { return b.HaltedFor("", "") }

// HaltedFor gives the HALT that calls of a tenant with a virtual key fall under: the house's or
// their own.
func (b *Breaker) HaltedFor(tenant, key string) (Flag, bool) {
	if flag := b.halts.covering(tenant, key); flag != nil {
		return *flag, true
	}
	return Flag{}, false
}

// Admit is the ledger's gate: it refuses while a HALT stands and what does not fit under the caps.
func (b *Breaker) Admit(c ledger.Claim, burn judge.Burn) error {
	if b.Passes.covers(c.RequestID) {
		return nil
	}
	if flag := b.halts.covering(c.Tenant, c.Key); flag != nil {
		return flag.Refusal(b.needs.Now())
	}
	t := b.limits.get()
	if t.NotifyOnly {
		return nil
	}
	if b.halts.rest(halt.House).IsZero() {
		if short := judge.Admit(burn, c.Tokens, *t); short != nil {
			return &Full{Shortage: *short}
		}
	}
	if full := b.meters.admit(&c, t, func(s halt.Scope) bool { return !b.halts.rest(s).IsZero() }); full != nil {
		return full
	}
	return nil
}

// Full refuses a call that does not fit under a cap.
type Full struct {
	judge.Shortage
	// Scope is whose cap it is; empty for the house's.
	Scope halt.Scope
}

func (f *Full) Error() string {
	whose := ""
	if f.Scope != halt.House {
		whose = " of " + string(f.Scope)
	}
	if f.Never() {
		return fmt.Sprintf("a call of up to %d tokens is larger than the whole cap of the %s%s, %d tokens: ask for less (max_tokens), or have the owner raise hard_cap_per_%s with `holdfast breaker thresholds set`",
			f.Need, f.Window.Name, whose, f.Window.Hard, f.Window.Name)
	}
	return fmt.Sprintf("a call of up to %d tokens does not fit: %d of the %s's %d tokens%s are burned or reserved by calls under way",
		f.Need, f.Window.Burn, f.Window.Name, f.Window.Cap, whose)
}

// Reached halts when a call was refused because the cap is reached, and not because others are
// under way, and returns what to answer then; nil otherwise. The ledger's lock must not be held.
func (b *Breaker) Reached(f *Full) *holdfast.Refusal {
	if !f.Reached || b.limits.get().NotifyOnly {
		return nil
	}
	return b.trip(f.Window, "the cap is reached: "+f.Error(), f.Scope).Refusal(b.needs.Now())
}

// Booked judges the burn after a settlement.
func (b *Breaker) Booked(c ledger.Claim, burn judge.Burn) {
	b.meters.booked(&c)
	t := b.limits.get()
	for _, r := range b.meters.read(t, &c.Call) {
		b.judgeOne(r, t)
	}
	if b.halts.house.Load() != nil {
		return
	}
	v := judge.Judge(burn, *t)
	switch {
	case v.Level == judge.Halt && b.armed(t, halt.House):
		b.trip(v.Window, v.Reason(), halt.House)
	case v.Level != judge.Calm:
		b.warn(v, t)
	}
}

// armed tells whether a verdict may halt.
func (b *Breaker) armed(t *judge.Thresholds, s halt.Scope) bool {
	return !t.NotifyOnly && b.halts.rest(s).IsZero()
}

// trip raises a HALT of the burn; raise itself says what failed.
func (b *Breaker) trip(w judge.Window, reason string, s halt.Scope) Flag {
	flag, _ := b.halts.raise(halt.ByBurn(w, reason, "breaker", s, b.needs.Now(), b.limits.get().Cooldown(), b.needs.Boot()), false)
	return flag
}

// Tick judges once: it warns, halts, or ends HALTs that may end by themselves.
func (b *Breaker) Tick(ctx context.Context) judge.Verdict {
	b.ready()
	b.halts.look()
	t := b.limits.read(true)
	if b.meters.fit(t) {
		b.restore(ctx)
	}
	burn, err := b.needs.Burn(ctx)
	if err != nil {
		b.needs.Log.Error("cannot judge the burn", "error", err)
		return judge.Verdict{}
	}
	v := judge.Judge(burn, *t)
	flag := b.halts.house.Load()
	switch {
	case flag != nil && b.mayEnd(*flag, burn, *t):
		b.endBySelf(*flag)
	case flag == nil && v.Level == judge.Halt && b.armed(t, halt.House):
		b.trip(v.Window, v.Reason(), halt.House)
	default:
		b.warn(v, t)
	}
	for _, r := range b.meters.read(t, nil) {
		b.judgeOne(r, t)
	}
	b.orphans(t)
	b.sight.seen()
	return v
}

// ready takes up what files say when no house runs.
func (b *Breaker) ready() {
	if b.teller.started.Load() {
		return
	}
	b.halts.open()
	b.meters.fit(b.limits.get())
}

func (b *Breaker) mayEnd(flag Flag, burn judge.Burn, t judge.Thresholds) bool {
	return flag.EndsItself() && flag.Cooled(b.needs.Now(), b.needs.Boot()) && judge.MayEnd(burn, t)
}

func (b *Breaker) endBySelf(flag Flag) {
	e := halt.Event{Time: b.needs.Now().UTC(), Event: halt.EventAutoResume, By: "breaker", Reason: halt.Cooled, Flag: &flag}
	if err := b.halts.end(announcement{Event: e}, flag.Scope, time.Time{}); err != nil {
		b.needs.Log.Error("cannot end the HALT, it is tried again", "scope", flag.Scope.Subject(), "error", err)
	}
}

// judgeOne acts on the verdict on one tenant or key.
func (b *Breaker) judgeOne(r reading, t *judge.Thresholds) {
	flag := b.halts.get(r.scope)
	switch {
	case flag != nil && b.mayEnd(*flag, r.verdict.Burn, t.For(capsOf(t, r.scope))):
		b.endBySelf(*flag)
	case flag == nil && r.verdict.Level == judge.Halt && b.armed(t, r.scope):
		b.trip(r.verdict.Window, r.verdict.Reason(), r.scope)
	case flag == nil && r.fresh:
		b.teller.announce(halt.Event{Time: b.needs.Now().UTC(), Event: halt.EventWarn, Reason: r.verdict.Reason(), By: "breaker", Flag: &Flag{Scope: r.scope}})
	}
}

// orphans ends the HALTs of those whose caps the owner took away, once they are cooled.
func (b *Breaker) orphans(t *judge.Thresholds) {
	for _, flag := range b.halts.scoped() {
		if capsOf(t, flag.Scope) == (judge.Caps{}) && b.mayEnd(flag, judge.Burn{}, *t) {
			b.endBySelf(flag)
		}
	}
}

// capsOf are the caps of a scope, none when it has none of its own.
func capsOf(t *judge.Thresholds, s halt.Scope) judge.Caps {
	for name, c := range t.Tenants {
		if halt.Tenant(name) == s {
			return c
		}
	}
	for name, c := range t.Keys {
		if halt.Key(name) == s {
			return c
		}
	}
	return judge.Caps{}
}

// warn keeps the WARN that stands.
func (b *Breaker) warn(v judge.Verdict, t *judge.Thresholds) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if v.Level == judge.Calm || b.halts.house.Load() != nil {
		b.warning = nil
		return
	}
	reason := v.Reason()
	if v.Projected > 0 {
		reason += fmt.Sprintf("; at this rate the cap is reached in %s", v.Projected.Round(time.Minute))
	}
	if v.Level == judge.Halt && t.NotifyOnly {
		reason += "; notify_only is on, so nothing is halted"
	}
	if b.warning != nil {
		b.warning.reason = reason
		return
	}
	b.warning = &warning{since: b.needs.Now(), reason: reason}
	b.teller.announce(halt.Event{Time: b.warning.since.UTC(), Event: halt.EventWarn, Reason: reason, By: "breaker"})
}

func sorted[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
