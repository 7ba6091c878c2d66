// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/test/outside"
)

// A vandal does what the house must bear.
type vandal struct{ *chaos }

// A disturbance is one thing that may happen, and how often beside the others.
type disturbance struct {
	name   string
	weight int
	do     func(ctx context.Context, s sight)
}

func (c vandal) disturbances() []disturbance {
	list := []disturbance{
		{"kill units", 50, c.killUnits},
		{"kill a descendant", 6, c.killMember},
		{"stop a unit's process", 6, c.freezeUnit},
		{"kill the house", 5, c.killHouse},
		{"freeze the house", 2, c.freezeHouse},
		{"steal a port", 3, c.steal},
		{"stop, start, restart", 10, c.intend},
		{"down and up", 1, c.downUp},
	}
	if c.parts.mounted && c.parts.keeper { // without a keeper a full disk may split a line of a unit that is killed then
		list = append(list, disturbance{"fill the disk", 1, c.fill})
	}
	if c.parts.keeper {
		list = append(list,
			disturbance{"kill the log keeper", 3, func(_ context.Context, s sight) { c.killOwn(s, s.keeper, "keeper") }},
			disturbance{"freeze the log keeper", 1, func(_ context.Context, s sight) { c.freezeOwn(s.keeper, "keeper") }})
	}
	if c.parts.watch {
		list = append(list,
			disturbance{"kill the watch", 3, func(_ context.Context, s sight) { c.killOwn(s, s.watch, "watch") }},
			disturbance{"freeze the watch", 1, func(_ context.Context, s sight) { c.freezeOwn(s.watch, "watch") }})
	}
	if c.parts.clock {
		list = append(list, disturbance{"jump of the clock", 3, c.jump})
	}
	if c.parts.watch || c.parts.keeper {
		list = append(list, disturbance{"kill several at once", 2, c.killSeveral})
	}
	return list
}

// one does one disturbance.
func (c vandal) one(ctx context.Context, list []disturbance, s sight) {
	total := 0
	for _, d := range list {
		total += d.weight
	}
	at := c.rng.IntN(total)
	for _, d := range list {
		if at < d.weight {
			d.do(ctx, s)
			return
		}
		at -= d.weight
	}
}

func (c vandal) span(least, most time.Duration) time.Duration {
	return least + time.Duration(c.rng.Int64N(int64(most-least)))
}

func (c vandal) kill(p outside.Process, what string) bool {
	if !p.Alive() || syscall.Kill(p.PID, syscall.SIGKILL) != nil {
		return false
	}
	c.counts[what]++
	c.killed[p.ID()] = true
	return true
}

// pick chooses a running unit.
func (c vandal) pick(s sight, so func(*unit) bool) (*unit, outside.Process, bool) {
	for range 20 {
		u := c.units[c.rng.IntN(len(c.units))]
		if p, ok := s.leader(u.name); ok && so(u) {
			return u, p, true
		}
	}
	return nil, outside.Process{}, false
}

func anyUnit(*unit) bool { return true }

// unheld tells that without this process nobody would hold the pipes of the logs but the units
// themselves: what is in them would die with a unit, which nothing promises to prevent. A holder
// must have had two seconds to open them.
func (c vandal) unheld(s sight, without outside.Process) bool {
	if !c.parts.keeper {
		return false
	}
	for _, p := range slices.Concat(s.house, s.watch, s.keeper) {
		if c.first[p.ID()].IsZero() {
			c.first[p.ID()] = s.at
		}
		if p.PID != without.PID && !c.killed[p.ID()] && p.Alive() && // what is killed lives on for a moment
			s.at.Sub(c.first[p.ID()]) > 2*time.Second {
			return false
		}
	}
	return true
}

// strike kills a process of the house's own, unless it is the last to hold the pipes.
func (c vandal) strike(s sight, list []outside.Process, what string) bool {
	return len(list) > 0 && !c.unheld(s, list[0]) && c.kill(list[0], what)
}

