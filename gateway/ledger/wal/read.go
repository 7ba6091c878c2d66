// SPDX-License-Identifier: Apache-2.0

package wal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"holdfast/core/home/disk"
)

const suffix = ".log"

// Found is what a reader found besides the records.
type Found struct {
	// End is behind everything that was ever written, as far as can be told.
	End int64
	// Torn is how many bytes of a last record were there that was not written whole.
	Torn int64
	// Damage lists what cannot be read although records stand behind it.
	Damage []Damage
}

// Damage is a piece of the log that cannot be read. What is missing between two files is before the
// beginning of the second.
type Damage struct {
	Path   string
	Offset int64
	Bytes  int64
}

func (d Damage) String() string {
	if d.Offset < 0 {
		return fmt.Sprintf("%d bytes before %s", d.Bytes, d.Path)
	}
	return fmt.Sprintf("%d bytes at offset %d of %s", d.Bytes, d.Offset, d.Path)
}

// Read gives each record of the log in a folder to f, the oldest first, from a position on; from 0 it
// begins with what is there. The record is only valid until f returns. A folder that is not there holds
// none.
func Read(dir string, from int64, f func(at, end int64, record []byte) error) (Found, error) {
	found := Found{End: from}
	paths, err := segments(dir)
	if err != nil {
		return found, err
	}
	r := reader{found: &found, from: from, next: from, each: f}
	for _, s := range paths {
		if err := r.segment(s); err != nil {
			return found, err
		}
	}
	return found, nil
}

// segments lists the files of a log, the oldest first.
func segments(dir string) ([]*segment, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, disk.Explain("look into", dir, err)
	}
	var list []*segment
	for _, entry := range entries {
		name, ours := strings.CutSuffix(entry.Name(), suffix)
		base, err := strconv.ParseUint(name, 16, 63)
		if ours && err == nil && len(name) == 16 {
			list = append(list, &segment{base: int64(base), path: filepath.Join(dir, entry.Name())})
		}
	}
	slices.SortFunc(list, func(a, b *segment) int { return int(min(max(a.base-b.base, -1), 1)) })
	return list, nil
}

// reader reads file after file.
type reader struct {
	found *Found
	from  int64
	each  func(at, end int64, record []byte) error
	next  int64 // where the next file begins
	// open is what was not read until now: damage, once a record follows.
	open []Damage
}

func (r *reader) segment(s *segment) error {
	text, err := os.ReadFile(s.path)
	if err != nil {
		return disk.Explain("read", s.path, err)
	}
	if s.base > r.next && r.next > 0 {
		r.open = append(r.open, Damage{s.path, r.next - s.base, s.base - r.next})
	}
	r.next = max(r.next, s.base+int64(len(text)))
	at := max(0, r.from-s.base)
	for at+headSize <= int64(len(text)) {
		record, begun, whole := frameAt(text[at:], s.base+at)
		if !whole {
			next := nextFrame(text, at+1, s.base)
			if next < 0 {
				r.rest(s, text[at:], at, begun)
				return nil
			}
			r.open = append(r.open, Damage{s.path, at, next - at})
			at = next
			continue
		}
		r.found.Damage = append(r.found.Damage, r.open...)
		r.open, r.found.Torn = nil, 0
		if len(record) == 0 {
			return nil
		}
		end := at + headSize + int64(len(record))
		if err := r.each(s.base+at, s.base+end, record); err != nil {
			return err
		}
		at = end
		r.found.End = s.base + at
	}
	return nil
}

// rest is what is left of a file behind its last record.
func (r *reader) rest(s *segment, text []byte, at int64, begun bool) {
	r.open = append(r.open, Damage{s.path, at, int64(len(text))})
	if begun {
		r.found.Torn = min(int64(len(text)), headSize+int64(binary.LittleEndian.Uint16(text[2:])))
		r.found.End = s.base + at + r.found.Torn
	}
}

// nextFrame looks for the next whole frame in a file; negative when there is none.
func nextFrame(text []byte, at, base int64) int64 {
	for ; at+headSize <= int64(len(text)); at++ {
		skip := bytes.IndexByte(text[at:], magic&0xff)
		if skip < 0 {
			return -1
		}
		at += int64(skip)
		if _, _, whole := frameAt(text[at:], base+at); whole {
			return at
		}
	}
	return -1
}

// Clear removes the files of a log that nobody needs any more.
func Clear(dir string, d disk.Disk) error {
	list, err := segments(dir)
	if err != nil {
		return err
	}
	for _, s := range list {
		if err := d.Remove(s.path); err != nil {
			return err
		}
	}
	return nil
}
