// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"holdfast/core/home"
	"holdfast/core/process"
	"holdfast/units/logkeeper"
	"holdfast/units/upgrade/swap"
)

// question is what the house is asked: how its units stand, which every loop in it must answer.
const question = "GET /api/supervisor/health HTTP/1.0\r\nHost: house\r\n\r\n"

// real is the machine that the watch runs on.
type real struct {
	home home.Home
	log  *slog.Logger
}

func (m real) lives(id process.Identity) bool {
	p, err := process.Adopt(id)
	if err != nil {
		return !errors.Is(err, process.ErrGone)
	}
	select {
	case <-p.Done():
		return false
	default:
		return true
	}
}

func (m real) adopt(id process.Identity) (subject, error) { return adopt(id) }

// An adopted process is one that this one did not start.
type adopted struct{ *process.Process }

// SignalFirst signals the process and nobody else.
func (a adopted) SignalFirst(signal syscall.Signal) error {
	return process.SignalFirst(a.Process, signal)
}

func adopt(id process.Identity) (subject, error) {
	p, err := process.Adopt(id)
	if err != nil {
		return nil, err
	}
	return adopted{p}, nil
}

// answers asks over the control socket. It speaks HTTP/1.0 by hand: a client of the standard library
// would be half of this process.
func (m real) answers(ctx context.Context) bool {
	conn, err := m.home.Dial(ctx, "control")
	if err != nil {
		return false
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if _, err := conn.Write([]byte(question)); err != nil {
		return false
	}
	answer := make([]byte, 16)
	n, err := conn.Read(answer)
	return err == nil && strings.HasPrefix(string(answer[:n]), "HTTP/1.")
}

func (m real) mend() error {
	undone, err := swap.Undo(m.home)
	if undone != nil {
		m.log.Warn("took back an upgrade that was interrupted", slog.String("from", undone.From), slog.String("to", undone.To))
	}
	return err
}

// start starts the house as it was started, in the background, by `up --boot`: should `down` have
// come in between, that one starts nothing.
func (m real) start(n House) (subject, int, error) {
	args := []string{"--home", m.home.Dir(), "up", "--boot"}
	for _, set := range n.Set {
		args = append(args, "--set", set)
	}
	cmd := exec.CommandContext(context.Background(), n.Binary, args...)
	cmd.Env = os.Environ()
	if info, err := os.Stat(n.Dir); err == nil && info.IsDir() {
		cmd.Dir = n.Dir
	}
	child, err := apart(m.home, "house", cmd)
	if err != nil {
		return nil, 0, err
	}
	return child, cmd.Process.Pid, nil
}

// apart starts a process in a session of its own, which this one's end does not touch; what it says
// goes to a log of the home.
func apart(h home.Home, log string, cmd *exec.Cmd) (*spawn, error) {
	said, err := logkeeper.OpenOwn(h, log)
	if err != nil {
		return nil, err
	}
	defer func() { _ = said.Close() }()
	cmd.Stdout, cmd.Stderr = said, said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start %s: %w", cmd.Path, err)
	}
	s := &spawn{cmd, make(chan struct{})}
	go func() {
		_ = cmd.Wait() // how it ended stands in its state
		close(s.done)
	}()
	return s, nil
}

// A spawn is a process that this one started.
type spawn struct {
	cmd  *exec.Cmd
	done chan struct{}
}

func (s *spawn) Done() <-chan struct{} { return s.done }

func (s *spawn) SignalFirst(signal syscall.Signal) error { return s.cmd.Process.Signal(signal) }

func (s *spawn) Exit() process.Exit {
	status, ok := s.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !ok {
		return process.Exit{}
	}
	if status.Signaled() {
		return process.Exit{Known: true, Code: 128 + int(status.Signal()), Signal: status.Signal(), At: time.Now()}
	}
	return process.Exit{Known: true, Code: status.ExitStatus(), At: time.Now()}
}