func (c vandal) killUnits(_ context.Context, s sight) {
	if c.unheld(s, outside.Process{}) {
		return
	}
	var names []string
	for range 1 + c.rng.IntN(8) {
		if u, p, ok := c.pick(s, anyUnit); ok && c.kill(p, "unit kills") {
			names = append(names, fmt.Sprintf("%s (%d)", u.name, p.PID))
		}
	}
	c.say("kill -9 %s", strings.Join(names, ", "))
}

func (c vandal) killMember(_ context.Context, s sight) {
	u, _, ok := c.pick(s, func(u *unit) bool { return len(s.members[u.name]) > 1 })
	if !ok || c.unheld(s, outside.Process{}) {
		return
	}
	list := s.members[u.name]
	p := list[c.rng.IntN(len(list))]
	if c.kill(p, "descendant kills") {
		c.say("kill -9 %d of %s", p.PID, u.name)
	}
}

// freeze stops a process for a while.
func (c vandal) freeze(p outside.Process, what string, d time.Duration) {
	if !p.Alive() || syscall.Kill(p.PID, syscall.SIGSTOP) != nil {
		return
	}
	c.counts[what+" freezes"]++
	c.say("SIGSTOP %s (%d) for %s", what, p.PID, d.Round(time.Millisecond))
	c.later(d, fmt.Sprintf("SIGCONT %s (%d)", what, p.PID), func() {
		if p.Alive() {
			_ = syscall.Kill(p.PID, syscall.SIGCONT)
		}
	})
}

func (c vandal) freezeUnit(_ context.Context, s sight) {
	if u, p, ok := c.pick(s, anyUnit); ok {
		c.freeze(p, "unit", c.span(100*time.Millisecond, 6*time.Second))
		u.stopped = time.Now()
	}
}

func (c vandal) killHouse(_ context.Context, s sight) {
	if !c.strike(s, s.house, "house kills") {
		return
	}
	c.judge.disturbed()
	c.watchTurn = c.parts.watch && c.rng.IntN(2) == 0
	c.say("kill -9 the house (%d); %s", s.house[0].PID, map[bool]string{true: "the watch is to start it", false: "up follows"}[c.watchTurn])
}

func (c vandal) freezeHouse(_ context.Context, s sight) {
	if len(s.house) == 0 {
		return
	}
	d := c.span(200*time.Millisecond, 3*time.Second)
	if c.parts.watch && c.rng.IntN(6) == 0 {
		d = c.span(20*time.Second, 60*time.Second) // long enough to be taken for hung
	}
	c.judge.disturbed()
	c.freeze(s.house[0], "house", d)
}

// killOwn kills a process of the house's own that is not the house.
func (c vandal) killOwn(s sight, list []outside.Process, who string) {
	if c.strike(s, list, who+" kills") {
		c.say("kill -9 the %s (%d)", who, list[0].PID)
	}
}

func (c vandal) freezeOwn(list []outside.Process, who string) {
	if len(list) > 0 {
		c.freeze(list[0], who, c.span(200*time.Millisecond, 8*time.Second))
	}
}

// killSeveral kills some of house, watch and log keeper together, and units first when all go.
func (c vandal) killSeveral(ctx context.Context, s sight) {
	c.killUnits(ctx, s)
	c.say("several at once:")
	which := 1 + c.rng.IntN(7)
	if which&1 != 0 {
		c.killOwn(s, s.keeper, "keeper")
	}
	if which&2 != 0 {
		c.killOwn(s, s.watch, "watch")
	}
	if which&4 != 0 {
		c.killHouse(ctx, s)
	}
	c.counts["several at once"]++
}

// steal takes a unit's port while the unit is away.
func (c vandal) steal(ctx context.Context, s sight) {
	u, p, ok := c.pick(s, func(u *unit) bool { return u.kind == porter && u.stolen == nil && u.wish == wanted })
	if !ok || !c.kill(p, "unit kills") {
		return
	}
	address := fmt.Sprintf("127.0.0.1:%d", u.port)
	for deadline := time.Now().Add(time.Second); time.Now().Before(deadline); c.pause(ctx, time.Millisecond) {
		l, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		u.stolen = l
		c.counts["stolen ports"]++
		d := c.span(time.Second, 6*time.Second)
		c.say("stole port %d of %s for %s", u.port, u.name, d.Round(time.Millisecond))
		c.later(d, "gave back the port of "+u.name, func() {
			_ = l.Close()
			u.stolen, u.freed = nil, time.Now()
		})
		return
	}
}

