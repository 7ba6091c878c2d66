// SPDX-License-Identifier: Apache-2.0

// Package home knows the folder that holds one installation: where things lie in it, who holds
// it, how its sockets are reached, and how its files are written so that no crash tears them.
//
// It is not for what the files mean: configuration, keys and databases have packages of their
// own. A Home is a plain value; At does no I/O. At most one process holds a home's lock, and the
// lock ends with that process, however it ends. Everybody above uses it.
package home

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"holdfast"
	"holdfast/core/home/disk"
)

// A Home is the folder of one installation.
type Home struct {
	dir string
}

// At is the home in dir. It looks at nothing.
func At(dir string) Home { return Home{dir: filepath.Clean(dir)} }

// Dir is the folder itself.
func (h Home) Dir() string { return h.dir }

// Path is a path under the home.
func (h Home) Path(elem ...string) string {
	return filepath.Join(append([]string{h.dir}, elem...)...)
}

// Place is where a path of the configuration leads: an absolute one as it is, another under the home.
func (h Home) Place(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return h.Path(path)
}

// Var is a path under var/, where the house writes.
func (h Home) Var(elem ...string) string {
	return filepath.Join(append([]string{h.dir, "var"}, elem...)...)
}

// ConfigFile is the operator's holdfast.yaml.
func (h Home) ConfigFile() string { return h.Path("holdfast.yaml") }

// MasterFile is luna's master_config.json.
func (h Home) MasterFile() string { return h.Path("master_config.json") }

// EnvFile is the .env with the secrets.
func (h Home) EnvFile() string { return h.Path(".env") }

// Exists tells whether the folder is there.
func (h Home) Exists() bool {
	info, err := os.Stat(h.dir)
	return err == nil && info.IsDir()
}

// folders lists what Ensure makes under var/. Those with mode 0700 hold sockets, copies of
// secrets or data that is gone from its own place.
func folders() map[string]fs.FileMode {
	return map[string]fs.FileMode{
		"run": 0o700, "logs": 0o700, "backups": 0o700, "trash": 0o700, "breaker": 0o700, "status": 0o755,
	}
}

// Ensure makes the home and the folders under var/ where they are missing, narrows those that
// must be private, and clears the temporary files that a crash left. Call it under the lock or
// where a second call at the same time does no harm: it is idempotent.
func (h Home) Ensure() error {
	var d disk.Disk
	if err := d.MkdirAll(h.Var(), 0o755); err != nil {
		return err
	}
	for name, mode := range folders() {
		if err := h.ensureFolder(d, name, mode); err != nil {
			return err
		}
	}
	swept := errors.Join(d.Sweep(h.dir), d.Sweep(h.Var()), d.Sweep(h.Var("breaker")), d.Sweep(h.Var("status")))
	// A house that was killed may have left names that are seen and not yet on the disk.
	return errors.Join(swept, d.SyncDir(h.dir), d.SyncDir(h.Var()))
}

func (h Home) ensureFolder(d disk.Disk, name string, mode fs.FileMode) error {
	path := h.Var(name)
	if err := d.MkdirAll(path, mode); err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return disk.Explain("look at", path, err)
	}
	if mode&0o077 == 0 && info.Mode().Perm()&0o077 != 0 {
		return disk.Explain("make private", path, os.Chmod(path, mode))
	}
	return nil
}

// WriteFile puts data at path whole or not at all and returns when it is durable: temporary file
// in the same folder, fsync, rename, fsync of the folder.
func WriteFile(path string, data []byte, mode fs.FileMode) error {
	return disk.Disk{}.WriteFile(path, data, mode)
}

// Find settles which home is meant: the flag, HOLDFAST_HOME, the current folder when it holds a
// holdfast.yaml, else the user's data folder (which need not be there yet). A home that was
// named must be there.
func Find(flag string) (Home, error) {
	if flag != "" {
		return named(flag, "--home")
	}
	if dir := os.Getenv("HOLDFAST_HOME"); dir != "" {
		return named(dir, "HOLDFAST_HOME")
	}
	here, err := os.Getwd()
	if err == nil {
		if info, err := os.Stat(filepath.Join(here, "holdfast.yaml")); err == nil && info.Mode().IsRegular() {
			return At(here), nil
		}
	}
	return userData()
}

func named(dir, by string) (Home, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return Home{}, holdfast.Errorf(holdfast.CodeBadInput, "cannot find the home %q given by %s: %w", dir, by, err)
	}
	h := At(abs)
	if !h.Exists() {
		return Home{}, holdfast.BadInput("", holdfast.Problem{
			Field: by, Message: "there is no folder " + abs, Remedy: "make a home there with `holdfast init " + dir + "`",
		})
	}
	return h, nil
}

func userData() (Home, error) {
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return At(filepath.Join(dir, "holdfast")), nil
	}
	user, err := os.UserHomeDir()
	if err != nil {
		return Home{}, holdfast.Errorf(holdfast.CodeBadInput, "cannot tell which home is meant, give --home DIR: %w", err)
	}
	if runtime.GOOS == "darwin" {
		return At(filepath.Join(user, "Library", "Application Support", "holdfast")), nil
	}
	return At(filepath.Join(user, ".local", "share", "holdfast")), nil
}
