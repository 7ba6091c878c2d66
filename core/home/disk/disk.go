// SPDX-License-Identifier: Apache-2.0

// Package disk holds the few acts on files that must survive a crash: write whole, move, link, make
// and remove, each followed by the syncs that make it last.
//
// It is for files that the house itself keeps (configuration, secrets, manifests). It is not for
// databases (core/store) nor for logs. A zero Disk is the real one; a Disk with a Watch lets a
// test fail, stop or record any single step. Callers: core/home, core/config, core/keys,
// core/trash, units/upgrade/swap.
package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Suffix ends the name of every temporary file; a file so named that nobody holds locked is what
// a crash left.
const Suffix = ".holdfast-tmp"

// An Op names one step on the disk.
type Op string

// The steps, each about one system call.
const (
	OpCreate  Op = "create"
	OpWrite   Op = "write"
	OpSync    Op = "sync"
	OpRename  Op = "rename"
	OpLink    Op = "link"
	OpMkdir   Op = "mkdir"
	OpRemove  Op = "remove"
	OpSyncDir Op = "syncdir"
)

// An Event is one step about to happen (Done false) or just done (Done true).
type Event struct {
	Op   Op
	Path string
	To   string // of a rename or a link
	Done bool
}

// A Disk does the acts. Watch, when set, sees every step before and after; an error it returns
// before a step is the step's error, and the step does not happen.
type Disk struct {
	Watch func(Event) error
}

func (d Disk) step(op Op, path, to string, act func() error) error {
	if d.Watch == nil {
		return act()
	}
	if err := d.Watch(Event{Op: op, Path: path, To: to}); err != nil {
		return err
	}
	if err := act(); err != nil {
		return err
	}
	return d.Watch(Event{Op: op, Path: path, To: to, Done: true})
}

// WriteFile puts data at path whole or not at all: a reader, and a start after a crash, sees the
// old content or the new. It returns after the new content is durable. Writers of one path wait
// for each other; what an earlier crash left beside it is reused. A symbolic link at path is
// replaced, not followed.
func (d Disk) WriteFile(path string, data []byte, mode fs.FileMode) error {
	f, err := d.temporary(path)
	if err != nil {
		return Explain("write", path, err)
	}
	if err := d.fill(f, path, data, mode); err != nil {
		// The old content stands; the temporary file goes now, or with the next write.
		err = errors.Join(err, removeQuietly(d, f.Name()))
		_ = f.Close()
		return Explain("write", path, err)
	}
	if err := f.Close(); err != nil {
		return Explain("write", path, err)
	}
	return Explain("write", path, d.SyncDir(filepath.Dir(path)))
}

func (d Disk) fill(f *os.File, path string, data []byte, mode fs.FileMode) error {
	if err := d.step(OpWrite, f.Name(), "", func() error { return overwrite(f, data, mode) }); err != nil {
		return err
	}
	if err := d.step(OpSync, f.Name(), "", f.Sync); err != nil {
		return err
	}
	return d.step(OpRename, f.Name(), path, func() error { return os.Rename(f.Name(), path) })
}

func overwrite(f *os.File, data []byte, mode fs.FileMode) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	if err := f.Chmod(mode); err != nil {
		return err
	}
	_, err := f.WriteAt(data, 0)
	return err
}

// temporary opens and locks the temporary file of path. The lock is the kernel's: it tells a
// living writer, who is waited for, from a crash's leavings, which are taken over.
func (d Disk) temporary(path string) (*os.File, error) {
	name := TemporaryName(path)
	for {
		f, err := d.openLocked(name)
		if err != nil {
			return nil, err
		}
		if ours, err := sameFile(f, name); err == nil && ours {
			return f, nil
		}
		// The writer before us renamed this very file into place, or a sweep took it.
		_ = f.Close()
	}
}

func (d Disk) openLocked(name string) (*os.File, error) {
	var f *os.File
	err := d.step(OpCreate, name, "", func() (err error) {
		f, err = os.OpenFile(name, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
		return err
	})
	if err != nil {
		if f != nil {
			_ = f.Close()
		}
		return nil, err
	}
	if err := flock(f, unix.LOCK_EX); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// TemporaryName is where WriteFile prepares the content of path.
func TemporaryName(path string) string {
	return filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+Suffix)
}

// Sweep removes the temporary files that a crash left directly in folder, and those of no living
// writer only. A folder that is not there holds none.
func (d Disk) Sweep(folder string) error {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return Explain("look into", folder, err)
	}
	var failed []error
	for _, entry := range entries {
		if strings.HasSuffix(entry.Name(), Suffix) && entry.Type().IsRegular() {
			failed = append(failed, d.sweepOne(filepath.Join(folder, entry.Name())))
		}
	}
	return errors.Join(failed...)
}

