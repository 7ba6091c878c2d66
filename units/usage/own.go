// SPDX-License-Identifier: Apache-2.0

package usage

import (
	"fmt"
	"syscall"
	"time"
)

// ownCPU is the processor time of this process, without its children.
func ownCPU() (time.Duration, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, fmt.Errorf("cannot tell what the house uses: %w", err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}
