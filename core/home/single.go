// SPDX-License-Identifier: Apache-2.0

package home

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/core/home/disk"
)

// ErrTaken says that another process has a role that only one process of a home may have.
var ErrTaken = errors.New("another process of this home has that role")

func rolePath(h Home, role string) string { return h.Var("run", role+".lock") }

// Take takes a role of the home for this process until the file is closed; ErrTaken tells that
// another has it. The kernel keeps it: it ends with the process, and no child inherits it.
func (h Home) Take(role string) (*os.File, error) {
	path := rolePath(h, role)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, disk.Explain("open the lock", path, err)
	}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for began := time.Now(); ; <-tick.C {
		err := flock(f, unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return f, nil
		}
		if busy := errors.Is(err, unix.EWOULDBLOCK); busy && time.Since(began) < nameWithin { // it may be one who only looks
			continue
		} else if busy {
			return nil, errors.Join(ErrTaken, f.Close())
		}
		return nil, errors.Join(disk.Explain("lock", path, err), f.Close())
	}
}

// Taken tells whether a process has a role of the home.
func (h Home) Taken(role string) bool {
	f, err := os.OpenFile(rolePath(h, role), os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	return errors.Is(flock(f, unix.LOCK_SH|unix.LOCK_NB), unix.EWOULDBLOCK)
}
