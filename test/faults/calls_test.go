// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package faults

import (
	"maps"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A form tells where the arguments of a system call are. Positions are -1 where there is none.
type form struct {
	name         string
	fd           int // an open file
	dir, path    int // a path, and the folder that it is relative to (-1: the working folder)
	toDir, to    int // the second path of a rename or a link
	data, length int
	offset       int
	flags        int
}

func onFile(name string) form {
	return form{name: name, fd: 0, dir: -1, path: -1, toDir: -1, to: -1, data: -1, length: -1, offset: -1, flags: -1}
}

func onPath(name string, dir, path int) form {
	f := onFile(name)
	f.fd, f.dir, f.path = -1, dir, path
	return f
}

func onPaths(name string, dir, path, toDir, to int) form {
	f := onPath(name, dir, path)
	f.toDir, f.to = toDir, to
	return f
}

func (f form) moving(data, length, offset int) form {
	f.data, f.length, f.offset = data, length, offset
	return f
}

func (f form) flagged(flags int) form {
	f.flags = flags
	return f
}

// traced are the system calls that change a file, a folder, or what PostgreSQL was told.
func traced() map[uint64]form {
	calls := map[uint64]form{
		unix.SYS_OPENAT:    onPath("openat", 0, 1).flagged(2),
		unix.SYS_WRITE:     onFile("write").moving(1, 2, -1),
		unix.SYS_PWRITE64:  onFile("pwrite64").moving(1, 2, 3),
		unix.SYS_WRITEV:    onFile("writev"),
		unix.SYS_PWRITEV:   onFile("pwritev"),
		unix.SYS_FSYNC:     onFile("fsync"),
		unix.SYS_FDATASYNC: onFile("fdatasync"),
		unix.SYS_FTRUNCATE: onFile("ftruncate").moving(-1, 1, -1),
		unix.SYS_FALLOCATE: onFile("fallocate"),
		unix.SYS_FCHMOD:    onFile("fchmod").flagged(1),
		unix.SYS_FCHMODAT:  onPath("fchmodat", 0, 1).flagged(2),
		unix.SYS_RENAMEAT:  onPaths("renameat", 0, 1, 2, 3),
		unix.SYS_RENAMEAT2: onPaths("renameat2", 0, 1, 2, 3),
		unix.SYS_UNLINKAT:  onPath("unlinkat", 0, 1).flagged(2),
		unix.SYS_MKDIRAT:   onPath("mkdirat", 0, 1).flagged(2),
		unix.SYS_LINKAT:    onPaths("linkat", 0, 1, 2, 3),
		unix.SYS_SYMLINKAT: onPath("symlinkat", 1, 2),
		unix.SYS_TRUNCATE:  onPath("truncate", -1, 0),
		unix.SYS_SENDTO:    onFile("sendto"),
		unix.SYS_SENDMSG:   onFile("sendmsg"),
		unix.SYS_SENDFILE:  onFile("sendfile"),
		unix.SYS_COPY_FILE_RANGE: {
			name: "copy_file_range", fd: 2, dir: -1, path: -1, toDir: -1, to: -1, data: -1, length: -1, offset: -1, flags: -1,
		},
	}
	maps.Copy(calls, legacy())
	return calls
}

// trapSelf asks the kernel to stop this process for its tracer at every call of traced, on all
// threads, and at no other.
func trapSelf() error {
	numbers := slices.Sorted(maps.Keys(traced()))
	n := len(numbers)
	filter := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}}
	for i, number := range numbers {
		filter = append(filter, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: uint8(n - i), K: uint32(number)})
	}
	filter = append(filter,
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_TRACE})
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&program)))
	if errno != 0 {
		return errno
	}
	return nil
}

// stop is what the kernel tells of a stopped thread (struct ptrace_syscall_info).
type stop struct {
	op     uint8
	_      [3]uint8
	arch   uint32
	ip, sp uint64
	words  [8]uint64
}

const (
	stopExit    = 2
	stopSeccomp = 3
)

func stopOf(tid int) (s stop, err error) {
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_GET_SYSCALL_INFO, uintptr(tid), unsafe.Sizeof(s), uintptr(unsafe.Pointer(&s)), 0, 0)
	if errno != 0 {
		return s, errno
	}
	return s, nil
}

// memory reads n bytes of another process.
func memory(tid int, at uint64, n int) ([]byte, error) {
	if n == 0 {
		return nil, nil
	}
	out := make([]byte, n)
	got, err := unix.ProcessVMReadv(tid, []unix.Iovec{{Base: &out[0], Len: uint64(n)}}, []unix.RemoteIovec{{Base: uintptr(at), Len: n}}, 0)
	return out[:max(got, 0)], err
}

// text reads a path of another process, which ends with a zero byte, page by page.
func text(tid int, at uint64) (string, error) {
	var out []byte
	for len(out) < unix.PathMax {
		page := 4096 - int((at+uint64(len(out)))%4096)
		more, err := memory(tid, at+uint64(len(out)), page)
		if err != nil {
			return "", err
		}
		if end := slices.Index(more, 0); end >= 0 {
			return string(append(out, more[:end]...)), nil
		}
		out = append(out, more...)
	}
	return "", unix.ENAMETOOLONG
}
