// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	_ "modernc.org/sqlite" // to change the journal behind the house's back
)

// The deliberate wrongs. A harness that works catches each.
const (
	wrongDouble  = "double"
	wrongOrphan  = "orphan"
	wrongBare    = "orphan without a mark"
	wrongCheck   = "check of a dead house"
	wrongHeld    = "held"
	wrongAbsent  = "absent"
	wrongIntent  = "intent"
	wrongLine    = "line"
	wrongTwice   = "twice"
	wrongJournal = "journal"
	wrongLeft    = "left"
)

// A saboteur does a deliberate wrong in place of the disturbances.
type saboteur struct {
	wrong string
	done  bool
}

// work kills some units, waits until a house would have swept what it found at its start, and does
// the wrong; then it only looks.
func (w *saboteur) work(ctx context.Context, c *chaos, s sight) {
	switch {
	case c.step < 12:
		vandal{c}.killUnits(ctx, s)
	case !w.done && !c.judge.calm.IsZero() && c.judge.since(c.judge.calm, c.judge.seen) > 5*time.Second:
		u, leader, ok := vandal{c}.pick(s, func(u *unit) bool { return u.kind == counter && u.wish == wanted })
		if !ok {
			return
		}
		c.say("on purpose: %s of %s", w.wrong, u.name)
		w.done = true
		if err := w.spoil(ctx, sabotage{c, u, leader.PID, leader.Mark()}); err != nil {
			c.say("%s: %v", w.wrong, err)
		}
	}
}

// A sabotage is what a wrong is done to.
type sabotage struct {
	*chaos
	unit   *unit
	leader int
	mark   string
}

// spoil does what a broken supervisor would.
func (w *saboteur) spoil(ctx context.Context, c sabotage) error {
	switch w.wrong {
	case wrongDouble:
		return c.pretend(idler, c.mark+"x", true)
	case wrongOrphan:
		// Of a unit that nobody declares, so that the house does not end it with the unit.
		return c.pretend(idler, strings.Replace(c.mark, c.unit.name, c.unit.name+"x", 1), false)
	case wrongBare:
		return errors.Join(c.pretend("bare", "", true), syscall.Kill(c.leader, syscall.SIGKILL))
	case wrongCheck:
		return c.pretend(idler, c.mark+checkSuffix, false)
	case wrongHeld:
		if _, err := c.command(ctx, "unit", "stop", c.unit.name); err != nil {
			return err
		}
		c.unit.wish, c.unit.since = held, time.Now()
		return c.pretend(idler, c.mark, true)
	case wrongAbsent:
		return c.forget(ctx)
	case wrongIntent:
		return c.forgeIntent()
	case wrongLine, wrongTwice:
		return c.forgeLog(w.wrong == wrongTwice)
	case wrongJournal:
		return c.forgeJournal(ctx)
	}
	c.duration = 0 // what is left is seen at the end
	return exec.Command("sh", "-c", "cd "+c.home()+"; exec setsid sleep 300").Start()
}

// pretend runs a process with a mark, or with none.
func (c sabotage) pretend(kind, mark string, leader bool) error {
	cmd := exec.Command(c.actor(), kind, c.unit.name, c.acks())
	cmd.Env = []string{"HOLDFAST_UNIT=" + mark}
	if mark == "" {
		cmd.Env = []string{}
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: leader}
	return cmd.Start()
}

// forget takes a unit out of service behind the test's back.
func (c sabotage) forget(ctx context.Context) error {
	file := filepath.Join(c.home(), "holdfast.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	entry := "  " + c.unit.name + ": {"
	changed := bytes.Replace(text, []byte(entry), []byte(entry+"enabled: false, "), 1)
	if err := os.WriteFile(file, changed, 0o600); err != nil {
		return err
	}
	_, err = c.command(ctx, "config", "reload")
	return err
}

// forgeIntent takes a unit for held that nobody stopped, in the file alone.
func (c sabotage) forgeIntent() error {
	return os.WriteFile(filepath.Join(c.home(), "var", "intent.json"), []byte(`{"held": {"`+c.unit.name+`": {}}}`), 0o600)
}

// forgeLog takes a line out of a log, or writes it twice.
func (c sabotage) forgeLog(twice bool) error {
	path := filepath.Join(c.logs(), c.unit.name+".log")
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	lines := bytes.SplitAfter(data, []byte("\n"))
	at := len(lines) * 3 / 4
	if twice {
		lines = append(lines[:at], append([][]byte{lines[at-1]}, lines[at:]...)...)
	} else {
		lines = append(lines[:at], lines[at+1:]...)
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	out := bytes.Join(lines, nil)
	_, err = f.Write(out)
	return errors.Join(err, f.Truncate(int64(len(out))), f.Close())
}

// forgeJournal changes an entry that was written.
func (c sabotage) forgeJournal(ctx context.Context) (err error) {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(c.home(), "var", "house.db")+"?_pragma=busy_timeout(10000)")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	for _, statement := range []string{
		"DROP TRIGGER IF EXISTS journal_keeps", "DROP TRIGGER IF EXISTS journal_stays",
		"UPDATE journal SET outcome = 'refused' WHERE sequence = 3",
	} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}
