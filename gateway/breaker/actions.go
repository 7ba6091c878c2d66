// SPDX-License-Identifier: Apache-2.0

package breaker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"time"

	"holdfast"
	"holdfast/core/action"
	"holdfast/core/house"
	"holdfast/gateway/breaker/judge"
)

// A Status is how the breaker stands, with what it judges by.
type Status struct {
	holdfast.Breaker
	Reserved       int64            `json:"reserved" help:"what the calls under way may still burn; it is inside both burns"`
	Projected      int64            `json:"projected_minutes" help:"minutes until a cap at the present rate; 0 when it is not coming"`
	Since          time.Time        `json:"since,omitzero" help:"since when it is halted or warns"`
	SuspendedUntil time.Time        `json:"suspended_until,omitzero" help:"judging rests until then, after a forced resume"`
	Thresholds     judge.Thresholds `json:"thresholds"`
	Fault          string           `json:"fault,omitempty"`
}

// A board is the breaker as people and guards see it.
type board struct{ *Breaker }

// Capability is the breaker's part of the house.
func (b *Breaker) Capability() house.Capability {
	face := board{b}
	return house.Capability{
		Name:    "breaker",
		Actions: face.actions(),
		Guards:  []holdfast.Guard{face.guard()},
		Alerts:  face.alerts(),
		Start:   b.Start,
		Run:     b.Run,
		Reason:  "after the ledger, whose burn it judges, and before the gateway, which asks it",
	}
}

func (b board) guard() holdfast.Guard {
	return holdfast.Guard{
		Name:    "breaker",
		Summary: "refuses any dispatch or model call while HALT stands",
		Judges: func(a holdfast.Action) bool {
			return slices.Contains(a.Labels, "dispatch") || slices.Contains(a.Labels, "model")
		},
		Judge: func(context.Context, holdfast.Request) error {
			if refusal := b.Refusal(); refusal != nil {
				return refusal
			}
			return nil
		},
	}
}

func (b board) alerts() []holdfast.AlertRule {
	return []holdfast.AlertRule{
		{Name: "breaker_halt", Severity: holdfast.SeverityCritical, Summary: "HALT stands: model calls and dispatches are refused", Firing: b.haltAlerts},
		{Name: "breaker_warn", Severity: holdfast.SeverityWarning, Summary: "the burn nears a cap, or the breaker cannot do its work", Firing: b.warnAlerts},
	}
}

func (b board) haltAlerts(context.Context) []holdfast.Alert {
	flag := b.halted.Load()
	if flag == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	message := flag.Reason
	if !b.tampered.IsZero() {
		message += "; the flag was deleted by hand at " + b.tampered.UTC().Format(time.RFC3339) + " and written again"
	}
	return []holdfast.Alert{{Subject: "house", Message: message, Since: flag.Since}}
}

func (b board) warnAlerts(context.Context) []holdfast.Alert {
	b.mu.Lock()
	defer b.mu.Unlock()
	var alerts []holdfast.Alert
	if b.warning != nil && b.halted.Load() == nil {
		alerts = append(alerts, holdfast.Alert{Subject: "burn", Message: b.warning.reason, Since: b.warning.since})
	}
	if b.fault != "" {
		alerts = append(alerts, holdfast.Alert{Subject: "files", Message: b.fault, Since: b.needs.Now()})
	}
	if now := b.needs.Now(); b.rest.on(now) {
		until := b.rest.until()
		alerts = append(alerts, holdfast.Alert{
			Subject: "resume", Since: until.Add(-forcedResume),
			Message: "a forced resume suspended judging until " + until.Format(time.RFC3339),
		})
	}
	return alerts
}

func (b board) actions() []holdfast.Action {
	read := func(name, summary string) holdfast.Action {
		return holdfast.Action{Name: "breaker." + name, Summary: summary, Tier: holdfast.TierOperator, Effect: holdfast.EffectRead, Offline: true}
	}
	change := func(name, summary string, tier holdfast.Tier) holdfast.Action {
		return holdfast.Action{Name: "breaker." + name, Summary: summary, Tier: tier, Effect: holdfast.EffectChange, Offline: true}
	}
	check := read("check", "Exit 0 when model calls are allowed, 3 while HALT stands")
	check.Tier = holdfast.TierTenantPeer
	halt := change("halt", "Halt every model call and dispatch at once", holdfast.TierOperator)
	halt.Safer = true
	halt.Help = "A HALT by a person stands until a person resumes it; one by the breaker may end by itself after its cooldown."
	halt.Examples = []string{`holdfast breaker halt "runaway agent"`}
	resume := change("resume", "End a HALT", holdfast.TierOwner)
	resume.Help = "Refused while the burn is at a cap: change the thresholds first, or force it. A forced resume suspends judging for one hour."
	set := change("set_thresholds", "Change the caps and how the breaker acts on them", holdfast.TierOwner)
	set.Help = "Fields that are left out stay as they are."
	set.Examples = []string{"holdfast breaker set_thresholds --hard-cap-per-hour 20000000"}
	set.Subject = func(any) string { return "thresholds" }
	return []holdfast.Action{
		action.NewAction(read("status", "Show how the breaker stands: burn, caps, HALT"), b.status),
		action.NewAction(check, b.check),
		action.NewAction(halt, b.halt),
		action.NewAction(resume, b.resume),
		action.NewAction(read("history", "List what the breaker did, newest first"), b.history),
		action.NewAction(read("thresholds", "Show the caps and how the breaker acts on them"), b.showThresholds),
		action.NewAction(set, b.setThresholds),
		action.NewAction(change("tick", "Judge the burn now", holdfast.TierOperator), b.tick),
	}
}

