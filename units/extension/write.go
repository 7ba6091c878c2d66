// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"

	"holdfast/core/home"
	"holdfast/core/home/disk"
)

// write puts a manifest back, whole or not at all. The folder is the extension's to write: nothing in
// it leads out of it, no link in the place of a folder and no file in the place of the temporary one,
// and no lock in it is waited for.
func (f file) write(h home.Home) error {
	root, err := os.OpenRoot(h.Path("extensions", f.extension))
	if err != nil {
		return f.unwritten(err)
	}
	defer func() { _ = root.Close() }()
	temporary := path.Join(path.Dir(f.name), "."+path.Base(f.name)+disk.Suffix)
	if err := root.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return f.unwritten(err)
	}
	if err := f.fill(root, temporary); err != nil {
		return f.unwritten(errors.Join(err, root.Remove(temporary)))
	}
	if err := root.Rename(temporary, f.name); err != nil {
		return f.unwritten(errors.Join(err, root.Remove(temporary)))
	}
	dir, err := root.Open(path.Dir(f.name))
	if err != nil {
		return f.unwritten(err)
	}
	defer func() { _ = dir.Close() }()
	if err := dir.Sync(); err != nil {
		return f.unwritten(err)
	}
	return nil
}

func (f file) fill(root *os.Root, name string) error {
	to, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = to.Write(f.text)
	return errors.Join(err, to.Chmod(fs.FileMode(f.mode)), to.Sync(), to.Close())
}

func (f file) unwritten(err error) error {
	return fmt.Errorf("cannot write %s back: %s", f.name, plain(err))
}
