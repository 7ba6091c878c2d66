// SPDX-License-Identifier: Apache-2.0

package process

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// huntTime bounds one run of a hunt.
	huntTime = 50 * time.Millisecond
	// tailLooks is how often the newest processes are looked at between two looks at all.
	tailLooks = 32
)

// A hunt kills all that carry a brand as soon as they are seen, newest first again and again: who
// forks and leaves its group before each look at all processes is over outruns a scan, not a hunt.
type hunt struct {
	*tree
	dir  int // /proc
	last int // the highest number seen
	// done are those that were killed already and may not be dead yet, and those with neither.
	done map[int]bool
}

// hunt kills all that carry the brand, or none and the tint, until no new one is seen or the time is
// over; it tells whether there was any.
func (t *tree) hunt() bool {
	dir, err := unix.Open("/proc", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer func() { _ = unix.Close(dir) }()
	h := hunt{tree: t, dir: dir, done: map[int]bool{}}
	if h.all() == 0 {
		return false
	}
	leave := hurry()
	defer leave()
	for end := time.Now().Add(huntTime); time.Now().Before(end); {
		fresh := 0
		for range tailLooks {
			fresh += h.newest()
		}
		if fresh+h.all() == 0 {
			break
		}
	}
	return true
}

// all strikes at everyone, newest at those who came since; both count whom they had not struck before.
func (h *hunt) all() int { return h.pass(0) }

func (h *hunt) newest() int { return h.pass(h.last) }

func (h *hunt) pass(from int) (fresh int) {
	eachPID(h.dir, from, func(pid int) {
		if h.strike(pid) {
			fresh++
		}
	})
	return fresh
}

// strike kills a process with the brand, and tells whether it is a new one. Who has the number when
// its pidfd is open has it when the brand is read again: nobody else is hit.
func (h *hunt) strike(pid int) bool {
	h.last = max(h.last, pid)
	if h.done[pid] || !h.hunted(pid) {
		return false
	}
	h.done[pid] = true
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return true
	}
	defer func() { _ = unix.Close(fd) }()
	if h.carriedBy(pid) {
		_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
	}
	return true
}

func (h *hunt) hunted(pid int) bool {
	b := readBrand(pid)
	if b.valid() || h.tint == 0 {
		return b == h.brand
	}
	if readTint(pid) == h.tint {
		return true
	}
	h.done[pid] = true
	return false
}

// hurry puts this goroutine's thread before all who only share the processor, where that is allowed.
func hurry() (leave func()) {
	runtime.LockOSThread()
	usual, err := unix.SchedGetAttr(0, 0)
	if err != nil {
		return runtime.UnlockOSThread
	}
	fast := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_RR, Priority: 1}
	if unix.SchedSetAttr(0, &fast, 0) != nil {
		return runtime.UnlockOSThread
	}
	return func() {
		_ = unix.SchedSetAttr(0, usual, 0)
		runtime.UnlockOSThread()
	}
}