func (b board) status(ctx context.Context, _ action.Nothing) (Status, error) {
	burn, err := b.needs.Burn(ctx)
	if err != nil {
		return Status{}, err
	}
	b.settle()
	b.mu.Lock()
	t := b.readThresholds()
	fault, warned := b.fault, b.warning
	b.mu.Unlock()
	v := judge.Judge(burn, t)
	s := Status{
		Breaker: holdfast.Breaker{
			State: "armed", BurnHour: burn.Hour + burn.Reserved, BurnDay: burn.Day + burn.Reserved,
			CapHour: t.HardCapPerHour, CapDay: t.HardCapPerDay,
		},
		Reserved: burn.Reserved, Projected: int64(math.Ceil(v.Projected.Minutes())), Thresholds: t, Fault: fault,
	}
	if b.rest.on(b.needs.Now()) {
		s.SuspendedUntil = b.rest.until()
	}
	flag := b.current()
	switch {
	case flag != nil:
		s.State, s.Reason, s.Since = "halted", flag.Reason, flag.Since
		if flag.CooldownUntil != nil {
			s.Until = *flag.CooldownUntil
		}
	case t.NotifyOnly:
		s.State = "notify-only"
	case v.Level != judge.Calm:
		s.State, s.Reason = "warn", v.Reason()
	}
	if warned != nil && flag == nil {
		s.Since = warned.since
	}
	return s, nil
}

// Word is the breaker for the status of the house.
func (b *Breaker) Word(ctx context.Context) holdfast.Breaker {
	s, err := board{b}.status(ctx, action.Nothing{})
	if err != nil {
		return holdfast.Breaker{State: "blind", Reason: err.Error()}
	}
	return s.Breaker
}

// settle takes up what files say when no house runs.
func (b board) settle() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.started {
		return
	}
	if s, err := b.files.state(); err == nil {
		b.rest.set(s.SuspendedUntil)
	}
}

// current is the HALT that stands, in memory or on disk.
func (b *Breaker) current() *Flag {
	if flag := b.halted.Load(); flag != nil {
		return flag
	}
	return b.foreign()
}

type checked struct {
	State string `json:"state"`
}

// check reads the flag and nothing else, so that it answers in milliseconds.
func (b board) check(context.Context, action.Nothing) (checked, error) {
	if flag := b.current(); flag != nil {
		return checked{}, flag.refusal(b.needs.Now())
	}
	return checked{"clear"}, nil
}

type haltInput struct {
	Reason string `json:"reason" help:"why; it is shown with every refusal" required:"true" max:"500" pos:"1"`
}

type halted struct {
	State string `json:"state"`
	Flag  Flag   `json:"flag"`
}

func (b board) halt(ctx context.Context, in haltInput) (halted, error) {
	if flag := b.current(); flag != nil {
		return halted{"halted", *flag}, nil
	}
	flag := Flag{Reason: in.Reason, Cause: causePerson, By: holdfast.CallerFrom(ctx).String(), Since: b.needs.Now().UTC()}
	if err := b.raise(flag); err != nil {
		if b.running() {
			return halted{}, fmt.Errorf("HALT stands in the running house, but the flag for others cannot be written: %w", err)
		}
		return halted{}, fmt.Errorf("cannot halt: %w", err)
	}
	return halted{"halted", flag}, nil
}

func (b board) running() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.started
}

type resumeInput struct {
	Force bool `json:"force" help:"resume although the burn is at a cap; judging then rests for one hour"`
}

type resumed struct {
	State          string    `json:"state"`
	Message        string    `json:"message"`
	SuspendedUntil time.Time `json:"suspended_until,omitzero"`
}

