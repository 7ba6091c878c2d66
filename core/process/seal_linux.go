// SPDX-License-Identifier: Apache-2.0

package process

import "golang.org/x/sys/unix"

// Seal keeps what this process was started with, beyond the standard streams, from the programs
// that it starts: a caller who waits for the end of a pipe would wait as long as they live.
func Seal() error {
	return unix.CloseRange(3, ^uint(0), unix.CLOSE_RANGE_CLOEXEC)
}
