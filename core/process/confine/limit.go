// SPDX-License-Identifier: Apache-2.0

//go:build unix && !freebsd

package confine

import "syscall"

func setLimit(limit *syscall.Rlimit, n uint64) { limit.Cur, limit.Max = n, n }
