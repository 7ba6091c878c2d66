// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"holdfast"
	"holdfast/app"
	"holdfast/core/action"
	"holdfast/core/home"
)

// waist measures one changing action through registry, the full guard table and the journal.
func waist(ctx context.Context) ([]figure, error) {
	dir, err := os.MkdirTemp("", "holdfast-bench-*")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := os.WriteFile(filepath.Join(dir, "holdfast.yaml"), nil, 0o600); err != nil {
		return nil, err
	}
	h, err := app.New(home.At(dir), &app.Options{Log: slog.New(slog.DiscardHandler), Synchronous: "OFF"})
	if err != nil {
		return nil, err
	}
	err = h.Registry.Add(action.NewAction(
		holdfast.Action{Name: "bench.touch", Summary: "Do nothing, journaled", Tier: holdfast.TierOperator, Effect: holdfast.EffectChange, Labels: []string{"dispatch"}},
		func(context.Context, action.Nothing) (action.Nothing, error) { return action.Nothing{}, nil },
	))
	if err != nil {
		return nil, err
	}
	if err := h.Open(ctx); err != nil {
		return nil, err
	}
	defer func() { _ = h.Store.Close() }()
	caller := holdfast.Caller{Kind: holdfast.CallerOperator, Name: "bench", Tier: holdfast.TierOperator}
	var took []time.Duration
	for range 3000 {
		began := time.Now()
		if _, err := h.Registry.Dispatch(ctx, caller, "bench.touch", nil, nil); err != nil {
			return nil, err
		}
		took = append(took, time.Since(began))
	}
	return []figure{{"action through registry, guards and journal, p50 (synchronous=OFF)", fmt.Sprintf("%.0f µs", float64(median(took))/1e3), "< 250 µs"}}, nil
}
