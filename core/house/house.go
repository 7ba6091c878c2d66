// SPDX-License-Identifier: Apache-2.0

package house

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// stopWithin bounds what one capability may take to stop; hurriedWithin where the house is to end at
// once.
const (
	stopWithin    = 60 * time.Second
	hurriedWithin = 3 * time.Second
)

// A House is the run group over the capabilities, in the order of the wiring:
//
//	Start each in order ──▶ Run all at once ──▶ ctx ends or one fails ──▶ Stop each in reverse
type House struct {
	Capabilities []Capability
	Log          *slog.Logger
	// Hurry tells that what stops slowly is not waited for; nil waits.
	Hurry func() bool
}

// Run starts the house, calls ready, and returns when ctx ends or the first capability fails, after
// everything that was started has been stopped in reverse order. The error names the capability.
func (h House) Run(ctx context.Context, ready func(context.Context) error) (err error) {
	var started []Capability
	defer func() { err = errors.Join(err, h.stop(context.WithoutCancel(ctx), started)) }()
	for _, c := range h.Capabilities {
		if c.Start != nil {
			if err := h.start(ctx, c); err != nil {
				return err
			}
		}
		started = append(started, c)
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, c := range h.Capabilities {
		if c.Run != nil {
			group.Go(func() error { return h.run(ctx, c) })
		}
	}
	group.Go(func() error { return ready(ctx) })
	return group.Wait()
}

func (h House) start(ctx context.Context, c Capability) error {
	began := time.Now()
	if err := c.Start(ctx); err != nil {
		return fmt.Errorf("cannot start %s: %w", c.Name, err)
	}
	h.Log.Debug("started", slog.String("capability", c.Name), slog.Duration("took", time.Since(began)), slog.String("here_because", c.Reason))
	return nil
}

// run holds one capability's life. Ending before the house does is a failure.
func (h House) run(ctx context.Context, c Capability) error {
	err := c.Run(ctx)
	if ctx.Err() != nil {
		return nil
	}
	if err == nil {
		err = errors.New("it ended by itself")
	}
	return fmt.Errorf("%s failed, so the house stops: %w", c.Name, err)
}

func (h House) stop(ctx context.Context, started []Capability) error {
	var errs []error
	for _, c := range slices.Backward(started) {
		if c.Stop == nil {
			continue
		}
		within := stopWithin
		if h.Hurry != nil && h.Hurry() {
			within = hurriedWithin
		}
		bounded, cancel := context.WithTimeout(ctx, within)
		if err := c.Stop(bounded); err != nil {
			errs = append(errs, fmt.Errorf("cannot stop %s: %w", c.Name, err))
		}
		cancel()
	}
	return errors.Join(errs...)
}
