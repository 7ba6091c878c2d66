// SPDX-License-Identifier: Apache-2.0

//go:build linux

package outside

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// callTime is time(2), which only x86-64 has.
const callTime = 201

// filterClock asks the kernel to hand every question for the time of day of this thread, of what it
// becomes and of what that starts, to whoever has the answered descriptor.
func filterClock() (int, error) {
	const (
		load  = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		equal = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		leave = unix.BPF_RET | unix.BPF_K
		arg0  = 16 // of struct seccomp_data, on a little-endian machine
	)
	arch := map[string]uint32{"amd64": unix.AUDIT_ARCH_X86_64, "arm64": unix.AUDIT_ARCH_AARCH64}[runtime.GOARCH]
	if arch == 0 {
		return 0, ErrNoClock
	}
	old := uint32(callTime)
	if runtime.GOARCH != "amd64" {
		old = unix.SYS_GETTIMEOFDAY
	}
	filter := []unix.SockFilter{
		{Code: load, K: 4},
		{Code: equal, Jf: 7, K: arch},
		{Code: load, K: 0},
		{Code: equal, Jt: 6, K: unix.SYS_GETTIMEOFDAY},
		{Code: equal, Jt: 5, K: old},
		{Code: equal, Jf: 3, K: unix.SYS_CLOCK_GETTIME},
		{Code: load, K: arg0},
		{Code: equal, Jt: 2, K: unix.CLOCK_REALTIME},
		{Code: equal, Jt: 1, K: unix.CLOCK_REALTIME_COARSE},
		{Code: leave, K: unix.SECCOMP_RET_ALLOW},
		{Code: leave, K: unix.SECCOMP_RET_USER_NOTIF},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	fd, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_NEW_LISTENER, uintptr(unsafe.Pointer(&program)))
	if errno != 0 {
		return 0, fmt.Errorf("%w: %w", ErrNoClock, errno)
	}
	return int(fd), nil
}

// A question is struct seccomp_notif, and a reply struct seccomp_notif_resp.
type question struct {
	id         uint64
	pid, flags uint32
	call       int32
	arch       uint32
	ip         uint64
	args       [6]uint64
}

type reply struct {
	id    uint64
	value int64
	errno int32
	flags uint32
}

// serve answers until nobody is left who could ask. The descriptor stays open until then: a call
// that nobody can answer would have no answer, and the time read would be whatever stood there.
func (c *Clock) serve(listener int) {
	defer func() { _ = unix.Close(listener) }()
	for {
		ready := []unix.PollFd{{Fd: int32(listener), Events: unix.POLLIN}}
		if _, err := unix.Poll(ready, -1); err != nil && !errors.Is(err, unix.EINTR) {
			return
		}
		if ready[0].Revents&unix.POLLIN == 0 {
			if ready[0].Revents != 0 {
				return
			}
			continue
		}
		var q question
		if errno := control(listener, unix.SECCOMP_IOCTL_NOTIF_RECV, unsafe.Pointer(&q)); errno != 0 {
			continue // it was killed, or a signal came first and it will ask again
		}
		r := c.answer(listener, q)
		_ = control(listener, unix.SECCOMP_IOCTL_NOTIF_SEND, unsafe.Pointer(&r)) // as above
	}
}

func control(fd int, request uintptr, at unsafe.Pointer) unix.Errno {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(at))
	return errno
}

// answer writes the time where the asking thread wants it.
func (c *Clock) answer(listener int, q question) reply {
	c.asked.Add(1)
	now := time.Now().Add(time.Duration(c.offset.Load()))
	r := reply{id: q.id}
	at, part := q.args[1], int64(now.Nanosecond())
	switch q.call {
	case unix.SYS_GETTIMEOFDAY:
		at, part = q.args[0], part/1000
	case unix.SYS_CLOCK_GETTIME:
	default: // time(2)
		at, r.value = q.args[0], now.Unix()
	}
	data := binary.NativeEndian.AppendUint64(nil, uint64(now.Unix()))
	if r.value == 0 {
		data = binary.NativeEndian.AppendUint64(data, uint64(part))
	}
	if at == 0 || control(listener, idValid, unsafe.Pointer(&q.id)) != 0 {
		return r
	}
	if _, err := unix.ProcessVMWritev(int(q.pid), []unix.Iovec{{Base: &data[0], Len: uint64(len(data))}},
		[]unix.RemoteIovec{{Base: uintptr(at), Len: len(data)}}, 0); err != nil {
		r.errno = -int32(unix.EFAULT)
	}
	return r
}

// idValid is SECCOMP_IOCTL_NOTIF_ID_VALID: whether the one who asks still waits.
const idValid = 0x40082102
