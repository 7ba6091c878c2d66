// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"holdfast"
	"holdfast/core/home"
	"holdfast/core/house"
	"holdfast/core/intent"
	"holdfast/surface/cli"
	"holdfast/units/logkeeper"
	"holdfast/units/supervisor"
	"holdfast/units/watch"
)

// An ending is how a house comes to its end, and stays there until the operator says up.
type ending struct{ *House }

// end records that the house stays down, and begins its end. What cannot be recorded does not keep
// it from ending.
func (h ending) end(ctx context.Context, how house.Shutdown) (house.Goodbye, error) {
	if !h.running.Load() {
		return h.endLeft(ctx, how)
	}
	unrecorded := intent.SetDown(h.Home, holdfast.CallerFrom(ctx).String(), how.Workers)
	left := h.supervisor.Plan(supervisor.Shutdown{LeaveWorkers: !how.Workers, Quick: how.Quick})
	out := house.Goodbye{Status: "stopping", Message: "every unit is being stopped, then the house ends", Left: left}
	if unrecorded != nil {
		out.Unrecorded = unrecorded.Error()
	}
	if how.Quick {
		h.hurry.Store(true)
		go func() { _ = h.supervisor.End(context.WithoutCancel(ctx)) }() // the supervisor's Stop waits for it
	}
	h.shutdown()
	return out, nil
}

// endLeft records that the house stays down and ends what one left that died. The caller holds the
// home.
func (h ending) endLeft(ctx context.Context, how house.Shutdown) (house.Goodbye, error) {
	before, err := intent.Read(h.Home)
	unrecorded := err
	if err == nil {
		unrecorded = intent.SetDown(h.Home, holdfast.CallerFrom(ctx).String(), how.Workers)
	}
	ended, left, err := h.endUnits(ctx, supervisor.Shutdown{LeaveWorkers: !how.Workers, Quick: how.Quick})
	watched := watch.Lives(h.Home)
	if err := errors.Join(err, watch.End(ctx, h.Home), watch.Forget(h.Home), unrecorded); err != nil {
		return house.Goodbye{}, err
	}
	if before.Down != nil && len(ended) == 0 && !watched {
		return house.Goodbye{}, fmt.Errorf("nothing was running, and the house is down since %s: %w", before.Down.Since.Format(time.RFC3339), cli.ErrNoHouse)
	}
	out := house.Goodbye{Status: "stopped", Message: "no house was running; it stays down until `holdfast up`", Left: left, Ended: ended}
	if len(ended) > 0 {
		out.Message = "the house had died; what it left has ended, and it stays down until `holdfast up`"
	}
	return out, nil
}

// endUnits ends what a house left that died; what it wrote comes into its logs, and then nobody
// needs to keep them.
func (h ending) endUnits(ctx context.Context, how supervisor.Shutdown) (ended, left []string, err error) {
	pipes, _ := os.ReadDir(h.Home.Var("run", "pipes"))
	kept := len(pipes) > 0 || logkeeper.Lives(h.Home)
	if kept {
		if err := h.output.Start(ctx); err != nil {
			h.log.Error("nobody keeps the logs of what is ended", slog.Any("error", err))
		}
	}
	ended, left, err = h.supervisor.EndLeft(ctx, how)
	if kept && len(left) == 0 {
		err = errors.Join(err, h.output.Stop(ctx))
	}
	return ended, left, err
}

// settleDown keeps to a `down` that stands when the machine or the watch would start the house: it ends
// what is left and tells so.
func (h ending) settleDown(ctx context.Context, down intent.Down) (string, error) {
	ended, left, err := h.endUnits(ctx, supervisor.Shutdown{LeaveWorkers: !down.Workers})
	if err := errors.Join(err, watch.Forget(h.Home)); err != nil {
		return "", err
	}
	text := fmt.Sprintf("The house is not started: `down` by %s stands since %s. `holdfast up` starts it.", down.By, down.Since.Format(time.RFC3339))
	if len(ended) > 0 {
		text += "\nEnded what was left running: " + strings.Join(ended, ", ") + "."
	}
	if len(left) > 0 {
		text += "\nLeft to finish: " + strings.Join(left, ", ") + "."
	}
	return text, nil
}

// keep keeps to a `down` that stands, unless the operator says up; what is left is ended.
func (h ending) keep(ctx context.Context, lock *home.Lock) (kept bool, err error) {
	in, err := intent.Read(h.Home)
	if err != nil || in.Down == nil || !h.boot && !lock.Handed() {
		return false, err
	}
	// Neither is needed to end units; they make it known who is a worker, and what was done.
	if err := h.Open(ctx); err != nil {
		h.log.Warn("going on without the store", slog.Any("error", err))
	}
	text, err := h.settleDown(ctx, *in.Down)
	h.say(text)
	h.tellKept(text)
	return true, errors.Join(err, h.Store.Close())
}

// clear clears what `down` set, when the operator says up.
func (h ending) clear(lock *home.Lock) error {
	if h.boot || lock.Handed() {
		return nil
	}
	return intent.ClearDown(h.Home)
}
