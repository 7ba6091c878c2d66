// SPDX-License-Identifier: Apache-2.0

package breaker

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"holdfast"
	"holdfast/core/action"
	"holdfast/core/house"
	"holdfast/gateway/breaker/halt"
	"holdfast/gateway/breaker/judge"
)

// A board is the breaker as people and guards see it.
type board struct{ *Breaker }

// Capability is the breaker's part of the house.
func (b *Breaker) Capability() house.Capability {
	face := board{b}
	return house.Capability{
		Name:    "breaker",
		Actions: append(face.actions(), hooks{needs: b.needs}.actions()...),
		Guards:  []holdfast.Guard{face.guard()},
		Alerts:  face.alerts(),
		Start:   b.Start,
		Run:     b.Run,
		Reason:  "after the ledger, whose burn it judges, and before the gateway, which asks it",
	}
}

func (b board) actions() []holdfast.Action {
	read := func(name, summary string) holdfast.Action {
		return holdfast.Action{
			Name: "breaker." + name, Summary: summary, Tier: holdfast.TierOperator, Effect: holdfast.EffectRead, Offline: true,
			Examples: []string{"holdfast breaker " + name},
		}
	}
	change := func(name, summary string, tier holdfast.Tier) holdfast.Action {
		return holdfast.Action{Name: "breaker." + name, Summary: summary, Tier: tier, Effect: holdfast.EffectChange, Offline: true}
	}
	check := read("check", "Exit 0 when model calls are allowed, 3 while HALT stands")
	check.Tier = holdfast.TierTenantPeer
	check.Examples = []string{"holdfast breaker check || exit 3"}
	check.Help = "From the command line it reads the flag and nothing else, within milliseconds, whether or not a house runs. `test -e var/breaker/HALT_FLAG` tells the same."
	stop := change("halt", "Halt every model call and dispatch at once", holdfast.TierOperator)
	stop.Safer = true
	stop.Help = "A HALT by a person stands until a person resumes it; one by the breaker may end by itself after its cooldown. With a scope it halts one tenant or key and nobody else."
	stop.Examples = []string{`holdfast breaker halt "runaway agent"`, `holdfast breaker halt "odd calls" --scope key:ci`}
	resume := change("resume", "End a HALT", holdfast.TierOwner)
	resume.Examples = []string{"holdfast breaker resume", "holdfast breaker resume key:ci", "holdfast breaker resume --force"}
	resume.Help = "Refused while the burn is at a cap: change the thresholds first, or force it. A forced resume suspends judging for one hour."
	set := change("set_thresholds", "Change the caps and how the breaker acts on them", holdfast.TierOwner)
	set.Help = "Fields that are left out stay as they are. With a scope the caps are that tenant's or key's own, whose HALT is theirs alone; both 0 takes them away."
	set.Examples = []string{"holdfast breaker thresholds set --hard-cap-per-hour 20000000", "holdfast breaker thresholds set --scope tenant:acme --hard-cap-per-day 5000000"}
	set.Subject = func(any) string { return "thresholds" }
	return []holdfast.Action{
		action.NewAction(read("status", "Show how the breaker stands: burn, caps, HALT, who judges"), b.status),
		action.NewAction(check, b.check),
		action.NewAction(stop, b.halt),
		action.NewAction(resume, b.resume),
		action.NewAction(read("history", "List what the breaker did, newest first"), b.history),
		action.NewAction(read("thresholds", "Show the caps and how the breaker acts on them"), b.showThresholds),
		action.NewAction(set, b.setThresholds),
		action.NewAction(change("tick", "Judge the burn now", holdfast.TierOperator), b.tick),
	}
}

// settle takes up what files and ledger say when no house runs.
func (b board) settle(ctx context.Context) {
	if b.running() {
		return
	}
	b.ready()
	if len(b.limits.get().Tenants)+len(b.limits.get().Keys) > 0 {
		b.restore(ctx)
	}
}

func (b board) running() bool { return b.teller.started.Load() }

// current is the HALT of a scope that stands, in memory or on disk.
func (b board) current(s halt.Scope) *Flag {
	if flag := b.halts.get(s); flag != nil {
		return flag
	}
	return b.halts.find(s)
}

type checked struct {
	State string `json:"state"`
}

// check reads the flag and nothing else, so that it answers in milliseconds.
func (b board) check(context.Context, action.Nothing) (checked, error) {
	if flag := b.current(halt.House); flag != nil {
		return checked{}, flag.Refusal(b.needs.Now())
	}
	return checked{"clear"}, nil
}

type haltInput struct {
	Reason string `json:"reason" help:"why; it is shown with every refusal" required:"true" max:"500" pos:"1"`
	Scope  string `json:"scope" help:"tenant:NAME or key:NAME; left out, the whole house"`
}

