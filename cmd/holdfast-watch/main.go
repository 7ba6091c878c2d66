// SPDX-License-Identifier: Apache-2.0

// Command holdfast-watch is the small program that stands beside the house, in several roles.
//
// Its first argument names the role; the house starts the first three, which are not for running by
// hand. confine puts limits and a sandbox on itself and becomes the program that they are for; watch
// starts a house again that died or hangs, and judges the token circuit breaker beside it; keep takes
// what units write into their logs. check exits 3 while HALT stands, and hook says so to a coding
// agent.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"holdfast/core/home"
	"holdfast/core/process/confine"
	"holdfast/gateway/breaker/halt"
	"holdfast/gateway/telemetry/outside"
	"holdfast/units/logkeeper"
	"holdfast/units/watch"
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	role := ""
	if len(args) > 0 {
		role = args[0]
	}
	switch role {
	case "confine":
		return confine.Main(args[1:])
	case "watch":
		return watch.Main(args[1:], judging{})
	case "keep":
		return logkeeper.Keep(args[1:])
	case "check":
		return check(args[1:], os.Stderr)
	case "hook":
		return answer(args[1:], os.Stdout, os.Stderr)
	}
	fmt.Fprintf(os.Stderr, "holdfast-watch: there is no role %q: want confine, watch, keep, check or hook\n", role)
	return 2
}

// judging judges the breaker beside the watch, by what coding agents burn too while no house reads
// their logs.
type judging struct{}

// Run judges until ctx ends.
func (judging) Run(ctx context.Context, h home.Home, log *slog.Logger) {
	(&halt.Outside{Telemetry: outside.New(h)}).Run(ctx, h, log)
}
