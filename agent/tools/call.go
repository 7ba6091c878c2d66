// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"time"

	"holdfast"
	"holdfast/core/action"
)

// Call runs a tool for a caller. An error means that the tool did not answer: not found, bad
// arguments, its server down or too slow; a tool's own failure is a Result that is Failed.
func (c *Catalogue) Call(ctx context.Context, caller holdfast.Caller, name string, arguments json.RawMessage) (Result, error) {
	e, err := c.find(ctx, caller, name)
	if err != nil {
		return Result{}, err
	}
	arguments, err = e.schema.check(name, arguments)
	if err != nil {
		c.count(e, holdfast.OutcomeRefused, 0)
		return Result{}, err
	}
	if e.action == "" && !e.ReadOnly {
		if err := c.journal(ctx, caller, e, holdfast.OutcomeStarted, 0, map[string]any{"arguments": Redacted(arguments, e.schema.tree)}); err != nil {
			return Result{}, holdfast.Errorf(holdfast.CodeUnavailable, "cannot journal the call before it runs, so it was not made: %w", err)
		}
	}
	began := time.Now()
	result, err := c.perform(ctx, caller, e, arguments)
	c.settled(ctx, caller, e, arguments, result, err, time.Since(began))
	return result, err
}

// find looks a tool up among those that the caller may see.
func (c *Catalogue) find(ctx context.Context, caller holdfast.Caller, name string) (*entry, error) {
	if e := c.snapshot().byName[name]; e != nil && e.visible(caller) {
		return e, nil
	}
	// It may be a tool of a server that is still starting.
	if err := c.settle(ctx); err != nil {
		return nil, err
	}
	shown := c.snapshot()
	if e := shown.byName[name]; e != nil && e.visible(caller) {
		return e, nil
	}
	var known []string
	for _, e := range shown.entries {
		if e.visible(caller) {
			known = append(known, e.Name)
		}
	}
	err := holdfast.Errorf(holdfast.CodeNotFound, "there is no tool %q", cutText(name, maxName))
	if near := action.Nearest(name, known); near != "" {
		err.Message += ": did you mean " + near + "?"
	}
	return nil, err
}

func (c *Catalogue) perform(ctx context.Context, caller holdfast.Caller, e *entry, arguments json.RawMessage) (Result, error) {
	settings := c.settings()
	ctx, cancel := context.WithTimeoutCause(ctx, settings.Timeout.Std(), errTimeout)
	defer cancel()
	var result Result
	var err error
	if e.action != "" {
		result, err = c.callHouse(ctx, caller, e, arguments)
	} else {
		result, err = e.server.call(ctx, e.own, arguments, int(settings.Result))
	}
	if err != nil && errors.Is(context.Cause(ctx), errTimeout) {
		err = holdfast.Errorf(holdfast.CodeUnavailable, "tool %s did not answer within %s, so the call was cancelled: %w", e.Name, settings.Timeout, err)
	}
	if len(result.Text) > int(settings.Result) {
		result.Text, result.Cut = cutText(result.Text, int(settings.Result))+"\n[cut: the result was larger than the limit]", true
		result.Structured, result.Failed = nil, result.Failed || len(result.Structured) > 0
	}
	return result, err
}

var errTimeout = errors.New("the call took too long")

// settled counts and journals how a call ended. House actions journal themselves.
func (c *Catalogue) settled(ctx context.Context, caller holdfast.Caller, e *entry, arguments json.RawMessage, r Result, err error, took time.Duration) {
	outcome := holdfast.OutcomeDone
	if err != nil || r.Failed {
		outcome = holdfast.OutcomeFailed
	}
	c.count(e, outcome, took)
	if e.action != "" {
		return
	}
	detail := map[string]any{"result_bytes": len(r.Text)}
	if e.ReadOnly {
		detail["arguments"] = Redacted(arguments, e.schema.tree)
	}
	if err != nil {
		detail["error"] = cutText(err.Error(), maxShown)
	}
	// A caller that hung up must not keep the outcome out of the journal.
	if err := c.journal(context.WithoutCancel(ctx), caller, e, outcome, took, detail); err != nil {
		c.needs.Log.Error("cannot journal a tool call", slog.String("tool", e.Name), slog.Any("error", err))
	}
}

func (c *Catalogue) journal(ctx context.Context, caller holdfast.Caller, e *entry, outcome holdfast.Outcome, took time.Duration, detail map[string]any) error {
	detail["source"] = e.Source
	if agent := holdfast.AgentFrom(ctx); agent != "" {
		detail["agent"] = agent
	}
	raw, err := json.Marshal(detail)
	if err != nil {
		return err
	}
	_, err = c.needs.Journal.Append(ctx, holdfast.Entry{
		Caller: caller.String(), Tier: caller.Tier, Action: "tool.run", Subject: e.Name,
		Outcome: outcome, Duration: took, Detail: raw,
	})
	return err
}

func (c *Catalogue) count(e *entry, outcome holdfast.Outcome, took time.Duration) {
	c.mu.Lock()
	u := c.usage[e.Name]
	if u == nil {
		u = &usage{}
		c.usage[e.Name] = u
	}
	u.calls++
	if outcome != holdfast.OutcomeDone {
		u.errors++
	}
	u.last = time.Now()
	c.mu.Unlock()
	if c.needs.Meter != nil {
		c.needs.Meter(e.Name, strings.TrimPrefix(e.Source, "extension "), outcome, took)
	}
}
