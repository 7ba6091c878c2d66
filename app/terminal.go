// SPDX-License-Identifier: Apache-2.0

package app

import (
	"fmt"
	"os"

	"golang.org/x/term"

	"holdfast/surface/cli"
)

// terminal describes the process's own standard streams.
func terminal() cli.Terminal {
	t := cli.Terminal{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}
	t.Interactive = term.IsTerminal(int(os.Stdin.Fd())) && term.IsTerminal(int(os.Stderr.Fd()))
	if t.Interactive {
		t.Secret = askSecret
	}
	if term.IsTerminal(int(os.Stdout.Fd())) {
		t.Color = os.Getenv("NO_COLOR") == ""
		if width, _, err := term.GetSize(int(os.Stdout.Fd())); err == nil {
			t.Width = width
		}
	}
	return t
}

func askSecret(prompt string) (string, error) {
	fmt.Fprint(os.Stderr, prompt)
	secret, err := term.ReadPassword(int(os.Stdin.Fd()))
	fmt.Fprintln(os.Stderr)
	return string(secret), err
}
