// SPDX-License-Identifier: Apache-2.0

package app

import (
	"fmt"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"holdfast"
	"holdfast/app/starter"
)

func initCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "init [DIR]",
		Short: "Write a commented starter home that runs as it is",
		Long: "Write a commented starter home that runs as it is: no key, no network.\n\n" +
			"DIR is made when it is not there; a folder that holds a home already is left alone.",
		Example: "  holdfast init ~/agents && holdfast --home ~/agents up",
		Args:    atMostOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := "."
			if len(args) == 1 {
				dir = args[0]
			}
			dir, err := filepath.Abs(dir)
			if err != nil {
				return err
			}
			created, err := starter.Write(dir)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "Wrote a starter home at %s (%d files).\nStart it:  holdfast --home %s up\n", dir, len(created), quoted(dir))
			return nil
		},
	}
}

// quoted is a path as a shell takes it for one word.
func quoted(path string) string {
	plain := func(r rune) bool {
		return r == '_' || r == '-' || r == '.' || r == '/' || unicode.IsLetter(r) || unicode.IsDigit(r)
	}
	if path != "" && strings.IndexFunc(path, func(r rune) bool { return !plain(r) }) < 0 {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

func atMostOne(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return holdfast.BadInput(fmt.Sprintf("%q is one argument too many: want `%s`", args[1], cmd.UseLine()))
	}
	return nil
}

func nothingMore(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return holdfast.BadInput(fmt.Sprintf("%q is one argument too many: want `%s`", args[0], cmd.UseLine()))
	}
	return nil
}
