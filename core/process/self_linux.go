// SPDX-License-Identifier: Apache-2.0

package process

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Self is the identity of this process.
func Self() (Identity, error) {
	id := Identity{PID: os.Getpid(), Boot: bootID()}
	id.Mark, _ = ParseMark(os.Getenv(MarkVariable))
	s, err := readStat(id.PID)
	if err != nil {
		return id, fmt.Errorf("cannot tell which process this is: %w", err)
	}
	id.Start = s.start
	return id, nil
}

// Traced tells whether a debugger holds the process still.
func Traced(pid int) bool {
	s, err := readStat(pid)
	return err == nil && s.state == 't'
}

// SignalFirst sends a signal to the first process of the launch and to nobody else.
func SignalFirst(p *Process, signal syscall.Signal) error {
	err := p.control(func(fd int) error { return unix.PidfdSendSignal(fd, signal, nil, 0) })
	if err != nil {
		return fmt.Errorf("cannot signal pid %d: %w", p.id.PID, err)
	}
	return nil
}
