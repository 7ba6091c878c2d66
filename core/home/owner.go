// SPDX-License-Identifier: Apache-2.0

package home

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// Owner is who owns the home. ours is false when root works in the home of somebody else, to whom
// then belongs what it makes there (GiveBack).
func Owner(h Home) (uid, gid int, ours bool) {
	info, err := os.Stat(h.dir)
	if err != nil {
		return os.Geteuid(), os.Getegid(), true
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return os.Geteuid(), os.Getegid(), true
	}
	return int(stat.Uid), int(stat.Gid), os.Geteuid() != 0 || stat.Uid == 0
}

// GiveBack gives what root made in the folders var and its own to the owner of the home, for else
// the house, which runs as that one, could not use it. It follows no link, and leaves a file that
// has a second name alone: the owner must not get what only seems to be in the home.
func GiveBack(h Home) error {
	uid, gid, ours := Owner(h)
	if ours {
		return nil
	}
	root, err := os.OpenRoot(h.Var())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot give files back to the owner of the home: %w", err)
	}
	defer func() { _ = root.Close() }()
	give := func(name string, info fs.FileInfo) error {
		stat, ok := info.Sys().(*syscall.Stat_t)
		if !ok || stat.Uid != 0 || !info.IsDir() && stat.Nlink > 1 {
			return nil
		}
		return root.Lchown(name, uid, gid)
	}
	var errs []error
	for _, folder := range append([]string{"."}, foldersOf(root)...) {
		info, err := root.Lstat(folder)
		if err != nil {
			continue
		}
		errs = append(errs, give(folder, info))
		entries, _ := fs.ReadDir(root.FS(), folder)
		for _, entry := range entries {
			if info, err := entry.Info(); err == nil && !info.IsDir() {
				errs = append(errs, give(folder+"/"+entry.Name(), info))
			}
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("cannot give files back to the owner of the home: %w", err)
	}
	return nil
}

func foldersOf(root *os.Root) []string {
	entries, _ := fs.ReadDir(root.FS(), ".")
	var names []string
	for _, entry := range entries {
		if entry.IsDir() {
			names = append(names, entry.Name())
		}
	}
	return names
}
