// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"time"

	"github.com/spf13/cobra"

	"holdfast"
	"holdfast/core/home"
	"holdfast/surface/api"
	"holdfast/surface/cli"
	"holdfast/units/watch"
)

// connect finds who runs an action: the house over its control socket, or this process under the
// home's lock when no house runs and the action may.
func (h *House) connect(ctx context.Context, a holdfast.Action) (cli.Caller, func() error, error) {
	dial := func(ctx context.Context) (net.Conn, error) { return h.Home.Dial(ctx, "control") }
	if a.Name == "house.shutdown" {
		return downCaller{h, cli.NewRemote(dial)}, func() error { return nil }, nil
	}
	probe, err := arrival{h}.dialSoon(ctx, dial)
	if err == nil {
		_ = probe.Close()
		return cli.NewRemote(dial), func() error { return nil }, nil
	}
	if errors.Is(err, fs.ErrPermission) {
		return nil, nil, fmt.Errorf("%w; only the user who runs the house may ask it", err)
	}
	if !a.Offline {
		return nil, nil, h.noHouse(a)
	}
	if err := h.Home.Ensure(); err != nil {
		return nil, nil, err
	}
	lock, err := h.Home.Lock(home.InProcess + a.Name)
	if err != nil {
		return nil, nil, err
	}
	if err := h.openFor(ctx, a); err != nil {
		return nil, nil, errors.Join(err, lock.Unlock())
	}
	closing := func() error { return errors.Join(h.Store.Close(), home.GiveBack(h.Home), lock.Unlock()) }
	return cli.Local{Registry: h.Registry, Caller: offlineCaller()}, closing, nil
}

// mcpCommand speaks MCP with the running house, which it waits for when that is starting.
func mcpCommand(h *House, missing error) *cobra.Command {
	return cli.MCP(terminal(), func(ctx context.Context) (net.Conn, error) {
		if missing != nil {
			return nil, missing
		}
		conn, err := arrival{h}.dialSoon(ctx, func(ctx context.Context) (net.Conn, error) { return h.Home.Dial(ctx, "control") })
		if errors.Is(err, fs.ErrPermission) {
			return nil, fmt.Errorf("%w; only the user who runs the house may ask it", err)
		}
		if err != nil {
			return nil, h.noHouse(holdfast.Action{Name: "mcp"})
		}
		return conn, nil
	})
}

// answersSoon bounds how long a command waits for a house that is starting.
const answersSoon = 15 * time.Second

// An arrival is that of a house that is not up yet.
type arrival struct{ *House }

// dialSoon dials the house, and waits for one that is starting: what it has started already may ask
// it before it listens.
func (h arrival) dialSoon(ctx context.Context, dial func(context.Context) (net.Conn, error)) (net.Conn, error) {
	bounded, cancel := context.WithTimeout(ctx, answersSoon)
	defer cancel()
	for {
		conn, err := dial(ctx)
		if err == nil || errors.Is(err, fs.ErrPermission) {
			return conn, err
		}
		holder, failed := h.Home.Holder()
		if failed != nil || holder == nil || !h.starting(holder) || !pause(bounded, 20*time.Millisecond) {
			return nil, err
		}
	}
}

// starting tells that the holder of the home is a house that is not up yet. It writes its address
// when it is up, and before it says its stage.
func (h arrival) starting(holder *home.LockedError) bool {
	switch stageOf(h.Home, holder) {
	case watch.Starting, watch.Leaving:
		return true
	case "":
		return holder.Address == ""
	default:
		return false
	}
}

// stageOf is how far the house came that holds the home; empty when it does not say so.
func stageOf(place home.Home, holder *home.LockedError) watch.Stage {
	n, known, err := watch.ReadHouse(place)
	if err != nil || !known || n.PID != holder.PID {
		return ""
	}
	return n.Stage
}

// offlineCaller is who runs an action in process. A unit's process is an agent there too.
func offlineCaller() holdfast.Caller {
	if caller, marked := api.OwnCaller(); marked {
		return caller
	}
	return api.Terminal()
}

// noHouse says who holds the home when somebody does and yet nobody answers.
func (h *House) noHouse(a holdfast.Action) error {
	holder, err := h.Home.Holder()
	if err == nil && holder != nil {
		return &silentError{holder: holder, starting: arrival{h}.starting(holder)}
	}
	if last, known, err := watch.ReadReport(h.Home); err == nil && known && watch.Lives(h.Home) {
		return fmt.Errorf("cannot run %s: %w; the watch says: %s", a.Name, cli.ErrNoHouse, last.State)
	}
	return fmt.Errorf("cannot run %s: %w", a.Name, cli.ErrNoHouse)
}

// A silentError says that the home is held by a house that nobody can ask.
type silentError struct {
	holder   *home.LockedError
	starting bool
}

func (e *silentError) Error() string {
	if e.holder.Left != 0 {
		return e.holder.Error() + ": ask again in a moment"
	}
	if e.starting || e.holder.PID == 0 {
		return e.holder.Error() + ", which is starting and cannot be asked yet: ask again in a moment"
	}
	return fmt.Sprintf("%s, which does not answer on its control socket: wait if it is stopping, else end it with `kill %d`", e.holder.Error(), e.holder.PID)
}

func (e *silentError) Unwrap() error { return cli.ErrNoHouse }

// openFor opens what an offline action needs. An action that only halts must work with a broken
// configuration or a full disk, so for it the store is opened if it can be.
func (h *House) openFor(ctx context.Context, a holdfast.Action) error {
	err := h.Open(ctx)
	if err != nil && (a.Safer || a.Name == "breaker.check") {
		h.log.Warn("going on without the store", "error", err)
		return nil
	}
	return err
}

// dialable tells whether a house answers in the home.
func dialable(ctx context.Context, h home.Home) bool {
	conn, err := h.Dial(ctx, "control")
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}
