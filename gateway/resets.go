// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"holdfast/gateway/route"
)

// retryAfter reads when to come again, as the protocol says it: seconds, a date, or, as OpenAI and
// Azure add, milliseconds. False when nothing readable is said.
func retryAfter(h http.Header, now time.Time) (time.Duration, bool) {
	if ms, err := strconv.ParseFloat(h.Get("Retry-After-Ms"), 64); err == nil && ms > 0 {
		return bounded(time.Duration(min(ms, 1e9) * float64(time.Millisecond))), true
	}
	text := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		return bounded(time.Duration(min(max(seconds, 0), 1e6) * float64(time.Second))), true
	}
	if at, err := http.ParseTime(text); err == nil {
		return bounded(at.Sub(now)), true
	}
	return 0, false
}

// A quota is one limit that providers tell of: what is left of it, and when it is full again.
type quota struct{ left, resets string }

// quotas are the names that OpenAI and those like it, Anthropic, the IETF's draft and some gateways use.
func quotas() []quota {
	list := []quota{
		{"X-Ratelimit-Remaining-Requests", "X-Ratelimit-Reset-Requests"},
		{"X-Ratelimit-Remaining-Tokens", "X-Ratelimit-Reset-Tokens"},
	}
	for _, what := range []string{"Requests", "Tokens", "Input-Tokens", "Output-Tokens"} {
		list = append(list, quota{"Anthropic-Ratelimit-" + what + "-Remaining", "Anthropic-Ratelimit-" + what + "-Reset"})
	}
	return append(list, quota{"", "Anthropic-Ratelimit-Unified-Reset"}, quota{"X-Ratelimit-Remaining", "X-Ratelimit-Reset"},
		quota{"Ratelimit-Remaining", "Ratelimit-Reset"}, quota{"", "X-Ratelimit-Reset-After"})
}

// told finds what Google and OpenRouter put into the body of a rate limit.
var told = regexp.MustCompile(`"(?:retryDelay|X-RateLimit-Reset)"\s*:\s*"([0-9.]+s?)"`)

// reopens reads when a rate limit ends, from any of the forms that providers use: Retry-After, the
// reset of the quota that is used up, else the first reset that can be read, else the body. It is at
// most route.MostTold, and 0 when nothing readable is said.
func reopens(h http.Header, body []byte, now time.Time) time.Duration {
	if d, ok := retryAfter(h, now); ok {
		return d
	}
	first := time.Duration(0)
	for _, q := range quotas() {
		d := reset(h.Get(q.resets), now)
		if d <= 0 {
			continue
		}
		if h.Get(q.left) == "0" {
			return bounded(d)
		}
		if first == 0 {
			first = d
		}
	}
	if first == 0 {
		first = emptied(h.Get("Ratelimit"))
	}
	if first > 0 {
		return bounded(first)
	}
	if found := told.FindSubmatch(body); found != nil {
		return bounded(reset(string(found[1]), now))
	}
	return 0
}

// usedUp finds the quota that is used up in the one header of the IETF's drafts: `"minute";r=0;t=34`, or
// as an earlier one had it `limit=100, remaining=0, reset=12`.
var usedUp = regexp.MustCompile(`;\s*r=0\s*;\s*t=([0-9]{1,9})\b|\bremaining=0\s*,\s*reset=([0-9]{1,9})\b`)

func emptied(text string) time.Duration {
	found := usedUp.FindStringSubmatch(text)
	if found == nil {
		return 0
	}
	seconds, err := strconv.Atoi(found[1] + found[2]) // one of them is empty
	if err != nil {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

// reset reads a span ("1m30s"), seconds, a Unix time in seconds or milliseconds, or a time as RFC 3339
// writes it.
func reset(text string, now time.Time) time.Duration {
	if d, err := time.ParseDuration(text); err == nil {
		return d
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at.Sub(now)
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

func bounded(d time.Duration) time.Duration { return min(max(d, 0), route.MostTold) }
