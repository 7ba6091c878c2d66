// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"holdfast"
	"holdfast/gateway/breaker"
	"holdfast/gateway/budget"
	"holdfast/gateway/dialect"
	"holdfast/gateway/key"
	"holdfast/gateway/route"
)

// limits is what the gateway needs of the keys: whether a caller may call that model now, with so many
// tokens; what it spent in the end; how many it has left in this minute; and which models it is for at
// all.
type limits interface {
	Allow(ctx context.Context, caller holdfast.Caller, model string, tokens int64) error
	Settle(caller holdfast.Caller, began time.Time, counted, spent int64)
	Left(ctx context.Context, caller holdfast.Caller) int64
	May(ctx context.Context, caller holdfast.Caller, model string) bool
}

// budgets is what the gateway needs of the budgets: try is run again when the call that waits for
// approval was approved, or has room again.
type budgets interface {
	Patiently(ctx context.Context, try func() error) error
}

// blindReason is the word for a refusal because nobody judges the burn.
const blindReason = "breaker_blind"

// statusHungUp is what nobody reads.
const statusHungUp = 499

// given words why a call was given up before it was answered: its client hung up, or the house ends.
func given(ctx context.Context) dialect.Failure {
	if errors.Is(context.Cause(ctx), holdfast.ErrEnding) {
		return ending()
	}
	return dialect.Failure{Status: statusHungUp, Type: "client_error", Message: "the client hung up"}
}

func ending() dialect.Failure {
	return dialect.Failure{
		Status: http.StatusServiceUnavailable, Type: "server_error", Code: holdfast.EndingCode,
		Message: holdfast.ErrEnding.Error(), RetryAfter: holdfast.EndingRetry,
	}
}

// notAdmitted words why a call was not even tried: by the breaker, a budget, a key's limits, or a
// ledger that cannot be written.
func (g *Gateway) notAdmitted(ctx context.Context, err error) dialect.Failure {
	if full, ok := errors.AsType[*breaker.Full](err); ok {
		if refusal := g.needs.Breaker.Reached(full); refusal != nil {
			return refused(refusal)
		}
		f := capped(full)
		f.Message = full.Error() + "; try a smaller max_tokens, or again when they have ended"
		return f
	}
	if refusal, ok := errors.AsType[*holdfast.Refusal](err); ok {
		return refused(refusal)
	}
	if f, ok := overBounds(err); ok {
		return f
	}
	if ctx.Err() != nil {
		return given(ctx)
	}
	g.needs.Log.Error("cannot reserve a model call", "error", err)
	return dialect.Failure{
		Status: http.StatusServiceUnavailable, Type: "server_error", Code: "ledger_unavailable", RetryAfter: holdfast.EndingRetry,
		Message: "the ledger cannot be written, and what is not counted is not called",
	}
}

func capped(full *breaker.Full) dialect.Failure {
	return dialect.Failure{
		Status: http.StatusServiceUnavailable, Type: "insufficient_quota", Code: "breaker_cap", Reason: "breaker_cap",
		Message: "cut: " + full.Error(), RetryAfter: holdfast.EndingRetry,
	}
}

// barred says no to a caller whose key is not for that name, or is halted; nil when it may pass.
func (g *Gateway) barred(ctx context.Context, name string) *dialect.Failure {
	caller := holdfast.CallerFrom(ctx)
	if caller.Key == "" && caller.Tenant == "" {
		return nil
	}
	if flag, halted := g.needs.Breaker.HaltedFor(caller.Tenant, caller.Key); halted {
		f := haltError(&haltedError{flag.Reason})
		return &f
	}
	if g.needs.Limits == nil || g.needs.Limits.May(ctx, caller, name) {
		return nil
	}
	return &dialect.Failure{
		Status: http.StatusForbidden, Type: "permission_error", Code: "key_not_allowed", Param: "model",
		Message: fmt.Sprintf("the key %s may not call %q", caller.Key, name),
	}
}

// overBounds words the refusals of budgets and of keys' limits.
func overBounds(err error) (dialect.Failure, bool) {
	if over, ok := errors.AsType[*budget.Exceeded](err); ok {
		f := dialect.Failure{
			Status: http.StatusTooManyRequests, Type: "insufficient_quota", Code: "budget_exceeded", Reason: "budget_exceeded",
			Message: over.Error(), RetryAfter: over.RetryAfter(),
		}
		if over.Money {
			f.Status = http.StatusPaymentRequired
		}
		return f, true
	}
	if slow, ok := errors.AsType[*key.Limited](err); ok {
		return dialect.Failure{
			Status: http.StatusTooManyRequests, Type: "rate_limit_error", Code: "key_rate_limited",
			Message: slow.Error(), RetryAfter: slow.RetryAfter(),
		}, true
	}
	if no, ok := errors.AsType[*key.NotAllowed](err); ok {
		return dialect.Failure{Status: http.StatusForbidden, Type: "permission_error", Code: "key_not_allowed", Param: "model", Message: no.Error()}, true
	}
	return dialect.Failure{}, false
}

// outgrown is the last word of a stream for which no more could be reserved.
func outgrown(err error) (dialect.Failure, bool) {
	if full, ok := errors.AsType[*breaker.Full](err); ok {
		return capped(full), true
	}
	return overBounds(err)
}

func refused(r *holdfast.Refusal) dialect.Failure {
	reason := breaker.Reason
	if strings.HasPrefix(r.Reason, blindReason) {
		reason = blindReason
	}
	return dialect.Failure{
		Status: http.StatusServiceUnavailable, Type: "service_unavailable", Code: reason, Reason: reason,
		Message: r.Reason + "; " + r.Remedy, RetryAfter: r.RetryAfter,
	}
}

func haltError(h *haltedError) dialect.Failure {
	return dialect.Failure{
		Status: http.StatusServiceUnavailable, Type: "service_unavailable", Code: breaker.Reason, Reason: breaker.Reason,
		Message: h.Error(), RetryAfter: 15 * time.Second,
	}
}

// unasked is said when nobody could be asked: every target of the chain cools down, or the client
// hung up while it waited for one.
func unasked(ctx context.Context, err error) dialect.Failure {
	resting, ok := errors.AsType[*route.Resting](err)
	if !ok {
		return given(ctx)
	}
	f := dialect.Failure{
		Status: http.StatusServiceUnavailable, Type: "service_unavailable", Code: "cooling_down",
		RetryAfter: max(resting.For, time.Second), Message: resting.Error(),
	}
	if resting.Limited {
		f.Status, f.Type = http.StatusTooManyRequests, "rate_limit_error"
	}
	return f
}

func notStarted() dialect.Failure {
	return dialect.Failure{Status: http.StatusServiceUnavailable, Type: "server_error", Message: "the gateway is not started"}
}
