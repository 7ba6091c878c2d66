// SPDX-License-Identifier: Apache-2.0

package logkeeper

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// A book is one log file. It is opened when there is something to write, and again when somebody
// deleted, moved or replaced it.
type book struct {
	name string
	path string
	slot int

	file     *os.File
	dev, ino uint64
	size     int64
	day      int64 // that the file was begun on, in days since 1970
	turned   time.Time
	used     time.Time
}

func (b *book) close() {
	if b.file != nil {
		_ = b.file.Close()
		b.file = nil
	}
}

// open makes sure that the file is there and is the one at the path; fresh tells that it was
// opened just now.
func (b *book) open() error {
	if b.file != nil {
		var st unix.Stat_t
		if err := unix.Fstat(int(b.file.Fd()), &st); err == nil && st.Nlink > 0 {
			b.size = st.Size
			return nil
		}
		b.close()
	}
	file, err := os.OpenFile(b.path, os.O_RDWR|os.O_APPEND|os.O_CREATE|unix.O_NONBLOCK, 0o600)
	if err != nil {
		return fmt.Errorf("cannot open log: %w", err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &st); err != nil {
		return errors.Join(fmt.Errorf("cannot look at log: %w", err), file.Close())
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return errors.Join(fmt.Errorf("cannot write log %s: it is no file", b.path), file.Close())
	}
	b.file, b.dev, b.ino, b.size, b.day = file, st.Dev, st.Ino, st.Size, -1
	return nil
}

// moved tells whether the path leads elsewhere than to the open file.
func (b *book) moved() bool {
	if b.file == nil {
		return false
	}
	var st unix.Stat_t
	err := unix.Stat(b.path, &st)
	return err != nil || st.Dev != b.dev || st.Ino != b.ino
}

// begun is the day on which the file was begun: that of its first line, else of its last change.
func (b *book) begun() int64 {
	if b.day >= 0 {
		return b.day
	}
	head := make([]byte, len(stampForm))
	if n, _ := b.file.ReadAt(head, 0); n == len(head) {
		if at, err := time.Parse(time.RFC3339Nano, string(head)); err == nil {
			b.day = dayOf(at)
			return b.day
		}
	}
	if info, err := b.file.Stat(); err == nil {
		b.day = dayOf(info.ModTime())
	}
	return b.day
}

func dayOf(t time.Time) int64 { return t.Unix() / (24 * 60 * 60) }

// mend ends a last line that somebody else left without its end.
func (b *book) mend() error {
	last := make([]byte, 1)
	if b.size == 0 {
		return nil
	}
	if _, err := b.file.ReadAt(last, b.size-1); err != nil || last[0] == '\n' {
		return nil //nolint:nilerr // what cannot be read cannot be mended
	}
	return b.append([]byte{'\n'}, 0)
}

// append writes words at the end but for the first done bytes. When that fails, what was written
// of them is cut back to whole lines; holds tells how much that is.
func (b *book) append(words []byte, done int) error {
	for done < len(words) {
		n, err := b.file.Write(words[done:])
		done += n
		b.size += int64(n)
		if err != nil {
			b.cutBack(words[:done])
			return fmt.Errorf("cannot write log: %w", err)
		}
	}
	return nil
}

// cutBack takes the last, unfinished line of words away that the file ends in, unless somebody
// else wrote to it.
func (b *book) cutBack(words []byte) {
	surplus := int64(len(words) - 1 - bytes.LastIndexByte(words, '\n'))
	info, err := b.file.Stat()
	if err != nil || surplus == 0 || info.Size() != b.size {
		return
	}
	if b.file.Truncate(b.size-surplus) == nil {
		b.size -= surplus
	}
}

// holds tells how many of the first bytes of words the file holds since the intent.
func (b *book) holds(h *head, words []byte) int {
	if b.dev != h.dev || b.ino != h.ino || b.size <= h.size {
		return 0
	}
	there := make([]byte, min(b.size-h.size, int64(len(words))))
	if _, err := b.file.ReadAt(there, h.size); err != nil || !bytes.Equal(there, words[:len(there)]) {
		return 0
	}
	return len(there)
}

func (b *book) rename(to string) error {
	if err := os.Rename(b.path, to); err != nil {
		return fmt.Errorf("cannot rotate log: %w", err)
	}
	b.close()
	return nil
}
