// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"holdfast"
	"holdfast/core/store"
	"holdfast/units/upgrade"
	"holdfast/units/upgrade/swap"
)

// upgradeCommand runs outside the house, which it exchanges.
func upgradeCommand(h *House, missing error) *cobra.Command {
	binary, within := "", time.Minute
	cmd := &cobra.Command{
		Use:   "upgrade --binary FILE",
		Short: "Exchange the program for another version while the units run on",
		Long: "Exchange the program for another version, newer or older, while the units run on.\n\n" +
			"FILE is tried first: it must run here and read this home. It is put in place beside the old one, which is kept as holdfast.previous; " +
			"holdfast-edge and holdfast-watch go with it when they lie beside FILE. A running house goes on as the new program in the same process. " +
			"When it does not prove itself, with every unit up in its old process, the old program comes back.",
		Example: "  holdfast upgrade --binary ./holdfast-1.4.0",
		Args:    nothingMore,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if missing != nil {
				return missing
			}
			if binary == "" {
				return holdfast.BadInput("", holdfast.Problem{Field: "binary", Message: "is missing", Remedy: "--binary FILE names the new program"})
			}
			if err := h.Home.Ensure(); err != nil {
				return err
			}
			driver := &upgrade.Driver{
				Home: h.Home, Within: within, Ask: h.ask,
				Say: func(text string) { fmt.Fprintln(cmd.ErrOrStderr(), text) },
			}
			result, err := driver.Run(cmd.Context(), binary)
			if err != nil {
				return err
			}
			return printUpgrade(cmd, result)
		},
	}
	cmd.Flags().StringVar(&binary, "binary", "", "the new holdfast program")
	cmd.Flags().DurationVar(&within, "within", within, "how long the new program may take to prove itself")
	cmd.AddCommand(preflightCommand(h, missing), undoCommand(h, missing))
	return cmd
}

func printUpgrade(cmd *cobra.Command, r upgrade.Result) error {
	if asJSON, _ := cmd.Flags().GetBool("json"); asJSON {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(r)
	}
	house := "No house runs; the next `holdfast up` is the new program."
	if r.PID > 0 {
		house = fmt.Sprintf("The house runs as process %d, and its %d units run on as they were.", r.PID, r.Units)
	}
	fmt.Fprintf(cmd.OutOrStdout(), "Upgraded from %s to %s: %s.\n%s\nThe old program is %s.\n", r.From, r.To, strings.Join(r.Replaced, ", "), house, r.Previous)
	return nil
}

// preflightCommand is what another version's upgrade asks of this program before it trusts it. It
// changes nothing, asks no house, and takes no lock.
func preflightCommand(h *House, missing error) *cobra.Command {
	return &cobra.Command{
		Use: upgrade.Preflight, Short: "Tell whether this program can read the home; changes nothing", Hidden: true, Args: nothingMore,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if missing != nil {
				return missing
			}
			if err := h.load(); err != nil {
				return err
			}
			if problems := h.config.Check(); len(problems) > 0 {
				return holdfast.BadInput("the configuration is not one that this program reads", problems...)
			}
			opt, err := h.storeOptions()
			if err != nil {
				return err
			}
			migrates, err := store.Check(cmd.Context(), opt)
			if err != nil {
				return err
			}
			return json.NewEncoder(cmd.OutOrStdout()).Encode(upgrade.Probed{Version: version, Migrates: migrates})
		},
	}
}

// undoCommand is what a service runs before the house: it is the program from before an upgrade,
// and takes one back that was killed half-way and whose program does not even come up.
func undoCommand(h *House, missing error) *cobra.Command {
	return &cobra.Command{
		Use: "undo", Short: "Put the old programs back when an upgrade was killed half-way", Hidden: true, Args: nothingMore,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if missing != nil {
				return missing
			}
			undone, err := swap.Undo(h.Home)
			if undone != nil {
				fmt.Fprintf(cmd.OutOrStdout(), "The upgrade from %s to %s was killed before its end; %s is back.\n", undone.From, undone.To, undone.From)
			}
			return err
		},
	}
}

// ask asks the house for an action, or does it here when no house runs and it may be.
func (h *House) ask(ctx context.Context, name string, input, output any) (err error) {
	a, err := h.Registry.Action(name)
	if err != nil {
		return err
	}
	raw, err := json.Marshal(input)
	if err != nil {
		return err
	}
	caller, closing, err := h.connect(ctx, a)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closing()) }()
	answer, err := caller.Dispatch(ctx, name, raw, nil)
	if err != nil {
		return err
	}
	return json.Unmarshal(answer, output)
}
