// SPDX-License-Identifier: Apache-2.0

package app

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"holdfast"
	"holdfast/app/starter"
	"holdfast/gateway/route"
)

// initCommand writes to the folder that --home names, or to this one, where it is given none.
func initCommand(home string) *cobra.Command {
	profile := ""
	cmd := &cobra.Command{
		Use:   "init [DIR]",
		Short: "Write a commented starter home that runs as it is",
		Long: "Write a commented starter home that runs as it is: no key, no network.\n\n" +
			"DIR, or else what --home names, or else this folder, is made when it is not there; a folder that holds a home already is left alone.\n\n" +
			"With --profile, the keys of model providers that stand in the environment (ANTHROPIC_API_KEY, OPENAI_API_KEY, " +
			"GEMINI_API_KEY, OPENROUTER_API_KEY, MISTRAL_API_KEY, ZAI_API_KEY, GROQ_API_KEY) go into the home's .env, and what " +
			"each profile stands for with these providers is pinned in holdfast.yaml: a newer Holdfast proposes other models " +
			"(`holdfast models policy`) and never changes it. Without such a key models are rehearsed.",
		Example: "  holdfast init ~/agents && holdfast --home ~/agents up\n" +
			"  OPENROUTER_API_KEY=sk-or-… holdfast init ~/agents --profile economy",
		Args: atMostOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := filepath.Abs(cmp.Or(append(args, home)[0], "."))
			if err != nil {
				return err
			}
			models := starter.Models{}
			if cmd.Flags().Changed("profile") {
				if models, err = starter.Choose(profile, os.Getenv); err != nil {
					return err
				}
			}
			created, err := starter.Write(dir, models)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "Wrote a starter home at %s (%d files).\n%s%sStart it:  holdfast --home %s up\n",
				dir, len(created), chosen(models), unguarded(dir), quoted(dir))
			return nil
		},
	}
	cmd.Flags().StringVar(&profile, "profile", route.Balanced, "which models: "+strings.Join(route.ProfileNames(), ", "))
	_ = cmd.RegisterFlagCompletionFunc("profile", cobra.FixedCompletions(route.ProfileNames(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// chosen tells of the models that the operator asked for.
func chosen(m starter.Models) string {
	if m.Profile == "" {
		return ""
	}
	from := "no provider's key is in this environment, so they are rehearsed"
	if names := m.Names(); len(names) > 0 {
		from = "with " + strings.Join(names, ", ") + " of this environment, now in .env"
	}
	return fmt.Sprintf("Models, %s: %s\n  %s\n", m.Profile, m.Bundle(), from)
}

// unguarded warns where the folder's own .gitignore, which stays as it is, lets .env into a repository.
func unguarded(dir string) string {
	text, err := os.ReadFile(filepath.Join(dir, ".gitignore"))
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if rule := strings.TrimPrefix(strings.TrimSpace(line), "/"); rule == ".env" || rule == ".env*" || rule == "*" {
			return ""
		}
	}
	return "Your .gitignore stays as it is and does not name .env, which holds keys: add .env and var/ to it.\n"
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
