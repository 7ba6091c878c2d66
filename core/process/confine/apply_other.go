// SPDX-License-Identifier: Apache-2.0

//go:build unix && !linux

package confine

import (
	"errors"
	"syscall"
)

func setGID(gid int) error { return syscall.Setgid(gid) }

func setUID(uid int) error { return syscall.Setuid(uid) }

func closeRest(int) {}

func (s *Sandbox) apply() error {
	if s.Strict {
		return errors.New(noSandbox)
	}
	return nil
}

const noSandbox = "the sandbox: this system has no Landlock; it is there on Linux only"

// Lacks tells what of a sandbox this system does not enforce, and why.
func Lacks(offline bool) []string { return []string{noSandbox} }

// Base is nothing here, for there is no sandbox.
func Base(path string, hidden ...string) []string { return nil }
