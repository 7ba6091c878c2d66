// SPDX-License-Identifier: Apache-2.0

package process

import (
	"encoding/binary"
	"errors"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// shareFor is how long an adopted child of our own stays a zombie, so that all who watch it here
// learn its status.
const shareFor = 100 * time.Millisecond

// The codes of siginfo_t that waitid(2) gives, and where si_status lies in it.
const (
	childExited = 1
	statusAt    = 24
)

// inherited is how a process ended that is our child though it was adopted: this program took the
// place of the one that started it (execve), or its parent died and it came to us. False for others.
func (p *Process) inherited() (exit Exit, ours bool) {
	info, err := p.waitid(unix.WEXITED | unix.WNOHANG | unix.WNOWAIT)
	if err != nil || info.Signo == 0 {
		return Exit{}, false
	}
	time.AfterFunc(shareFor, func() { _, _ = p.waitid(unix.WEXITED | unix.WNOHANG) }) // who came first reaped it
	raw := (*[unsafe.Sizeof(unix.Siginfo{})]byte)(unsafe.Pointer(info))
	status := int(int32(binary.NativeEndian.Uint32(raw[statusAt:])))
	if info.Code == childExited {
		return Exit{Known: true, Code: status}, true
	}
	return Exit{Known: true, Code: 128 + status, Signal: syscall.Signal(status)}, true
}

// waitid waits by the pidfd, which no other process can take the number of.
func (p *Process) waitid(options int) (*unix.Siginfo, error) {
	info := new(unix.Siginfo)
	err := p.control(func(fd int) error {
		for {
			if err := unix.Waitid(unix.P_PIDFD, fd, info, options, nil); !errors.Is(err, unix.EINTR) {
				return err
			}
		}
	})
	return info, err
}
