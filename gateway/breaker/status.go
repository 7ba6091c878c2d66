// SPDX-License-Identifier: Apache-2.0

package breaker

import (
	"context"
	"math"
	"strings"
	"time"

	"holdfast"
	"holdfast/core/action"
	"holdfast/gateway/breaker/halt"
	"holdfast/gateway/breaker/judge"
)

// A Status is how the breaker stands, with what it judges by.
type Status struct {
	holdfast.Breaker
	Reserved       int64            `json:"reserved" help:"what the calls under way may still burn; it is inside both burns"`
	Projected      int64            `json:"projected_minutes" help:"minutes until a cap at the present rate; 0 when it is not coming"`
	Since          time.Time        `json:"since,omitzero" help:"since when it is halted or warns"`
	SuspendedUntil time.Time        `json:"suspended_until,omitzero" help:"judging rests until then, after a forced resume"`
	Scopes         []ScopeStatus    `json:"scopes,omitempty" help:"tenants and keys with caps of their own, or halted"`
	Judges         []Judge          `json:"judges" help:"who judged last, and when"`
	Thresholds     judge.Thresholds `json:"thresholds"`
	Fault          string           `json:"fault,omitempty"`
}

// A ScopeStatus is how one tenant or key stands.
type ScopeStatus struct {
	Scope          string    `json:"scope"`
	State          string    `json:"state" help:"armed, warn or halted"`
	Reason         string    `json:"reason,omitempty"`
	BurnHour       int64     `json:"burn_hour"`
	CapHour        int64     `json:"cap_hour,omitempty"`
	BurnDay        int64     `json:"burn_day"`
	CapDay         int64     `json:"cap_day,omitempty"`
	Until          time.Time `json:"cooldown_until,omitzero"`
	SuspendedUntil time.Time `json:"suspended_until,omitzero"`
}

