// SPDX-License-Identifier: Apache-2.0

//go:build unix && !linux

package process

import (
	"fmt"
	"os"
	"syscall"
)

// Self is the identity of this process.
func Self() (Identity, error) {
	id := Identity{PID: os.Getpid()}
	id.Mark, _ = ParseMark(os.Getenv(MarkVariable))
	all, err := table()
	if err != nil {
		return id, err
	}
	id.Start = startOf(all, id.PID)
	return id, nil
}

// Traced tells whether a debugger holds the process still; here that is not known.
func Traced(int) bool { return false }

// SignalFirst sends a signal to the first process of the launch and to nobody else.
func SignalFirst(p *Process, signal syscall.Signal) error {
	select {
	case <-p.done:
		return ErrGone
	default:
	}
	if err := syscall.Kill(p.id.PID, signal); err != nil {
		return fmt.Errorf("cannot signal pid %d: %w", p.id.PID, err)
	}
	return nil
}
