// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"holdfast/test/outside"
)

const (
	// between is how many steps lie between two checkpoints, and settling how long one may take.
	between  = 60
	settling = 75 * time.Second
	// watchTime is how long the watch has to start a dead house.
	watchTime = 45 * time.Second
	// commandTime is how long a command of the operator's may take.
	commandTime = time.Minute
)

// disturbAll disturbs until the time is over and the counts are reached.
func (c *chaos) disturbAll(ctx context.Context) error {
	v := vandal{c}
	list := v.disturbances()
	said := time.Now()
	for !c.enough() {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		c.step++
		c.due(false)
		if err := c.heard(); err != nil {
			return err
		}
		s := c.look()
		if took := time.Since(s.at); took > time.Second {
			c.say("a look took %s", took.Round(time.Millisecond))
		}
		if err := c.judge.see(s); err != nil {
			return err
		}
		if err := c.tend(ctx, s); err != nil {
			return err
		}
		if c.instead == nil {
			v.one(ctx, list, s)
		} else {
			c.instead(ctx, c, s)
		}
		c.pause(ctx, vandal{c}.span(20*time.Millisecond, 300*time.Millisecond))
		if c.step%between == 0 {
			if err := c.checkpoint(ctx); err != nil {
				return err
			}
		}
		if time.Since(said) > 30*time.Second {
			said = time.Now()
			fmt.Fprintf(c.out, "%6.0fs %d steps, %d unit kills, %d house kills\n", time.Since(c.began).Seconds(), c.step, c.counts["unit kills"], c.counts["house kills"])
		}
	}
	return nil
}

func (c *chaos) enough() bool {
	return time.Since(c.began) >= c.duration && c.counts["unit kills"] >= c.unitKills && c.counts["house kills"] >= c.houseKills
}

// tend sees to it that a dead house comes up again: by the watch, or by `up`.
func (c *chaos) tend(ctx context.Context, s sight) error {
	if c.judge.down {
		return nil
	}
	if len(s.house) > 0 {
		c.deadSince = time.Time{}
		if c.judge.calm.IsZero() && s.house[0].State != 'T' {
			c.judge.undisturbed()
		}
		return nil
	}
	c.judge.disturbed()
	if c.deadSince.IsZero() {
		c.deadSince = s.at
	}
	if c.watchTurn && len(s.watch) > 0 {
		if late := s.at.Sub(c.deadSince); late > watchTime {
			return violated(fmt.Sprint(s.watch), "the house is dead for %s, and the watch has not started it", late.Round(time.Second))
		}
		return nil
	}
	return c.up(ctx)
}

