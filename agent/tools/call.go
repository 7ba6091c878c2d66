// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"

	"holdfast"
	"holdfast/agent/plain"
	"holdfast/agent/tools/pin"
	"holdfast/agent/upstream"
)

// a call is one call of one tool on its way.
type call struct {
	catalogue *Catalogue
	caller    holdfast.Caller
	entry     *entry
	request   upstream.Request
	bare      bool // the server's own answers go through as they are, also its errors
	hub       string
}

// make runs the call: checked, journaled, bounded, counted.
func (c call) make(ctx context.Context) (Result, error) {
	arguments, err := c.check()
	if err != nil {
		c.count(holdfast.OutcomeRefused, 0)
		c.refused(ctx, err)
		return Result{}, err
	}
	c.request.Arguments = arguments
	if c.entry.action == "" && !c.entry.ReadOnly {
		if err := c.journal(ctx, holdfast.OutcomeStarted, 0, map[string]any{"arguments": c.shown()}); err != nil {
			return Result{}, holdfast.Errorf(holdfast.CodeUnavailable, "cannot journal the call before it runs, so it was not made: %w", err)
		}
	}
	began := time.Now()
	result, err := c.run(ctx)
	c.settle(ctx, result, err, time.Since(began))
	return result, err
}

// check holds the arguments against the schema. A server that is shown as it is judges them itself.
func (c call) check() (json.RawMessage, error) {
	if c.bare {
		return openSchema("").check(c.request.Name, c.request.Arguments)
	}
	return c.entry.schema.check(c.request.Name, c.request.Arguments)
}

// shown is the arguments as they may be journaled.
func (c call) shown() json.RawMessage { return Redacted(c.request.Arguments, c.entry.schema.marks()) }

func (c call) run(ctx context.Context) (Result, error) {
	e, settings := c.entry, c.catalogue.settings()
	ctx, cancel := within(ctx, settings.Timeout.Std())
	defer cancel()
	var result Result
	var err error
	if e.action != "" {
		result, err = c.house(ctx)
	} else {
		result, err = c.ask(ctx, int(settings.Result))
	}
	if err != nil && errors.Is(context.Cause(ctx), upstream.ErrTimeout) && !errors.Is(err, upstream.ErrQueued) {
		err = &holdfast.Error{
			Code: holdfast.CodeUnavailable, Message: fmt.Sprintf("tool %s did not answer within %s, so the call was cancelled", e.Name, settings.Timeout), Err: err,
		}
	}
	if len(result.Text) > int(settings.Result) && !result.Cut {
		result.Text, result.Cut = plain.Cut(result.Text, int(settings.Result))+"\n[cut: the result was larger than the limit]", true
		result.Structured, result.Failed = nil, result.Failed || len(result.Structured) > 0
	}
	return result, err
}

// ask calls the tool of a server. What the server says is wrong is the tool's own failure.
func (c call) ask(ctx context.Context, limit int) (Result, error) {
	r := c.request
	r.Name = c.entry.own
	answer, err := c.entry.source.Call(ctx, r)
	// What the house says of a server that hung up may have an error of the SDK's in it.
	_, ours := errors.AsType[*holdfast.Error](err)
	if said, ok := errors.AsType[*jsonrpc.Error](err); ok && !ours && !c.bare {
		return failed(said.Message), nil
	}
	if err != nil {
		return Result{}, err
	}
	if answer == nil {
		return Result{}, fmt.Errorf("cannot read what %s answered: there is nothing", c.entry.Name)
	}
	return fromMCP(answer, limit), nil
}

// settle counts and journals how a call ended. House actions journal themselves.
func (c call) settle(ctx context.Context, r Result, err error, took time.Duration) {
	outcome := holdfast.OutcomeDone
	if err != nil || r.Failed {
		outcome = holdfast.OutcomeFailed
	}
	if c.entry.source != nil && refusedLate(err) {
		outcome = holdfast.OutcomeRefused
	}
	c.count(outcome, took)
	if c.entry.action != "" {
		if bad, ok := errors.AsType[*holdfast.Error](err); ok && bad.Code == holdfast.CodeBadInput {
			c.refused(ctx, err) // it never came to the action
		}
		return
	}
	detail := map[string]any{"result_bytes": len(r.Text)}
	if c.entry.ReadOnly {
		detail["arguments"] = c.shown()
	}
	if len(r.Asks) > 0 {
		detail["asks"] = len(r.Asks)
	}
	if err != nil {
		detail["error"] = plain.Cut(err.Error(), maxShown)
	}
	// A caller that hung up must not keep the outcome out of the journal.
	if err := c.journal(context.WithoutCancel(ctx), outcome, took, detail); err != nil {
		c.catalogue.needs.Log.Error("cannot journal a tool call", slog.String("tool", c.entry.Name), slog.Any("error", err))
	}
}

// refusedLate tells whether a call was refused when its server had started for it.
func refusedLate(err error) bool {
	said, ok := errors.AsType[*holdfast.Error](err)
	return ok && (said.Code == holdfast.CodeConflict || said.Code == holdfast.CodeNotFound)
}

func (c call) journal(ctx context.Context, outcome holdfast.Outcome, took time.Duration, detail map[string]any) error {
	detail["source"] = c.entry.Source
	if c.hub != "" {
		detail["hub"] = c.hub
	}
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
	count(c.catalogue, c.entry.tally, pin.KindTool, c.entry.Source, outcome, took)
}
