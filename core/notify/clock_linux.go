// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// reloading begins a reload; systemd tells an old message from a new one by the monotonic clock.
func reloading() []string {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return []string{"RELOADING=1"}
	}
	return []string{"RELOADING=1", fmt.Sprintf("MONOTONIC_USEC=%d", now.Nano()/1000)}
}
