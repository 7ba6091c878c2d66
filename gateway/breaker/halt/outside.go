// SPDX-License-Identifier: Apache-2.0

package halt

import (
	"context"
	"log/slog"
	"os"
	"slices"
	"time"

	"holdfast/core/home"
	"holdfast/gateway/breaker/judge"
)

const (
	lookEvery = time.Second
	// overlap is how much of what the house had told already is asked of sessions again: it may not
	// have read their last lines. To count them twice is the safe side.
	overlap = Every
	// staleAfter is how long the house may tell nothing before it counts as down or hung.
	staleAfter = 2*Every + 15*time.Second
)

// Telemetry tells what sessions recorded themselves, such as the logs of coding agents.
type Telemetry interface {
	// Burned is what was burned by calls made after since, by minute, beside an error what of it is
	// known. It is asked every 15 s while no house tells the burn, and at no other time.
	Burned(ctx context.Context, since time.Time) ([]judge.Minute, error)
	// Rest lets go of what it knows, for a house tells the burn again.
	Rest()
}

// An Outside judges the breaker from outside the house, in holdfast-watch: by what the house tells
// while it is up, and by what it told last and what sessions recorded since while it is down or hangs.
type Outside struct {
	// Telemetry may be nil: then only what houses told is known.
	Telemetry Telemetry

	// Now and Machine are the clocks; nil means the real ones.
	Now     func() time.Time
	Machine func() *Moment

	files    Files
	log      *slog.Logger
	told     telling
	pace     judge.Pace
	odd      map[Scope]int // looks in a row in which flag and memory differed
	warned   bool          // the WARN that stands was told
	lastPlea string
}

// telling is what the house told last, and how long ago that was seen.
type telling struct {
	revision int64
	house    int
	known    bool
	ago      time.Duration
}

// Run judges until ctx ends.
func (o *Outside) Run(ctx context.Context, h home.Home, log *slog.Logger) {
	o.open(h, log)
	look, tick := time.NewTicker(lookEvery), time.NewTicker(Every)
	defer look.Stop()
	defer tick.Stop()
	o.Judge(ctx)
	for {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
			o.look()
		case <-tick.C:
			o.Judge(ctx)
		}
	}
}

func (o *Outside) open(h home.Home, log *slog.Logger) {
	o.files, o.log = In(h), log
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Machine == nil {
		o.Machine = Boot
	}
}

// look compares the flags with what is remembered: a flag that somebody deleted is put back, and one
// that is not remembered is. The house has the first turn: it looks as often.
func (o *Outside) look() {
	// A flag goes after what is remembered: seen in this order, an end is no deletion.
	state, err := o.files.State()
	if err != nil {
		return
	}
	scopes := append(o.files.Standing(), House)
	for s := range state.Scopes {
		if !slices.Contains(scopes, s) {
			scopes = append(scopes, s)
		}
	}
	odd := map[Scope]int{}
	for _, s := range scopes {
		known, stands := state.Of(s) != nil, o.files.Stands(s)
		if known == stands {
			continue
		}
		if odd[s] = o.odd[s] + 1; odd[s] < 2 {
			continue
		}
		delete(odd, s)
		if known {
			o.rewrite(s)
		} else {
			o.adopt(s)
		}
	}
	o.odd = odd
}

// rewrite puts a flag back.
func (o *Outside) rewrite(s Scope) {
	first, err := false, error(nil)
	var flag *Flag
	failed := o.files.Change(Briefly, func(state *State) { flag = state.Of(s) }, func() error {
		if flag == nil { // it was ended meanwhile
			return nil
		}
		flag.Scope = s
		first, err = o.files.Raise(*flag)
		return err
	})
	if failed != nil {
		o.plead("cannot write the HALT flag again: " + failed.Error())
	}
	if first {
		o.tell(Event{Event: EventRewritten, Reason: "the flag was deleted by hand while its cause stands", Flag: flag})
	}
}

// ended tells whether what stands is a HALT that was ended and whose flag could not be taken away.
func (o *Outside) ended(s Scope, state State) bool {
	flag, _ := o.files.Flag(s, o.Now())
	return s == House && flag.Since.Equal(state.Ended)
}

// adopt remembers a HALT that any program raised.
func (o *Outside) adopt(s Scope) {
	if state, err := o.files.State(); err != nil || o.ended(s, state) {
		return
	}
	err := o.files.Change(Briefly, func(state *State) {
		if flag, stands := o.files.Flag(s, o.Now()); stands && state.Of(s) == nil {
			state.Put(flag)
		}
	}, nil)
	if err != nil {
		o.plead("cannot remember the HALT beside its flag: " + err.Error())
	}
}

// Judge judges once.
func (o *Outside) Judge(ctx context.Context) {
	now := o.Now()
	t, err := o.files.Thresholds()
	j := Judgement{At: now.UTC(), PID: os.Getpid(), Telemetry: o.Telemetry != nil}
	if err != nil {
		j.Fault = "the thresholds are not usable: " + err.Error()
	}
	burn, living, known := o.burn(ctx, now, &j)
	v := judge.Judge(burn, t)
	j.Burn, j.House, j.Level = burn, living, v.Level.String()
	if v.Level != judge.Calm {
		j.Reason = v.Reason()
	}
	o.act(v, t, living, known, now)
	if err := o.files.Judged(j); err != nil {
		o.plead("cannot say how it judged: " + err.Error())
	}
	o.plead(j.Fault)
}

