// SPDX-License-Identifier: Apache-2.0

package swap

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"holdfast/core/home/disk"
)

// A File is one program of the installation. One that the upgrade does not exchange has Was and
// Will alike.
type File struct {
	Path string `json:"path"`
	// Was and Will are the SHA-256 of what stood there and of what comes; Was is empty for a program
	// that is new, Will while it is staged.
	Was  string `json:"was,omitempty"`
	Will string `json:"will"`
}

// Changes tells that the upgrade exchanges the program.
func (f File) Changes() bool { return f.Was != f.Will }

// Next is where the new program stands until it is put in place, to be tried there.
func (f File) Next() string { return f.Path + ".next" }

// Before is where what stood there before is kept until the upgrade has ended.
func (f File) Before() string { return f.Path + ".before" }

// Previous is where it is kept then.
func (f File) Previous() string { return f.Path + ".previous" }

// Present is a program that an upgrade leaves as it is.
func Present(path string) (File, error) {
	is, err := sum(path)
	return File{Path: path, Was: is, Will: is}, err
}

// Stage copies a program beside the one that it will replace, whole and on the disk, and says what
// it exchanges. What a failure leaves is taken away.
func (t *Turn) Stage(from, to string) (f File, err error) {
	f.Path = to
	if f.Was, err = sumOf(to); err != nil {
		return f, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, t.gone(f.Next()))
		}
	}()
	if f.Will, err = t.copy(from, f); err != nil {
		return f, explain(from, f, err)
	}
	return f, explain(from, f, t.disk.SyncDir(filepath.Dir(to)))
}

func explain(from string, f File, err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("cannot copy %s to %s: permission denied; only who may write in %s can upgrade: %w", from, f.Next(), filepath.Dir(f.Path), err)
	}
	return disk.Explain("copy "+from+" to", f.Next(), err)
}

// copy gives the new program the mode and, where that is allowed, the owner of the old.
func (t *Turn) copy(from string, f File) (will string, err error) {
	in, err := os.Open(from)
	if err != nil {
		return "", err
	}
	defer func() { _ = in.Close() }()
	if err := t.gone(f.Next()); err != nil {
		return "", err
	}
	out, err := os.OpenFile(f.Next(), os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o700)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	mode := fs.FileMode(0o755)
	if info, err := os.Stat(f.Path); err == nil {
		mode = info.Mode().Perm() | 0o100
		if owner, ok := info.Sys().(*syscall.Stat_t); ok {
			_ = out.Chown(int(owner.Uid), int(owner.Gid)) // it stays ours where we may not
		}
	}
	hash := sha256.New()
	if _, err := io.Copy(io.MultiWriter(out, hash), in); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), errors.Join(out.Chmod(mode), out.Sync())
}

// Swap puts the staged programs in place, once all that stood there are kept. Doing it again goes on
// where it was interrupted.
func (t *Turn) Swap(files []File) error {
	for _, f := range files {
		if err := t.keepBefore(f); err != nil {
			return fmt.Errorf("cannot keep the old %s: %w", filepath.Base(f.Path), err)
		}
	}
	for _, f := range files {
		if now, err := sum(f.Path); err == nil && now == f.Will {
			continue
		}
		if err := t.disk.Replace(f.Next(), f.Path); err != nil {
			return fmt.Errorf("cannot put the new %s in place: %w", filepath.Base(f.Path), err)
		}
	}
	return nil
}

// keepBefore gives the present program its second name without taking away the first.
func (t *Turn) keepBefore(f File) error {
	now, err := sumOf(f.Path)
	switch {
	case err != nil:
		return err
	case !f.Changes() || now == f.Will:
		return nil
	case now != f.Was:
		return fmt.Errorf("%s was changed by somebody else while the upgrade was under way", f.Path)
	case f.Was == "":
		return nil
	}
	if kept, err := sum(f.Before()); err == nil && kept == f.Was {
		return nil
	}
	if err := t.gone(f.Before()); err != nil {
		return err
	}
	if err := t.disk.Link(f.Path, f.Before()); !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, unix.EPERM) {
		return err
	}
	return t.duplicate(f.Path, f.Before()) // this file system has no second names
}

