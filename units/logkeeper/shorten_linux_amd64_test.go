// SPDX-License-Identifier: Apache-2.0

package logkeeper

import "golang.org/x/sys/unix"

// shorten changes a length argument of the call that a thread is about to make.
func shorten(tid, argument int, length uint64) error {
	var regs unix.PtraceRegs
	if err := unix.PtraceGetRegs(tid, &regs); err != nil {
		return err
	}
	switch argument {
	case 2:
		regs.Rdx = length
	case 4:
		regs.R8 = length
	}
	return unix.PtraceSetRegs(tid, &regs)
}
