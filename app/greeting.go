// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"fmt"
	"io"
	"time"

	"holdfast"
	"holdfast/surface/cli"
)

// A greeting is what `up` says once the house is up.
type greeting struct{ *House }

// greet prints the addresses and what runs. A person at a terminal gets a login link too; a log or
// a file does not, for whoever reads it later would be let in.
func (h greeting) greet(ctx context.Context, out io.Writer) error {
	link, hint := h.url(), "`holdfast link` prints a login link for the Hub."
	if isTerminal(out) {
		made, err := h.loginLink(ctx)
		if err != nil {
			return fmt.Errorf("cannot make the login link: %w", err)
		}
		link, hint = made, "The link works once; `holdfast link` makes another."
	}
	fmt.Fprintf(out, "\n  Hub        %s\n  API, MCP   %s/v1  %s/api/mcp  (key: AGENT_API_KEY in .env)\n  home       %s\n\n", link, h.front.URL(), h.front.URL(), h.Home.Dir())
	h.settle(ctx)
	for _, u := range h.units() {
		at := ""
		if u.Port > 0 {
			at = fmt.Sprintf(" on port %d", u.Port)
		}
		fmt.Fprintf(out, "  %-18s %s%s%s\n", u.Name, u.State, at, because(cli.Harmless(u.Detail)))
	}
	fmt.Fprintf(out, "\n%s Ctrl-C stops everything.\n", hint)
	return nil
}

func because(detail string) string {
	if detail == "" {
		return ""
	}
	return ": " + detail
}

// settle waits a moment for units that are starting, so that what is printed is how they came up.
func (h greeting) settle(ctx context.Context) {
	deadline := time.NewTimer(5 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for h.starting() {
		select {
		case <-ctx.Done():
			return
		case <-deadline.C:
			return
		case <-tick.C:
		}
	}
}

func (h greeting) starting() bool {
	for _, u := range h.units() {
		fresh := u.State == holdfast.UnitStopped && time.Since(u.Since) < time.Second
		if u.State == holdfast.UnitStarting || u.State == holdfast.UnitStopping || fresh {
			return true
		}
	}
	return false
}
