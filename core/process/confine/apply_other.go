// SPDX-License-Identifier: Apache-2.0

//go:build unix && !linux

package confine

import "syscall"

func setGID(gid int) error { return syscall.Setgid(gid) }

func setUID(uid int) error { return syscall.Setuid(uid) }

func closeRest(int) {}

// fewerFiles and lessPriority leave it at what the kernel says.
func fewerFiles(uint64) string { return "" }

func lessPriority(int) string { return "" }

func (s *Sandbox) apply() error { return nil }

const noSandbox = "the sandbox: this system has no Landlock; it is there on Linux only"

// Lacks tells what of a sandbox this system does not enforce, and why.
func Lacks(offline bool) []string { return []string{noSandbox} }

// Base is nothing here, for there is no sandbox.
func Base(path string, hidden ...string) []string { return nil }