func (b board) status(ctx context.Context, _ action.Nothing) (Status, error) {
	burn, err := b.needs.Burn(ctx)
	if err != nil {
		return Status{}, err
	}
	b.settle(ctx)
	t := *b.limits.read(false)
	b.mu.Lock()
	warned := b.warning
	b.mu.Unlock()
	v := judge.Judge(burn, t)
	s := Status{
		Breaker: holdfast.Breaker{
			State: "armed", BurnHour: burn.Hour + burn.Reserved, BurnDay: burn.Day + burn.Reserved,
			CapHour: t.HardCapPerHour, CapDay: t.HardCapPerDay,
		},
		Reserved: burn.Reserved, Projected: int64(math.Ceil(v.Projected.Minutes())), Thresholds: t,
		Judges: b.sight.judges(b.running()), Scopes: b.scopes(&t), Fault: strings.Join(b.faults(), "; "),
		SuspendedUntil: b.halts.rest(halt.House),
	}
	flag := b.current(halt.House)
	switch {
	case flag != nil:
		s.State, s.Reason, s.Since = "halted", flag.Reason, flag.Since
		if flag.CooldownUntil != nil {
			s.Until = *flag.CooldownUntil
		}
	case b.dark(&t) != "":
		s.State, s.Reason = "blind", b.dark(&t)
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

// dark says why the breaker is blind; empty when it is not.
func (b board) dark(t *judge.Thresholds) string {
	if !b.running() {
		return ""
	}
	if dark, blind := b.sight.blind(b.needs.Now(), t.Blind()); blind {
		return blindRefusal(dark).Reason
	}
	return ""
}

// scopes are the tenants and keys with caps of their own, and those that are halted.
func (b board) scopes(t *judge.Thresholds) []ScopeStatus {
	var list []ScopeStatus
	listed := map[halt.Scope]bool{}
	for _, r := range b.meters.peek(t) {
		caps := capsOf(t, r.scope)
		one := ScopeStatus{
			Scope: string(r.scope), State: "armed", CapHour: caps.HardCapPerHour, CapDay: caps.HardCapPerDay,
			BurnHour: r.verdict.Burn.Hour + r.verdict.Burn.Reserved, BurnDay: r.verdict.Burn.Day + r.verdict.Burn.Reserved,
			SuspendedUntil: b.halts.rest(r.scope),
		}
		if r.verdict.Level != judge.Calm {
			one.State, one.Reason = "warn", r.verdict.Reason()
		}
		if flag := b.halts.get(r.scope); flag != nil {
			one.halted(*flag)
		}
		listed[r.scope] = true
		list = append(list, one)
	}
	for _, flag := range b.halts.scoped() {
		if !listed[flag.Scope] {
			one := ScopeStatus{Scope: string(flag.Scope)}
			one.halted(flag)
			list = append(list, one)
		}
	}
	return list
}

func (s *ScopeStatus) halted(flag Flag) {
	s.State, s.Reason = "halted", flag.Reason
	if flag.CooldownUntil != nil {
		s.Until = *flag.CooldownUntil
	}
}

// faults are what keeps the breaker from doing its work whole.
func (b board) faults() []string {
	var list []string
	if fault := b.limits.fault(); fault != "" {
		list = append(list, fault)
	}
	b.halts.mu.Lock()
	defer b.halts.mu.Unlock()
	for _, s := range sorted(b.halts.unwritten) {
		list = append(list, "HALT of "+s.Subject()+" stands in this house alone, and its flag is tried again: "+b.halts.unwritten[s])
	}
	if b.halts.unread != "" {
		list = append(list, b.halts.unread)
	}
	return list
}

// Word is the breaker for the status of the house.
func (b *Breaker) Word(ctx context.Context) holdfast.Breaker {
	s, err := board{b}.status(ctx, action.Nothing{})
	if err != nil {
		return holdfast.Breaker{State: "blind", Reason: err.Error()}
	}
	return s.Breaker
}

func (b board) alerts() []holdfast.AlertRule {
	return []holdfast.AlertRule{
		{Name: "breaker_halt", Severity: holdfast.SeverityCritical, Summary: "HALT stands: model calls and dispatches are refused", Firing: b.haltAlerts},
		{Name: "breaker_blind", Severity: holdfast.SeverityCritical, Summary: "nobody judges the burn: model calls and dispatches are refused", Firing: b.blindAlerts},
		{Name: "breaker_warn", Severity: holdfast.SeverityWarning, Summary: "the burn nears a cap, or the breaker cannot do its work", Firing: b.warnAlerts},
		{Name: "breaker_bypass", Severity: holdfast.SeverityWarning, Summary: "the owner dispatched past a HALT within the last hour", Firing: b.bypassAlerts},
	}
}

func (b board) haltAlerts(context.Context) []holdfast.Alert {
	flags := b.halts.scoped()
	if flag := b.halts.house.Load(); flag != nil {
		flags = append([]Flag{*flag}, flags...)
	}
	b.halts.mu.Lock()
	defer b.halts.mu.Unlock()
	var list []holdfast.Alert
	for _, flag := range flags {
		message := flag.Reason
		if at, yes := b.halts.tampered[flag.Scope]; yes {
			message += "; the flag was deleted by hand at " + at.UTC().Format(time.RFC3339) + " and written again"
		}
		list = append(list, holdfast.Alert{Subject: flag.Scope.Subject(), Message: message, Since: flag.Since})
	}
	return list
}

func (b board) blindAlerts(context.Context) []holdfast.Alert {
	if dark := b.dark(b.limits.get()); dark != "" {
		return []holdfast.Alert{{Subject: "house", Message: dark, Since: b.sight.judges(true)[0].At}}
	}
	return nil
}

func (b board) warnAlerts(context.Context) []holdfast.Alert {
	var list []holdfast.Alert
	b.mu.Lock()
	if b.warning != nil && b.halts.house.Load() == nil {
		list = append(list, holdfast.Alert{Subject: "burn", Message: b.warning.reason, Since: b.warning.since})
	}
	b.mu.Unlock()
	t := b.limits.get()
	for _, r := range b.meters.peek(t) {
		if r.verdict.Level != judge.Calm && b.halts.get(r.scope) == nil {
			list = append(list, holdfast.Alert{Subject: string(r.scope), Message: r.verdict.Reason(), Since: b.needs.Now()})
		}
	}
	if faults := b.faults(); len(faults) > 0 {
		list = append(list, holdfast.Alert{Subject: "files", Message: strings.Join(faults, "; "), Since: b.needs.Now()})
	}
	if silent := b.sight.silent(t.Blind()); !silent.IsZero() {
		list = append(list, holdfast.Alert{Subject: "watch", Message: "holdfast-watch has not judged the burn since " + silent.Format(time.RFC3339), Since: silent})
	}
	rests := b.halts.resting()
	for _, s := range sorted(rests) {
		if until := b.halts.rest(s); !until.IsZero() {
			list = append(list, holdfast.Alert{
				Subject: "resume", Since: until.Add(-forcedResume),
				Message: "a forced resume suspended judging of " + s.Subject() + " until " + until.UTC().Format(time.RFC3339),
			})
		}
	}
	return list
}
