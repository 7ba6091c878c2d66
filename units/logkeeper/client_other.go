// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package logkeeper

import (
	"context"
	"fmt"
	"os"

	"holdfast/core/home"
	"holdfast/core/process"
)

// Keep says that there is no keeper on this system.
func Keep([]string) int {
	fmt.Fprintln(os.Stderr, "cannot keep logs: this system has no log keeper; units write their logs themselves")
	return 1
}

// Hold holds nothing where there is no keeper.
func Hold(ctx context.Context, _ home.Home) error {
	<-ctx.Done()
	return nil
}

// Start notes that units write their logs themselves.
func (c *Client) Start(context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.standing.Lacks = "this system has no log keeper: units write their logs themselves, and nothing rotates them"
	return nil
}

// Run waits for the end.
func (c *Client) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// Stop has nothing to end.
func (c *Client) Stop(context.Context) error { return nil }

// Began notes nothing here.
func (c *Client) Began(string, process.Identity) {}

// Ended notes nothing here.
func (c *Client) Ended(string, process.Identity) {}

func (c *Client) openPipes(log string) (out, err *os.File, fail error) {
	return openStraight(c.home, log)
}
