// SPDX-License-Identifier: Apache-2.0

// Command holdfast-edge is the front door's own process: Caddy with a trimmed list of modules, and
// edge/router as one of its handlers.
//
// It is started by the house, which binds its sockets and hands them over; it is not for running
// by hand. It goes on while the house is away, and ends on SIGTERM.
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/caddyserver/caddy/v2"
	// The modules that the house's configuration names, and no others.
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/encode/gzip"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/encode/zstd"
	_ "github.com/caddyserver/caddy/v2/modules/filestorage"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "holdfast-edge:", err)
		os.Exit(1)
	}
	select {} // Caddy ends the process when it is told to
}

func run(args []string) error {
	if len(args) != 1 {
		return errors.New("want one argument, the configuration that the house wrote")
	}
	config, err := os.ReadFile(args[0])
	if err != nil {
		return fmt.Errorf("cannot read the configuration: %w", err)
	}
	caddy.TrapSignals()
	caddy.RegisterModule(door{pool: caddy.NewUsagePool()})
	if err := caddy.Load(config, true); err != nil {
		return fmt.Errorf("cannot serve: %w", err)
	}
	return nil
}