func (b board) resume(ctx context.Context, in resumeInput) (resumed, error) {
	flag := b.current()
	if flag == nil {
		return resumed{State: "armed", Message: "nothing was halted"}, nil
	}
	b.mu.Lock()
	t := b.readThresholds()
	b.mu.Unlock()
	burn, err := b.needs.Burn(ctx)
	if err != nil && !in.Force {
		return resumed{}, fmt.Errorf("cannot resume without knowing the burn (--force does): %w", err)
	}
	w, over := judge.Over(burn, t)
	if over && !in.Force && !t.NotifyOnly {
		return resumed{}, &holdfast.Refusal{
			Guard: "breaker", Reason: fmt.Sprintf("%s: the burn of the sliding %s is %d of %d tokens", Reason, w.Name, w.Burn, w.Cap),
			Remedy: "raise the cap with `holdfast breaker set_thresholds`, wait, or `holdfast breaker resume --force`",
		}
	}
	now := b.needs.Now()
	e := event{Time: now, Event: "resume", By: holdfast.CallerFrom(ctx).String(), Flag: flag, journaled: true}
	answer := resumed{State: "armed", Message: "resumed: model calls and dispatches are allowed"}
	var until time.Time
	if in.Force && (over || err != nil) {
		until = now.Add(forcedResume).UTC()
		e.Event, answer.SuspendedUntil = "forced-resume", until
		answer.Message = "resumed by force: judging is suspended until " + until.Format(time.RFC3339)
	}
	return answer, b.end(e, until)
}

type historyInput struct {
	Limit int `json:"limit" help:"how many events" default:"50" min:"1" max:"10000"`
}

// An Event is one thing that the breaker did.
type Event struct {
	Time   time.Time       `json:"time"`
	Event  string          `json:"event" help:"halt, resume, auto-resume, forced-resume, warn, thresholds or flag-rewritten"`
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
	events, err := b.files.history(in.Limit)
	if err != nil {
		return historyOutput{}, fmt.Errorf("cannot read the breaker's history: %w", err)
	}
	out := historyOutput{Events: make([]Event, 0, len(events))}
	for _, e := range events {
		one := Event{Time: e.Time, Event: e.Event, Reason: e.Reason, By: e.By}
		if e.Flag != nil {
			one.Burn, one.Cap = e.Flag.Burn, e.Flag.Cap
		}
		if e.Detail != nil {
			one.Detail, _ = json.Marshal(e.Detail)
		}
		out.Events = append(out.Events, one)
	}
	return out, nil
}

func (b board) showThresholds(context.Context, action.Nothing) (judge.Thresholds, error) {
	t, err := b.files.thresholds()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return t, fmt.Errorf("cannot use the thresholds: %w", err)
	}
	return t, nil
}

type thresholdsInput struct {
	HardCapPerHour *int64   `json:"hard_cap_per_hour" help:"most tokens in a sliding hour"`
	HardCapPerDay  *int64   `json:"hard_cap_per_day" help:"most tokens in a sliding day"`
	SoftCapPct     *float64 `json:"soft_cap_pct" help:"part of a cap from which it warns"`
	HardCapPct     *float64 `json:"hard_cap_pct" help:"part of a cap at which it halts"`
	CooldownHours  *float64 `json:"cooldown_hours" help:"hours before a HALT may end by itself"`
	NotifyOnly     *bool    `json:"notify_only" help:"tell and never halt"`
}

func (in thresholdsInput) over(t judge.Thresholds) judge.Thresholds {
	set(&t.HardCapPerHour, in.HardCapPerHour)
	set(&t.HardCapPerDay, in.HardCapPerDay)
	set(&t.SoftCapPct, in.SoftCapPct)
	set(&t.HardCapPct, in.HardCapPct)
	set(&t.CooldownHours, in.CooldownHours)
	set(&t.NotifyOnly, in.NotifyOnly)
	return t
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

func (b board) setThresholds(ctx context.Context, in thresholdsInput) (change, error) {
	old, err := b.files.thresholds() // a broken file is replaced: it counts as the defaults
	if err != nil {
		b.needs.Log.Warn("replacing thresholds that are not usable", "error", err)
	}
	next := in.over(old)
	if wrong := next.Check(); len(wrong) > 0 {
		return change{}, holdfast.BadInput("bad thresholds", wrong...)
	}
	b.mu.Lock()
	err = b.files.write(b.files.thresholdsPath, next)
	if err == nil {
		b.thresholds.Store(&next)
		b.fault = ""
		b.teller.announce(event{
			Time: b.needs.Now(), Event: "thresholds", By: holdfast.CallerFrom(ctx).String(), Detail: change{old, next},
		})
	}
	b.mu.Unlock()
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
	v := b.Tick(ctx)
	state := "armed"
	if b.current() != nil {
		state = "halted"
	}
	return ticked{v.Level.String(), state, v.Reason()}, nil
}
