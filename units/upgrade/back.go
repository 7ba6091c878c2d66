// SPDX-License-Identifier: Apache-2.0

package upgrade

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"holdfast"
	"holdfast/core/home"
	"holdfast/core/home/disk"
	"holdfast/units/upgrade/swap"
)

// goneWithin is how long a killed house may take to let the home go.
const goneWithin = 10 * time.Second

// goBack puts everything as it was before, and says why and how that went.
func (t *trip) goBack(ctx context.Context, why error) error {
	t.record.Why = why.Error()
	if t.record.State == swap.Staging {
		return errors.Join(why, t.turn.Clear(t.record))
	}
	t.Say("Going back to " + t.record.From + ": " + why.Error())
	_ = t.note(swap.GoingBack) // on a full disk it goes back all the same
	err := t.turn.Undo(&t.record)
	if err == nil && t.handed {
		err = t.bringBack(ctx)
	}
	if err != nil {
		return t.stuck(ctx, why, err)
	}
	if err = conclude(ctx, t.turn, &t.record, t.tell); err != nil {
		err = fmt.Errorf("the next house will journal that: %w", err)
	}
	state := "with its units as they were"
	if t.changed != "" {
		state = "with its units up (" + t.changed + ")"
	}
	return errors.Join(holdfast.Errorf(holdfast.CodeFailed, "the upgrade to %s failed, and %s is back %s: %w", t.record.To, t.record.From, state, why), err)
}

// stuck says, and has journaled, that the way back did not succeed, and what is to be done.
func (t *trip) stuck(ctx context.Context, why, err error) error {
	told := failBack(ctx, t.Home, t.turn, &t.record, err, t.tell)
	if told != nil {
		told = fmt.Errorf("the next house will journal that: %w", told)
	}
	return errors.Join(holdfast.Errorf(holdfast.CodeFailed, "the upgrade to %s failed (%w), and going back to %s did not succeed: %w\nNow %s.\nTo mend it, %s",
		t.record.To, why, t.record.From, err, swap.Stands(t.record), remedy(t.Home, t.record)), told)
}

// bringBack ends the process that the new program runs in, nothing else, and sees to it that the
// old one runs again.
func (t *trip) bringBack(ctx context.Context) error {
	began := time.Now()
	if err := t.endHouse(ctx); err != nil {
		return err
	}
	if _, err := t.preflight(ctx, t.site.Program); err != nil {
		return err
	}
	if t.site.Keeper == "" {
		if err := t.start(); err != nil {
			return err
		}
	}
	t.handed = false // whoever holds the home from now on is the old program
	return t.prove(ctx, t.record.From, began)
}

// endHouse kills the house that holds the home: a request would end the units as well. A command that
// holds it for a moment ends by itself.
func (t *trip) endHouse(ctx context.Context) error {
	bounded, cancel := context.WithTimeout(ctx, goneWithin)
	defer cancel()
	holder, err := t.Home.Holder()
	if err != nil || holder == nil {
		return err
	}
	if !holder.Command() {
		// A handle first, then the look that it is still meant: a reused pid is never signalled.
		house, err := os.FindProcess(holder.PID)
		if err != nil {
			return err
		}
		if again, err := t.Home.Holder(); err != nil || again == nil || again.PID != holder.PID {
			return err
		}
		if err := house.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("cannot end process %d: %w", holder.PID, err)
		}
	}
	tick := time.NewTicker(lookEvery / 5)
	defer tick.Stop()
	for {
		now, err := t.Home.Holder()
		if err != nil || now == nil || now.PID != holder.PID {
			return err
		}
		select {
		case <-bounded.Done():
			return fmt.Errorf("cannot go on: %w", now)
		case <-tick.C:
		}
	}
}

// start starts the old program as the house was started, in a session of its own.
func (t *trip) start() error {
	path := t.Home.Var("logs", "house.log")
	log, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return disk.Explain("open", path, err)
	}
	defer func() { _ = log.Close() }()
	args := t.site.Args
	if !slices.Contains(args, "--home") && !slices.ContainsFunc(args, func(a string) bool { return strings.HasPrefix(a, "--home=") }) {
		args = append([]string{"--home", t.Home.Dir()}, args...)
	}
	cmd := exec.Command(t.site.Program, args...) //nolint:noctx // it outlives this command
	cmd.Stdout, cmd.Stderr, cmd.Env = log, log, t.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: asOwner(t.Home)}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("cannot start %s: %w", t.site.Program, err)
	}
	return cmd.Process.Release()
}

// asOwner is who the house runs as when root upgrades the house of somebody else.
func asOwner(h home.Home) *syscall.Credential {
	uid, gid, ours := home.Owner(h)
	if ours {
		return nil
	}
	who := &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	if known, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		groups, _ := known.GroupIds()
		for _, text := range groups {
			if id, err := strconv.ParseUint(text, 10, 32); err == nil {
				who.Groups = append(who.Groups, uint32(id))
			}
		}
	}
	return who
}
