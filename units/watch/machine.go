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
	log, err := openLog(m.home, "house.log")
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = log.Close() }()
	args := []string{"--home", m.home.Dir(), "up", "--boot"}
	for _, set := range n.Set {
		args = append(args, "--set", set)
	}
	cmd := exec.CommandContext(context.Background(), n.Binary, args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = os.Environ()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if info, err := os.Stat(n.Dir); err == nil && info.IsDir() {
		cmd.Dir = n.Dir
	}
	if err := cmd.Start(); err != nil {
		return nil, 0, fmt.Errorf("cannot start %s: %w", n.Binary, err)
	}
	return follow(cmd), cmd.Process.Pid, nil
}

// A spawn is a process that this one started.
type spawn struct {
	cmd  *exec.Cmd
	done chan struct{}
}

func follow(cmd *exec.Cmd) *spawn {
	s := &spawn{cmd, make(chan struct{})}
	go func() {
		_ = cmd.Wait() // how it ended stands in its state
		close(s.done)
	}()
	return s
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

// logMost is how large a log of the house or the watch may be before it is begun anew; one old is kept.
const logMost = 8 << 20

// openLog opens a log to be appended to.
func openLog(h home.Home, name string) (*os.File, error) {
	path := h.Var("logs", name)
	if info, err := os.Stat(path); err == nil && info.Size() > logMost {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, fmt.Errorf("cannot begin the log anew: %w", err)
		}
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot open the log: %w", err)
	}
	return file, nil
}
