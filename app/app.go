// SPDX-License-Identifier: Apache-2.0

// Package app is the only place that wires: it builds every capability, hands each what it needs of
// the others, and runs the house or one command.
//
// It is not for behaviour. wire.go is the list of capabilities in start order; run.go runs them, and
// ending.go ends them; connect.go finds who answers a command. cmd/holdfast calls Main, holdfasttest
// calls New.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"holdfast"
	"holdfast/core/config"
	"holdfast/core/home"
	"holdfast/core/house"
	"holdfast/surface/cli"
)

// version is set by the linker.
var version = "dev"

// Options change how a house is made; the zero value is the ordinary one.
type Options struct {
	// Log hears what the house does; nil is standard error, from warnings up.
	Log *slog.Logger
	// Set holds config values of the command line, by path.
	Set map[string]string
	// Edge is the front door's program; empty means holdfast-edge beside this program.
	Edge string
	// Watch is the program that confines units, keeps their logs and watches the house; empty means
	// holdfast-watch beside this program.
	Watch string
	// Synchronous is the store's; only benches set it.
	Synchronous string
	// More are capabilities after the house's own; only tests add them.
	More []house.Capability
}

// Main runs one command line and returns the exit status.
func Main(args []string) int {
	if status, done := check(args, os.Stderr); done {
		return status
	}
	if answered, err := statusline(args); answered {
		if err != nil {
			cli.PrintError(os.Stderr, err)
		}
		return cli.Exit(err)
	}
	// SIGPIPE and the like stay with the runtime; the first interrupt ends the command in order, the
	// second at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	err := execute(bypass(ctx, terminal().Interactive), args)
	if err != nil {
		cli.PrintError(os.Stderr, err)
	}
	return cli.Exit(err)
}

func execute(ctx context.Context, args []string) error {
	words, dir := withoutHome(args)
	place, missing := home.Find(dir)
	if missing != nil {
		place = home.At(".")
	}
	opt := Options{Set: map[string]string{}}
	h, err := New(place, &opt)
	if err != nil {
		return err
	}
	ignored := ""
	root := cli.New(cli.Options{
		Registry: h.Registry, Terminal: terminal(), Version: version, Home: &ignored, Bare: len(words) > 0 && words[0] == "up",
		Commands: []*cobra.Command{upCommand(h, &opt, missing), upgradeCommand(h, missing), initCommand(dir), openAPICommand(h), mcpCommand(h, missing)},
		Connect: func(ctx context.Context, a holdfast.Action) (cli.Caller, func() error, error) {
			if missing != nil {
				return nil, nil, missing
			}
			return h.connect(ctx, a)
		},
	})
	root.SetArgs(args)
	return root.ExecuteContext(ctx)
}

// withoutHome takes --home out of a command line before that is built, for the commands are made
// from the home's own registry. The last one counts.
func withoutHome(args []string) (words []string, dir string) {
	for i := 0; i < len(args); i++ {
		value, ok := strings.CutPrefix(args[i], "--home=")
		switch {
		case args[i] == "--":
			return append(words, args[i:]...), dir
		case ok:
			dir = value
		case args[i] == "--home" && i+1 < len(args):
			i++
			dir = args[i]
		default:
			words = append(words, args[i])
		}
	}
	return words, dir
}

// load reads the configuration into every capability's section.
func (h *House) load() error {
	var sections []config.Section
	for _, c := range h.Capabilities {
		if c.Config != nil {
			sections = append(sections, config.Section{Name: sectionOf(c.Section, c.Name), Into: c.Config})
		}
	}
	loaded, err := config.Load(h.Home, sections, config.Options{Set: h.options.Set})
	h.config = loaded
	if err != nil {
		return err
	}
	for section, take := range h.reloaded {
		loaded.Subscribe(section, take)
	}
	return nil
}

func sectionOf(section, name string) string {
	if section != "" {
		return section
	}
	return name
}

// ensure makes the folders of a home that is there.
func ensure(place home.Home) error {
	if !place.Exists() {
		return holdfast.BadInput(fmt.Sprintf("there is no home at %s: make one with `holdfast init %s`", place.Dir(), quoted(place.Dir())))
	}
	return place.Ensure()
}

// Open makes the home ready for actions in this process: configuration, then the store.
func (h *House) Open(ctx context.Context) error {
	if err := ensure(h.Home); err != nil {
		return err
	}
	if err := h.load(); err != nil {
		return err
	}
	return h.openStore(ctx)
}

// errStopped ends a house on request; it is no failure.
var errStopped = errors.New("stopped on request")
