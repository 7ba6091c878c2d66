// SPDX-License-Identifier: Apache-2.0

package action

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"holdfast"
)

// a call is one request on its way through the waist.
type call struct {
	caller  holdfast.Caller
	action  holdfast.Action
	input   any
	confirm *holdfast.Confirmation
}

type confirmationKey struct{}

// Dispatch runs an action for a caller. Input is JSON, empty for none; confirm is the second call
// of a destroying action. Errors: *holdfast.Error (bad input, not found, failed), *holdfast.Refusal,
// *holdfast.Unconfirmed with the inventory, *holdfast.Pending with the id of an approval.
func (r *Registry) Dispatch(ctx context.Context, caller holdfast.Caller, name string, input json.RawMessage, confirm *holdfast.Confirmation) (any, error) {
	c, err := r.admit(ctx, caller, name, input)
	if err != nil {
		return nil, err
	}
	c.confirm = confirm
	if c.action.Effect == holdfast.EffectDestroy {
		return r.destroy(ctx, c)
	}
	return r.perform(ctx, c, nil)
}

// Follow streams what comes after an action's answer, until ctx ends or send fails. Only the
// action's tier and guards stand before it: streams read.
func (r *Registry) Follow(ctx context.Context, caller holdfast.Caller, name string, input json.RawMessage, send func(any) error) error {
	stream, ok := r.streams[name]
	if !ok {
		return holdfast.Errorf(holdfast.CodeNotFound, "%q cannot be followed", name)
	}
	c, err := r.admit(ctx, caller, name, input)
	if err != nil {
		return err
	}
	return stream.Run(holdfast.WithCaller(ctx, caller), c.input, send)
}

// admit decodes the input and asks every guard that judges the action.
func (r *Registry) admit(ctx context.Context, caller holdfast.Caller, name string, raw json.RawMessage) (call, error) {
	a, err := r.Action(name)
	if err != nil {
		return call{}, err
	}
	c := call{caller: caller, action: a}
	// The tier is judged before the input is looked at: a stranger learns nothing of its form.
	if err := r.judge(ctx, c, tierGuard()); err != nil {
		return call{}, err
	}
	if c.input, err = a.Decode(raw); err != nil {
		return call{}, err
	}
	if a.Safer {
		return c, nil
	}
	for _, g := range r.guards {
		if !g.Judges(a) {
			continue
		}
		if err := r.judge(ctx, c, g); err != nil {
			return call{}, err
		}
	}
	return c, nil
}

// judge asks one guard; an error or a panic inside it refuses. The refusal is journaled and counted.
func (r *Registry) judge(ctx context.Context, c call, g holdfast.Guard) error {
	err := ask(ctx, g, holdfast.Request{Caller: c.caller, Action: c.action, Input: c.input})
	if err == nil {
		return nil
	}
	refusal, ok := errors.AsType[*holdfast.Refusal](err)
	if !ok {
		refusal = &holdfast.Refusal{Guard: g.Name, Reason: "the guard could not tell: " + err.Error()}
	}
	r.needs.Meter.Refusal(g.Name)
	entry := r.entry(c, holdfast.OutcomeRefused)
	entry.Detail = detail(map[string]any{"guard": refusal.Guard, "reason": refusal.Reason})
	r.note(ctx, entry)
	return refusal
}

func ask(ctx context.Context, g holdfast.Guard, req holdfast.Request) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("it panicked: %v", p)
		}
	}()
	return g.Judge(ctx, req)
}

