// SPDX-License-Identifier: Apache-2.0

package process

import (
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// maxAncestors bounds the walk to the root of the process tree.
const maxAncestors = 256

// A Peer is the process at the other end of a Unix socket.
type Peer struct {
	PID int
	UID int
	// Marked tells that a launch of a unit started the peer; Mark is which, or UnreadableMark.
	Marked bool
	Mark   Mark
}

// PeerOf asks the kernel who connected. The pid is held by a pidfd where the kernel gives one, so
// that it cannot be another process's by the time it is looked at.
func PeerOf(conn *net.UnixConn) (Peer, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return Peer{}, fmt.Errorf("cannot ask who connected: %w", err)
	}
	var cred *unix.Ucred
	var credErr error
	pidfd := -1
	err = raw.Control(func(fd uintptr) {
		cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
		if got, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_PEERPIDFD); err == nil {
			pidfd = got
		}
	})
	if err == nil {
		err = credErr
	}
	if err != nil {
		return Peer{}, fmt.Errorf("cannot ask who connected: %w", err)
	}
	peer := Peer{PID: int(cred.Pid), UID: int(cred.Uid)}
	if pidfd >= 0 {
		defer func() { _ = unix.Close(pidfd) }()
		if readable(pidfd) { // it ended: the number may be another's by now
			peer.Marked, peer.Mark = true, UnreadableMark()
			return peer, nil
		}
	}
	peer.Mark, peer.Marked = MarkOf(peer.PID)
	if pidfd >= 0 && readable(pidfd) && !peer.Marked {
		peer.Marked, peer.Mark = true, UnreadableMark()
	}
	return peer, nil
}

// MarkOf walks from a process through its ancestors to the first mark. A process whose own
// environment cannot be read, or that ended meanwhile, counts as marked, and so does every
// descendant of this process when it is the subreaper of its units, and who carries a brand or
// stands in a launch's group. An ancestor whose environment cannot be read is passed over: a login
// session's root is such a process. One that is hidden (hidepid) is not, for nobody can tell whose
// it is.
func MarkOf(pid int) (Mark, bool) {
	self, reaper := os.Getpid(), isSubreaper()
	if pid == self {
		return Mark{}, false
	}
	walk, nameless := walker{pid: pid}, false // who cleared its environment may have parents that did not
	for range maxAncestors {
		mark, found, err := walk.look()
		nameless = nameless || readBrand(walk.pid).valid() || inLaunch(walk.pid)
		switch {
		case err != nil && walk.pid == pid:
			return UnreadableMark(), true
		case found:
			return mark, true
		}
		parent, ok := walk.up()
		switch {
		case !ok:
			return UnreadableMark(), true
		case parent == self && reaper:
			return UnreadableMark(), true
		case parent <= 1 && nameless:
			return UnreadableMark(), true
		case parent <= 1:
			return Mark{}, false
		}
	}
	return UnreadableMark(), true
}

// A walker stands at one process of a chain of ancestors.
type walker struct{ pid int }

// look reads the mark of the process where the walker stands.
func (w *walker) look() (Mark, bool, error) {
	fd, err := unix.PidfdOpen(w.pid, 0)
	if err != nil {
		return Mark{}, false, err
	}
	defer func() { _ = unix.Close(fd) }()
	mark, found, err := environMark(w.pid)
	if err == nil && !found && readable(fd) {
		return Mark{}, false, ErrGone
	}
	return mark, found, err
}

// up goes to the parent; false when the chain moved under the walker's feet.
func (w *walker) up() (int, bool) {
	for range 3 { // a parent that ends meanwhile gives its children to another
		s, err := readStat(w.pid)
		if err != nil {
			return 0, false
		}
		if s.parent <= 1 {
			return s.parent, true
		}
		above, err := readStat(s.parent)
		if err != nil || above.start > s.start {
			continue
		}
		again, err := readStat(w.pid)
		if err != nil || again.start != s.start {
			return 0, false
		}
		if again.parent != s.parent {
			continue
		}
		w.pid = s.parent
		return s.parent, true
	}
	return 0, false
}