// up starts the house. Another may have been quicker.
func (c *chaos) up(ctx context.Context) error {
	var last error
	for range 3 {
		began := time.Now()
		out, err := c.startHouse(ctx)
		if err == nil {
			c.say("up: %s", time.Since(began).Round(time.Millisecond))
			c.judge.undisturbed()
			return nil
		}
		c.say("%v", err)
		if c.await(ctx, 2*time.Second, func(s sight) bool { return len(s.house) > 0 }) && strings.Contains(out, "is held by") {
			return nil
		}
		last = err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return violated(last.Error(), "the house cannot be started")
}

// checkpoint takes every disturbance back and waits until all is as it must be.
func (c *chaos) checkpoint(ctx context.Context) error {
	c.due(true)
	c.judge.down = false
	for c.asked > 0 {
		select {
		case a := <-c.answers:
			if err := c.take(a); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	acknowledged := map[string]uint64{}
	resolved := false
	var wrong string
	for deadline := time.Now().Add(settling); ; c.pause(ctx, 200*time.Millisecond) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s := c.look()
		if err := c.judge.see(s); err != nil {
			return err
		}
		if err := c.tend(ctx, s); err != nil {
			return err
		}
		if len(s.house) > 0 && !resolved {
			if err := c.resolve(); err != nil {
				return err
			}
			resolved, acknowledged = true, c.ledger.acknowledged()
		}
		var err error
		if wrong, err = c.unsettled(s, acknowledged); err != nil {
			return err
		}
		if wrong == "" && resolved {
			break
		}
		if time.Now().After(deadline) {
			return violated(wrong, "the house did not settle within %s", settling)
		}
	}
	c.counts["checkpoints"]++
	if out, err := c.command(ctx, "journal", "verify"); err != nil {
		return violated(out, "the journal does not verify: %v", err)
	}
	return c.lacks(ctx)
}

// resolve reads what stands for units whose command was cut off, and wants of the others that the
// file says what was acknowledged.
func (c *chaos) resolve() error {
	holds, err := c.intents()
	if err != nil {
		return violated(err.Error(), "var/intent.json cannot be read")
	}
	for _, u := range c.units {
		_, stands := holds[u.name]
		switch {
		case u.wish == unsure && stands:
			u.wish, u.since = held, time.Now().Add(c.margin) // it may still be ending
		case u.wish == unsure:
			u.wish, u.since = wanted, time.Now()
		case stands != (u.wish == held):
			return violated("", "unit %s: held is %v in var/intent.json, and %v was acknowledged", u.name, stands, u.wish == held)
		}
	}
	return nil
}

// unsettled tells what is not yet as it must be; an error what can never come right again.
func (c *chaos) unsettled(s sight, acknowledged map[string]uint64) (string, error) {
	for _, u := range c.units {
		if u.kind == counter {
			if err := c.ledger.read(u.name); err != nil {
				return "", violated("", "%v", err)
			}
		}
		if _, runs := s.leader(u.name); !runs && u.wish == wanted && u.kind != crasher && u.kind != worker {
			return "unit " + u.name + " does not run", nil
		}
	}
	if len(s.house) == 0 {
		return "there is no house", nil
	}
	if c.parts.watch && len(s.watch) == 0 {
		return "there is no watch", nil
	}
	if c.parts.keeper && len(s.keeper) == 0 && !c.keepsItself(s) {
		return "there is no log keeper", nil
	}
	if missing := c.ledger.missing(acknowledged); len(missing) > 0 {
		return fmt.Sprintf("%d launches miss acknowledged lines:\n%s", len(missing), strings.Join(missing[:min(10, len(missing))], "\n")), nil
	}
	return "", nil
}

// keepsItself tells that the house keeps the logs itself, as it does when log keepers die again and
// again; the keeper's own file says so.
func (p place) keepsItself(s sight) bool {
	var self struct{ PID int }
	data, err := os.ReadFile(filepath.Join(p.home(), "var", "run", "logkeeper.json"))
	return err == nil && json.Unmarshal(data, &self) == nil && self.PID == s.house[0].PID
}

// lacks learns which limits this machine does not enforce, so that nobody holds it to them.
func (c *chaos) lacks(ctx context.Context) error {
	out, err := c.command(ctx, "unit", "list", "--json")
	if err != nil {
		return nil
	}
	c.judge.limited = !strings.Contains(out, "processes") || !strings.Contains(out, "lacks")
	return nil
}

// close ends the house in order and wants nothing left but what is right.
func (c *chaos) close(ctx context.Context) error {
	if err := c.checkpoint(ctx); err != nil {
		return err
	}
	acknowledged := c.ledger.acknowledged()
	began := time.Now()
	if _, err := c.command(ctx, "down", "--workers"); err != nil {
		if out, err := c.command(ctx, "down"); err != nil {
			return violated(out, "the house cannot be brought down: %v", err)
		}
	}
	c.say("down: %s", time.Since(began).Round(time.Millisecond))
	var left []outside.Process
	if !c.await(ctx, 20*time.Second, func(sight) bool {
		left = outside.Within(c.home())
		left = append(left, outside.All(func(p *outside.Process) bool { return p.Exe == c.actor() || strings.Contains(p.Mark(), c.house()+"/") })...)
		return len(left) == 0
	}) {
		return violated(fmt.Sprint(left), "after down %d processes are left", len(left))
	}
	for key, n := range c.ledger.acknowledged() {
		acknowledged[key] = max(n, acknowledged[key])
	}
	for _, u := range c.units {
		if err := c.ledger.read(u.name); err != nil && u.kind == counter {
			return violated("", "%v", err)
		}
	}
	if missing := c.ledger.missing(acknowledged); len(missing) > 0 {
		return violated(strings.Join(missing, "\n"), "acknowledged lines of %d launches are in no log", len(missing))
	}
	return c.leftovers()
}

// leftovers looks for what is no process: broken pipes that units saw, control groups, mounts.
func (c *chaos) leftovers() error {
	if groups := outside.Cgroups(c.house()); len(groups) > 0 {
		return violated(strings.Join(groups, "\n"), "%d control groups are left", len(groups))
	}
	want := 0
	if c.parts.mounted {
		want = 1
	}
	if mounts := outside.Mounts(c.work); len(mounts) > want {
		return violated(strings.Join(mounts, "\n"), "mounts are left")
	}
	tapes, _ := filepath.Glob(filepath.Join(c.acks(), "tape.*"))
	for _, tape := range tapes {
		data, _ := os.ReadFile(tape)
		for _, word := range []string{"pipe ", "unwritable "} {
			if strings.Contains(string(data), "\n"+word) {
				return violated(tail(string(data), 5), "%s: a write failed (%s)", filepath.Base(tape), strings.TrimSpace(word))
			}
		}
	}
	return nil
}
