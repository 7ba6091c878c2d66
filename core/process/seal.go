// SPDX-License-Identifier: Apache-2.0

package process

import "golang.org/x/sys/unix"

// sealMost bounds the descriptors that are looked at where the system has no call for all.
const sealMost = 1024

// Seal keeps what this process was started with, beyond the standard streams, from the programs
// that it starts: a caller who waits for the end of a pipe would wait as long as they live.
func Seal() {
	if sealAll() == nil {
		return
	}
	for fd := 3; fd < sealMost; fd++ {
		unix.CloseOnExec(fd)
	}
}
