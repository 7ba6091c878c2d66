// SPDX-License-Identifier: Apache-2.0

package process

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// leaveAlone is how long a zombie is left to whoever may wait for it before it counts as nobody's.
const leaveAlone = 2 * time.Second

// TakeOrphans makes this process the one that orphans of its descendants come to.
func TakeOrphans() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("cannot become the parent of orphans: %w", err)
	}
	return nil
}

// ReapOrphans makes this process the one that orphans of its units come to, and reaps them until
// the context ends, when orphans go to the system's init again. It never takes the status of a
// child that somebody here waits for: those are in this process's own session, or are waited for
// within a moment.
func ReapOrphans(ctx context.Context) error {
	if err := TakeOrphans(); err != nil {
		return err
	}
	defer func() { _ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) }()
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGCHLD)
	defer signal.Stop(ended)
	seen := map[int]uint64{}
	for {
		if len(seen) == 0 { // those who ended before this began are told of by the next who ends
			select {
			case <-ctx.Done():
				return nil
			case <-ended:
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(leaveAlone):
		}
		seen = reapOld(seen)
	}
}

// reapOld reaps the orphaned zombies that were seen before, and returns those seen for the first time.
func reapOld(seen map[int]uint64) map[int]uint64 {
	self, err := readStat(os.Getpid())
	if err != nil {
		return nil
	}
	fresh := map[int]uint64{}
	for _, pid := range children() {
		s, err := readStat(pid)
		if err != nil || !s.dead() || s.session == self.session || s.parent != self.pid {
			continue
		}
		if seen[pid] != s.start {
			fresh[pid] = s.start
			continue
		}
		_, _ = wait4(pid, syscall.WNOHANG)
	}
	return fresh
}

// children lists the children of this process that are its first thread's, as orphans are; all of
// its children where the kernel lists none.
func children() []int {
	list, err := mainChildren()
	if err == nil {
		return list
	}
	all, err := table()
	if err != nil {
		return nil
	}
	for _, s := range all {
		if s.parent == os.Getpid() {
			list = append(list, s.pid)
		}
	}
	return list
}

// mainChildren reads the kernel's list of the children of this process's first thread.
func mainChildren() ([]int, error) {
	self := strconv.Itoa(os.Getpid())
	data, err := os.ReadFile("/proc/" + self + "/task/" + self + "/children")
	if err != nil {
		return nil, err
	}
	return numbers(data), nil
}

func isSubreaper() bool {
	var on int32
	err := unix.Prctl(unix.PR_GET_CHILD_SUBREAPER, uintptr(unsafe.Pointer(&on)), 0, 0, 0)
	return err == nil && on != 0
}
