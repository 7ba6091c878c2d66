// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"

	"holdfast"
	"holdfast/agent/upstream"
	"holdfast/core/action"
)

// Call runs a tool for a caller. An error means that the tool did not answer: not found, bad
// arguments, its server down or too slow; a tool's own failure is a Result that is Failed.
func (c *Catalogue) Call(ctx context.Context, caller holdfast.Caller, name string, arguments json.RawMessage) (Result, error) {
	e, err := c.find(ctx, caller, name)
	if err != nil {
		return Result{}, err
	}
	call := call{catalogue: c, caller: caller, entry: e}
	call.arguments, err = e.schema.check(name, arguments)
	if err != nil {
		call.count(holdfast.OutcomeRefused, 0)
		return Result{}, err
	}
	if e.action == "" && !e.ReadOnly {
		if err := call.journal(ctx, holdfast.OutcomeStarted, 0, map[string]any{"arguments": call.shown()}); err != nil {
			return Result{}, holdfast.Errorf(holdfast.CodeUnavailable, "cannot journal the call before it runs, so it was not made: %w", err)
		}
	}
	began := time.Now()
	result, err := call.run(ctx)
	call.settle(ctx, result, err, time.Since(began))
	return result, err
}

// a call is one call of one tool on its way.
type call struct {
	catalogue *Catalogue
	caller    holdfast.Caller
	entry     *entry
	arguments json.RawMessage
}

// shown is the arguments as they may be journaled.
func (c call) shown() json.RawMessage { return Redacted(c.arguments, c.entry.schema.tree) }

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

func (c call) run(ctx context.Context) (Result, error) {
	e, settings := c.entry, c.catalogue.settings()
	ctx, cancel := context.WithTimeoutCause(ctx, settings.Timeout.Std(), errTimeout)
	defer cancel()
	var result Result
	var err error
	if e.action != "" {
		result, err = c.house(ctx)
	} else {
		result, err = c.ask(ctx, int(settings.Result))
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

// ask calls the tool of a server. What the server says against the call is the tool's own failure.
func (c call) ask(ctx context.Context, limit int) (Result, error) {
	answer, err := c.entry.source.Call(ctx, upstream.Request{Name: c.entry.own, Arguments: c.arguments})
	if said, ok := errors.AsType[*jsonrpc.Error](err); ok {
		return failed(said.Message), nil
	}
	if err != nil {
		return Result{}, err
	}
	return fromMCP(answer, limit), nil
}

var errTimeout = errors.New("the call took too long")

// settle counts and journals how a call ended. House actions journal themselves.
func (c call) settle(ctx context.Context, r Result, err error, took time.Duration) {
	outcome := holdfast.OutcomeDone
	if err != nil || r.Failed {
		outcome = holdfast.OutcomeFailed
	}
	c.count(outcome, took)
	if c.entry.action != "" {
		return
	}
	detail := map[string]any{"result_bytes": len(r.Text)}
	if c.entry.ReadOnly {
		detail["arguments"] = c.shown()
	}
	if err != nil {
		detail["error"] = cutText(err.Error(), maxShown)
	}
	// A caller that hung up must not keep the outcome out of the journal.
	if err := c.journal(context.WithoutCancel(ctx), outcome, took, detail); err != nil {
		c.catalogue.needs.Log.Error("cannot journal a tool call", slog.String("tool", c.entry.Name), slog.Any("error", err))
	}
}

func (c call) journal(ctx context.Context, outcome holdfast.Outcome, took time.Duration, detail map[string]any) error {
	detail["source"] = c.entry.Source
	if agent := holdfast.AgentFrom(ctx); agent != "" {
		detail["agent"] = agent
	}
	raw, err := json.Marshal(detail)
	if err != nil {
		return err
	}
	_, err = c.catalogue.needs.Journal.Append(ctx, holdfast.Entry{
		Caller: c.caller.String(), Tier: c.caller.Tier, Action: "tool.run", Subject: c.entry.Name,
		Outcome: outcome, Duration: took, Detail: raw,
	})
	return err
}

func (c call) count(outcome holdfast.Outcome, took time.Duration) {
	name, catalogue := c.entry.Name, c.catalogue
	catalogue.mu.Lock()
	u := catalogue.usage[name]
	if u == nil {
		u = &usage{}
		catalogue.usage[name] = u
	}
	u.calls++
	if outcome != holdfast.OutcomeDone {
		u.errors++
	}
	u.last = time.Now()
	catalogue.mu.Unlock()
	if catalogue.needs.Meter != nil {
		catalogue.needs.Meter(name, strings.TrimPrefix(c.entry.Source, "extension "), outcome, took)
	}
}
