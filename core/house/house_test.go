// SPDX-License-Identifier: Apache-2.0

package house_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/core/house"
)

// a trace is what happened, in order.
type trace struct {
	mu    sync.Mutex
	steps []string
}

func (t *trace) add(step string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.steps = append(t.steps, step)
}

func (t *trace) capability(name string, start error, run func(context.Context) error) house.Capability {
	return house.Capability{
		Name:  name,
		Start: func(context.Context) error { t.add("start " + name); return start },
		Run:   run,
		Stop:  func(context.Context) error { t.add("stop " + name); return nil },
	}
}

func untilEnd(ctx context.Context) error { <-ctx.Done(); return nil }

func run(ctx context.Context, capabilities ...house.Capability) error {
	h := house.House{Capabilities: capabilities, Log: slog.New(slog.DiscardHandler)}
	return h.Run(ctx, func(context.Context) error { return nil })
}

func TestStartsInOrderAndStopsInReverse(t *testing.T) {
	var seen trace
	ctx, cancel := context.WithCancel(t.Context())
	h := house.House{
		Capabilities: []house.Capability{seen.capability("a", nil, untilEnd), {Name: "quiet"}, seen.capability("b", nil, nil)},
		Log:          slog.New(slog.DiscardHandler),
	}
	if err := h.Run(ctx, func(context.Context) error { seen.add("ready"); cancel(); return nil }); err != nil {
		t.Fatal(err)
	}
	if want := []string{"start a", "start b", "ready", "stop b", "stop a"}; !slices.Equal(seen.steps, want) {
		t.Errorf("got %v, want %v", seen.steps, want)
	}
}

func TestAFailedStartStopsWhatHadStarted(t *testing.T) {
	var seen trace
	broken := errors.New("port is taken")
	err := run(t.Context(), seen.capability("a", nil, untilEnd), seen.capability("b", broken, nil), seen.capability("c", nil, nil))
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "cannot start b") {
		t.Errorf("got %v", err)
	}
	if want := []string{"start a", "start b", "stop a"}; !slices.Equal(seen.steps, want) {
		t.Errorf("got %v, want %v", seen.steps, want)
	}
}

func TestTheFirstFailureEndsTheHouse(t *testing.T) {
	for name, life := range map[string]func(context.Context) error{
		"an error":      func(context.Context) error { return errors.New("disk is gone") },
		"ending early":  func(context.Context) error { return nil },
		"a later error": func(ctx context.Context) error { return errors.Join(ctx.Err(), errors.New("disk is gone")) },
	} {
		t.Run(name, func(t *testing.T) {
			var seen trace
			err := run(t.Context(), seen.capability("a", nil, untilEnd), seen.capability("b", nil, life))
			if err == nil || !strings.HasPrefix(err.Error(), "b failed, so the house stops") {
				t.Errorf("got %v", err)
			}
			if !slices.Contains(seen.steps, "stop a") || !slices.Contains(seen.steps, "stop b") {
				t.Errorf("not stopped: %v", seen.steps)
			}
		})
	}
}

func TestAStopThatHangsIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		hang := house.Capability{Name: "hang", Stop: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}
		began := time.Now()
		err := run(ctx, hang)
		if err == nil || !strings.Contains(err.Error(), "cannot stop hang") {
			t.Errorf("got %v", err)
		}
		if took := time.Since(began); took != time.Minute {
			t.Errorf("it was given %s", took)
		}
	})
}
