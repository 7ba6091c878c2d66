// SPDX-License-Identifier: Apache-2.0

package confine

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Where the fields of struct seccomp_data stand; all supported machines are little-endian.
const (
	atNumber = 0
	atArch   = 4
	atArg1   = 24
)

// x32 marks the system calls of the 32-bit way of an x86-64 kernel.
const x32 = 0x40000000

// closeSockets denies making sockets by every way: the call itself, io_uring, and the calls of other
// machines. Pairs stay, but for datagrams, which could be sent elsewhere.
func (s *Sandbox) closeSockets() error {
	if !filters() {
		return nil
	}
	program := offline(machine())
	prog := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	_, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&prog)))
	if errno != 0 {
		return fmt.Errorf("cannot take the network: %w", errno)
	}
	return nil
}

// machine is the kernel's name of what this program was built for, 0 when there is no filter for it.
func machine() uint32 {
	switch runtime.GOARCH {
	case "amd64":
		return unix.AUDIT_ARCH_X86_64
	case "arm64":
		return unix.AUDIT_ARCH_AARCH64
	}
	return 0
}

func hasSeccomp() bool {
	action := uint32(unix.SECCOMP_RET_ERRNO)
	_, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_GET_ACTION_AVAIL, 0, uintptr(unsafe.Pointer(&action)))
	return errno == 0
}

// offline is the filter. Jumps count from the next instruction.
func offline(arch uint32) []unix.SockFilter {
	const (
		load  = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		equal = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		least = unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K
		mask  = unix.BPF_ALU | unix.BPF_AND | unix.BPF_K
		leave = unix.BPF_RET | unix.BPF_K
		deny  = unix.SECCOMP_RET_ERRNO
	)
	return []unix.SockFilter{
		{Code: load, K: atArch},
		{Code: equal, Jt: 1, K: arch},
		{Code: leave, K: unix.SECCOMP_RET_KILL_PROCESS},
		{Code: load, K: atNumber},
		{Code: least, Jf: 1, K: x32},
		{Code: leave, K: unix.SECCOMP_RET_KILL_PROCESS},
		{Code: equal, Jf: 1, K: unix.SYS_SOCKET},
		{Code: leave, K: deny | uint32(unix.EACCES)},
		{Code: equal, Jf: 1, K: unix.SYS_IO_URING_SETUP},
		{Code: leave, K: deny | uint32(unix.EPERM)},
		{Code: equal, Jt: 1, K: unix.SYS_SOCKETPAIR},
		{Code: leave, K: unix.SECCOMP_RET_ALLOW},
		{Code: load, K: atArg1},
		{Code: mask, K: 0xf},
		{Code: equal, Jt: 2, K: unix.SOCK_STREAM},
		{Code: equal, Jt: 1, K: unix.SOCK_SEQPACKET},
		{Code: leave, K: deny | uint32(unix.EACCES)},
		{Code: leave, K: unix.SECCOMP_RET_ALLOW},
	}
}
