// SPDX-License-Identifier: Apache-2.0

package app

import (
	"io"
	"os"
	"time"

	"holdfast/core/home"
	"holdfast/gateway/telemetry"
)

// statusline answers `holdfast tokens statusline` before anything is wired: a coding agent runs it at
// every prompt. With any other flag than --home it is left to the action.
func statusline(args []string) (answered bool, err error) {
	words, dir := withoutHome(args)
	if len(words) != 2 || words[0] != "tokens" && words[0] != "token" || words[1] != "statusline" {
		return false, nil
	}
	place, err := home.Find(dir)
	if err != nil {
		return true, err
	}
	var in io.Reader = os.Stdin
	if info, err := os.Stdin.Stat(); err != nil || info.Mode()&os.ModeCharDevice != 0 {
		in = nil
	}
	return true, telemetry.Statusline(place, in, os.Stdout, time.Now())
}
