// SPDX-License-Identifier: Apache-2.0

package home

import (
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"holdfast/core/home/disk"
)

// reach gives a path of the named socket that the kernel takes, valid until release. A long one
// goes through the descriptor of its folder, which leaves nothing behind.
func (h Home) reach(name string) (path string, release func(), err error) {
	path = h.socketPath(name)
	if len(path) <= longest {
		return path, func() {}, nil
	}
	fd, err := unix.Open(filepath.Dir(path), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", nil, disk.Explain("open", filepath.Dir(path), err)
	}
	short := "/proc/self/fd/" + strconv.Itoa(fd) + "/" + name + ".sock"
	return short, func() { _ = unix.Close(fd) }, nil
}
