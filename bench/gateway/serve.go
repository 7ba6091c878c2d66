// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"holdfast"
	"holdfast/core/home"
	"holdfast/core/keys"
	"holdfast/core/store"
	"holdfast/gateway"
	"holdfast/gateway/breaker"
	"holdfast/gateway/breaker/judge"
	"holdfast/gateway/key"
	"holdfast/gateway/ledger"
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

// serveHoldfast wires the gateway as the house does, on a home in a temporary folder.
func serveHoldfast(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "holdfast-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	h := home.At(dir)
	if err := h.Ensure(); err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	s := store.New(h.Var("holdfast.db"))
	migrations := []store.Migration{{Package: "ledger", FS: ledger.Migrations()}, {Package: "key", FS: key.Migrations()}}
	if err := s.Open(ctx, store.Options{Migrations: migrations}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	var book *ledger.Ledger
	halt := breaker.New(breaker.Needs{Home: h, Log: log, Burn: func(ctx context.Context) (judge.Burn, error) { return book.Burn(ctx) }})
	book = ledger.New(ledger.Needs{Store: s, Node: "bench", Gate: halt, Log: log})
	secrets := keys.New(h)
	bearers := key.New(key.Needs{Store: s, Keys: secrets, Log: log})
	config := gateway.Defaults()
	config.Providers["local"] = gateway.Provider{Kind: "openai", URL: os.Getenv("HOLDFAST_BENCH_UPSTREAM") + "/v1"}
	config.Aliases["chat"] = []string{"local/bench"}
	g := gateway.New(gateway.Needs{Home: h, Config: &config, Ledger: book, Breaker: halt, Keys: secrets, Log: log})
	if err := secrets.Set(ctx, key.AgentKey, holdfast.NewSecret("sk-bench")); err != nil {
		return err
	}
	if err := errors.Join(book.Start(ctx), halt.Start(ctx), bearers.Start(ctx), g.Start(ctx)); err != nil {
		return err
	}
	if err := halt.SetCaps(ctx, 1<<40, 1<<42); err != nil {
		return err
	}
	go func() { _ = halt.Run(ctx) }()
	defer func() { err = errors.Join(err, g.Stop(ctx), book.Stop(context.WithoutCancel(ctx))) }()
	mux := http.NewServeMux()
	for _, r := range g.Capability().Routes {
		mux.Handle(r.Pattern, byKey(bearers, r.Handler))
	}
	return listen(ctx, mux)
}

func byKey(bearers *key.Keys, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller, ok := bearers.Key(r.Context(), strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
		if !ok {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		h.ServeHTTP(w, r.WithContext(holdfast.WithCaller(r.Context(), caller)))
	})
}
