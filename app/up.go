// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"holdfast"
	"holdfast/core/home"
	"holdfast/core/house"
	"holdfast/core/process"
	"holdfast/edge"
	"holdfast/surface/cli"
)

func upCommand(h *House, opt *Options, missing error) *cobra.Command {
	detach, boot := false, false
	var set []string
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Run the house: every enabled unit, behind one front door, until Ctrl-C",
		Long: "Run the house in the foreground: every enabled unit is started and kept running, behind one front door.\n\n" +
			"Ctrl-C or SIGTERM stops every unit and ends. A crash leaves the units running; the next `up` adopts them. " +
			"Where no service manager of the system runs the house, holdfast-watch starts it again, in the background, when it died or hangs.",
		Example: "  holdfast up\n  holdfast up -d\n  holdfast up --set edge.listen=127.0.0.1:9000",
		Args:    nothingMore,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if missing != nil {
				return missing
			}
			process.Seal()
			for _, s := range set {
				path, value, ok := strings.Cut(s, "=")
				if !ok {
					return holdfast.BadInput(fmt.Sprintf("--set %q has no =: want section.field=value", s))
				}
				opt.Set[path] = value
			}
			if detach {
				return upDetached(cmd.Context(), h.Home, upArguments(boot, set), cmd.OutOrStdout())
			}
			h.alone, h.boot, h.set = true, boot, set
			h.say = func(text string) { fmt.Fprintln(cmd.OutOrStdout(), text) }
			defer context.AfterFunc(cmd.Context(), func() {
				fmt.Fprintln(cmd.ErrOrStderr(), "Stopping every unit. A second Ctrl-C ends the house at once and leaves what still runs to the next `up`.")
			})()
			return h.Run(cmd.Context(), func(ctx context.Context) error { return greeting{h}.greet(ctx, cmd.OutOrStdout()) })
		},
	}
	cmd.Flags().BoolVarP(&detach, "detach", "d", false, "return once the house is up; it runs on in the background")
	cmd.Flags().BoolVar(&boot, "boot", false, "start only what the operator did not stop: with `down` standing, end what is left and nothing else (for services)")
	cmd.Flags().StringArrayVar(&set, "set", nil, "set a config value for this run: section.field=value")
	return cmd
}

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

// A greeting is what `up` says once the house is up.
type greeting struct{ *House }

// greet prints the addresses and what runs. A person at a terminal gets a login link too; a log or
// a file does not, for whoever reads it later would be let in.
func (h greeting) greet(ctx context.Context, out io.Writer) error {
	link, hint := h.url(), "`holdfast link` prints a login link for the Hub."
	if isTerminal(out) {
		made, err := h.loginLink(ctx)
		if err != nil {
			return fmt.Errorf("cannot make the login link: %w", err)
		}
		link, hint = made, "The link works once; `holdfast link` makes another."
	}
	fmt.Fprintf(out, "\n  Hub        %s\n  API, MCP   %s/v1  %s/api/mcp  (key: AGENT_API_KEY in .env)\n  home       %s\n\n", link, h.front.URL(), h.front.URL(), h.Home.Dir())
	h.settle(ctx)
	for _, u := range h.units() {
		at := ""
		if u.Port > 0 {
			at = fmt.Sprintf(" on port %d", u.Port)
		}
		fmt.Fprintf(out, "  %-18s %s%s%s\n", u.Name, u.State, at, because(cli.Harmless(u.Detail)))
	}
	fmt.Fprintf(out, "\n%s Ctrl-C stops everything.\n", hint)
	return nil
}

func because(detail string) string {
	if detail == "" {
		return ""
	}
	return ": " + detail
}

// settle waits a moment for units that are starting, so that what is printed is how they came up.
func (h greeting) settle(ctx context.Context) {
	deadline := time.NewTimer(5 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for h.starting() {
		select {
		case <-ctx.Done():
			return
		case <-deadline.C:
			return
		case <-tick.C:
		}
	}
}

func (h greeting) starting() bool {
	for _, u := range h.units() {
		fresh := u.State == holdfast.UnitStopped && time.Since(u.Since) < time.Second
		if u.State == holdfast.UnitStarting || u.State == holdfast.UnitStopping || fresh {
			return true
		}
	}
	return false
}

// upArguments are the flags of `up` as a command line.
func upArguments(boot bool, set []string) []string {
	var args []string
	if boot {
		args = append(args, "--boot")
	}
	for _, s := range set {
		args = append(args, "--set", s)
	}
	return args
}

// upDetached starts this program again in a session of its own and returns when the house answers.
func upDetached(ctx context.Context, place home.Home, arguments []string, out io.Writer) error {
	if holder, err := place.Holder(); err == nil && holder != nil {
		return holder
	}
	if err := place.Ensure(); err != nil {
		return err
	}
	log, err := os.OpenFile(place.Var("logs", "house.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("cannot open the house's log: %w", err)
	}
	defer func() { _ = log.Close() }()
	began, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	args := append([]string{"--home", place.Dir(), "up"}, arguments...)
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), self, args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("cannot start the house: %w", err)
	}
	return awaitHouse(ctx, place, cmd, began, out)
}

func awaitHouse(ctx context.Context, place home.Home, cmd *exec.Cmd, began int64, out io.Writer) error {
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // how it ended stands in its log
		close(ended)
	}()
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ended:
			if holder := forestalled(place, cmd); holder != nil {
				return holder
			}
			text, err := os.ReadFile(place.Var("logs", "house.log"))
			if err != nil {
				return fmt.Errorf("the house did not come up, and its log cannot be read: %w", err)
			}
			if int64(len(text)) < began {
				began = 0
			}
			if cmd.ProcessState.Success() { // it keeps to `down`, and says so
				_, err := fmt.Fprintln(out, cli.Harmless(strings.TrimSpace(string(text[began:]))))
				return err
			}
			return holdfast.Errorf(holdfast.CodeFailed, "the house did not come up:\n%s", strings.TrimSpace(string(text[began:])))
		case <-tick.C:
			holder, err := place.Holder()
			if err == nil && holder != nil && holder.Address != "" && dialable(ctx, place) {
				fmt.Fprintf(out, "The house is up (process %d) at %s; `holdfast link` prints a login link, `holdfast down` ends it.\n", cmd.Process.Pid, holder.Address)
				return nil
			}
		}
	}
}

// forestalled gives the house that came up first where this one was refused for it.
func forestalled(place home.Home, cmd *exec.Cmd) *home.LockedError {
	if cmd.ProcessState.ExitCode() != refused {
		return nil
	}
	holder, err := place.Holder()
	if err != nil {
		return nil
	}
	return holder
}

// refused is the exit status of what a guard refused.
const refused = 3
