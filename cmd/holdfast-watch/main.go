// SPDX-License-Identifier: Apache-2.0

// Command holdfast-watch is the small program that stands beside the house, in several roles.
//
// Its first argument names the role; the house starts each, and none is for running by hand.
// confine puts limits and a sandbox on itself and becomes the program that they are for; watch starts
// a house again that died or hangs; keep takes what units write into their logs.
package main

import (
	"fmt"
	"os"

	"holdfast/core/process/confine"
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
		return watch.Main(args[1:])
	case "keep":
		return logkeeper.Keep(args[1:])
	}
	fmt.Fprintf(os.Stderr, "holdfast-watch: there is no role %q: want confine, watch or keep\n", role)
	return 2
}
