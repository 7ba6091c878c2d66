// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// claimEvery is how often a claim that another process has is tried.
const claimEvery = 2 * time.Millisecond

// Claim takes the lock of a file, which it makes, for the time of one change; it waits so long for who
// has it. Who is killed lets go of it. The error says that what cannot be done.
func Claim(path, what string, wait time.Duration) (release func(), err error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, Explain("open", path, err)
	}
	tick := time.NewTicker(claimEvery)
	defer tick.Stop()
	for began := time.Now(); ; <-tick.C {
		err = unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { _ = file.Close() }, nil
		}
		busy := errors.Is(err, unix.EWOULDBLOCK) || errors.Is(err, unix.EINTR)
		if !busy || time.Since(began) > wait {
			_ = file.Close()
			return nil, Explain(what+", for another process does not let go of", path, err)
		}
	}
}
