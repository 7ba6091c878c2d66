// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"holdfast/core/store"
)

// templates has a new SQLite database of each set of migrations: most of the opening of one is to run
// them, which tells nothing when they ran in this process before.
var templates = sync.OnceValue(func() *shelf { return &shelf{made: map[[sha256.Size]byte][]byte{}} })

type shelf struct {
	mu   sync.Mutex
	made map[[sha256.Size]byte][]byte
}

// Plant puts a migrated database where there is none yet, as Open does. It is for tests that open a
// SQLite store themselves.
func Plant(t testing.TB, opt store.Options) {
	t.Helper()
	if _, err := os.Lstat(opt.Path); opt.Path == "" || !errors.Is(err, fs.ErrNotExist) {
		return
	}
	data, err := templates().of(t, opt)
	if err != nil {
		return // the opening itself will say why
	}
	if err := os.WriteFile(opt.Path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (s *shelf) of(t testing.TB, opt store.Options) ([]byte, error) {
	t.Helper()
	key, err := digest(opt)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if data, ok := s.made[key]; ok {
		return data, nil
	}
	dir := t.TempDir()
	opt.Path, opt.Backups, opt.Synchronous = filepath.Join(dir, "template.db"), filepath.Join(dir, "backups"), "OFF"
	made := store.New(opt.Path)
	if err := made.Open(t.Context(), opt); err != nil {
		return nil, err
	}
	if err := made.Close(); err != nil {
		return nil, err
	}
	if _, err := os.Lstat(opt.Path + "-wal"); !errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("not all of the template is in its file")
	}
	data, err := os.ReadFile(opt.Path)
	if err == nil {
		s.made[key] = data
	}
	return data, err
}

// digest tells sets of migrations apart by their words, and by the program that signs them.
func digest(opt store.Options) (key [sha256.Size]byte, err error) {
	sum := sha256.New()
	fmt.Fprintf(sum, "%q", opt.Binary)
	for _, m := range opt.Migrations {
		fmt.Fprintf(sum, "%q", m.Package)
		err := fs.WalkDir(m.FS, ".", func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			text, err := fs.ReadFile(m.FS, path)
			fmt.Fprintf(sum, "%q %q", path, text)
			return err
		})
		if err != nil {
			return key, err
		}
	}
	return [sha256.Size]byte(sum.Sum(nil)), nil
}
