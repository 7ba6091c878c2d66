// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"holdfast/units/logkeeper"
)

// A sight is a log as it stands at one moment: its file and those that were rotated away before.
type sight struct {
	file     *os.File // nil when there is none
	size     int64
	changed  time.Time
	archives []logkeeper.Archive // oldest first
}

// see opens a log. A rotation in between is noticed by the names of the old files, and it looks again.
func see(path string) (sight, error) {
	for {
		before, err := archives(path)
		if err != nil {
			return sight{}, err
		}
		s := sight{archives: before}
		file, err := os.Open(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return sight{}, fmt.Errorf("cannot read log: %w", err)
		}
		if err == nil {
			info, err := file.Stat()
			if err != nil {
				return sight{}, errors.Join(fmt.Errorf("cannot read log: %w", err), file.Close())
			}
			s.file, s.size, s.changed = file, info.Size(), info.ModTime()
		}
		after, err := archives(path)
		if err == nil && newest(before).Equal(newest(after)) {
			return s, nil
		}
		s.close()
		if err != nil {
			return sight{}, err
		}
	}
}

func (s sight) close() {
	if s.file != nil {
		_ = s.file.Close()
	}
}

func archives(path string) ([]logkeeper.Archive, error) {
	list, err := logkeeper.Archives(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("cannot look for old logs: %w", err)
	}
	return list, nil
}

// newest is when the last of the old files was rotated away, zero when there is none.
func newest(list []logkeeper.Archive) time.Time {
	if len(list) == 0 {
		return time.Time{}
	}
	return list[len(list)-1].At
}

// openArchive opens an old file to be read from any place; a packed one is unpacked for that into a
// file without a name. It may be packed, or gone, by the time it is opened.
func openArchive(a logkeeper.Archive) (*os.File, int64, error) {
	file, err := os.Open(a.Path)
	if errors.Is(err, fs.ErrNotExist) && !a.Packed {
		a.Path, a.Packed = a.Path+".gz", true
		file, err = os.Open(a.Path)
	}
	if err != nil {
		return nil, 0, err
	}
	if a.Packed {
		packed := file
		file, err = unpack(packed)
		_ = packed.Close()
		if err != nil {
			return nil, 0, fmt.Errorf("cannot unpack %s: %w", a.Path, err)
		}
	}
	info, err := file.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, file.Close())
	}
	return file, info.Size(), nil
}

func unpack(packed io.Reader) (*os.File, error) {
	z, err := gzip.NewReader(packed)
	if err != nil {
		return nil, err
	}
	file, err := os.CreateTemp("", "holdfast-log-")
	if err != nil {
		return nil, err
	}
	err = os.Remove(file.Name())
	if err == nil {
		_, err = io.Copy(file, z)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}
