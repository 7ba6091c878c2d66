// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"holdfast"
	"holdfast/gateway/breaker"
	"holdfast/gateway/dialect"
)

// limits is what the gateway needs of the keys: whether a caller may call that model now.
type limits interface {
	Allow(ctx context.Context, caller holdfast.Caller, model string, tokens int64) error
}

// statusHungUp is what nobody reads.
const statusHungUp = 499

// notAdmitted words why a call was not even tried: by the breaker, a budget, a key's limits, or a
// ledger that cannot be written.
func (g *Gateway) notAdmitted(ctx context.Context, err error) dialect.Failure {
	if full, ok := errors.AsType[*breaker.Full](err); ok {
		g.needs.Breaker.Reached(full)
		if refusal := g.needs.Breaker.Refusal(); refusal != nil {
			return refused(refusal)
		}
		f := capped(full)
		f.Message = full.Error() + "; try a smaller max_tokens, or again when they have ended"
		return f
	}
	if refusal, ok := errors.AsType[*holdfast.Refusal](err); ok {
		return refused(refusal)
	}
	if ctx.Err() != nil {
		return dialect.Failure{Status: statusHungUp, Type: "client_error", Message: "the client hung up"}
	}
	g.needs.Log.Error("cannot reserve a model call", "error", err)
	return dialect.Failure{
		Status: http.StatusServiceUnavailable, Type: "server_error", Code: "ledger_unavailable", RetryAfter: 5 * time.Second,
		Message: "the ledger cannot be written, and what is not counted is not called",
	}
}

func capped(full *breaker.Full) dialect.Failure {
	return dialect.Failure{
		Status: http.StatusServiceUnavailable, Type: "insufficient_quota", Code: "breaker_cap", Reason: "breaker_cap",
		Message: "cut: " + full.Error(), RetryAfter: 5 * time.Second,
	}
}

// outgrown is the last word of a stream for which no more could be reserved.
func outgrown(err error) (dialect.Failure, bool) {
	if full, ok := errors.AsType[*breaker.Full](err); ok {
		return capped(full), true
	}
	return dialect.Failure{}, false
}

func refused(r *holdfast.Refusal) dialect.Failure {
	return dialect.Failure{
		Status: http.StatusServiceUnavailable, Type: "service_unavailable", Code: breaker.Reason, Reason: breaker.Reason,
		Message: r.Reason + "; " + r.Remedy, RetryAfter: r.RetryAfter,
	}
}

func haltError(h *haltedError) dialect.Failure {
	return dialect.Failure{
		Status: http.StatusServiceUnavailable, Type: "service_unavailable", Code: breaker.Reason, Reason: breaker.Reason,
		Message: h.Error(), RetryAfter: 15 * time.Second,
	}
}

// resting is said when every target of a chain cools down.
func resting(t target, wait time.Duration) dialect.Failure {
	return dialect.Failure{
		Status: http.StatusTooManyRequests, Type: "rate_limit_error", Code: "cooling_down", RetryAfter: wait,
		Message: fmt.Sprintf("%s and all behind it are cooling down for %s more, as their providers asked", t, wait.Round(time.Second)),
	}
}

func notStarted() dialect.Failure {
	return dialect.Failure{Status: http.StatusServiceUnavailable, Type: "server_error", Message: "the gateway is not started"}
}