// burn is what the windows hold, whether a house told it just now, and whether it is known at all.
func (o *Outside) burn(ctx context.Context, now time.Time, j *Judgement) (burn judge.Burn, living, known bool) {
	told, known, err := o.files.Burnt()
	if err != nil {
		j.Fault = err.Error()
	}
	living = known && o.living(told, now)
	if living && o.Telemetry != nil {
		o.Telemetry.Rest()
	}
	ago := told.ago(now, o.Machine())
	if living || o.Telemetry == nil {
		return told.slide(now, ago, living, nil), living, known
	}
	since := now.Add(-24 * time.Hour)
	if known && ago+overlap < 24*time.Hour { // by either clock, for it may have been set
		since = earlier(told.At, now.Add(-ago)).Add(-overlap)
	}
	minutes, err := o.Telemetry.Burned(ctx, since)
	if err != nil {
		j.Fault = "cannot read what sessions recorded: " + err.Error()
	}
	return told.slide(now, ago, false, session(minutes)), false, known && err == nil
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// living tells whether a house goes on telling: by the time that passes, for clocks are set.
func (o *Outside) living(b Burnt, now time.Time) bool {
	o.told.ago += o.pace.Passed(now, o.uptime)
	if first := !o.told.known; first || b.Revision != o.told.revision || b.House != o.told.house {
		o.told = telling{revision: b.Revision, house: b.House, known: true}
		if first && b.ago(now, o.Machine()) > staleAfter {
			o.told.ago = staleAfter
		}
	}
	return o.told.ago < staleAfter
}

func (o *Outside) uptime() (time.Duration, bool) {
	if m := o.Machine(); m != nil {
		return m.Since, true
	}
	return 0, false
}

// act halts, or ends a HALT that may end by itself and that no house looks after.
func (o *Outside) act(v judge.Verdict, t judge.Thresholds, living, known bool, now time.Time) {
	state, err := o.files.State()
	if err != nil {
		o.plead(err.Error())
	}
	flag, halted := o.files.Flag(House, now)
	resting := Rests(state.SuspendedUntil, now)
	switch {
	case halted && !living && known && flag.EndsItself() && flag.Cooled(now, o.Machine()) && judge.MayEnd(v.Burn, t):
		o.end(flag)
	case !halted && state.Halt == nil && v.Level == judge.Halt && !t.NotifyOnly && !resting:
		o.raise(v, t, now)
	case v.Level == judge.Calm:
		o.warned = false
	case !halted && !living && !o.warned:
		o.warned = true
		o.tell(Event{Event: EventWarn, Reason: v.Reason()})
	}
}

func (o *Outside) raise(v judge.Verdict, t judge.Thresholds, now time.Time) {
	flag := ByBurn(v.Window, v.Reason(), "watch", House, now, t.Cooldown(), o.Machine())
	first, err := o.files.Raise(flag)
	if err != nil {
		o.plead("HALT is due and its flag cannot be written: " + err.Error())
		return
	}
	if !first {
		return // the house was quicker
	}
	o.log.Error("HALT: model calls and dispatches are refused", slog.String("reason", flag.Reason))
	if err := o.files.Change(Briefly, func(state *State) { state.Put(flag) }, nil); err != nil {
		o.plead("cannot remember the HALT beside its flag, it is tried again: " + err.Error())
	}
	o.tell(Event{Event: EventHalt, Reason: flag.Reason, Flag: &flag})
}

func (o *Outside) end(flag Flag) {
	now := o.Now()
	err := o.files.Change(Briefly, func(state *State) { state.End(House, flag.Since, state.SuspendedUntil, now) },
		func() error { return o.files.Lower(House, now) })
	if err != nil {
		o.plead("cannot end the HALT: " + err.Error())
		return
	}
	o.tell(Event{Event: EventAutoResume, Reason: Cooled, Flag: &flag})
}

// tell writes the history, and leaves the event for the next house to journal.
func (o *Outside) tell(e Event) {
	e.Time, e.By = o.Now().UTC(), "watch"
	for _, write := range []func(Event) error{o.files.Diary().Tell, o.files.Diary().Leave} {
		if err := write(e); err != nil {
			o.log.Error("cannot record what the breaker did", slog.String("event", e.Event), slog.Any("error", err))
		}
	}
	o.log.Warn("breaker: "+e.Event, slog.String("reason", e.Reason))
}

// plead logs what is wrong, once.
func (o *Outside) plead(fault string) {
	if fault != "" && fault != o.lastPlea {
		o.log.Error("the breaker's judge: " + fault)
	}
	o.lastPlea = fault
}

// Cooled is why a HALT ended by itself.
const Cooled = "the cooldown is over and the burn is below half of every cap"

// ForcedRest is how long judging rests after a forced resume.
const ForcedRest = time.Hour

// Rests tells whether judging rests until then. Longer than it was ever set for it does not, whatever
// became of the clock.
func Rests(until, now time.Time) bool {
	return now.Before(until) && until.Sub(now) <= ForcedRest
}

// ByBurn is the flag of a HALT that the burn raised.
func ByBurn(w judge.Window, reason, by string, scope Scope, now time.Time, cooldown time.Duration, boot *Moment) Flag {
	until := now.Add(cooldown).UTC()
	return Flag{
		Reason: reason, Cause: CauseBurn, By: by, Since: now.UTC(),
		Window: w.Name, Burn: w.Burn, Cap: w.Cap, CooldownUntil: &until, Scope: scope, Boot: boot,
	}
}
