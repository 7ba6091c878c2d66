// SPDX-License-Identifier: Apache-2.0

package process

import (
	"crypto/sha256"
	"encoding/binary"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A brand is the mark of a launch where its processes do not look: in the limit of file locks, which
// Linux hands down to every descendant and has not heeded since 2.4.25. It stays when a process
// clears its environment and leaves its parents, and is read in under a microsecond.
type brand uint64

const (
	brandKind  brand = 0x48 << 56 // far over any limit that somebody would set
	brandHouse brand = 0xffffff << 32
)

func brandOf(m Mark) brand {
	house, launch := sha256.Sum256([]byte(m.House)), sha256.Sum256([]byte(m.String()))
	h := brand(binary.BigEndian.Uint32(house[:]) & 0xffffff)
	return brandKind | h<<32 | brand(binary.BigEndian.Uint32(launch[:]))
}

func (b brand) valid() bool { return b>>56 == brandKind>>56 }

// sameHouse tells whether a launch of the same house has the brand.
func (b brand) sameHouse(other brand) bool { return b.valid() && b&brandHouse == other&brandHouse }

// apply brands a process, and so all that it starts from now on.
func (b brand) apply(pid int) bool {
	var now unix.Rlimit
	if unix.Prlimit(pid, unix.RLIMIT_LOCKS, nil, &now) != nil || now.Max < uint64(b) {
		return false
	}
	next := unix.Rlimit{Cur: uint64(b), Max: now.Max}
	return unix.Prlimit(pid, unix.RLIMIT_LOCKS, &next, nil) == nil
}

// readBrand tells the brand of a process, 0 when it has none or does not show it.
func readBrand(pid int) brand {
	var now unix.Rlimit
	if unix.Prlimit(pid, unix.RLIMIT_LOCKS, nil, &now) != nil || !brand(now.Cur).valid() {
		return 0
	}
	return brand(now.Cur)
}

// A tint is what of the brand a process has before its first instruction: bits of its personality
// that no kernel uses. They are a thread's own, so the one that forks wears them meanwhile; a limit
// is the whole house's and can be set on the new process only after. Where a filter of system calls
// forbids them there are none. They are few: a launch goes without while another one has the same.
type tint uint32

const (
	tintBits tint    = 0x7001ff00
	askOnly  uintptr = 0xffffffff
)

func (b brand) tint() tint {
	if t := tint(b&0x1ff)<<8 | tint(b>>9&7)<<28; t != 0 {
		return t
	}
	return 1 << 8
}

// wear tints this goroutine's thread, and so what it forks, until take off is called.
func (t tint) wear() (takeOff func(), worn bool) {
	runtime.LockOSThread()
	old, _, errno := unix.Syscall(unix.SYS_PERSONALITY, askOnly, 0, 0)
	if errno == 0 {
		_, _, errno = unix.Syscall(unix.SYS_PERSONALITY, old&^uintptr(tintBits)|uintptr(t), 0, 0)
	}
	if errno != 0 {
		return runtime.UnlockOSThread, false
	}
	return func() {
		_, _, _ = unix.Syscall(unix.SYS_PERSONALITY, old, 0, 0)
		runtime.UnlockOSThread()
	}, true
}

// readTint tells the tint of a process, 0 when it has none or does not show it.
func readTint(pid int) tint {
	var buffer [16]byte
	n, err := readSmall("/proc/"+strconv.Itoa(pid)+"/personality", buffer[:])
	if err != nil {
		return 0
	}
	value, err := strconv.ParseUint(strings.TrimSpace(string(buffer[:n])), 16, 32)
	if err != nil {
		return 0
	}
	return tint(value) & tintBits
}
