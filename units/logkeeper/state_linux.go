// SPDX-License-Identifier: Apache-2.0

package logkeeper

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// layout changes with the form of the file; a keeper of another layout begins anew.
	layout     = 0x31_46_4c_48 // "HLF1"
	headSize   = 4096
	slotSize   = int(unsafe.Sizeof(slot{}))
	slotsFirst = 64
	slotsMost  = 1 << 16
)

// A head is what the state file begins with. The intent stands in it: written while phase is 0,
// in force while it is 1.
type head struct {
	layout uint64
	// beat counts the passes of the keeper; it stands still when the keeper hangs.
	beat   atomic.Uint64
	phase  atomic.Uint32
	stream uint32
	open   uint32
	slot   uint32
	// base and length say where in the stage the batch lies, or will.
	base, length int64
	// stamp is that of its records; size, dev and ino are of the log file before it.
	stamp, size int64
	dev, ino    uint64
	trouble     complaint
}

// A slot is what must be known of a log over the life of keepers.
type slot struct {
	name [256]byte
	used atomic.Uint32
	_    uint32
	// last is the newest stamp in the file.
	last    int64
	streams [streams]struct {
		// open says that the last record is a part, whose line goes on.
		open uint32
		// skipping says that the rest of a line that was given up is to be given up.
		skipping uint32
		// What was given up and is not told yet.
		lostLines, lostBytes uint64
	}
}

// A state is the state file, mapped: what is stored there outlives the process at once.
type state struct {
	file  *os.File
	bytes []byte
}

// openState maps the state file and makes it when it is not there or of another layout. Its
// blocks are taken at once, so that a full disk does not keep them from being written.
func openState(path string) (*state, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot open state: %w", err)
	}
	s := &state{file: file}
	info, err := file.Stat()
	if err == nil {
		err = s.mapIt(max(int(info.Size()-headSize)/slotSize, slotsFirst))
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	if s.head().layout != layout {
		clear(s.bytes)
		s.head().layout = layout
	}
	return s, nil
}

func (s *state) mapIt(slots int) error {
	size := headSize + slots*slotSize
	err := unix.Fallocate(int(s.file.Fd()), 0, 0, int64(size))
	if errors.Is(err, unix.EOPNOTSUPP) {
		err = s.file.Truncate(int64(size))
	}
	if err != nil {
		return fmt.Errorf("cannot make room for state: %w", err)
	}
	mapped, err := unix.Mmap(int(s.file.Fd()), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("cannot map state: %w", err)
	}
	old := s.bytes
	s.bytes = mapped
	if old != nil {
		return unix.Munmap(old)
	}
	return nil
}

func (s *state) close() error { return errors.Join(unix.Munmap(s.bytes), s.file.Close()) }

func (s *state) head() *head { return headIn(s.bytes) }

func (s *state) count() int { return (len(s.bytes) - headSize) / slotSize }

// slot may move with the next find.
func (s *state) slot(i int) *slot { return (*slot)(unsafe.Pointer(&s.bytes[headSize+i*slotSize])) }

func (s *slot) log() string {
	name, _, _ := bytes.Cut(s.name[:], []byte{0})
	return string(name)
}

// find gives the slot of a log, a free one when it has none.
func (s *state) find(log string) (int, error) {
	if len(log) == 0 || len(log) >= len(slot{}.name) {
		return 0, fmt.Errorf("%q cannot be the name of a log", log)
	}
	free := -1
	for i := range s.count() {
		one := s.slot(i)
		switch {
		case one.used.Load() == 0:
			if free < 0 {
				free = i
			}
		case one.log() == log:
			return i, nil
		}
	}
	if free < 0 {
		if free = s.count(); free >= slotsMost {
			return 0, errors.New("there are too many logs")
		}
		if err := s.mapIt(2 * free); err != nil {
			return 0, err
		}
	}
	one := s.slot(free)
	*one = slot{}
	copy(one.name[:], log)
	one.used.Store(1) // it counts from here, with its whole name
	return free, nil
}

// free gives a slot back that has nothing to remember.
func (s *state) free(i int) {
	one := s.slot(i)
	for _, stream := range one.streams {
		if stream.open+stream.skipping != 0 || stream.lostBytes != 0 {
			return
		}
	}
	if h := s.head(); h.phase.Load() != 0 && int(h.slot) == i {
		return
	}
	one.used.Store(0)
}
