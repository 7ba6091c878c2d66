// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"holdfast/app"
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

// serveUpstream answers plain calls at once and streams 64 chunks, each in a write of its own.
func serveUpstream(ctx context.Context) error {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/chat/completions", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		if !strings.Contains(string(body), `"stream":true`) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, plainAnswer)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		flush := http.NewResponseController(w)
		for range 63 {
			_, _ = io.WriteString(w, chunk)
			_ = flush.Flush()
		}
		_, _ = io.WriteString(w, lastChunk)
		if strings.Contains(string(body), `"include_usage":true`) {
			_, _ = io.WriteString(w, usageChunk)
		}
		_, _ = io.WriteString(w, "data: [DONE]\n\n")
	})
	return listen(ctx, mux)
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

// serveHoldfast runs the whole house in a home of its own, as `holdfast up` does.
func serveHoldfast(api, edge string) (err error) {
	dir, err := os.MkdirTemp("", "holdfast-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	config := "models:\n  providers:\n    local: {kind: openai, url: \"" + os.Getenv("HOLDFAST_BENCH_UPSTREAM") + "/v1\"}\n  aliases: {chat: [local/bench]}\n"
	for name, text := range map[string]string{
		"holdfast.yaml":               config,
		".env":                        "AGENT_API_KEY=sk-bench\n",
		"var/breaker/thresholds.json": `{"hard_cap_per_hour": 1000000000000, "hard_cap_per_day": 1000000000000}`,
	} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			return err
		}
	}
	if status := app.Main([]string{"--home", dir, "up", "--set", "api.listen=" + api, "--set", "edge.listen=" + edge}); status != 0 {
		return fmt.Errorf("the house ended with status %d", status)
	}
	return nil
}
