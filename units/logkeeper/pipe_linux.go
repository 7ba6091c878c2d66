// SPDX-License-Identifier: Apache-2.0

package logkeeper

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// rawMost is how much of a pipe is looked at, and taken, at once: what a pipe holds.
const rawMost = 64 << 10

// A pipe is one stream of one log.
type pipe struct {
	name   string // of its file, "notes.backend.out"
	log    string
	stream int
	fd     int
	ino    uint64
	queued bool
	// gone tells that its name was removed: it is read as long as somebody has it open.
	gone bool
	// An unfinished line of so many bytes has waited since then, and was looked at so often.
	waiting int
	since   time.Time
	looks   int
	lookAt  time.Time
	// troubled is since when its lines cannot be written.
	troubled time.Time
}

// logOf reads the log and the stream from the name of a pipe.
func logOf(name string) (log string, stream int, ok bool) {
	for i, s := range streamNames {
		if log, ok := strings.CutSuffix(name, s.pipe); ok && log != "" {
			return log, i, true
		}
	}
	return "", 0, false
}

// openPipe opens a pipe for reading and writing, which never waits and keeps it from breaking.
func openPipe(path string, flags int) (fd int, ino uint64, err error) {
	fd, err = unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NOFOLLOW|flags, 0)
	if err != nil {
		return -1, 0, fmt.Errorf("cannot open pipe %s: %w", path, err)
	}
	var st unix.Stat_t
	if err = unix.Fstat(fd, &st); err == nil && st.Mode&unix.S_IFMT != unix.S_IFIFO {
		err = errors.New("it is no pipe")
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, 0, fmt.Errorf("cannot open pipe %s: %w", path, err)
	}
	return fd, st.Ino, nil
}

// isFull tells whether whoever writes to the pipe has to wait.
func pipeFull(fd int) bool {
	set := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
	n, err := unix.Poll(set, 0)
	return err == nil && n == 0
}

// onlyRead gives up the keeper's own writing end of a pipe whose name is gone, so that the system
// tells when the last one who writes to it has closed it: until then there may be more.
func (p *pipe) onlyRead(await func(fd int) error) {
	fd, err := unix.Open("/proc/self/fd/"+strconv.Itoa(p.fd), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	if err := await(fd); err != nil {
		_ = unix.Close(fd)
		return
	}
	_ = unix.Close(p.fd)
	p.fd = fd
}

// deserted tells that nobody can write to the pipe, or that this cannot be known, for this end writes
// too.
func deserted(fd int) bool {
	if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0); err != nil || flags&unix.O_ACCMODE != unix.O_RDONLY {
		return true
	}
	set := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	_, err := unix.Poll(set, 0)
	return err != nil || set[0].Revents&unix.POLLHUP != 0
}

// widen makes room in a full pipe; false where the system allows no more.
func widen(fd int) bool {
	size, err := unix.FcntlInt(uintptr(fd), unix.F_GETPIPE_SZ, 0)
	if err != nil {
		return false
	}
	_, err = unix.FcntlInt(uintptr(fd), unix.F_SETPIPE_SZ, 2*size)
	return err == nil
}

// narrow gives back what pipes were widened by, as far as they are empty.
func (h *held) narrow() {
	for _, fd := range h.pipes {
		if size, err := unix.FcntlInt(uintptr(fd), unix.F_GETPIPE_SZ, 0); err == nil && size > rawMost {
			_, _ = unix.FcntlInt(uintptr(fd), unix.F_SETPIPE_SZ, rawMost)
		}
	}
}

// A peeker looks at what a pipe holds without taking it.
type peeker struct {
	from, to int
	raw      []byte
}

func newPeeker() (*peeker, error) {
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return nil, fmt.Errorf("cannot make a pipe: %w", err)
	}
	return &peeker{from: ends[0], to: ends[1], raw: make([]byte, rawMost)}, nil
}

func (p *peeker) close() error { return errors.Join(unix.Close(p.from), unix.Close(p.to)) }

// look gives a copy of what the pipe begins with, until the next look.
func (p *peeker) look(fd int) ([]byte, error) {
	n, err := unix.Tee(fd, p.to, len(p.raw), unix.SPLICE_F_NONBLOCK)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot look into a pipe: %w", err)
	}
	got := 0
	for got < int(n) {
		more, err := unix.Read(p.from, p.raw[got:n])
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || more == 0 {
			return nil, fmt.Errorf("cannot look into a pipe: %w", err)
		}
		got += more
	}
	return p.raw[:got], nil
}

// whole is how much of raw is whole lines, no more of them than records of wordsMost are made of.
func whole(raw []byte) int {
	n := bytes.LastIndexByte(raw, '\n') + 1
	if n+bytes.Count(raw[:n], []byte{'\n'})*recordMost <= wordsMost {
		return n
	}
	room, at := wordsMost, 0
	for {
		line := bytes.IndexByte(raw[at:n], '\n') + 1
		if room -= line + recordMost; room < 0 || line == 0 {
			return at
		}
		at += line
	}
}

// part is how much of an unfinished line is taken: all, but not half of an end mark.
func part(raw []byte) int {
	if len(raw) == rawMost {
		return len(raw) - 64
	}
	return len(raw)
}