// perform runs an admitted call: journal before acting, unless the move is toward safety, which
// acts first and is journaled when it can be.
func (r *Registry) perform(ctx context.Context, c call, inventory []holdfast.Category) (any, error) {
	quiet := c.action.Effect == holdfast.EffectRead && !c.action.Reveals
	if !quiet && !c.action.Safer {
		entry := r.entry(c, holdfast.OutcomeStarted)
		entry.Detail = detail(struct {
			Input     any                 `json:"input,omitempty"`
			Inventory []holdfast.Category `json:"inventory,omitempty"`
		}{c.input, inventory})
		if _, err := r.needs.Journal.Append(ctx, entry); err != nil {
			return nil, fmt.Errorf("cannot journal %s before acting, so it was not done: %w", c.action.Name, err)
		}
	}
	began := r.needs.Now()
	out, err := r.run(ctx, c)
	took := r.needs.Now().Sub(began)
	r.settle(ctx, c, took, quiet, err)
	return out, err
}

func (r *Registry) run(ctx context.Context, c call) (out any, err error) {
	defer func() {
		if p := recover(); p != nil {
			out, err = nil, holdfast.Errorf(holdfast.CodeFailed, "%s panicked: %v", c.action.Name, p)
		}
	}()
	ctx = context.WithValue(holdfast.WithCaller(ctx, c.caller), confirmationKey{}, c.confirm)
	return c.action.Run(ctx, c.input)
}

// withoutExcerpts is an error's text without the lines of files that it shows: a secret that stands
// in a wrong place must not stay in the journal for good.
func withoutExcerpts(err error) string {
	known, ok := errors.AsType[*holdfast.Error](err)
	if !ok {
		return err.Error()
	}
	plain := *known
	plain.Problems = slices.Clone(known.Problems)
	for i := range plain.Problems {
		plain.Problems[i].Excerpt = ""
	}
	return strings.Replace(err.Error(), known.Error(), plain.Error(), 1)
}

// settle counts and journals how a call ended.
func (r *Registry) settle(ctx context.Context, c call, took time.Duration, quiet bool, err error) {
	outcome := holdfast.OutcomeDone
	entry := r.entry(c, outcome)
	if err != nil {
		entry.Outcome = holdfast.OutcomeFailed
		entry.Detail = detail(map[string]string{"error": withoutExcerpts(err)})
		if refused(err) {
			entry.Outcome = holdfast.OutcomeRefused
		}
	} else if c.action.Safer {
		entry.Detail = detail(map[string]any{"input": c.input})
	}
	entry.Duration = took
	r.needs.Meter.Action(c.action.Name, entry.Outcome, took)
	if !quiet {
		// A caller that hung up must not keep the outcome out of the journal.
		r.note(context.WithoutCancel(ctx), entry)
	}
}

func refused(err error) bool {
	_, refusal := errors.AsType[*holdfast.Refusal](err)
	_, unconfirmed := errors.AsType[*holdfast.Unconfirmed](err)
	_, pending := errors.AsType[*holdfast.Pending](err)
	return refusal || unconfirmed || pending
}

// note journals what already happened; when it cannot, the log says so.
func (r *Registry) note(ctx context.Context, entry holdfast.Entry) {
	if _, err := r.needs.Journal.Append(ctx, entry); err != nil {
		r.needs.Log.Error("cannot journal what happened",
			slog.String("action", entry.Action), slog.String("outcome", string(entry.Outcome)), slog.Any("error", err))
	}
}

func (r *Registry) entry(c call, outcome holdfast.Outcome) holdfast.Entry {
	return holdfast.Entry{
		Caller: c.caller.String(), Tier: c.caller.Tier, Action: c.action.Name,
		Subject: subject(c), Outcome: outcome,
	}
}

func subject(c call) string {
	if c.input == nil {
		return ""
	}
	if c.action.Subject != nil {
		return c.action.Subject(c.input)
	}
	return firstField(c.input)
}

// maxDetail bounds what one call may write into the journal.
const maxDetail = 16 << 10

func detail(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil {
		raw, _ = json.Marshal(map[string]string{"unencodable": err.Error()})
	}
	if len(raw) > maxDetail {
		raw, _ = json.Marshal(map[string]int{"bytes_left_out": len(raw)})
	}
	return raw
}
