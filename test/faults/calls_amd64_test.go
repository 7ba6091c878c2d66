// SPDX-License-Identifier: Apache-2.0

//go:build linux

package faults

import "golang.org/x/sys/unix"

// legacy are the calls that only older architectures have.
func legacy() map[uint64]form {
	return map[uint64]form{
		unix.SYS_OPEN:    onPath("open", -1, 0).flagged(1),
		unix.SYS_CREAT:   onPath("creat", -1, 0),
		unix.SYS_RENAME:  onPaths("rename", -1, 0, -1, 1),
		unix.SYS_UNLINK:  onPath("unlink", -1, 0),
		unix.SYS_RMDIR:   onPath("rmdir", -1, 0),
		unix.SYS_MKDIR:   onPath("mkdir", -1, 0).flagged(1),
		unix.SYS_LINK:    onPaths("link", -1, 0, -1, 1),
		unix.SYS_SYMLINK: onPath("symlink", -1, 1),
		unix.SYS_CHMOD:   onPath("chmod", -1, 0).flagged(1),
	}
}

// refuse has the call at which a thread stopped fail instead of being done.
func refuse(tid int, errno unix.Errno) error {
	var regs unix.PtraceRegs
	if err := unix.PtraceGetRegs(tid, &regs); err != nil {
		return err
	}
	regs.Orig_rax = ^uint64(0) // no such call, so none is done
	regs.Rax = uint64(-int64(errno))
	return unix.PtraceSetRegs(tid, &regs)
}

const canRefuse = true
