// SPDX-License-Identifier: Apache-2.0

package app

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"

	"holdfast"
	"holdfast/core/home"
	"holdfast/core/notify"
	"holdfast/units/supervisor"
	"holdfast/units/upgrade"
	"holdfast/units/upgrade/swap"
)

// endingVariable tells the program that takes this one's place that the house was asked to end
// while it handed over.
const endingVariable = "HOLDFAST_ENDING"

// A succession is what of this process goes on as another program.
type succession struct {
	house   atomic.Bool // this process is the house, not a command
	program atomic.Pointer[string]
}

// upgrades is the house's part of an upgrade.
func (h *House) upgrades(p *parts) *upgrade.Upgrade {
	return upgrade.New(upgrade.Needs{
		Home: h.Home, Version: version, PID: os.Getpid(), Program: os.Executable, Args: os.Args[1:],
		Keeper: func() string { return notify.Keeper(os.Getenv) }, Units: p.units.List,
		Housed: h.next.house.Load, Ready: h.ready.Load,
		HandOver: func(program string) { h.handOver(p.units, program) }, Journal: p.book, Log: h.log,
	})
}

// handOver ends everything but the units; Run then becomes the program.
func (h *House) handOver(units *supervisor.Supervisor, program string) {
	h.next.program.Store(&program)
	units.Plan(supervisor.Shutdown{LeaveAll: true})
	if err := h.notifier.HandOver(); err != nil {
		h.log.Warn("the service manager does not know of the handover", slog.Any("error", err))
	}
	h.shutdown()
}

// become makes this process the program that takes the house over, in the same process, with the
// home's lock kept. It returns only when nothing could be executed; what ran before goes on when
// the new program cannot even be begun.
func (h *House) become(program string, lock *home.Lock, ending bool) error {
	if err := lock.Hand(); err != nil {
		return err
	}
	env := os.Environ()
	if ending {
		env = append(env, endingVariable+"=1")
	}
	errs := []error{}
	for _, path := range []string{program, itself(program)} {
		err := syscall.Exec(path, os.Args, env)
		h.log.Error("cannot go on as another program", slog.String("program", path), slog.Any("error", err))
		errs = append(errs, fmt.Errorf("cannot execute %s: %w", path, err))
	}
	return errors.Join(errs...)
}

// itself is the program that runs, wherever its file is by now.
func itself(program string) string {
	if runtime.GOOS == "linux" {
		return "/proc/self/exe"
	}
	return swap.File{Path: program}.Before()
}

// succeed makes this process the house of the home that it holds. It puts the old programs back when
// an upgrade was killed and its house died too, and goes on as the old one; where they cannot be put
// back, a house of the new program is better than none. A house that was just handed over is the
// upgrade, and proves itself.
func (h *House) succeed(lock *home.Lock) error {
	h.next.house.Store(true)
	if lock.Handed() {
		return nil
	}
	undone, err := swap.Undo(h.Home)
	if err != nil {
		h.log.Error("cannot take back an upgrade that was killed", slog.Any("error", err))
		return nil
	}
	if undone == nil || undone.From == version || len(undone.Files) == 0 {
		return nil
	}
	return h.become(undone.Files[0].Path, lock, false)
}

// endingAlready tells that the program before this one was asked to end while it handed over.
func endingAlready() bool {
	_, ending := os.LookupEnv(endingVariable)
	_ = os.Unsetenv(endingVariable)
	return ending
}

// inOneLine words how the house stands, for the service manager.
func (h *House) inOneLine() string {
	up, wanted := 0, 0
	for _, u := range h.units() {
		if u.State.Up() {
			up++
		}
		if u.State != holdfast.UnitHeld && u.State != holdfast.UnitStopped {
			wanted++
		}
	}
	return fmt.Sprintf("holdfast %s: %d of %d units up", version, up, wanted)
}

// tellKept tells the service manager that the house stays down as it was asked to: without READY it
// would count as failed.
func (h *House) tellKept(text string) {
	first, _, _ := strings.Cut(text, "\n")
	if err := notify.TellKept(os.Getenv, first); err != nil {
		h.log.Warn("the service manager was not told", slog.Any("error", err))
	}
}
