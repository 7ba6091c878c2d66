// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
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
		if t.Interactive && os.Getenv("TERM") != "dumb" {
			t.Screen = openScreen
		}
	}
	return t
}

// askSecret reads a line without an echo. The read cannot be interrupted, so at the end of ctx it is
// left behind and the terminal gets its echo back here.
func askSecret(ctx context.Context, prompt string) (string, error) {
	in := int(os.Stdin.Fd())
	before, err := term.GetState(in)
	if err != nil {
		return "", err
	}
	type result struct {
		text []byte
		err  error
	}
	done := make(chan result, 1)
	fmt.Fprint(os.Stderr, prompt)
	go func() {
		text, err := term.ReadPassword(in)
		done <- result{text, err}
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(os.Stderr)
		return "", errors.Join(ctx.Err(), term.Restore(in, before))
	case r := <-done:
		fmt.Fprintln(os.Stderr)
		return string(r.text), r.err
	}
}
