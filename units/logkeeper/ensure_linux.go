// SPDX-License-Identifier: Apache-2.0

package logkeeper

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/core/home"
	"holdfast/core/process"
)

// handover bounds how long a keeper of another version may take to stop.
const handover = 2 * time.Second

// ensure adopts the keeper that is there when it is of this version, else starts one; the caller
// holds the lock.
func (c *Client) ensure() {
	keeper, err := c.adopt()
	if err == nil && keeper == nil {
		keeper, err = c.spawn()
	}
	if err != nil {
		c.log.Error("cannot start the log keeper", slog.Any("error", err))
		c.standing.Lacks = fmt.Sprintf("there is no log keeper: %v", err)
		keeper = gone(err)
	} else {
		c.standing.Lacks = ""
	}
	c.keeper, c.standing.PID = keeper, keeper.pid
	if start, err := startOf(os.Getpid()); err == nil {
		c.tell("house", process.Identity{PID: os.Getpid(), Start: start})
	}
	for _, h := range c.held {
		for id := range h.launches {
			c.tell("watch", id)
		}
	}
}

// gone stands for a keeper that could not be started: Run sees it ended and tries again.
func gone(why error) *runner {
	done := make(chan struct{})
	close(done)
	return &runner{done: done, end: func(os.Signal) {}, why: why}
}

// adopt finds the keeper that an earlier house left; nil when there is none. One whose program is
// another by now makes place first.
func (s starter) adopt() (*runner, error) {
	if !Lives(s.home) {
		return nil, nil
	}
	me, err := readSelf(s.home)
	if err != nil {
		return nil, err
	}
	child, err := process.Adopt(process.Identity{PID: me.PID, Start: me.Start})
	if errors.Is(err, process.ErrGone) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot adopt the log keeper: %w", err)
	}
	keeper := &runner{pid: me.PID, done: child.Done(), end: func(sent os.Signal) {
		if signal, ok := sent.(syscall.Signal); ok {
			_ = child.Signal(signal)
		}
	}}
	if s.sameProgram(me.PID) {
		return keeper, nil
	}
	s.log.Info("the log keeper is of another version and makes place", slog.Int("pid", me.PID))
	keeper.end(unix.SIGTERM)
	if !waitFor(context.Background(), keeper.done, handover) {
		keeper.end(unix.SIGKILL)
		waitFor(context.Background(), keeper.done, handover)
	}
	return nil, nil
}

func readSelf(h home.Home) (self, error) {
	var me self
	data, err := os.ReadFile(selfFile(h))
	if err == nil {
		err = json.Unmarshal(data, &me)
	}
	if err != nil {
		return me, fmt.Errorf("cannot tell who keeps the logs: %w", err)
	}
	return me, nil
}

// sameProgram tells whether a process runs the file that would be started.
func (s starter) sameProgram(pid int) bool {
	path, err := s.program()
	if err != nil {
		return true // there is nothing better
	}
	ours, err := os.Stat(path)
	if err != nil {
		return true
	}
	theirs, err := os.Stat(fmt.Sprintf("/proc/%d/exe", pid))
	return err == nil && os.SameFile(ours, theirs)
}

// Begin starts a keeper of a home, for the watch, where no house does.
func Begin(h home.Home, program string, log *slog.Logger) error {
	_, err := starter{home: h, binary: program, log: log}.spawn()
	return err
}

// spawn starts a keeper in a session of its own, which the house's end does not touch.
func (s starter) spawn() (*runner, error) {
	path, err := s.program()
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(s.home.Dir())
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(context.Background(), path, "keep", "--home", dir)
	cmd.Env, cmd.Dir = environment(), "/"
	if said, err := OpenOwn(s.home, "logkeeper"); err == nil {
		defer func() { _ = said.Close() }()
		cmd.Stdout, cmd.Stderr = said, said
	} else { // it is needed all the more where no log can be opened
		s.log.Error("cannot open the log keeper's log, it begins without", slog.Any("error", err))
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start the log keeper: %w", err)
	}
	done := make(chan struct{})
	r := &runner{pid: cmd.Process.Pid, done: done, end: func(sent os.Signal) { _ = cmd.Process.Signal(sent) }}
	go func() {
		defer close(done)
		r.why = cmd.Wait()
	}()
	return r, nil
}
