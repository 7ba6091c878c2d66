// SPDX-License-Identifier: Apache-2.0

// Package cli is the command line, generated from the registry: a command for every action, with
// flags for its fields, and the short forms that actions declare. It sends an action to the running
// house over the control socket, or runs it in process when no house runs and the action may.
//
// It is not for what commands do. app calls New with the few commands that are no actions (up,
// init) and executes it; Exit turns an error into the exit status of chapter 10.
package cli

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"holdfast"
	"holdfast/core/action"
)

// A Caller runs actions: the house over its socket, or the registry in process.
type Caller interface {
	Dispatch(ctx context.Context, name string, input json.RawMessage, confirm *holdfast.Confirmation) (json.RawMessage, error)
	Follow(ctx context.Context, name string, input json.RawMessage, receive func(json.RawMessage) error) error
}

// A Terminal is where a command reads and writes.
type Terminal struct {
	In       io.Reader
	Out, Err io.Writer
	// Interactive tells whether a person can be asked.
	Interactive bool
	// Secret reads a line without showing it, and leaves the terminal as it was when ctx ends first;
	// nil when nobody can be asked.
	Secret func(ctx context.Context, prompt string) (string, error)
	// Width is the terminal's width in columns, 0 when the output is no terminal.
	Width int
	Color bool
	// Screen takes the whole terminal for a view that draws on it; nil when there is none.
	Screen func() (Screen, error)
}

// Options make a command line.
type Options struct {
	Registry *action.Registry
	Terminal Terminal
	Version  string
	// Connect finds who runs the action: the house, or this process when none runs and it may.
	Connect func(ctx context.Context, a holdfast.Action) (Caller, func() error, error)
	// Commands are added as they are: up, init and the like.
	Commands []*cobra.Command
	// Bare leaves out the commands of actions, which a house would keep for as long as it runs.
	Bare bool
	// Home and JSON receive the global flags.
	Home *string
}

// settings are the global flags of one invocation.
type settings struct {
	json    bool
	csv     bool
	yes     bool
	confirm []string
	token   string
}

// New builds the root command.
func New(opt Options) *cobra.Command {
	s := &settings{}
	root := &cobra.Command{
		Use:           "holdfast",
		Short:         "Keep always-on AI agents up, safe, affordable and recoverable",
		Version:       opt.Version,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noSuchCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(opt.Terminal.In)
	root.SetOut(opt.Terminal.Out)
	root.SetErr(opt.Terminal.Err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage(err) })
	root.SuggestionsMinimumDistance = 2
	flags := root.PersistentFlags()
	flags.StringVar(opt.Home, "home", "", "the home folder (default: HOLDFAST_HOME, this folder, or the user's data folder)")
	flags.BoolVar(&s.json, "json", false, "print the answer as JSON")
	flags.BoolVar(&s.csv, "csv", false, "print the answer's table as comma-separated values")
	flags.BoolVar(&s.yes, "yes", false, "answer questions with yes; never confirms destruction")
	flags.StringArrayVar(&s.confirm, "confirm", nil, "confirm a category of a destroying action's inventory; once for each")
	flags.StringVar(&s.token, "token", "", "the token of the inventory that --confirm answers")
	root.AddGroup(&cobra.Group{ID: "main", Title: "Main commands:"}, &cobra.Group{ID: "nouns", Title: "Everything, by noun:"})
	root.SetHelpCommandGroupID("main")
	root.SetCompletionCommandGroupID("main")
	for _, c := range opt.Commands {
		c.GroupID = "main"
		root.AddCommand(c)
	}
	if !opt.Bare {
		addActions(root, opt, s)
	}
	if opt.Terminal.Width > 0 {
		fold(root, opt.Terminal.Width)
	}
	return root
}

// fold breaks help between words, so that it fits the terminal. It sets no template: a program that links
// text/template keeps every method of every type that it links.
func fold(root *cobra.Command, width int) {
	usual := root.UsageFunc()
	root.SetUsageFunc(func(cmd *cobra.Command) error {
		out := cmd.OutOrStderr()
		var text strings.Builder
		cmd.SetOut(&text)
		err := usual(cmd)
		cmd.SetOut(out)
		folded := text.String()
		for _, flags := range []*pflag.FlagSet{cmd.LocalFlags(), cmd.InheritedFlags()} {
			if whole := strings.TrimRight(flags.FlagUsages(), " \n"); whole != "" {
				folded = strings.Replace(folded, whole, strings.TrimRight(flags.FlagUsagesWrapped(width), " \n"), 1)
			}
		}
		_, writing := io.WriteString(out, folded)
		return errors.Join(err, writing)
	})
	help := root.HelpFunc()
	root.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		lines := strings.Split(cmd.Long, "\n")
		for i, line := range lines {
			if !strings.HasPrefix(line, " ") { // else it is a table
				lines[i] = strings.Join(wrapped(line, width), "\n")
			}
		}
		cmd.Long = strings.Join(lines, "\n")
		help(cmd, args)
	})
}

func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	err := holdfast.BadInput("there is no command `" + cmd.CommandPath() + " " + args[0] + "`")
	if near := nearCommands(cmd, args[0]); len(near) > 0 {
		err.Message += ": did you mean `" + strings.Join(near, "` or `") + "`?"
	} else {
		err.Message += ": see `" + cmd.CommandPath() + " --help`"
	}
	return err
}

// maxNear bounds the commands that are named for one that is not there.
const maxNear = 4

// nearCommands are those that may have been meant, first where a word of their path was left out.
func nearCommands(cmd *cobra.Command, word string) (near []string) {
	var names []string
	for _, c := range cmd.Commands() {
		names = append(names, c.Name())
		singular := find(cmd, strings.TrimSuffix(c.Name(), "s"))
		if verb := find(c, word); verb != nil && !verb.Hidden && (singular == nil || singular == c || find(singular, word) == nil) {
			near = append(near, verb.CommandPath())
		}
	}
	if one := action.Nearest(word, names); one != "" && len(near) == 0 {
		near = append(near, cmd.CommandPath()+" "+one)
	}
	if len(near) > maxNear {
		return nil
	}
	return near
}

func usage(err error) error { return holdfast.BadInput(err.Error()) }

// ErrNoHouse says that an action needs a running house and none runs.
var ErrNoHouse = errors.New("no house is running here: start it with `holdfast up`")

// Exit is the exit status for an error, as chapter 10 lists them.
func Exit(err error) int {
	if err == nil {
		return 0
	}
	if errors.Is(err, ErrNoHouse) {
		return 4
	}
	if _, ok := errors.AsType[*holdfast.Pending](err); ok {
		return 5
	}
	if _, ok := errors.AsType[*holdfast.Refusal](err); ok {
		return 3
	}
	if _, ok := errors.AsType[*holdfast.Unconfirmed](err); ok {
		return 3
	}
	if known, ok := errors.AsType[*holdfast.Error](err); ok {
		switch known.Code {
		case holdfast.CodeBadInput:
			return 2
		case holdfast.CodeUnknown:
			return 3
		case holdfast.CodeNotFound, holdfast.CodeConflict, holdfast.CodeFailed, holdfast.CodeUnavailable:
		}
	}
	if coded, ok := errors.AsType[interface {
		error
		ExitCode() int
	}](err); ok {
		return coded.ExitCode()
	}
	return 1
}
