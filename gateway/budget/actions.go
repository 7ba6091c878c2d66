// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"holdfast"
	"holdfast/core/action"
	"holdfast/core/config"
)

// A board is the budgets as people see them.
type board struct{ *Budgets }

func (b board) actions() []holdfast.Action {
	read := func(name, summary string, examples ...string) holdfast.Action {
		return holdfast.Action{Name: "budget." + name, Summary: summary, Tier: holdfast.TierOperator, Effect: holdfast.EffectRead, Examples: examples}
	}
	change := func(name, summary, help string, examples ...string) holdfast.Action {
		return holdfast.Action{
			Name: "budget." + name, Summary: summary, Help: help, Tier: holdfast.TierOperator, Effect: holdfast.EffectChange,
			Examples: examples,
		}
	}
	report := read("report", "Show every budget: quota, activity, archived by resets, reserved, left",
		"holdfast budget report", "holdfast budget report agent:companion --json")
	report.Help = "Activity is what the ledger's rows say; what counts against the quota is activity without what resets archived. " +
		"A line is reconciled when the sums in memory agree with the rows to the token."
	set := change("set", "Set a budget; what is left out stays as it is",
		"It lies over what holdfast.yaml says, from now on and after a restart. 0 allows nothing. A budget of money refuses models whose price is not known.",
		"holdfast budget set house --usd-per-month 50", "holdfast budget set agent:companion --tokens-per-day 2000000 --at-limit park",
		"holdfast budget set key:laptop --tokens-per-day 500000")
	remove := change("remove", "Take away what `budget set` set; what holdfast.yaml says holds again", "",
		"holdfast budget remove agent:companion", "holdfast budget remove agent:companion --limit tokens_per_day")
	reset := change("reset", "Begin a scope's budgets anew: what was spent is archived, not lost",
		"What is reserved by calls under way stays reserved. Reports and the history keep showing what was archived.",
		"holdfast budget reset agent:companion", "holdfast budget reset house --period month")
	approve := change("approve", "Let one waiting call pass", "It holds for this call alone, which may then spend what it needs.", "holdfast budget approve hf-abc-1")
	deny := change("deny", "Refuse one waiting call", "", `holdfast budget deny hf-abc-1 --reason "too expensive"`)
	deny.Safer = true
	history := read("history", "List what happened to budgets, newest first", "holdfast budget history --since 7d")
	report.Offline, history.Offline, set.Offline, remove.Offline, reset.Offline = true, true, true, true, true
	return []holdfast.Action{
		action.NewAction(report, b.report),
		action.NewAction(set, b.setLimit),
		action.NewAction(remove, b.remove),
		action.NewAction(reset, b.reset),
		action.NewAction(history, b.history),
		action.NewAction(read("parked", "List the calls that wait for approval", "holdfast budget parked"), b.listParked),
		action.NewAction(approve, b.approve),
		action.NewAction(deny, b.deny),
	}
}

// current is the book that stands: the running house's, or one read for this action. The caller
// holds acts; done must be called.
func (b board) current(ctx context.Context) (book *book, done func(), err error) {
	b.mu.Lock()
	if b.started {
		b.book.turn(b.needs.Now())
		return &b.book, b.mu.Unlock, nil
	}
	b.mu.Unlock()
	fresh, err := b.load(ctx)
	return fresh, func() {}, err
}

func badScope(scope string) error {
	message := wrongScope(scope)
	if message == "" {
		return nil
	}
	return holdfast.BadInput("", holdfast.Problem{Field: "scope", Message: message, Remedy: scopeRemedy})
}

type setInput struct {
	Scope string `json:"scope" help:"house, tenant:NAME, agent:NAME or key:NAME" required:"true" max:"210" pos:"1"`
	Limit
}

// A change is a scope's budgets before and after.
type changed struct {
	Scope  string `json:"scope"`
	Before Limit  `json:"before" help:"what bound it, holdfast.yaml included"`
	After  Limit  `json:"after"`
}

func (b board) setLimit(ctx context.Context, in setInput) (changed, error) {
	problems := in.wrong()
	if err := badScope(in.Scope); err != nil {
		return changed{}, err
	}
	if in.empty() {
		problems = append(problems, holdfast.Problem{Message: "sets nothing", Remedy: "give one of the limits, such as --tokens-per-day 1000000"})
	}
	if len(problems) > 0 {
		return changed{}, holdfast.BadInput("bad budget", problems...)
	}
	return b.change(ctx, in.Scope, eventSet, func(old Limit) (Limit, error) { return in.over(old), nil })
}

type removeInput struct {
	Scope string `json:"scope" help:"house, tenant:NAME, agent:NAME or key:NAME" required:"true" max:"210" pos:"1"`
	Limit string `json:"limit" help:"only this limit; empty for all" enum:"tokens_per_day,tokens_per_week,tokens_per_month,usd_per_day,usd_per_week,usd_per_month,"`
}

