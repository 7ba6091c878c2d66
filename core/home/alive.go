// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package home

import (
	"errors"

	"golang.org/x/sys/unix"
)

// alive tells that there is such a process, as a zombie too.
func alive(pid int) bool {
	err := unix.Kill(pid, 0)
	return err == nil || errors.Is(err, unix.EPERM)
}