type halted struct {
	State string `json:"state"`
	Flag  Flag   `json:"flag"`
}

func (b board) halt(ctx context.Context, in haltInput) (halted, error) {
	s := halt.Scope(in.Scope)
	if wrong := s.Check(); len(wrong) > 0 {
		return halted{}, holdfast.BadInput("bad scope", wrong...)
	}
	if !b.running() {
		b.halts.open()
	}
	if flag := b.current(s); flag != nil {
		return halted{"halted", *flag}, nil
	}
	flag, err := b.halts.raise(Flag{
		Reason: in.Reason, Cause: halt.CausePerson, By: holdfast.CallerFrom(ctx).String(), Since: b.needs.Now().UTC(), Scope: s,
	}, true)
	if err != nil {
		if b.running() {
			return halted{}, fmt.Errorf("HALT stands in the running house, but the flag for others cannot be written, which is tried again: %w", err)
		}
		return halted{}, fmt.Errorf("cannot halt: %w", err)
	}
	return halted{"halted", flag}, nil
}

type resumeInput struct {
	Scope string `json:"scope" help:"tenant:NAME or key:NAME; left out, the whole house" pos:"1"`
	Force bool   `json:"force" help:"resume although the burn is at a cap; judging then rests for one hour"`
}

type resumed struct {
	State          string    `json:"state"`
	Message        string    `json:"message"`
	SuspendedUntil time.Time `json:"suspended_until,omitzero"`
}