func (t *Turn) duplicate(from, to string) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return t.disk.WriteFile(to, text, info.Mode().Perm())
}

// Back puts the programs as they were before: none of them when one cannot be had any more. Doing
// it again goes on where it was interrupted; a program that is neither the new nor the old one was
// exchanged by somebody else and stays.
func (t *Turn) Back(files []File) error {
	acts, errs := make([]func() error, len(files)), make([]error, len(files))
	for i, f := range files {
		acts[i], errs[i] = t.wayBack(f)
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("cannot put the old programs back, none was touched: %w", err)
	}
	for i, f := range files {
		if err := acts[i](); err != nil {
			errs[i] = fmt.Errorf("cannot put the old %s back: %w", filepath.Base(f.Path), err)
		}
	}
	return errors.Join(append(errs, t.unstage(files))...)
}

// wayBack is what puts one program back.
func (t *Turn) wayBack(f File) (func() error, error) {
	now, err := sumOf(f.Path)
	switch {
	case err != nil:
		return nil, err
	case now == f.Was:
		return func() error { return t.gone(f.Before()) }, nil
	case f.Will == "", now != "" && now != f.Will:
		return func() error { return nil }, nil
	case f.Was == "":
		return func() error { return t.gone(f.Path) }, nil
	}
	for _, kept := range []string{f.Before(), f.Previous()} {
		is, err := sumOf(kept)
		if err != nil {
			return nil, err
		}
		if is == f.Was {
			return func() error { return t.disk.Replace(kept, f.Path) }, nil
		}
	}
	return nil, fmt.Errorf("%s is not what stood there before the upgrade", f.Before())
}

// Keep makes what stood there before the upgrade the previous programs, all of them: a program that
// was not exchanged has none. Doing it again goes on where it was interrupted.
func (t *Turn) Keep(files []File) error {
	errs := make([]error, len(files))
	for i, f := range files {
		kept, err := sumOf(f.Before())
		switch {
		case err != nil:
			errs[i] = err
		case !f.Changes() || f.Was == "":
			errs[i] = t.gone(f.Previous())
		case kept != "":
			errs[i] = t.disk.Replace(f.Before(), f.Previous())
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("cannot keep the old programs as the previous ones: %w", err)
	}
	return nil
}

// Stands says which programs stand there.
func Stands(r Record) string {
	words := make([]string, 0, len(r.Files))
	for _, f := range r.Files {
		is, err := sumOf(f.Path)
		word := "something else"
		switch {
		case err != nil:
			word = "unreadable (" + err.Error() + ")"
		case is == "":
			word = "missing"
		case is == f.Was && !f.Changes():
			word = "as it was"
		case is == f.Was:
			word = "that of " + r.From
		case is == f.Will:
			word = "that of " + r.To
		}
		words = append(words, f.Path+" is "+word)
	}
	return strings.Join(words, ", ")
}

func (t *Turn) unstage(files []File) error {
	var errs []error
	for _, f := range files {
		errs = append(errs, t.gone(f.Next()))
	}
	return errors.Join(errs...)
}

// gone removes a file, durably; what is not there is gone already.
func (t *Turn) gone(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err == nil && info.IsDir():
		return fmt.Errorf("cannot remove %s: it is a folder", path)
	}
	return t.disk.Remove(path)
}

// sumOf is empty for a file that is not there.
func sumOf(path string) (string, error) {
	is, err := sum(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return is, err
}

// sum is the SHA-256 of a file, in hex.
func sum(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	hash := sha256.New()
	if _, err := io.Copy(hash, f); err != nil {
		return "", fmt.Errorf("cannot read %s: %w", path, err)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
