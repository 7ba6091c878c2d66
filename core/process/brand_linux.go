// SPDX-License-Identifier: Apache-2.0

package process

import (
	"crypto/sha256"
	"encoding/binary"

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
