// SPDX-License-Identifier: Apache-2.0

// Package starter writes a commented home that runs as it is: a configuration, the rehearsal
// model's script, and the example extension notes.
//
// It is not for changing a home that is there: it refuses one. A home is written whole or not at
// all; a crash leaves at most one folder named .holdfast-init, which is no home. Caller: `holdfast
// init`.
package starter

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"holdfast"
	"holdfast/core/home/disk"
)

// A folder leaves out names that begin with a dot, so those are named.
//
//go:embed home home/.gitignore env
var files embed.FS

const workName = ".holdfast-init"

// Write makes a starter home in dir, which may be there already but must hold no home. It returns
// the files it made, relative to dir.
func Write(dir string, models Models) (created []string, err error) {
	return writer{models: models}.write(dir)
}

// A writer writes with a disk that a test can make fail.
type writer struct {
	models Models
	disk   disk.Disk
}

func (w writer) write(dir string) (created []string, err error) {
	dir, err = filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot make a home in %s: %w", dir, err)
	}
	there, err := free(dir)
	if err != nil {
		return nil, err
	}
	if there {
		return w.into(dir)
	}
	return w.whole(dir)
}

// free refuses a folder that is a home, or holds anything that init would write.
func free(dir string) (there bool, err error) {
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("cannot make a home: %w", err)
	}
	if !info.IsDir() {
		return false, holdfast.Errorf(holdfast.CodeBadInput, "cannot make a home in %s: it is not a folder", dir)
	}
	for _, name := range append(tops(), "master_config.json", "external_services", "agents", "govern", "var") {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil && name != ".gitignore" {
			return false, holdfast.Errorf(holdfast.CodeConflict,
				"cannot make a home in %s: it holds %s already; nothing was changed", dir, name)
		}
	}
	return true, nil
}

// tops are the names that stand directly in a home, that which makes it one last.
func tops() []string {
	return []string{".gitignore", ".env", "rehearsal.yaml", "extensions", "holdfast.yaml"}
}

// whole makes a home where nothing is: beside it, and then renamed into place.
func (w writer) whole(dir string) (created []string, err error) {
	parent := filepath.Dir(dir)
	if err := w.disk.MkdirAll(parent, 0o755); err != nil {
		return nil, err
	}
	work := filepath.Join(parent, workName+"-"+filepath.Base(dir))
	if err := begin(work); err != nil {
		return nil, err
	}
	if created, err = w.fill(work); err != nil {
		return nil, errors.Join(err, os.RemoveAll(work))
	}
	moved, err := w.move(work, dir)
	if err == nil {
		return created, nil
	}
	if moved {
		work = dir
	}
	return nil, errors.Join(err, os.RemoveAll(work))
}

// move tells, beside its error, whether the move itself took place.
func (w writer) move(from, to string) (moved bool, err error) {
	err = w.disk.Rename(from, to)
	_, gone := os.Lstat(from)
	return err == nil || errors.Is(gone, fs.ErrNotExist), err
}

// into makes a home in a folder that is there, which stays the same folder, for a shell may stand
// in it. The entries are moved one by one; a failure takes back those that were moved.
func (w writer) into(dir string) (created []string, err error) {
	work := filepath.Join(dir, workName)
	if err := begin(work); err != nil {
		return nil, err
	}
	var moved []string
	defer func() {
		if err != nil {
			for _, name := range slices.Backward(moved) {
				err = errors.Join(err, os.RemoveAll(filepath.Join(dir, name)))
			}
		}
		err = errors.Join(err, os.RemoveAll(work))
	}()
	if created, err = w.fill(work); err != nil {
		return nil, err
	}
	for _, name := range tops() {
		_, there := os.Lstat(filepath.Join(dir, name))
		if name == ".gitignore" && there == nil {
			created = slices.DeleteFunc(created, func(made string) bool { return made == name })
			continue // the folder is versioned already, in its owner's way
		}
		ours, err := w.move(filepath.Join(work, name), filepath.Join(dir, name))
		if ours {
			moved = append(moved, name)
		}
		if err != nil {
			return nil, err
		}
	}
	return created, nil
}

// begin makes the work folder, whose being there keeps a second init away.
func begin(work string) error {
	err := os.Mkdir(work, 0o700)
	if errors.Is(err, fs.ErrExist) {
		return holdfast.Errorf(holdfast.CodeConflict,
			"cannot make a home: another init is at work, or was cut short; when none runs, remove %s", work)
	}
	if err != nil {
		return fmt.Errorf("cannot make a home: %w", err)
	}
	return nil
}

// fill writes every file under the work folder.
func (w writer) fill(work string) (created []string, err error) {
	err = fs.WalkDir(files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := files.ReadFile(path)
		if err != nil {
			return err
		}
		name, mode := place(path)
		if text, err = w.models.into(name, text); err != nil {
			return err
		}
		to := filepath.Join(work, filepath.FromSlash(name))
		if err := w.disk.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		created = append(created, name)
		return w.disk.WriteFile(to, text, mode)
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(created)
	return created, nil
}

// place is where an embedded file goes, and its mode, which embedding does not keep.
func place(path string) (string, fs.FileMode) {
	if path == "env" {
		return ".env", 0o600
	}
	name := strings.TrimPrefix(path, "home/")
	if strings.HasSuffix(name, ".sh") {
		return name, 0o755
	}
	return name, 0o644
}