func (d Disk) sweepOne(name string) error {
	f, err := os.OpenFile(name, os.O_RDWR|unix.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return Explain("open", name, err)
	}
	defer func() { _ = f.Close() }()
	if flock(f, unix.LOCK_EX|unix.LOCK_NB) != nil {
		return nil
	}
	if ours, err := sameFile(f, name); err != nil || !ours {
		return nil
	}
	return d.Remove(name)
}

// Rename moves a file or folder and makes the move durable in both folders. It refuses to
// replace anything that is at the destination.
func (d Disk) Rename(from, to string) error {
	if _, err := os.Lstat(to); err == nil {
		return &fs.PathError{Op: "rename to", Path: to, Err: fs.ErrExist}
	}
	if err := d.step(OpRename, from, to, func() error { return renameNoReplace(from, to) }); err != nil {
		return Explain("move "+from+" to", to, err)
	}
	if err := d.SyncDir(filepath.Dir(to)); err != nil {
		return err
	}
	if filepath.Dir(from) == filepath.Dir(to) {
		return nil
	}
	return d.SyncDir(filepath.Dir(from))
}

// Replace moves a file within its folder onto what is at the destination, durably: a reader sees
// the old content or the new, and nothing is ever missing.
func (d Disk) Replace(from, to string) error {
	if err := d.step(OpRename, from, to, func() error { return os.Rename(from, to) }); err != nil {
		return Explain("move "+from+" to", to, err)
	}
	return d.SyncDir(filepath.Dir(to))
}

// Link gives a file a second name in its folder, durably. What has that name already is in the way.
func (d Disk) Link(from, to string) error {
	if err := d.step(OpLink, from, to, func() error { return os.Link(from, to) }); err != nil {
		return Explain("link "+from+" to", to, err)
	}
	return d.SyncDir(filepath.Dir(to))
}

// MkdirAll makes a folder and the missing ones above it, each durable in its parent.
func (d Disk) MkdirAll(path string, mode fs.FileMode) error {
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		return nil
	}
	if err == nil {
		return Explain("make the folder", path, unix.ENOTDIR)
	}
	if parent := filepath.Dir(path); parent != path {
		if err := d.MkdirAll(parent, mode); err != nil {
			return err
		}
	}
	if err := d.step(OpMkdir, path, "", func() error { return mkdir(path, mode) }); err != nil {
		return Explain("make the folder", path, err)
	}
	return d.SyncDir(filepath.Dir(path))
}

func mkdir(path string, mode fs.FileMode) error {
	err := os.Mkdir(path, mode)
	if errors.Is(err, fs.ErrExist) {
		return nil // somebody else made it meanwhile
	}
	return err
}

// Remove removes a file, or a folder with all it holds, and makes that durable. What is not
// there is removed already.
func (d Disk) Remove(path string) error {
	if err := d.step(OpRemove, path, "", func() error { return os.RemoveAll(path) }); err != nil {
		return Explain("remove", path, err)
	}
	return d.SyncDir(filepath.Dir(path))
}

// SyncDir makes the names in a folder durable.
func (d Disk) SyncDir(folder string) error {
	return d.step(OpSyncDir, folder, "", func() error { return syncFolder(folder) })
}

func syncFolder(folder string) error {
	f, err := os.Open(folder)
	if err != nil {
		return Explain("sync", folder, err)
	}
	defer func() { _ = f.Close() }()
	if err := f.Sync(); err != nil && !errors.Is(err, unix.EINVAL) {
		return Explain("sync", folder, err)
	}
	return nil
}

func removeQuietly(d Disk, path string) error {
	_ = d.step(OpRemove, path, "", func() error { return os.Remove(path) })
	return nil
}

func sameFile(f *os.File, name string) (bool, error) {
	opened, err := f.Stat()
	if err != nil {
		return false, err
	}
	named, err := os.Lstat(name)
	if err != nil {
		return false, err
	}
	return os.SameFile(opened, named), nil
}

func flock(f *os.File, how int) error {
	for {
		err := unix.Flock(int(f.Fd()), how)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// Explain words a failure on the disk for the operator: what could not be done, where, why, and
// for the causes that have one, what helps. A nil error stays nil.
func Explain(what, path string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.ENOSPC):
		return fmt.Errorf("cannot %s %s: the disk is full; nothing was changed, free some space and repeat: %w", what, path, err)
	case errors.Is(err, unix.EDQUOT):
		return fmt.Errorf("cannot %s %s: the disk quota is used up; nothing was changed: %w", what, path, err)
	case errors.Is(err, unix.EROFS):
		return fmt.Errorf("cannot %s %s: the file system is read-only; nothing was changed: %w", what, path, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("cannot %s %s: permission denied; the home must belong to the user who runs the house: %w", what, path, err)
	}
	return fmt.Errorf("cannot %s %s: %w", what, path, err)
}