func (b board) remove(ctx context.Context, in removeInput) (changed, error) {
	if err := badScope(in.Scope); err != nil {
		return changed{}, err
	}
	return b.change(ctx, in.Scope, eventRemoved, func(old Limit) (Limit, error) {
		fresh := Limit{}
		if in.Limit != "" {
			fresh = old.without(in.Limit)
		}
		if old.empty() || fresh == old {
			return old, holdfast.Errorf(holdfast.CodeNotFound, "`budget set` set no such budget of %s; holdfast.yaml may", in.Scope)
		}
		return fresh, nil
	})
}

// change replaces what is set for a scope, on disk first.
func (b board) change(ctx context.Context, scope, event string, next func(Limit) (Limit, error)) (changed, error) {
	b.acts.Lock()
	defer b.acts.Unlock()
	set, err := b.files.limits(ctx)
	if err != nil {
		return changed{}, err
	}
	old := set[scope]
	fresh, err := next(old.Limit)
	if err != nil {
		return changed{}, err
	}
	by, now := holdfast.CallerFrom(ctx).String(), b.needs.Now().UTC()
	keep := stored{fresh, now, by}
	if err := b.files.keep(ctx, scope, keep, Event{Time: now, Event: event, Scope: scope, By: by, Detail: fresh.String()}); err != nil {
		return changed{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	below := b.needs.Config.Limits[scope]
	if b.started {
		below = b.book.config.Limits[scope]
		b.book.take(scope, keep)
		b.queue.again()
	}
	return changed{scope, old.over(below), fresh.over(below)}, nil
}

// take takes up what is set for a scope.
func (b *book) take(scope string, s stored) {
	if s.empty() {
		delete(b.set, scope)
	} else {
		b.set[scope] = s
	}
	if t, _, _ := b.scope(scope); t != nil {
		b.bound(t)
	}
}

func (l Limit) String() string {
	var parts []string
	for _, t := range terms {
		if quota, ok := t.quota(&l); ok {
			e := Exceeded{Money: t.money}
			parts = append(parts, t.name+" "+e.amount(quota))
		}
	}
	if l.AtLimit != "" {
		parts = append(parts, "at_limit "+l.AtLimit)
	}
	return strings.Join(parts, ", ")
}

type resetInput struct {
	Scope  string `json:"scope" help:"house, tenant:NAME, agent:NAME or key:NAME" required:"true" max:"210" pos:"1"`
	Period string `json:"period" help:"only the budgets of this period; empty for all" enum:"day,week,month,"`
}

type resetOutput struct {
	Scope  string `json:"scope"`
	Before []Line `json:"before"`
	After  []Line `json:"after"`
}

// reset archives what counts against a scope's budgets. What is spent while it is written counts
// against the fresh ones.
func (b board) reset(ctx context.Context, in resetInput) (resetOutput, error) {
	if err := badScope(in.Scope); err != nil {
		return resetOutput{}, err
	}
	b.acts.Lock()
	defer b.acts.Unlock()
	out := resetOutput{Scope: in.Scope}
	var err error
	if out.Before, err = b.lines(ctx, in.Scope); err != nil {
		return resetOutput{}, err
	}
	if len(out.Before) == 0 {
		return resetOutput{}, holdfast.Errorf(holdfast.CodeNotFound, "%s has no budget", in.Scope)
	}
	events, err := b.archive(ctx, in)
	if err != nil {
		return resetOutput{}, err
	}
	if len(events) == 0 {
		return resetOutput{}, holdfast.Errorf(holdfast.CodeNotFound, "%s has no budget of a %s", in.Scope, in.Period)
	}
	if err := b.files.remember(ctx, events...); err != nil {
		return resetOutput{}, fmt.Errorf("cannot reset the budget of %s: %w", in.Scope, err)
	}
	b.mu.Lock()
	if b.started {
		b.book.archive(events)
		b.queue.again()
	}
	b.mu.Unlock()
	out.After, err = b.lines(ctx, in.Scope)
	return out, err
}

// archive says what a reset takes out of which period.
func (b board) archive(ctx context.Context, in resetInput) ([]Event, error) {
	book, done, err := b.current(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	t, _, _ := book.scope(in.Scope)
	var events []Event
	for p, s := range book.cal.now {
		binds := slices.ContainsFunc(t.bounds, func(l bound) bool { return l.period == p })
		if !binds || (in.Period != "" && string(periods[p]) != in.Period) {
			continue
		}
		took := t.sums[p].minus(t.archived[p])
		events = append(events, Event{
			Time: b.needs.Now().UTC(), Event: eventReset, Scope: in.Scope, Period: periods[p], Since: s.since.UTC(),
			Tokens: took.Tokens, USD: measured(took.Nano, true), By: holdfast.CallerFrom(ctx).String(), took: took,
		})
	}
	return events, nil
}

// archive takes up resets.
func (b *book) archive(events []Event) {
	for _, e := range events {
		t, _, _ := b.scope(e.Scope)
		t.resets = append(t.resets, reset{slices.Index(periods[:], e.Period), e.Since.UnixNano(), e.took})
		b.sum(t)
	}
}

type historyInput struct {
	Scope string `json:"scope" help:"only of this scope" max:"210" pos:"1"`
	Since string `json:"since" help:"a span before now, or a time" default:"30d" max:"40"`
	Limit int    `json:"limit" help:"at most so many" default:"100" min:"1" max:"10000"`
}

type historyOutput struct {
	Events []Event `json:"events"`
}

func (b board) history(ctx context.Context, in historyInput) (historyOutput, error) {
	since, err := config.ParseSince(in.Since, b.needs.Now())
	if err != nil {
		return historyOutput{}, holdfast.BadInput("", holdfast.Problem{Field: "since", Message: err.Error(), Remedy: "want 7d or 2026-01-31T12:00:00Z"})
	}
	b.tell(ctx)
	events, err := b.files.events(ctx, in.Scope, since, in.Limit)
	return historyOutput{events}, err
}

type parkedOutput struct {
	Calls []Parked `json:"calls"`
}

func (b board) listParked(context.Context, action.Nothing) (parkedOutput, error) {
	return parkedOutput{b.parked()}, nil
}

type approveInput struct {
	ID string `json:"id" help:"the call, as budget parked lists it" required:"true" max:"200" pos:"1"`
}

type denyInput struct {
	ID     string `json:"id" help:"the call, as budget parked lists it" required:"true" max:"200" pos:"1"`
	Reason string `json:"reason" help:"why; the caller reads it" max:"300"`
}

type decided struct {
	Call Parked `json:"call"`
	By   string `json:"by"`
}

func (b board) approve(ctx context.Context, in approveInput) (decided, error) {
	return b.answer(ctx, in.ID, eventApproved, answer{allowed: true})
}

func (b board) deny(ctx context.Context, in denyInput) (decided, error) {
	verdict := "denied by " + holdfast.CallerFrom(ctx).String()
	if in.Reason != "" {
		verdict += ": " + in.Reason
	}
	return b.answer(ctx, in.ID, eventDenied, answer{denied: verdict})
}

func (b board) answer(ctx context.Context, id, event string, a answer) (decided, error) {
	call, ok := b.decide(id, a)
	if !ok {
		return decided{}, holdfast.Errorf(holdfast.CodeNotFound, "no call %q waits for approval: `holdfast budget parked` lists those that do", id)
	}
	by := holdfast.CallerFrom(ctx).String()
	b.mu.Lock()
	b.announce(Event{
		Event: event, Scope: call.Scope, Setting: call.Setting, Call: id, By: by, Tokens: call.Tokens, USD: call.USD,
		Detail: strings.TrimSpace(call.Caller + " " + call.Model + " " + a.denied), journaled: true,
	})
	b.mu.Unlock()
	return decided{call, by}, nil
}

func (b board) alerts() []holdfast.AlertRule {
	return []holdfast.AlertRule{
		{Name: "budget_spent", Severity: holdfast.SeverityWarning, Summary: "a budget nears its limit or is spent", Firing: b.spentAlerts},
		{Name: "budget_parked", Severity: holdfast.SeverityWarning, Summary: "a model call waits for approval", Firing: b.parkedAlerts},
	}
}

func (b board) spentAlerts(context.Context) []holdfast.Alert {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.started {
		return nil
	}
	b.book.turn(b.needs.Now())
	var alerts []holdfast.Alert
	b.book.each(func(t *tally) {
		for i := range t.bounds {
			if alert, ok := b.book.alert(t, &t.bounds[i]); ok {
				alerts = append(alerts, alert)
			}
		}
	})
	slices.SortFunc(alerts, func(x, y holdfast.Alert) int { return strings.Compare(x.Subject, y.Subject) })
	return alerts
}

// alert tells of a budget that passed one of the percentages.
func (b *book) alert(t *tally, l *bound) (holdfast.Alert, bool) {
	counted, passed := t.counted(l), 0
	for _, percent := range b.config.Warn {
		if l.quota > 0 && counted >= part(l.quota, percent) {
			passed = percent
		}
	}
	if counted >= l.quota {
		passed = 100
	}
	if passed == 0 {
		return holdfast.Alert{}, false
	}
	severity := holdfast.SeverityInfo
	if passed > 50 {
		severity = holdfast.SeverityWarning
	}
	e := Exceeded{Money: l.money}
	return holdfast.Alert{
		Severity: severity, Subject: t.scope + " " + l.name,
		Message: fmt.Sprintf("%s of %s are spent (%d %% passed), until %s", e.amount(counted), e.amount(l.quota), passed, b.cal.now[l.period].till.Format(time.RFC3339)),
	}, true
}

func (b board) parkedAlerts(context.Context) []holdfast.Alert {
	var alerts []holdfast.Alert
	for _, call := range b.parked() {
		alerts = append(alerts, holdfast.Alert{
			Subject: call.ID, Since: call.Since,
			Message: call.Caller + " waits until " + call.Until.Format(time.RFC3339) + ": `holdfast budget approve " + call.ID + "` or deny; " + call.Why,
		})
	}
	return alerts
}
