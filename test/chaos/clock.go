// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"holdfast/test/outside"
)

// startHouse runs `up -d` so that the house goes by the test's clock, where the machine allows it.
func (c *chaos) startHouse(ctx context.Context) (string, error) {
	if !c.parts.clock {
		return c.command(ctx, "up", "-d")
	}
	ctx, cancel := context.WithTimeout(ctx, commandTime)
	defer cancel()
	said, err := os.CreateTemp(c.work, "up-")
	if err != nil {
		return "", err
	}
	defer func() { _ = errors.Join(said.Close(), os.Remove(said.Name())) }()
	cmd := exec.Command(c.program("holdfast"), "--home", c.home(), "up", "-d")
	cmd.Dir, cmd.Env = c.work, c.environment()
	cmd.Stdout, cmd.Stderr = said, said
	err = c.clock.Run(ctx, cmd)
	out, _ := os.ReadFile(said.Name())
	if errors.Is(err, outside.ErrNoClock) {
		c.parts.clock = false
		return c.startHouse(ctx)
	}
	if err != nil {
		err = fmt.Errorf("up -d: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return string(out), err
}

// jump sets the clock of the house forward or back for a while. A house that the watch started goes
// by the machine's clock, and is first replaced by one of our own.
func (c vandal) jump(_ context.Context, s sight) {
	if len(s.house) == 0 {
		return
	}
	if s.house[0].PID != c.clock.PID() {
		if c.strike(s, s.house, "house kills") {
			c.judge.disturbed()
			c.watchTurn = false
			c.say("kill -9 the house (%d), which goes by the machine's clock; up follows", s.house[0].PID)
		}
		return
	}
	by := []time.Duration{-time.Hour, time.Hour, -90 * time.Second, 90 * time.Second, 48 * time.Hour, -48 * time.Hour}[c.rng.IntN(6)]
	stay := c.span(500*time.Millisecond, 15*time.Second)
	c.clock.Set(by)
	c.counts["clock jumps"]++
	c.say("the clock of the house is off by %s for %s", by, stay.Round(time.Millisecond))
	c.later(stay, "the clock of the house is right", func() { c.clock.Set(0) })
}
