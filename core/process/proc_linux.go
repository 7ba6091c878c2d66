// SPDX-License-Identifier: Apache-2.0

package process

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// A stat is what /proc/PID/stat tells of a process.
type stat struct {
	pid, parent, group, session int
	state                       byte
	start                       uint64
	threads                     int
	ticks                       int64 // processor time of it and of the children it waited for
	pages                       int64 // of memory
	name                        string
}

// dead tells whether the process has ended. One whose first thread has ended looks the same, and
// lives on in its others.
func (s stat) dead() bool { return s.state == 'X' || s.state == 'Z' && s.threads <= 1 }

func readStat(pid int) (stat, error) {
	return readStatAt(unix.AT_FDCWD, "/proc/"+strconv.Itoa(pid)+"/stat")
}

// readStatAt costs three system calls and no garbage: a whole tree is looked at between the end of
// a unit and its next start.
func readStatAt(dir int, path string) (stat, error) {
	var buffer [1024]byte // a status has at most 52 fields of at most 20 digits, and is far shorter
	n, err := readSmallAt(dir, path, buffer[:])
	if err != nil {
		return stat{}, err
	}
	return parseStat(buffer[:n])
}

// readSmall reads a file of the kernel's that fits into the buffer.
func readSmall(path string, buffer []byte) (int, error) {
	return readSmallAt(unix.AT_FDCWD, path, buffer)
}

func readSmallAt(dir int, path string, buffer []byte) (int, error) {
	fd, err := unix.Openat(dir, path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer func() { _ = unix.Close(fd) }()
	return unix.Read(fd, buffer)
}

// The fields of proc_pid_stat(5) that are wanted, counted from the state on.
const (
	fieldParent  = 1
	fieldGroup   = 2
	fieldSession = 3
	fieldUser    = 11 // processor time, and with the next three all of it
	fieldKids    = 14
	fieldThreads = 17
	fieldStart   = 19
	fieldPages   = 21
)

// parseStat reads the format of proc_pid_stat(5); the name may hold spaces and parentheses.
func parseStat(data []byte) (stat, error) {
	open, shut := bytes.IndexByte(data, '('), bytes.LastIndexByte(data, ')')
	if open < 1 || shut < open || shut+2 >= len(data) {
		return stat{}, errors.New("cannot read process status: no name")
	}
	s := stat{name: string(data[open+1 : shut])}
	pid, err := strconv.Atoi(string(bytes.TrimSpace(data[:open])))
	if err != nil {
		return stat{}, fmt.Errorf("cannot read process status: %w", err)
	}
	s.pid, s.state = pid, data[shut+2]
	field := 0
	for text := range bytes.FieldsSeq(data[shut+1:]) {
		if field > 0 {
			n, ok := integer(text)
			if !ok {
				return stat{}, fmt.Errorf("cannot read process status: field %d is %q", field, text)
			}
			s.set(field, n)
		}
		if field++; field > fieldPages {
			return s, nil
		}
	}
	return stat{}, errors.New("cannot read process status: too few fields")
}

// integer reads a number without making garbage; those over 63 bits wrap, and are not looked at.
func integer(text []byte) (n int64, ok bool) {
	digits := text
	if len(text) > 1 && text[0] == '-' {
		digits = text[1:]
	}
	for _, d := range digits {
		if d < '0' || d > '9' {
			return 0, false
		}
		n = n*10 + int64(d-'0')
	}
	if len(digits) < len(text) {
		n = -n
	}
	return n, true
}

func (s *stat) set(field int, n int64) {
	switch field {
	case fieldParent:
		s.parent = int(n)
	case fieldGroup:
		s.group = int(n)
	case fieldSession:
		s.session = int(n)
	case fieldThreads:
		s.threads = int(n)
	case fieldStart:
		s.start = uint64(n)
	case fieldPages:
		s.pages = n
	default:
		if field >= fieldUser && field <= fieldKids {
			s.ticks += n
		}
	}
}

// table lists all processes with their status, kernel threads left out.
func table() ([]stat, error) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, fmt.Errorf("cannot list processes: %w", err)
	}
	defer func() { _ = dir.Close() }()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("cannot list processes: %w", err)
	}
	all := make([]stat, 0, len(names))
	for _, name := range names {
		if name[0] < '0' || name[0] > '9' {
			continue
		}
		if s, err := readStatAt(int(dir.Fd()), name+"/stat"); err == nil && s.parent != 2 && s.pid != 2 {
			all = append(all, s)
		}
	}
	return all, nil
}

// pidsFrom lists the numbers of all processes from one on.
func pidsFrom(first int) []int {
	dir, err := unix.Open("/proc", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer func() { _ = unix.Close(dir) }()
	var list []int
	eachPID(dir, first, func(pid int) { list = append(list, pid) })
	return list
}

// firstPID is where the processes begin in the folder /proc, as a place to seek to.
const firstPID = 257

// eachPID visits the processes in the order of their numbers, from one on.
func eachPID(proc, first int, visit func(pid int)) {
	place := int64(0)
	if first > 0 {
		place = int64(first) + firstPID
	}
	if _, err := unix.Seek(proc, place, unix.SEEK_SET); err != nil {
		return
	}
	var buffer [8192]byte
	var names []string
	for {
		n, err := unix.Getdents(proc, buffer[:])
		if err != nil || n <= 0 {
			return
		}
		_, _, names = unix.ParseDirent(buffer[:n], -1, names[:0])
		for _, name := range names {
			if pid, err := strconv.Atoi(name); err == nil && pid >= first {
				visit(pid)
			}
		}
	}
}

// bootID tells this boot from every other, for start times count from it.
var bootID = sync.OnceValue(func() string {
	data, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
})
