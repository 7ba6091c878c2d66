// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// A target is where batches go.
type target struct {
	address string
	headers map[string]string
}

// A poster speaks OTLP over HTTP. It is for one goroutine.
type poster struct {
	keys   secrets
	slog   *slog.Logger
	client *http.Client
	broken bool // the last batch was not taken
}

// A postError is why a batch was not taken.
type postError struct {
	message string
	again   bool          // another time may do better
	after   time.Duration // the collector's wish; 0 for none
}

func (e *postError) Error() string { return e.message }

func newPoster(needs Needs) poster {
	return poster{keys: needs.Keys, slog: needs.Log, client: &http.Client{
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: 5 * time.Second}).DialContext, TLSHandshakeTimeout: 5 * time.Second,
			MaxIdleConns: 2, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: 32 << 10, ForceAttemptHTTP2: true,
		},
		// The headers hold the operator's secret, which is for nobody else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func (p *poster) close() { p.client.CloseIdleConnections() }

const (
	mostReply = 64 << 10
	// mostWish bounds how long a collector may have us wait.
	mostWish = time.Hour
)

// send posts one batch and gives how many of its spans were refused.
func (p *poster) send(ctx context.Context, to target, body []byte, within time.Duration) (refused int64, wrong *postError) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.address, bytes.NewReader(body))
	if err != nil {
		return 0, &postError{message: err.Error()}
	}
	for name, value := range to.headers {
		filled, wrong := p.fill(value)
		if wrong != nil {
			return 0, wrong
		}
		req.Header.Set(name, filled)
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	answer, err := p.client.Do(req)
	if err != nil {
		return 0, &postError{message: err.Error(), again: true}
	}
	defer func() { _ = answer.Body.Close() }()
	reply, err := io.ReadAll(io.LimitReader(answer.Body, mostReply))
	if answer.StatusCode/100 == 2 {
		if err != nil {
			return 0, &postError{message: "the answer broke off: " + err.Error(), again: true}
		}
		return refusals(reply), nil
	}
	wrong = &postError{message: fmt.Sprintf("answered status %d", answer.StatusCode)}
	switch answer.StatusCode { // as the protocol lists them
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		wrong.again, wrong.after = true, wish(answer.Header, time.Now())
	}
	return 0, wrong
}

// fill puts the keys of .env in the place of their names.
func (p *poster) fill(value string) (string, *postError) {
	var wrong *postError
	filled := named.ReplaceAllStringFunc(value, func(found string) string {
		name := found[2 : len(found)-1]
		if p.keys != nil {
			if secret, ok := p.keys.Get(name); ok && !secret.Empty() && !controls.MatchString(secret.Reveal()) {
				return secret.Reveal()
			}
		}
		wrong = &postError{message: fmt.Sprintf("the key %s is not set (`holdfast keys set %s`)", name, name)}
		return ""
	})
	return filled, wrong
}

// wish is how long the collector wants to be left alone.
func wish(h http.Header, now time.Time) time.Duration {
	text := h.Get("Retry-After")
	if seconds, err := strconv.Atoi(text); err == nil {
		return min(max(time.Duration(min(seconds, int(mostWish/time.Second)))*time.Second, 0), mostWish)
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(at.Sub(now), 0), mostWish)
	}
	return 0
}

// refusals reads how many spans an answer says were rejected: partial_success (1), of it
// rejected_spans (1). What is no such answer says nothing.
func refusals(reply []byte) int64 {
	partial, ok := member(reply, 1, protowire.BytesType)
	if !ok {
		return 0
	}
	inner, _ := protowire.ConsumeBytes(partial)
	count, ok := member(inner, 1, protowire.VarintType)
	if !ok {
		return 0
	}
	n, _ := protowire.ConsumeVarint(count)
	return int64(min(n, 1<<31))
}

// member finds one field of a message.
func member(message []byte, want protowire.Number, kind protowire.Type) ([]byte, bool) {
	for len(message) > 0 {
		number, is, n := protowire.ConsumeTag(message)
		if n < 0 {
			return nil, false
		}
		message = message[n:]
		size := protowire.ConsumeFieldValue(number, is, message)
		if size < 0 {
			return nil, false
		}
		if number == want && is == kind {
			return message, true
		}
		message = message[size:]
	}
	return nil, false
}

// log says once that the collector fails, and once that it is well again.
func (p *poster) log(wrong *postError) {
	switch {
	case wrong != nil && !p.broken:
		p.broken = true
		p.slog.Warn("cannot hand traces to the collector; holdfast_trace_spans_total counts what is lost", "error", wrong)
	case wrong == nil && p.broken:
		p.broken = false
		p.slog.Info("the collector takes traces again")
	}
}
