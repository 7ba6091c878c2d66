// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"io"
	"os"
	"slices"
	"time"

	"holdfast"
	"holdfast/core/home"
	"holdfast/gateway/breaker/halt"
	"holdfast/surface/cli"
)

// check answers `breaker check`, which other programs ask before each thing they do, by the flag
// alone: nothing is wired, no house is asked. Any other command line is left to the whole.
func check(args []string, problems io.Writer) (status int, done bool) {
	words, dir := withoutHome(args)
	if !slices.Equal(words, []string{"breaker", "check"}) {
		return 0, false
	}
	place, missing := home.Find(dir)
	if missing != nil {
		return 0, false
	}
	flag, stands := halt.In(place).Flag(halt.House, time.Now())
	if !stands {
		return 0, true
	}
	refusal := flag.Refusal(time.Now())
	cli.PrintError(problems, refusal)
	return cli.Exit(refusal), true
}

// bypass takes the variable that asks to be let past a HALT out of the environment, so that no child
// of this process has it, and marks the one command of a terminal that asked.
func bypass(ctx context.Context, interactive bool) context.Context {
	asked := os.Getenv(holdfast.BypassVariable) == "1"
	_ = os.Unsetenv(holdfast.BypassVariable)
	if asked && interactive {
		return holdfast.WithBypass(ctx)
	}
	return ctx
}
