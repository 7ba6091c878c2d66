// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package scan

import (
	"hash/fnv"
	"os"
	"reflect"
)

// look stamps what is at a path, behind links.
func look(path string) (stamp, error) {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}, err
	}
	if !info.IsDir() && !info.Mode().IsRegular() {
		return stamp{}, errNoFile
	}
	s := stamp{Size: info.Size(), Written: info.ModTime().UnixNano(), folder: info.IsDir()}
	// The fields have the same names on every system that has them.
	if sys := reflect.Indirect(reflect.ValueOf(info.Sys())); sys.IsValid() && sys.Kind() == reflect.Struct {
		s.Device, s.Inode = whole(sys.FieldByName("Dev")), whole(sys.FieldByName("Ino"))
	}
	if s.Inode == 0 {
		h := fnv.New64a()
		_, _ = h.Write([]byte(path))
		s.Inode = h.Sum64()
	}
	return s, nil
}

func whole(v reflect.Value) uint64 {
	switch {
	case !v.IsValid():
		return 0
	case v.CanUint():
		return v.Uint()
	case v.CanInt():
		return uint64(v.Int()) //nolint:gosec // only compared
	}
	return 0
}

// lookAll stamps the files of a folder.
func lookAll(d *folder, stamped func(f *file, now stamp, err error)) {
	for _, f := range d.files {
		now, err := look(f.path)
		stamped(f, now, err)
	}
}
