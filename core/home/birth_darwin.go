// SPDX-License-Identifier: Apache-2.0

package home

import (
	"fmt"

	"golang.org/x/sys/unix"
)

const zombie = 5 // SZOMB of sys/proc.h

// birth tells a process from every other that ever had its pid, and stays the same when it becomes
// another program; empty for one that has ended, reaped or not.
func birth(pid int) (string, error) {
	if !alive(pid) {
		return "", nil
	}
	found, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if err != nil {
		return "", fmt.Errorf("cannot look at process %d: %w", pid, err)
	}
	if found.Proc.P_stat == zombie {
		return "", nil
	}
	return fmt.Sprintf("%d.%06d", found.Proc.P_starttime.Sec, found.Proc.P_starttime.Usec), nil
}
