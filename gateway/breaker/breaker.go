// SPDX-License-Identifier: Apache-2.0

// Package breaker is the last line of defence: it halts spending when the burn passes a cap.
//
// It is not for budgets, which are finer and earlier, nor for counting, which the ledger does. A
// HALT is the file var/breaker/HALT_FLAG: it is durable before anything else is done about it, any
// program may honour it without this one, and while it stands no model is called and no work is
// dispatched. Telling (journal, history, alert) comes after halting and never hinders it. What it
// decides is decided in breaker/judge. Callers: the ledger at every booking, the gateway before
// every call, the waist through the guard, people through the actions.
package breaker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"holdfast"
	"holdfast/core/home"
	"holdfast/gateway/breaker/judge"
	"holdfast/gateway/ledger"
)

// Reason is the word by which every refusal of a HALT is known.
const Reason = "breaker_halt"

const (
	judgeEvery   = 15 * time.Second
	lookEvery    = time.Second
	lookFresh    = 10 * time.Millisecond
	forcedResume = time.Hour
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
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// A Breaker keeps one house's HALT. Its methods may be called by many goroutines.
//
//	armed ──▶ warn ──▶ halted ──▶ armed   (resume, or by itself after the cooldown)
//	  └──────────────────▲
type Breaker struct {
	needs Needs
	files files

	halted     atomic.Pointer[Flag]
	thresholds atomic.Pointer[judge.Thresholds]
	looked     atomic.Int64 // when a call last looked at the flag, in Unix nanoseconds
	rest       rest         // judging rests after a forced resume

	mu       sync.Mutex // one change at a time
	started  bool
	warning  *warning
	verdict  judge.Verdict
	tampered time.Time // the flag was last deleted by hand
	fault    string    // thresholds file or flag cannot be used
	cut      []func(Flag)
	teller   *teller
}

// rest is a time until which something does not happen.
type rest struct{ nanos atomic.Int64 }

// set lets it rest until then; the zero time ends the rest.
func (r *rest) set(until time.Time) {
	nanos := int64(0)
	if !until.IsZero() {
		nanos = until.UnixNano()
	}
	r.nanos.Store(nanos)
}

func (r *rest) on(now time.Time) bool { return now.UnixNano() < r.nanos.Load() }

// until is the zero time when nothing was set.
func (r *rest) until() time.Time {
	if nanos := r.nanos.Load(); nanos > 0 {
		return time.Unix(0, nanos).UTC()
	}
	return time.Time{}
}

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
	at := filesOf(needs.Home)
	return &Breaker{needs: needs, files: at, teller: &teller{files: at, journal: needs.Journal, log: needs.Log, queue: make(chan event, 256)}}
}

// OnHalt has f called when a HALT is raised, to cut what is under way. Call it before Start.
func (b *Breaker) OnHalt(f func(Flag)) { b.cut = append(b.cut, f) }

// Start takes up the HALT that stands, also one whose flag somebody deleted while no house ran.
func (b *Breaker) Start(context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.started = true
	b.teller.started.Store(true)
	b.readThresholds()
	state, err := b.files.state()
	if err != nil {
		b.fault = err.Error()
		b.needs.Log.Error("cannot read the breaker's state", "error", err)
	}
	b.rest.set(state.SuspendedUntil)
	flag, err := b.files.flag()
	switch {
	case err == nil:
		b.halted.Store(&flag)
	case !errors.Is(err, fs.ErrNotExist):
		b.halted.Store(&Flag{Reason: "the flag is there and cannot be read: " + err.Error(), Since: b.needs.Now(), Cause: causeUnknown})
	case state.Halt != nil:
		b.halted.Store(state.Halt)
		b.rewrite(*state.Halt)
	}
	return nil
}

// Run judges until ctx ends.
func (b *Breaker) Run(ctx context.Context) error {
	look, tick := time.NewTicker(lookEvery), time.NewTicker(judgeEvery)
	defer look.Stop()
	defer tick.Stop()
	b.Tick(ctx)
	for {
		select {
		case <-ctx.Done():
			b.teller.drain(context.WithoutCancel(ctx))
			return nil
		case e := <-b.teller.queue:
			b.teller.record(ctx, e)
		case <-look.C:
			b.look()
		case <-tick.C:
			b.Tick(ctx)
		}
	}
}

