// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"holdfast"
	"holdfast/gateway/breaker"
	"holdfast/gateway/dialect/openai"
	"holdfast/gateway/provider"
)

// A failure is why a target gave no answer.
type failure struct {
	status     int    // the upstream's, 0 for none
	code       string // ours
	message    string
	retryAfter time.Duration
	// next tells that another target may do better; cool that this one should rest.
	next, cool bool
	// spent tells that the provider may charge for the attempt.
	spent bool
	// halt is set when a HALT cut the attempt.
	halt *haltedError
	// body is the upstream's own error, passed on when it is the client's to read.
	body []byte
	kind string // its content type
}

const mostErrorBody = 64 << 10

// failed turns an answer that is no success into a failure.
func failed(a *provider.Answer, now time.Time) *failure {
	body, _ := io.ReadAll(io.LimitReader(a.Body, mostErrorBody))
	f := &failure{status: a.Status, body: body, kind: a.Header.Get("Content-Type"), code: "upstream_error"}
	f.message = fmt.Sprintf("answered status %d", a.Status)
	switch {
	case a.Status == http.StatusTooManyRequests:
		f.next, f.cool, f.code, f.message = true, true, "rate_limited", "is rate limited"
		f.retryAfter = retryAfter(a.Header, now)
	case a.Status >= 500 || a.Status == http.StatusRequestTimeout:
		f.next, f.cool = true, true
		f.retryAfter = retryAfter(a.Header, now)
	case a.Status == http.StatusUnauthorized || a.Status == http.StatusForbidden:
		f.code, f.message, f.body = "upstream_unauthorized", "refused the house's key", nil
	case a.Status < 400:
		f.next, f.cool, f.code, f.body = true, true, "upstream_invalid", nil
	}
	return f
}

// retryAfter reads when to come again, from any of the headers that providers use. It is at most
// mostTold, and 0 when nothing readable is said.
func retryAfter(h http.Header, now time.Time) time.Duration {
	if ms, err := strconv.ParseFloat(h.Get("Retry-After-Ms"), 64); err == nil && ms > 0 {
		return bounded(time.Duration(min(ms, 1e9) * float64(time.Millisecond)))
	}
	text := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		return bounded(time.Duration(min(max(seconds, 0), 1e6) * float64(time.Second)))
	}
	if at, err := http.ParseTime(text); err == nil {
		return bounded(at.Sub(now))
	}
	for _, name := range []string{"X-Ratelimit-Reset-Requests", "X-Ratelimit-Reset-Tokens", "X-Ratelimit-Reset"} {
		if d := reset(h.Get(name), now); d > 0 {
			return bounded(d)
		}
	}
	return 0
}

// reset reads a span ("1m30s"), seconds, or a Unix time in seconds or milliseconds.
func reset(text string, now time.Time) time.Duration {
	if d, err := time.ParseDuration(text); err == nil {
		return d
	}
	n, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil || n <= 0 || n > 1e15:
		return 0
	case n > 1e11:
		return time.UnixMilli(int64(n)).Sub(now)
	case n > 1e9:
		return time.Unix(int64(n), 0).Sub(now)
	}
	return time.Duration(min(n, 1e6) * float64(time.Second))
}

func bounded(d time.Duration) time.Duration { return min(max(d, 0), mostTold) }

// broken turns an error before the first byte into a failure.
func broken(err error) *failure {
	if missing, ok := errors.AsType[*keyMissing](err); ok {
		return &failure{code: "key_missing", message: missing.Error()}
	}
	if halt, ok := errors.AsType[*haltedError](err); ok {
		return &failure{halt: halt}
	}
	f := &failure{next: true, cool: true, code: "upstream_unreachable", message: err.Error()}
	if errors.Is(err, provider.ErrTimeout) {
		f.code, f.spent = "upstream_timeout", true
		f.message = "gave no answer in time"
	}
	return f
}

// invalid is an answer that is none.
func invalid(format string, args ...any) *failure {
	return &failure{next: true, cool: true, spent: true, code: "upstream_invalid", message: fmt.Sprintf(format, args...)}
}

// answer is the failure as the client sees it, after the last target failed.
func (f *failure) answer(t target) *openai.Error {
	e := &openai.Error{
		Status: http.StatusBadGateway, Type: "upstream_error", Code: f.code, RetryAfter: f.retryAfter,
		Message: fmt.Sprintf("%s: %s", t, f.message),
	}
	switch f.code {
	case "rate_limited":
		e.Status, e.Type = http.StatusTooManyRequests, "rate_limit_error"
	case "upstream_timeout":
		e.Status = http.StatusGatewayTimeout
	case "key_missing":
		e.Status, e.Type = http.StatusServiceUnavailable, "configuration_error"
	case "upstream_error":
		e.Status = f.status
	}
	return e
}

// write answers the client: with the upstream's own error when it has OpenAI's form, for it is
// about the client's request; else with ours.
func (f *failure) write(w http.ResponseWriter, t target) {
	if f.status < 400 || !ownError(f.body) {
		refuse(w, f.answer(t))
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	if f.retryAfter > 0 {
		h.Set("Retry-After", strconv.FormatInt(int64((f.retryAfter+time.Second-1)/time.Second), 10))
	}
	w.WriteHeader(f.status)
	_, _ = w.Write(f.body)
}

func ownError(body []byte) bool {
	var form struct {
		Error json.RawMessage `json:"error"`
	}
	return json.Unmarshal(body, &form) == nil && len(bytes.Trim(form.Error, " null")) > 0
}

// notAdmitted is the ledger's no, in OpenAI's form.
func (g *Gateway) notAdmitted(ctx context.Context, err error) *openai.Error {
	if full, ok := errors.AsType[*breaker.Full](err); ok {
		g.needs.Breaker.Reached(full)
		if refusal := g.needs.Breaker.Refusal(); refusal != nil {
			return refused(refusal)
		}
		return &openai.Error{
			Status: http.StatusServiceUnavailable, Type: "insufficient_quota", Code: "breaker_cap", Reason: "breaker_cap",
			Message: full.Error() + "; try a smaller max_tokens, or again when they have ended", RetryAfter: 5 * time.Second,
		}
	}
	if refusal, ok := errors.AsType[*holdfast.Refusal](err); ok {
		return refused(refusal)
	}
	if ctx.Err() != nil {
		return &openai.Error{Status: statusHungUp, Type: "client_error", Message: "the client hung up"}
	}
	g.needs.Log.Error("cannot reserve a model call", "error", err)
	return &openai.Error{
		Status: http.StatusServiceUnavailable, Type: "server_error", Code: "ledger_unavailable", RetryAfter: 5 * time.Second,
		Message: "the ledger cannot be written, and what is not counted is not called",
	}
}

// statusHungUp is what nobody reads.
const statusHungUp = 499

func refused(r *holdfast.Refusal) *openai.Error {
	return &openai.Error{
		Status: http.StatusServiceUnavailable, Type: "service_unavailable", Code: breaker.Reason, Reason: breaker.Reason,
		Message: r.Reason + "; " + r.Remedy, RetryAfter: r.RetryAfter,
	}
}