// fill leaves the logs no room for a while.
func (c vandal) fill(context.Context, sight) {
	path := c.filler()
	if _, err := os.Stat(path); err == nil {
		return
	}
	f, err := os.Create(path)
	if err != nil {
		return
	}
	var fs unix.Statfs_t
	_ = unix.Fstatfs(int(f.Fd()), &fs)
	_ = unix.Fallocate(int(f.Fd()), 0, 0, int64(fs.Bavail)*fs.Bsize)
	more := make([]byte, 4096)
	for {
		if _, err := f.Write(more); err != nil {
			break
		}
		if info, err := f.Stat(); err != nil || info.Size() > 1<<30 {
			break
		}
		_, _ = f.Seek(0, 2)
	}
	_ = f.Close()
	c.counts["full disks"]++
	d := c.span(500*time.Millisecond, 10*time.Second)
	c.say("the disk of the logs is full for %s", d.Round(time.Millisecond))
	c.later(d, "the disk of the logs has room", func() { _ = os.Remove(path) })
}

// intend stops, starts or restarts a unit, beside the other disturbances.
func (c vandal) intend(ctx context.Context, s sight) {
	if len(s.house) == 0 || c.asked >= 3 {
		return
	}
	u := c.units[c.rng.IntN(len(c.units))]
	if u.wish == unsure || u.stolen != nil || (u.kind == porter && time.Since(u.freed) < 20*time.Second) {
		return
	}
	verb, then := "stop", held
	switch {
	case u.wish == held:
		verb, then = "start", wanted
	case c.rng.IntN(3) == 0:
		verb, then = "restart", wanted
	case c.heldNow() > len(c.units)/5:
		return
	}
	u.wish, u.since = unsure, time.Now()
	c.asked++
	c.counts["commands"]++
	c.say("unit %s %s", verb, u.name)
	go func(began time.Time) {
		out, err := c.command(ctx, "unit", verb, u.name)
		c.answers <- answer{unit: u, wish: then, args: []string{verb, u.name}, out: out, err: err, began: began}
	}(time.Now())
}

func (c vandal) heldNow() int {
	n := 0
	for _, u := range c.units {
		if u.wish != wanted {
			n++
		}
	}
	return n
}

// heard takes the answers of commands that have ended.
func (c *chaos) heard() error {
	for {
		select {
		case a := <-c.answers:
			if err := c.take(a); err != nil {
				return err
			}
		default:
			return nil
		}
	}
}

func (c *chaos) take(a answer) error {
	c.asked--
	a.unit.since = time.Now()
	if a.err == nil {
		a.unit.wish = a.wish
		return nil
	}
	// It was cut off, or refused; what stands is read from the file at the next checkpoint.
	c.counts["commands cut off or refused"]++
	c.say("unit %s: %v", strings.Join(a.args, " "), a.err)
	if took := time.Since(a.began); took > commandTime-time.Second && !c.judge.calm.IsZero() && c.judge.since(c.judge.calm, c.judge.seen) >= took {
		return violated(a.out, "unit %s has not answered for %s", strings.Join(a.args, " "), took.Round(time.Second))
	}
	return nil
}

// downUp brings the whole house down, looks that it stays so, and brings it up again.
func (c vandal) downUp(ctx context.Context, s sight) {
	if len(s.house) == 0 || c.asked > 0 || slices.ContainsFunc(c.undo, func(u undo) bool { return strings.Contains(u.what, "house") }) {
		return
	}
	if _, err := os.Stat(c.filler()); err == nil && !c.fullDown {
		return
	}
	args := [][]string{{"down"}, {"down", "--quick"}, {"down", "--workers"}}[c.rng.IntN(3)]
	c.judge.disturbed()
	c.say("%s", strings.Join(args, " "))
	if _, err := c.command(ctx, args...); err != nil {
		c.say("%v", err)
		return
	}
	c.counts["downs"]++
	c.judge.down, c.judge.downAt = true, time.Now()
	c.later(c.span(time.Second, 8*time.Second), "up", func() { c.judge.down = false })
}
