// SPDX-License-Identifier: Apache-2.0

package usage

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/core/process"
)

// tick is the unit of CPU times in /proc: it is a hundredth of a second on every Linux.
const tick = 10 * time.Millisecond

// NewMeter makes a meter of this machine.
func NewMeter() *Meter {
	return &Meter{system: linux{page: int64(os.Getpagesize())}, self: os.Getpid(), marks: map[identity]process.Mark{}}
}

type linux struct{ page int64 }

func (linux) mark(pid int) (process.Mark, bool) { return process.MarkOf(pid) }

func (l linux) processes() ([]proc, error) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, fmt.Errorf("cannot list processes: %w", err)
	}
	defer func() { _ = dir.Close() }()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("cannot list processes: %w", err)
	}
	all := make([]proc, 0, len(names))
	for _, name := range names {
		if name[0] < '0' || name[0] > '9' {
			continue
		}
		if p, err := l.read(int(dir.Fd()), name); err == nil && p.parent != 2 { // kernel threads are nobody's
			all = append(all, p)
		}
	}
	return all, nil
}

func (l linux) read(dir int, name string) (proc, error) {
	fd, err := unix.Openat(dir, name+"/stat", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return proc{}, err
	}
	defer func() { _ = unix.Close(fd) }()
	var buffer [1024]byte
	n, err := unix.Read(fd, buffer[:])
	if err != nil {
		return proc{}, err
	}
	return l.parse(buffer[:n])
}

var errShort = errors.New("cannot read process status: too few fields")

// parse reads the format of proc_pid_stat(5); the name may hold spaces and parentheses.
func (l linux) parse(data []byte) (proc, error) {
	open, shut := bytes.IndexByte(data, '('), bytes.LastIndexByte(data, ')')
	if open < 1 || shut < open {
		return proc{}, errShort
	}
	pid, err := strconv.Atoi(string(bytes.TrimSpace(data[:open])))
	if err != nil {
		return proc{}, fmt.Errorf("cannot read process status: %w", err)
	}
	p := proc{pid: pid}
	field := 3 // as the manual counts them
	for text := range bytes.FieldsSeq(data[shut+1:]) {
		if field == 3 {
			p.state = text[0]
		} else if n, err := strconv.ParseInt(string(text), 10, 64); err == nil { // one field exceeds it, and is not used
			l.set(&p, field, n)
		}
		if field++; field > 24 {
			return p, nil
		}
	}
	return proc{}, errShort
}

func (l linux) set(p *proc, field int, n int64) {
	switch field {
	case 4:
		p.parent = int(n)
	case 6:
		p.session = int(n)
	case 14, 15:
		p.cpu += time.Duration(n) * tick
	case 16, 17:
		p.waited += time.Duration(n) * tick
	case 22:
		p.start = uint64(max(n, 0)) //nolint:gosec // not negative
	case 24:
		p.memory = n * l.page
	}
}
