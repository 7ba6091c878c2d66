// SPDX-License-Identifier: Apache-2.0

package process

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The commands and flags of procctl(2), from sys/procctl.h.
const (
	byPID          = 0 // P_PID
	reapAcquire    = 2
	reapRelease    = 3
	reapPIDs       = 5
	reapKill       = 6
	killSubtree    = 2
	infoValid      = 1
	infoChild      = 2
	infoZombie     = 8
	mostDescendant = 32 << 10
	// leaveAlone is how long a zombie is left to whoever may wait for it before it counts as nobody's.
	leaveAlone = 2 * time.Second
)

type reaperInfo struct {
	pid, subtree int32
	flags        uint32
	_            [15]uint32
}

type reaperPIDs struct {
	count uint32
	_     [15]uint32
	pids  *reaperInfo
}

type reaperKill struct {
	signal  int32
	flags   uint32
	subtree int32
	killed  uint32
	failed  int32
	_       [15]uint32
}

func procctl(command int, data unsafe.Pointer) error {
	_, _, errno := unix.Syscall6(unix.SYS_PROCCTL, byPID, uintptr(os.Getpid()), uintptr(command), uintptr(data), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// TakeOrphans makes this process the one that orphans of its descendants come to.
func TakeOrphans() error {
	if err := procctl(reapAcquire, nil); err != nil && err != unix.EBUSY { //nolint:errorlint // it is the number itself
		return fmt.Errorf("cannot become the parent of orphans: %w", err)
	}
	return nil
}

// descendants lists all that come from this process. The system remembers from which of its
// children, whatever they did since.
func descendants() []reaperInfo {
	for room := uint32(256); room <= mostDescendant; room *= 2 {
		list := make([]reaperInfo, room)
		ask := reaperPIDs{count: room, pids: &list[0]}
		if procctl(reapPIDs, unsafe.Pointer(&ask)) != nil {
			return nil
		}
		n := 0
		for n < len(list) && list[n].flags&infoValid != 0 {
			n++
		}
		if n < len(list) {
			return list[:n]
		}
	}
	return nil
}

// subtree lists who comes from a child of this process, daemons with another environment too.
func subtree(child int) []int {
	var list []int
	for _, d := range descendants() {
		if int(d.subtree) == child && d.flags&infoZombie == 0 {
			list = append(list, int(d.pid))
		}
	}
	return list
}

// killWhole ends all that comes from a child of this process, in one call.
func killWhole(child int) {
	ask := reaperKill{signal: int32(syscall.SIGKILL), flags: killSubtree, subtree: int32(child)}
	_ = procctl(reapKill, unsafe.Pointer(&ask))
}

// ReapOrphans makes this process the one that orphans of its units come to, and reaps them until
// the context ends.
func ReapOrphans(ctx context.Context) error {
	if err := TakeOrphans(); err != nil {
		return err
	}
	defer func() { _ = procctl(reapRelease, nil) }()
	tick := time.NewTicker(leaveAlone)
	defer tick.Stop()
	seen := map[int32]bool{}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		fresh := map[int32]bool{}
		for _, d := range descendants() {
			if d.flags&infoZombie == 0 || d.flags&infoChild == 0 || d.pid == d.subtree { // a first process is waited for
				continue
			}
			if !seen[d.pid] {
				fresh[d.pid] = true
				continue
			}
			var status syscall.WaitStatus
			_, _ = syscall.Wait4(int(d.pid), &status, syscall.WNOHANG, nil)
		}
		seen = fresh
	}
}
