// SPDX-License-Identifier: Apache-2.0

package starter

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"holdfast"
	"holdfast/core/home/disk"
)

func tree(t *testing.T, dir string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			name, _ := filepath.Rel(dir, path)
			found = append(found, filepath.ToSlash(name))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(found)
	return found
}

func TestWriteMakesAWholeHome(t *testing.T) {
	for name, dir := range map[string]string{
		"where nothing is":    filepath.Join(t.TempDir(), "deep", "home"),
		"in an empty folder":  t.TempDir(),
		"beside other people": besides(t),
	} {
		t.Run(name, func(t *testing.T) {
			before := []string{}
			if _, err := os.Stat(dir); err == nil {
				before = tree(t, dir)
			}
			created, err := Write(dir, Models{})
			if err != nil {
				t.Fatal(err)
			}
			want := append(slices.Clone(created), before...)
			slices.Sort(want)
			if got := tree(t, dir); !slices.Equal(got, want) {
				t.Errorf("files are %v\nwant %v", got, want)
			}
			for path, mode := range map[string]fs.FileMode{
				".env": 0o600, "holdfast.yaml": 0o644, "rehearsal.yaml": 0o644, "extensions/notes/config.json": 0o644,
				"extensions/notes/ui/start.sh": 0o755, "extensions/notes/services/backend/start.sh": 0o755,
			} {
				info, err := os.Stat(filepath.Join(dir, path))
				if err != nil {
					t.Error(err)
				} else if info.Mode().Perm() != mode {
					t.Errorf("%s has mode %o, want %o", path, info.Mode().Perm(), mode)
				}
			}
		})
	}
}

func besides(t *testing.T) string {
	dir := filepath.Join(t.TempDir(), "there")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "README.md"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestWriteRefusesAHome(t *testing.T) {
	for _, name := range []string{"holdfast.yaml", ".env", "master_config.json", "rehearsal.yaml", "extensions", "var", workName} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, name), []byte("mine"), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Write(dir, Models{})
			refused, ok := errors.AsType[*holdfast.Error](err)
			if !ok || refused.Code != holdfast.CodeConflict || !strings.Contains(err.Error(), name) {
				t.Fatalf("got %v, want a conflict that names %s", err, name)
			}
			if got := tree(t, dir); !slices.Equal(got, []string{name}) {
				t.Errorf("the folder changed: %v", got)
			}
		})
	}
}

func TestWriteTwiceRefuses(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "home")
	if _, err := Write(dir, Models{}); err != nil {
		t.Fatal(err)
	}
	if _, err := Write(dir, Models{}); err == nil {
		t.Fatal("a second init went through")
	}
}

func TestWriteRefusesAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "home")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Write(path, Models{}); err == nil {
		t.Fatal("a file became a home")
	}
}

func TestTwoAtOnce(t *testing.T) {
	dir := t.TempDir()
	var group sync.WaitGroup
	results := make([]error, 8)
	for i := range results {
		group.Go(func() { _, results[i] = Write(dir, Models{}) })
	}
	group.Wait()
	won := 0
	for _, err := range results {
		if err == nil {
			won++
		}
	}
	if won != 1 {
		t.Errorf("%d inits of one folder succeeded: %v", won, results)
	}
	if _, err := os.Stat(filepath.Join(dir, "holdfast.yaml")); err != nil {
		t.Error(err)
	}
}

// A failure at any step on the disk leaves the folder as it was.
func TestFailureAtEachStepLeavesNothing(t *testing.T) {
	for name, make := range map[string]func(*testing.T) string{
		"new":   func(t *testing.T) string { return filepath.Join(t.TempDir(), "home") },
		"there": besides,
	} {
		t.Run(name, func(t *testing.T) {
			for step := 1; ; step++ {
				dir := make(t)
				count, failed := 0, false
				w := writer{disk: disk.Disk{Watch: func(e disk.Event) error {
					if e.Done {
						return nil
					}
					if count++; count == step {
						failed = true
						return errors.New("the disk is full")
					}
					return nil
				}}}
				_, err := w.write(dir)
				if !failed {
					if err != nil {
						t.Fatal(err)
					}
					t.Logf("%d steps", step-1)
					return
				}
				if err == nil {
					t.Fatalf("step %d failed and nobody said so", step)
				}
				if left := tree(t, filepath.Dir(dir)); len(left) > 0 && !slices.Equal(left, []string{filepath.Base(dir) + "/README.md"}) {
					t.Fatalf("step %d left %v", step, left)
				}
			}
		})
	}
}

func TestNothingOfThisMachineIsEmbedded(t *testing.T) {
	err := fs.WalkDir(files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && (strings.Contains(path, "__pycache__") || strings.HasSuffix(path, ".pyc") || strings.HasSuffix(path, ".db")) {
			t.Errorf("%s is embedded", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
