// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"holdfast"
	"holdfast/core/home"
	"holdfast/core/house"
	"holdfast/edge"
)

// Run runs the house until ctx ends, `down`, or the first failure; ready is called once everything
// has started.
func (h *House) Run(ctx context.Context, ready func(context.Context) error) error {
	if err := ensure(h.Home); err != nil {
		return err
	}
	lock, err := h.Home.Lock("")
	if err != nil {
		return err
	}
	defer func() { _ = lock.Unlock() }()
	if err := h.succeed(lock); err != nil {
		return err
	}
	if kept, err := (ending{h}).keep(ctx, lock); kept || err != nil {
		return err
	}
	if err := h.load(); err != nil {
		return err
	}
	if err := (ending{h}).clear(lock); err != nil {
		return err
	}
	return life{h}.run(ctx, lock, ready)
}

// A life is that of a house that may run.
type life struct{ *House }

func (h life) run(ctx context.Context, lock *home.Lock, ready func(context.Context) error) error {
	outside := ctx
	ctx, shutdown := context.WithCancelCause(ctx)
	defer shutdown(nil)
	h.shutdown = func() { shutdown(errStopped) }
	h.running.Store(true)
	defer context.AfterFunc(ctx, h.sentry.leave)()
	beating, still := context.WithCancel(context.WithoutCancel(ctx))
	defer still()
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	group := house.House{Capabilities: h.Capabilities, Log: h.log, Hurry: h.hurry.Load}
	err := group.Run(ctx, func(ctx context.Context) error {
		h.awaitDoor(ctx)
		// With its address the house counts as up, for `up -d` too.
		if err := lock.SetAddress(h.url()); err != nil {
			return err
		}
		h.ready.Store(true)
		h.sentry.up(beating)
		if err := ready(ctx); err != nil {
			return err
		}
		if endingAlready() {
			h.shutdown()
		}
		defer takeBallast()()
		return h.reloadOnHangup(ctx, hangups)
	})
	if program := h.next.program.Load(); program != nil {
		return errors.Join(err, h.become(*program, lock, outside.Err() != nil))
	}
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		err = nil
	}
	return errors.Join(err, h.sentry.close(context.WithoutCancel(ctx), ctx.Err() == nil))
}

// reloadOnHangup reads the configuration anew at SIGHUP; an invalid file changes nothing, is
// journaled as failed, and fires the alert of config.
func (h life) reloadOnHangup(ctx context.Context, hangups <-chan os.Signal) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-hangups:
			if _, err := h.Registry.Dispatch(ctx, holdfast.Internal("hangup", "config.reload"), "config.reload", nil, nil); err != nil {
				// The error shows lines of the file, which are not for a log.
				h.log.Error("the configuration was not reloaded: `holdfast config check` tells why")
			}
		}
	}
}

// awaitDoor waits a moment for the front door's own process; when it does not come, the house is up
// without it, and status and the unit's log say why.
func (h life) awaitDoor(ctx context.Context) {
	bounded, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	opened := make(chan error, 1)
	go func() { opened <- h.doorOpen(bounded) }()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-opened:
			if err != nil && ctx.Err() == nil {
				h.log.Error("the front door does not answer", slog.Any("error", err))
			}
			return
		case <-tick.C:
			if doorCannotOpen(h.units()) {
				cancel()
			}
		}
	}
}

// doorCannotOpen tells that waiting longer for the front door brings nothing.
func doorCannotOpen(units []holdfast.UnitStatus) bool {
	for _, u := range units {
		if u.Name == edge.UnitName {
			return u.State == holdfast.UnitBlocked || u.State == holdfast.UnitHeld || u.State == holdfast.UnitFailed
		}
	}
	return false
}
