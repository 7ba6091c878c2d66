// SPDX-License-Identifier: Apache-2.0

package logkeeper

import (
	"bytes"
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// A change is one event of a watched folder.
type change struct {
	watch int
	mask  uint32
	name  string
}

// nextChange reads the first event of a buffer (struct inotify_event).
func nextChange(raw []byte) (change, []byte) {
	c := change{watch: int(int32(binary.NativeEndian.Uint32(raw))), mask: binary.NativeEndian.Uint32(raw[4:])}
	end := min(unix.SizeofInotifyEvent+int(binary.NativeEndian.Uint32(raw[12:])), len(raw))
	name, _, _ := bytes.Cut(raw[unix.SizeofInotifyEvent:end], []byte{0})
	c.name = string(name)
	return c, raw[end:]
}