func (b board) resume(ctx context.Context, in resumeInput) (resumed, error) {
	s := halt.Scope(in.Scope)
	if wrong := s.Check(); len(wrong) > 0 {
		return resumed{}, holdfast.BadInput("bad scope", wrong...)
	}
	b.settle(ctx)
	flag := b.current(s)
	if flag == nil {
		return resumed{State: "armed", Message: "nothing was halted"}, nil
	}
	t := b.limits.read(false)
	w, over, err := b.over(ctx, s, t)
	if err != nil && !in.Force {
		return resumed{}, fmt.Errorf("cannot resume without knowing the burn (--force does): %w", err)
	}
	if over && !in.Force && !t.NotifyOnly {
		return resumed{}, &holdfast.Refusal{
			Guard: "breaker", Reason: fmt.Sprintf("%s: the burn of the sliding %s is %d of %d tokens", Reason, w.Name, w.Burn, w.Cap),
			Remedy: "raise the cap with `holdfast breaker thresholds set`, wait, or `holdfast breaker resume --force`",
		}
	}
	now := b.needs.Now()
	e := halt.Event{Time: now.UTC(), Event: halt.EventResume, By: holdfast.CallerFrom(ctx).String(), Flag: flag}
	answer := resumed{State: "armed", Message: "resumed: model calls and dispatches are allowed"}
	var until time.Time
	if in.Force && (over || err != nil) {
		until = now.Add(forcedResume).UTC()
		e.Event, answer.SuspendedUntil = halt.EventForced, until
		answer.Message = "resumed by force: judging is suspended until " + until.Format(time.RFC3339)
		e.Reason = answer.Message
	}
	if err := b.halts.end(announcement{e, true}, s, until); err != nil {
		return resumed{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.warning = nil
	return answer, nil
}

// over tells whether a scope's burn is at a cap.
func (b board) over(ctx context.Context, s halt.Scope, t *judge.Thresholds) (judge.Window, bool, error) {
	if s != halt.House {
		if burn, caps, known := b.meters.one(s); known {
			w, over := judge.Over(burn, t.For(caps))
			return w, over, nil
		}
		return judge.Window{}, false, nil
	}
	burn, err := b.needs.Burn(ctx)
	w, over := judge.Over(burn, *t)
	return w, over, err
}

type historyInput struct {
	Limit int `json:"limit" help:"how many events" default:"50" min:"1" max:"10000"`
}

// An Event is one thing that the breaker did.
type Event struct {
	Time   time.Time       `json:"time"`
	Event  string          `json:"event" help:"halt, resume, auto-resume, forced-resume, warn, blind, bypass, thresholds or flag-rewritten"`
	Scope  string          `json:"scope,omitempty"`
	Reason string          `json:"reason,omitempty"`
	By     string          `json:"by,omitempty"`
	Burn   int64           `json:"burn,omitempty"`
	Cap    int64           `json:"cap,omitempty"`
	Detail json.RawMessage `json:"detail,omitempty"`
}

type historyOutput struct {
	Events []Event `json:"events"`
}

func (b board) history(_ context.Context, in historyInput) (historyOutput, error) {
	events, err := b.files.Diary().History(in.Limit)
	if err != nil {
		return historyOutput{}, fmt.Errorf("cannot read the breaker's history: %w", err)
	}
	out := historyOutput{Events: make([]Event, 0, len(events))}
	for _, e := range events {
		one := Event{Time: e.Time, Event: e.Event, Scope: string(e.Scope()), Reason: e.Reason, By: e.By, Detail: e.Detail}
		if e.Flag != nil {
			one.Burn, one.Cap = e.Flag.Burn, e.Flag.Cap
		}
		out.Events = append(out.Events, one)
	}
	return out, nil
}

func (b board) showThresholds(context.Context, action.Nothing) (judge.Thresholds, error) {
	t, err := b.files.Thresholds()
	if err != nil {
		return t, fmt.Errorf("cannot use the thresholds, those before stay in force: %w", err)
	}
	return t, nil
}

type thresholdsInput struct {
	Scope          string   `json:"scope" help:"tenant:NAME or key:NAME, whose own caps are meant; left out, the house's"`
	HardCapPerHour *int64   `json:"hard_cap_per_hour" help:"most tokens in a sliding hour"`
	HardCapPerDay  *int64   `json:"hard_cap_per_day" help:"most tokens in a sliding day"`
	SoftCapPct     *float64 `json:"soft_cap_pct" help:"part of a cap from which it warns"`
	HardCapPct     *float64 `json:"hard_cap_pct" help:"part of a cap at which it halts"`
	CooldownHours  *float64 `json:"cooldown_hours" help:"hours before a HALT may end by itself"`
	NotifyOnly     *bool    `json:"notify_only" help:"tell and never halt"`
	CutStreams     *bool    `json:"cut_streams" help:"a HALT also ends the streams under way; false lets them finish"`
	BlindSeconds   *float64 `json:"blind_seconds" help:"seconds that nobody may judge before calls and dispatches are refused"`
}

// over lays the input over thresholds.
func (in thresholdsInput) over(t judge.Thresholds) (judge.Thresholds, []holdfast.Problem) {
	set(&t.SoftCapPct, in.SoftCapPct)
	set(&t.HardCapPct, in.HardCapPct)
	set(&t.CooldownHours, in.CooldownHours)
	set(&t.NotifyOnly, in.NotifyOnly)
	set(&t.CutStreams, in.CutStreams)
	set(&t.BlindSeconds, in.BlindSeconds)
	s := halt.Scope(in.Scope)
	if wrong := s.Check(); len(wrong) > 0 {
		return t, wrong
	}
	if s == halt.House {
		set(&t.HardCapPerHour, in.HardCapPerHour)
		set(&t.HardCapPerDay, in.HardCapPerDay)
		return t, nil
	}
	name, tenant := s.Name()
	all := &t.Keys
	if tenant {
		all = &t.Tenants
	}
	next := maps.Clone(*all)
	if next == nil {
		next = map[string]judge.Caps{}
	}
	caps := next[name]
	set(&caps.HardCapPerHour, in.HardCapPerHour)
	set(&caps.HardCapPerDay, in.HardCapPerDay)
	next[name] = caps
	if caps == (judge.Caps{}) {
		delete(next, name)
	}
	*all = next
	return t, nil
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

func (b board) setThresholds(ctx context.Context, in thresholdsInput) (change, error) {
	if in == (thresholdsInput{Scope: in.Scope}) {
		return change{}, holdfast.BadInput("", holdfast.Problem{Message: "changes nothing", Remedy: "give one of the thresholds, such as --hard-cap-per-hour 20000000"})
	}
	before, err := b.files.Thresholds() // of a file that is wrong, what was last of use
	if err != nil {
		b.needs.Log.Warn("replacing thresholds that are not usable", "error", err)
	}
	next, wrong := in.over(before)
	if wrong = append(wrong, next.Check()...); len(wrong) > 0 {
		return change{}, holdfast.BadInput("bad thresholds", wrong...)
	}
	old, err := b.limits.set(next, holdfast.CallerFrom(ctx).String())
	if err != nil {
		return change{}, fmt.Errorf("cannot keep the thresholds: %w", err)
	}
	if b.running() {
		b.Tick(ctx)
	}
	return change{old, next}, nil
}

// SetCaps changes the caps for the owner, as breaker.set_thresholds does.
func (b *Breaker) SetCaps(ctx context.Context, hour, day int64) error {
	_, err := board{b}.setThresholds(ctx, thresholdsInput{HardCapPerHour: &hour, HardCapPerDay: &day})
	return err
}

type ticked struct {
	Level  string `json:"level" enum:"calm,warn,halt"`
	State  string `json:"state"`
	Reason string `json:"reason"`
}

func (b board) tick(ctx context.Context, _ action.Nothing) (ticked, error) {
	b.settle(ctx)
	v := b.Tick(ctx)
	state := "armed"
	if b.current(halt.House) != nil {
		state = "halted"
	}
	return ticked{v.Level.String(), state, v.Reason()}, nil
}
