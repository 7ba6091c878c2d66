// SPDX-License-Identifier: Apache-2.0

package process

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// maxEnviron bounds what is read of another process's environment.
const maxEnviron = 4 << 20

// emptyLooks and emptyPause bound how long an empty environment is taken for that of a process
// between two programs.
const (
	emptyLooks = 8
	emptyPause = 250 * time.Microsecond
)

// A stat is what /proc/PID/stat tells of a process.
type stat struct {
	pid, parent, group, session int
	state                       byte
	start                       uint64
	name                        string
}

func (s stat) dead() bool { return s.state == 'Z' || s.state == 'X' }

func readStat(pid int) (stat, error) {
	return readStatAt(unix.AT_FDCWD, "/proc/"+strconv.Itoa(pid)+"/stat")
}

// readStatAt costs three system calls and no garbage: a whole tree is looked at between the end of
// a unit and its next start.
func readStatAt(dir int, path string) (stat, error) {
	fd, err := unix.Openat(dir, path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return stat{}, err
	}
	defer func() { _ = unix.Close(fd) }()
	var buffer [1024]byte // a status has at most 52 fields of at most 20 digits, and is far shorter
	n, err := unix.Read(fd, buffer[:])
	if err != nil {
		return stat{}, err
	}
	return parseStat(buffer[:n])
}

// parseStat reads the format of proc_pid_stat(5); the name may hold spaces and parentheses.
func parseStat(data []byte) (stat, error) {
	open, shut := bytes.IndexByte(data, '('), bytes.LastIndexByte(data, ')')
	if open < 1 || shut < open {
		return stat{}, errors.New("cannot read process status: no name")
	}
	s := stat{name: string(data[open+1 : shut])}
	pid, err := strconv.Atoi(string(bytes.TrimSpace(data[:open])))
	if err != nil {
		return stat{}, fmt.Errorf("cannot read process status: %w", err)
	}
	s.pid = pid
	field := 0
	for text := range bytes.FieldsSeq(data[shut+1:]) {
		if err := s.set(field, text); err != nil {
			return stat{}, fmt.Errorf("cannot read process status: %w", err)
		}
		if field++; field > 19 {
			return s, nil
		}
	}
	return stat{}, errors.New("cannot read process status: too few fields")
}

// set takes one field, counted from the state on.
func (s *stat) set(field int, text []byte) (err error) {
	switch field {
	case 0:
		s.state = text[0]
	case 1:
		s.parent, err = strconv.Atoi(string(text))
	case 2:
		s.group, err = strconv.Atoi(string(text))
	case 3:
		s.session, err = strconv.Atoi(string(text))
	case 19:
		s.start, err = strconv.ParseUint(string(text), 10, 64)
	}
	return err
}

// environMark reads the mark of one process from its environment; it does not look at ancestors.
// A process that executes another program just now shows no environment for a moment: an empty
// one is looked at again.
func environMark(pid int) (Mark, bool, error) {
	environ, err := readEnviron(pid)
	for look := 0; err == nil && len(environ) == 0 && look < emptyLooks; look++ {
		if s, err := readStat(pid); err != nil || s.dead() {
			return Mark{}, false, err
		}
		time.Sleep(emptyPause)
		environ, err = readEnviron(pid)
	}
	if err != nil {
		return Mark{}, false, err
	}
	mark, found := findMark(environ)
	return mark, found, nil
}

// readEnviron reads as much of an environment as holds the mark: the house puts it first, so that
// nearly always one small read finds it.
func readEnviron(pid int) ([]byte, error) {
	file, err := os.Open("/proc/" + strconv.Itoa(pid) + "/environ")
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	first := make([]byte, 1024)
	n, err := file.Read(first)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	first = first[:n]
	if end := bytes.LastIndexByte(first, 0); end >= 0 {
		if _, found := findMark(first[:end]); found {
			return first[:end], nil
		}
	}
	rest, err := io.ReadAll(io.LimitReader(file, maxEnviron))
	return append(first, rest...), err
}

func findMark(environ []byte) (Mark, bool) {
	prefix := []byte(MarkVariable + "=")
	for entry := range bytes.SplitSeq(environ, []byte{0}) {
		if value, ok := bytes.CutPrefix(entry, prefix); ok {
			if mark, ok := ParseMark(string(value)); ok {
				return mark, true
			}
			return UnreadableMark(), true
		}
	}
	return Mark{}, false
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

// bootID tells this boot from every other, for start times count from it.
func bootID() string {
	data, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}
