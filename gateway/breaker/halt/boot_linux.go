// SPDX-License-Identifier: Apache-2.0

package halt

import (
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Boot is now by the clock that counts from the machine's start, its sleep included; nil where
// there is none.
func Boot() *Moment {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return nil
	}
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		return nil
	}
	return &Moment{ID: strings.TrimSpace(string(id)), Since: time.Duration(now.Nano())}
}