// Refusal is non-nil while a HALT stands: what to answer to a model call or a dispatch. It looks
// at the flag itself, so that a HALT raised by any other program counts within lookFresh.
func (b *Breaker) Refusal() *holdfast.Refusal {
	now := b.needs.Now()
	flag := b.halted.Load()
	if flag == nil && now.UnixNano()-b.looked.Load() > int64(lookFresh) {
		b.looked.Store(now.UnixNano())
		flag = b.foreign()
	}
	if flag == nil {
		return nil
	}
	return flag.refusal(now)
}

// Halted gives the HALT that this house knows of, without looking at the flag.
func (b *Breaker) Halted() (Flag, bool) {
	if flag := b.halted.Load(); flag != nil {
		return *flag, true
	}
	return Flag{}, false
}

// foreign takes up a flag that this process did not write.
func (b *Breaker) foreign() *Flag {
	if _, err := os.Lstat(b.files.flagPath); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	flag, err := b.files.flag()
	if errors.Is(err, fs.ErrNotExist) {
		return nil // gone between the two looks
	}
	if err != nil {
		flag = Flag{Reason: "the flag is there and cannot be read: " + err.Error(), Since: b.needs.Now(), Cause: causeUnknown}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.started {
		b.adopt(flag)
	}
	return &flag
}

// adopt is called with the lock held.
func (b *Breaker) adopt(flag Flag) {
	if b.halted.Load() != nil {
		return
	}
	b.halted.Store(&flag)
	b.keep()
	b.teller.announce(event{Time: b.needs.Now(), Event: "halt", Reason: flag.Reason, By: flag.By, Flag: &flag})
	for _, f := range b.cut {
		f(flag)
	}
}

// Admit is the ledger's gate: it refuses while a HALT stands and what does not fit under the caps.
func (b *Breaker) Admit(c ledger.Claim, burn judge.Burn) error {
	now := b.needs.Now()
	if flag := b.halted.Load(); flag != nil {
		return flag.refusal(now)
	}
	t := b.limits()
	if t.NotifyOnly || b.rest.on(now) {
		return nil
	}
	short := judge.Admit(burn, c.Tokens, t)
	if short == nil {
		return nil
	}
	return &Full{Shortage: *short}
}

// Full refuses a call that does not fit under a cap.
type Full struct{ judge.Shortage }

func (f *Full) Error() string {
	return fmt.Sprintf("a call of up to %d tokens does not fit: %d of the %s's %d tokens are burned or reserved by calls under way",
		f.Need, f.Window.Burn, f.Window.Name, f.Window.Cap)
}

// Reached halts when a call was refused because the cap is reached, and not because others are
// under way. The ledger's lock must not be held.
func (b *Breaker) Reached(f *Full) {
	if short := f.Shortage; short.Reached && !b.limits().NotifyOnly {
		b.trip(f.Window, "the cap is reached: "+f.Error())
	}
}

// Booked judges the burn after a settlement.
func (b *Breaker) Booked(_ ledger.Claim, burn judge.Burn) {
	if b.halted.Load() != nil {
		return
	}
	t := b.limits()
	v := judge.Judge(burn, t)
	if v.Level == judge.Halt && !t.NotifyOnly && !b.rest.on(b.needs.Now()) {
		b.trip(v.Window, v.Reason())
		return
	}
	if v.Level != judge.Calm {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.warn(v, t)
	}
}

// flagFor is the flag of a HALT by the breaker.
func flagFor(w judge.Window, reason string, now time.Time, cooldown time.Duration) Flag {
	until := now.Add(cooldown).UTC()
	return Flag{
		Reason: reason, Cause: causeBurn, By: "breaker", Since: now.UTC(),
		Window: w.Name, Burn: w.Burn, Cap: w.Cap, CooldownUntil: &until,
	}
}

// trip raises a HALT of the burn; raise itself says what failed.
func (b *Breaker) trip(w judge.Window, reason string) {
	_ = b.raise(flagFor(w, reason, b.needs.Now(), b.limits().Cooldown()))
}

// limits are the thresholds in force.
func (b *Breaker) limits() judge.Thresholds {
	if t := b.thresholds.Load(); t != nil {
		return *t
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.readThresholds()
}

// raise halts: memory, then the flag, then what is under way, then everything else.
func (b *Breaker) raise(flag Flag) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.halted.Load() != nil {
		return nil
	}
	if _, err := b.files.flag(); err == nil && flag.Cause == causeBurn {
		return nil // another program was first; the next look takes it up
	}
	b.halted.Store(&flag)
	err := b.files.writeFlag(flag)
	if err != nil {
		b.fault = "HALT stands in this house alone: " + err.Error()
		b.needs.Log.Error("cannot write the HALT flag, it stands in memory and is tried again", "error", err)
	}
	for _, f := range b.cut {
		f(flag)
	}
	b.keep()
	b.teller.announce(event{Time: flag.Since, Event: "halt", Reason: flag.Reason, By: flag.By, Flag: &flag, journaled: flag.Cause == causePerson})
	b.needs.Log.Error("HALT: model calls and dispatches are refused", "reason", flag.Reason)
	return err
}

// rewrite puts back a flag that was deleted while its HALT stands. Called with the lock held.
func (b *Breaker) rewrite(flag Flag) {
	b.tampered = b.needs.Now()
	if err := b.files.writeFlag(flag); err != nil {
		b.fault = "HALT stands in this house alone: " + err.Error()
		b.needs.Log.Error("cannot write the HALT flag again", "error", err)
		return
	}
	b.fault = ""
	b.teller.announce(event{Time: b.tampered, Event: "flag-rewritten", Reason: "the flag was deleted by hand while its cause stands", By: "breaker", Flag: &flag})
}

// look compares the flag with what is known.
func (b *Breaker) look() {
	_, err := os.Lstat(b.files.flagPath)
	if err == nil && b.halted.Load() == nil {
		b.foreign()
		return
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if flag := b.halted.Load(); flag != nil {
		b.rewrite(*flag)
	}
}

// Tick judges once: it warns, halts, or ends a HALT that may end by itself.
func (b *Breaker) Tick(ctx context.Context) judge.Verdict {
	b.look()
	b.mu.Lock()
	t := b.readThresholds()
	b.mu.Unlock()
	burn, err := b.needs.Burn(ctx)
	if err != nil {
		b.needs.Log.Error("cannot judge the burn", "error", err)
		return judge.Verdict{}
	}
	v := judge.Judge(burn, t)
	now := b.needs.Now()
	flag := b.halted.Load()
	switch {
	case flag != nil && flag.endsItself() && judge.MayEnd(burn, t, now, *flag.CooldownUntil):
		e := event{Time: now, Event: "auto-resume", By: "breaker", Reason: "the cooldown is over and the burn is below half of every cap", Flag: flag}
		if err := b.end(e, time.Time{}); err != nil {
			b.needs.Log.Error("cannot end the HALT, it is tried again", "error", err)
		}
	case flag == nil && v.Level == judge.Halt && !t.NotifyOnly && !b.rest.on(now):
		b.trip(v.Window, v.Reason())
	default:
		b.mu.Lock()
		b.warn(v, t)
		b.mu.Unlock()
	}
	return v
}

// warn keeps the WARN that stands. Called with the lock held.
func (b *Breaker) warn(v judge.Verdict, t judge.Thresholds) {
	b.verdict = v
	if v.Level == judge.Calm {
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
	b.teller.announce(event{Time: b.warning.since, Event: "warn", Reason: reason, By: "breaker"})
}

// end takes a HALT away: what is remembered first, for a crash in between leaves a flag, which is
// the safe side.
func (b *Breaker) end(e event, suspended time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rest.set(suspended)
	if err := b.files.writeState(state{SuspendedUntil: suspended}); err != nil {
		return fmt.Errorf("cannot resume: %w", err)
	}
	if err := b.files.removeFlag(); err != nil {
		return fmt.Errorf("cannot resume: %w", err)
	}
	b.halted.Store(nil)
	b.fault, b.tampered, b.warning = "", time.Time{}, nil
	b.teller.announce(e)
	return nil
}

// keep remembers the HALT beside its flag, so that a deleted flag is noticed. Called with the
// lock held.
func (b *Breaker) keep() {
	s := state{Halt: b.halted.Load(), SuspendedUntil: b.rest.until()}
	if err := b.files.writeState(s); err != nil {
		b.needs.Log.Error("cannot remember the HALT beside its flag", "error", err)
	}
}

// readThresholds takes up the owner's file. A file that is wrong changes nothing and is told of.
// Called with the lock held.
func (b *Breaker) readThresholds() judge.Thresholds {
	old := b.thresholds.Load()
	t, err := b.files.thresholds()
	if err != nil {
		b.fault = "the thresholds are not usable: " + err.Error()
		if old != nil {
			return *old
		}
		b.thresholds.Store(&t)
		return t
	}
	if old != nil && *old == t {
		return t
	}
	b.thresholds.Store(&t)
	if old != nil {
		b.teller.announce(event{
			Time: b.needs.Now(), Event: "thresholds", By: "file", Reason: "the thresholds file was changed",
			Detail: change{*old, t},
		})
	}
	return t
}
