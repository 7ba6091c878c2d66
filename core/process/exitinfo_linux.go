// SPDX-License-Identifier: Apache-2.0

package process

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// pidfdInfo is struct pidfd_info of linux/pidfd.h, first version.
type pidfdInfo struct {
	mask                                       uint64
	cgroup                                     uint64
	pid, tgid, ppid                            uint32
	ruid, rgid, euid, egid, suid, sgid, fu, fg uint32
	exitCode                                   int32
}

const (
	pidfdGetInfo  = 0xC040FF0B // _IOWR(0xFF, 11, struct pidfd_info)
	pidfdInfoExit = 1 << 3
	reapPatience  = 50 // milliseconds
)

// inspect asks for the exit status of a process that is not our child.
func (p *Process) inspect() Exit {
	var exit Exit
	_ = p.control(func(fd int) error {
		// The status is there once its parent has reaped it, which is told by a hang-up.
		_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd)}}, reapPatience)
		exit = ExitStatus(fd)
		return nil
	})
	return exit
}

// ExitStatus asks for the exit status of the process of a pidfd, whoever its parent was, once that
// has reaped it. Linux keeps it for the holders of its pidfd since 6.15; before, it is unknown.
func ExitStatus(pidfd int) Exit {
	info := pidfdInfo{mask: pidfdInfoExit}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(pidfd), pidfdGetInfo, uintptr(unsafe.Pointer(&info)))
	if errno != 0 || info.mask&pidfdInfoExit == 0 {
		return Exit{}
	}
	return exitOf(syscall.WaitStatus(uint32(info.exitCode)))
}
