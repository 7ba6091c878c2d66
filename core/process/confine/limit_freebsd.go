// SPDX-License-Identifier: Apache-2.0

package confine

import "syscall"

func setLimit(limit *syscall.Rlimit, n uint64) { limit.Cur, limit.Max = int64(n), int64(n) }
