// SPDX-License-Identifier: Apache-2.0

// Command holdfast keeps always-on AI agents up, safe, affordable and recoverable.
//
// It only hands its arguments to app and exits with the status that app returns. People and
// services call it.
package main

import (
	"os"

	"holdfast/app"
)

func main() { os.Exit(app.Main(os.Args[1:])) }
