// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// The deliberate wrongs. A harness that works catches each.
const (
	wrongDouble = "double"
	wrongOrphan = "orphan"
	wrongHeld   = "held"
	wrongLine   = "line"
	wrongTwice  = "twice"
	wrongLeft   = "left"
)

// A saboteur does a deliberate wrong.
type saboteur struct{ vandal }

// work kills some units, waits until a house would have swept what it found at its start, and does
// the wrong; then it only looks.
func (c saboteur) work(ctx context.Context, s sight) {
	switch {
	case c.step < 12:
		c.killUnits(ctx, s)
	case c.counts[c.wrong] == 0 && !c.judge.calm.IsZero() && c.judge.since(c.judge.calm, c.judge.seen) > 5*time.Second:
		c.counts[c.wrong]++
		c.spoil(s)
	}
}

// spoil does what a broken supervisor would.
func (c saboteur) spoil(s sight) {
	u, leader, ok := c.pick(s, func(u *unit) bool { return u.kind == counter && u.wish == wanted })
	if !ok {
		return
	}
	c.say("on purpose: %s of %s", c.wrong, u.name)
	mark := leader.Mark()
	switch c.wrong {
	case wrongDouble:
		c.pretend(mark+"x", true)
	case wrongOrphan:
		// Of a unit that nobody declares, so that the house does not end it with the unit.
		c.pretend(strings.Replace(mark, u.name, u.name+"x", 1), false)
	case wrongHeld:
		c.pretendHeld()
	case wrongLine, wrongTwice:
		c.forge(filepath.Join(c.logs(), u.name+".log"))
	case wrongLeft:
		_ = exec.Command("sh", "-c", "cd "+c.home()+"; exec setsid sleep 300").Start()
	}
}

// pretend runs a process with a mark.
func (c saboteur) pretend(mark string, leader bool) {
	cmd := exec.Command(c.actor(), idler, "pretender", c.acks())
	cmd.Env = []string{"HOLDFAST_UNIT=" + mark}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: leader}
	_ = cmd.Start()
}

// pretendHeld takes a unit for held, as if `unit stop` had answered and done nothing.
func (c saboteur) pretendHeld() {
	for _, u := range c.units {
		if u.kind == idler && u.wish == wanted {
			u.wish = held
			return
		}
	}
}

// forge takes a line out of a log, or writes it twice.
func (c saboteur) forge(path string) {
	data, err := os.ReadFile(path)
	if err != nil {
		return
	}
	lines := bytes.SplitAfter(data, []byte("\n"))
	at := len(lines) * 3 / 4
	if c.wrong == wrongTwice {
		lines = append(lines[:at], append([][]byte{lines[at-1]}, lines[at:]...)...)
	} else {
		lines = append(lines[:at], lines[at+1:]...)
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return
	}
	defer func() { _ = f.Close() }()
	out := bytes.Join(lines, nil)
	_, _ = f.Write(out)
	_ = f.Truncate(int64(len(out)))
}
