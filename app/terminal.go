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
func terminal() cli.Terminal { return terminalOf(os.Stdin, os.Stdout, os.Stderr) }

// usualWidth is taken of a terminal that does not tell its own, as a serial line does.
const usualWidth = 80

func terminalOf(in, out, problems *os.File) cli.Terminal {
	t := cli.Terminal{In: in, Out: out, Err: problems}
	t.Interactive = isTerminal(in) && isTerminal(problems)
	if t.Interactive {
		t.Secret = askSecret
	}
	if isTerminal(out) {
		t.Color, t.Width = os.Getenv("NO_COLOR") == "", usualWidth
		if width, _, err := term.GetSize(int(out.Fd())); err == nil && width > 0 {
			t.Width = width
		}
		if t.Interactive && os.Getenv("TERM") != "dumb" {
			t.Screen = openScreen
		}
	}
	return t
}

// isTerminal tells whether what is written there is seen by a person.
func isTerminal(to any) bool {
	f, ok := to.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
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
