// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

const (
	plainAnswer = `{"id":"chatcmpl-bench","object":"chat.completion","created":1700000000,"model":"bench",` +
		`"choices":[{"index":0,"message":{"role":"assistant","content":"A plain answer of some words, as a small model gives it."},"finish_reason":"stop"}],` +
		`"usage":{"prompt_tokens":24,"completion_tokens":14,"total_tokens":38}}`
	chunk = `data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1700000000,"model":"bench",` +
		`"choices":[{"index":0,"delta":{"content":" word"},"finish_reason":null}]}` + "\n\n"
	lastChunk = `data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1700000000,"model":"bench",` +
		`"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}` + "\n\n"
	usageChunk = `data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1700000000,"model":"bench",` +
		`"choices":[],"usage":{"prompt_tokens":24,"completion_tokens":63,"total_tokens":87}}` + "\n\n"
)

const (
	dripChunks = 30
	dripEvery  = 100 * time.Millisecond
	slowAnswer = 300 * time.Millisecond
)

// upstream is a provider with several tempers, each below a path of its own.
type upstream struct {
	dead      atomic.Int64 // calls of the dead one
	cancelled atomic.Int64 // endless streams whose client went away
}

// serveUpstream answers plain calls at once and streams 64 chunks below /v1; below /dead it fails,
// below /drip it streams a chunk every 100 ms, below /slow it takes a while, below /endless it never
// ends. /counts tells what it saw.
func serveUpstream(ctx context.Context) error {
	u := &upstream{}
	mux := http.NewServeMux()
	answer := func(at string, pause time.Duration, chunks int, every time.Duration) {
		mux.HandleFunc("POST "+at+"/v1/chat/completions", func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil || !wait(r.Context(), pause) {
				return
			}
			reply(w, r, string(body), chunks, every)
		})
	}
	answer("", 0, 64, 0)
	answer("/slow", slowAnswer, 8, 0)
	answer("/drip", 0, dripChunks, dripEvery)
	mux.HandleFunc("POST /dead/v1/chat/completions", func(w http.ResponseWriter, _ *http.Request) {
		u.dead.Add(1)
		http.Error(w, `{"error":{"message":"down","type":"server_error"}}`, http.StatusInternalServerError)
	})
	mux.HandleFunc("POST /endless/v1/chat/completions", u.endless)
	mux.HandleFunc("GET /counts", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, "%d %d", u.dead.Load(), u.cancelled.Load())
	})
	return listen(ctx, mux)
}

func reply(w http.ResponseWriter, r *http.Request, body string, chunks int, every time.Duration) {
	if !strings.Contains(body, `"stream":true`) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, plainAnswer)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	flush := http.NewResponseController(w)
	for range chunks - 1 {
		_, _ = io.WriteString(w, chunk)
		_ = flush.Flush()
		if !wait(r.Context(), every) {
			return
		}
	}
	_, _ = io.WriteString(w, lastChunk)
	if strings.Contains(body, `"include_usage":true`) {
		_, _ = io.WriteString(w, usageChunk)
	}
	_, _ = io.WriteString(w, "data: [DONE]\n\n")
}

// endless streams until its client is gone.
func (u *upstream) endless(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "text/event-stream")
	flush := http.NewResponseController(w)
	for r.Context().Err() == nil {
		_, _ = io.WriteString(w, chunk)
		_ = flush.Flush()
		_ = wait(r.Context(), 10*time.Millisecond)
	}
	u.cancelled.Add(1)
}

// wait is false when the context ended first.
func wait(ctx context.Context, span time.Duration) bool {
	if span == 0 {
		return true
	}
	after := time.NewTimer(span)
	defer after.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-after.C:
		return true
	}
}

// listen serves on a free port, which it prints for the parent.
func listen(ctx context.Context, h http.Handler) error {
	socket, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("http://%s\n", socket.Addr())
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	if err := server.Serve(socket); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
