// SPDX-License-Identifier: Apache-2.0

package wal

import (
	"io"
	"os"
)

// A File is what a log writes to. Datasync returns when what was written would outlive a loss of power.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Datasync() error
}

// plain is a file of the disk.
type plain struct{ *os.File }

func (p plain) Datasync() error { return datasync(p.File) }

func create(path string) (File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	return plain{f}, nil
}

// fill writes zeros: unlike room that is merely promised they are there on every file system, and
// writing over them changes nothing but them, so that a sync has less to do.
func fill(f File, size int64) error {
	zeros := make([]byte, min(size, 64<<10))
	for at := int64(0); at < size; at += int64(len(zeros)) {
		if _, err := f.WriteAt(zeros[:min(int64(len(zeros)), size-at)], at); err != nil {
			return err
		}
	}
	return nil
}
