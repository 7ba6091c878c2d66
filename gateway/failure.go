// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"holdfast/gateway/dialect"
	"holdfast/gateway/provider"
	"holdfast/gateway/route"
)

// A failure is why a target gave no answer.
type failure struct {
	status     int    // the upstream's, 0 for none
	code       string // ours
	message    string
	retryAfter time.Duration
	// next tells that another target may do better; cool that this one should rest; again that the
	// same one may do better in a moment.
	next, cool, again bool
	// spent tells that the provider may charge for the attempt.
	spent bool
	// halt is set when a HALT cut the attempt.
	halt *haltedError
	// field is set when the target cannot take the request as it is.
	field *dialect.InputError
	// said is the upstream's own error, body how it put it in the dialect by; it is the client's to read.
	said *dialect.Failure
	body []byte
	by   *dialect.Dialect
}

// codeLimited tells a rate limit from a breakdown.
const codeLimited = "rate_limited"

const mostErrorBody = 64 << 10

// failed turns an answer that is no success into a failure.
func failed(a *provider.Answer, by *dialect.Dialect, now time.Time) *failure {
	body, _ := io.ReadAll(io.LimitReader(a.Body, mostErrorBody))
	f := &failure{status: a.Status, code: "upstream_error", message: fmt.Sprintf("answered status %d", a.Status)}
	switch {
	case a.Status == http.StatusTooManyRequests:
		f.next, f.cool, f.code, f.message = true, true, codeLimited, "is rate limited"
		f.retryAfter = reopens(a.Header, body, now)
	case a.Status >= 500 || a.Status == http.StatusRequestTimeout:
		f.next, f.cool = true, true
		f.retryAfter, _ = retryAfter(a.Header, now)
		f.again = a.Status >= 500 && a.Status != http.StatusNotImplemented && f.retryAfter == 0
	case a.Status == http.StatusPaymentRequired: // the house's account is empty, which is not the client's fault
		f.next, f.cool, f.message = true, true, "wants to be paid"
	case a.Status == http.StatusUnauthorized || a.Status == http.StatusForbidden:
		f.code, f.message = "upstream_unauthorized", "refused the house's key"
		return f // its words may repeat the key
	case a.Status < 400:
		f.next, f.cool, f.code = true, true, "upstream_invalid"
		return f
	}
	f.take(by, body)
	return f
}

// limitWords find what is about the limit on the answer, or about what a model can hold with it.
var limitWords = regexp.MustCompile(`(?i)max_(?:completion_|output_)?tokens|maxOutputTokens|context[ _](?:length|window)`)

var numbers = regexp.MustCompile(`\b[0-9]{3,9}\b`)

// lower is the limit to try instead of one that the target found too large, or could not be paid for:
// the largest number not far below it that the complaint names, else a quarter of it; 0 when it
// complained of something else.
func (f *failure) lower(limit int64) int64 {
	switch f.status {
	case http.StatusBadRequest, http.StatusPaymentRequired, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
	default:
		return 0
	}
	if f.said == nil || limit < leastLowered || !limitWords.MatchString(f.said.Param+" "+f.said.Message) {
		return 0
	}
	next := int64(0)
	for _, number := range numbers.FindAllString(f.said.Message, -1) {
		if n, err := strconv.ParseInt(number, 10, 64); err == nil && n >= limit/8 && n < limit {
			next = max(next, n)
		}
	}
	return cmp.Or(next, limit/4)
}

// leastLowered is the smallest limit that is lowered: below it the prompt is what is too large.
const leastLowered = 1024

// take keeps the upstream's own words.
func (f *failure) take(by *dialect.Dialect, body []byte) {
	if said, ok := by.ReadError(f.status, body); ok {
		f.said, f.by, f.body = &said, by, append([]byte(nil), body...)
	}
}

// broken turns an error before the first byte into a failure.
func broken(err error) *failure {
	if missing, ok := errors.AsType[*keyMissing](err); ok {
		return &failure{code: "key_missing", message: missing.Error()}
	}
	if halt, ok := errors.AsType[*haltedError](err); ok {
		return &failure{halt: halt}
	}
	if wrong, ok := errors.AsType[*dialect.InputError](err); ok {
		return misfit(wrong)
	}
	f := &failure{next: true, cool: true, again: true, code: "upstream_unreachable", message: err.Error()}
	if errors.Is(err, provider.ErrTimeout) {
		f.code, f.spent, f.again = "upstream_timeout", true, false
		f.message = "gave no answer in time"
	}
	return f
}

// misfit is a request that a target cannot take as it is; another may.
func misfit(wrong *dialect.InputError) *failure {
	return &failure{next: true, code: "unsupported", message: wrong.Error(), field: wrong}
}

// invalid is an answer that is none.
func invalid(format string, args ...any) *failure {
	return &failure{next: true, cool: true, spent: true, code: "upstream_invalid", message: fmt.Sprintf(format, args...)}
}

// confessed is an error under a head that promised success; nil when the body is none.
func confessed(by *dialect.Dialect, body []byte) *failure {
	f := &failure{next: true, cool: true, code: "upstream_error", status: http.StatusBadGateway, message: "reported an error instead of an answer"}
	if f.take(by, body); f.said == nil {
		return nil
	}
	return f
}

// empty is an answer that says nothing.
func empty() *failure {
	return &failure{next: true, cool: true, spent: true, code: "upstream_empty", message: "gave an empty answer"}
}

// answer is the failure as the client sees it, after the last target failed.
func (f *failure) answer(t route.Target) dialect.Failure {
	e := dialect.Failure{
		Status: http.StatusBadGateway, Type: "upstream_error", Code: f.code, RetryAfter: f.retryAfter,
		Message: fmt.Sprintf("%s: %s", t, f.message),
	}
	switch f.code {
	case codeLimited:
		e.Status, e.Type = http.StatusTooManyRequests, "rate_limit_error"
	case "upstream_timeout":
		e.Status = http.StatusGatewayTimeout
	case "key_missing":
		e.Status, e.Type = http.StatusServiceUnavailable, "configuration_error"
	case "upstream_error":
		e.Status = f.status
	case "unsupported":
		e.Status, e.Type, e.Param = http.StatusBadRequest, "invalid_request_error", f.field.Field
		e.Message = fmt.Sprintf("%s (%s)", f.message, t)
	}
	if f.said != nil {
		e = *f.said
		e.Status, e.RetryAfter = f.status, f.retryAfter
	}
	return e
}

// write answers the client: with the upstream's own bytes when it speaks the client's dialect, for
// its error is about the client's request; else in the client's words. It returns the status.
func (f *failure) write(w http.ResponseWriter, client *dialect.Dialect, t route.Target) int {
	e := f.answer(t)
	if f.body == nil || f.by != client || f.status < 400 {
		refuse(w, client, e)
		return e.Status
	}
	writeError(w, e, f.body)
	return e.Status
}

// refuse answers with an error of the house in the client's dialect.
func refuse(w http.ResponseWriter, client *dialect.Dialect, f dialect.Failure) {
	writeError(w, f, client.Error(f))
}

func writeError(w http.ResponseWriter, f dialect.Failure, body []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if f.RetryAfter > 0 {
		h.Set("Retry-After", strconv.FormatInt(int64((f.RetryAfter+time.Second-1)/time.Second), 10))
	}
	if f.Reason != "" {
		// Official clients repeat a 503 or 429 at once; a refusal of the house is not to be repeated.
		h.Set("X-Should-Retry", "false")
	}
	w.WriteHeader(f.Status)
	_, _ = w.Write(body)
}
