// SPDX-License-Identifier: Apache-2.0

package process

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// PortHolder tells who listens on a TCP port of this machine, false when a unit may take it. The
// question costs two system calls; only when the port is taken its holder is looked for.
func PortHolder(port int) (Holder, bool) {
	if bindable(port) {
		return Holder{}, false
	}
	inode, ok := listener(port)
	if !ok {
		return Holder{}, !bindable(port) // it went away between the looks
	}
	return holderOf(inode), true
}

// bindable binds without listening, so that no connection is taken from the unit by mistake.
func bindable(port int) bool {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return true
	}
	defer func() { _ = unix.Close(fd) }()
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	err = unix.Bind(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}})
	return !errors.Is(err, unix.EADDRINUSE)
}

// listener finds the socket's inode in /proc/net/tcp and tcp6: state 0A is LISTEN.
func listener(port int) (string, bool) {
	suffix := ":" + strings.ToUpper(strconv.FormatInt(0x10000+int64(port), 16)[1:])
	for _, list := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		data, err := os.ReadFile(list)
		if err != nil {
			continue
		}
		for line := range bytes.Lines(data) {
			fields := strings.Fields(string(line))
			if len(fields) > 9 && fields[3] == "0A" && strings.HasSuffix(fields[1], suffix) {
				return fields[9], true
			}
		}
	}
	return "", false
}

func holderOf(inode string) Holder {
	all, err := table()
	if err != nil {
		return Holder{}
	}
	want := "socket:[" + inode + "]"
	for _, s := range all {
		dir := "/proc/" + strconv.Itoa(s.pid) + "/fd"
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, entry := range entries {
			if target, err := os.Readlink(filepath.Join(dir, entry.Name())); err == nil && target == want {
				mark, _, _ := environMark(s.pid)
				return Holder{PID: s.pid, Name: s.name, Mark: mark}
			}
		}
	}
	return Holder{}
}
