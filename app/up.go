// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"holdfast"
	"holdfast/core/home"
	"holdfast/core/process"
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
	// A holder without a name may be what a killed house leaves: the new one waits for that.
	if holder, err := place.Holder(); err == nil && holder != nil && holder.PID != 0 {
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
