// SPDX-License-Identifier: Apache-2.0

//go:build linux

package faults

import "golang.org/x/sys/unix"

// legacy are the calls that only older architectures have.
func legacy() map[uint64]form { return nil }

// refuse is not known on this architecture.
func refuse(int, unix.Errno) error { return unix.ENOSYS }

const canRefuse = false
