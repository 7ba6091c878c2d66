// SPDX-License-Identifier: Apache-2.0

// Package venv keeps one Python environment an extension: what its requirements.txt asks for,
// installed by pip into a folder of its own under var/python.
//
// It is not for deciding when to install (units/extension asks) nor for running what was installed. A
// new environment is built beside the one in use and becomes it by one durable write, the record: who
// fails, is killed or runs out of disk midway leaves the old one as it was, and the next build clears
// what is left. pip, and what it runs of the packages, has the extension's own sandbox.
package venv

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"holdfast"
	"holdfast/core/home"
	"holdfast/core/home/disk"
	"holdfast/core/process"
)

// Needs is what the environments take from the rest of the house.
type Needs struct {
	Home      home.Home
	House     func() string // its mark
	Processes process.Host
	// Helper is the program that confines pip; empty means process.HelperName beside this program.
	Helper string
	Log    *slog.Logger
	// Disk writes the records.
	Disk disk.Disk
}

// A Store is all environments of a home.
type Store struct{ needs Needs }

// New returns the environments of a home; nothing is read before it is asked for.
func New(needs Needs) *Store { return &Store{needs: needs} }

// An Order says what to install.
type Order struct {
	// Name is the extension's, Dir its folder, where paths in the requirements begin.
	Name         string
	Dir          string
	Requirements []byte
	// Python makes the environment; empty means python3.
	Python string
	// Wheels are folders in which pip looks for packages first; Offline leaves it nothing else.
	Wheels  []string
	Offline bool
	// Env, Sandbox and Limits are those of the extension's own processes.
	Env     map[string]string
	Sandbox *holdfast.Sandbox
	Limits  holdfast.Limits
}

// A Package is one that was installed.
type Package struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Hash    string `json:"hash,omitempty"` // "sha256:…" of what was downloaded
}

// An Environment is the record of one that is complete.
type Environment struct {
	ID string `json:"id"`
	// Requirements is the SHA-256 of the text that was installed.
	Requirements string    `json:"requirements"`
	Python       string    `json:"python"` // its version
	Installed    time.Time `json:"installed"`
	Packages     []Package `json:"packages"`

	folder string
}

// Bin is the folder of its programs.
func (e Environment) Bin() string { return filepath.Join(e.folder, "bin") }

// Folder holds the environment.
func (e Environment) Folder() string { return e.folder }

// Fits tells whether it was made of these requirements.
func (e Environment) Fits(requirements []byte) bool { return e.Requirements == digest(requirements) }

const (
	recordFile = "current.json"
	lockFile   = "lock.txt"
	within     = 30 * time.Minute
)

func digest(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

func (s *Store) place(elem ...string) string {
	return s.needs.Home.Var(append([]string{"python"}, elem...)...)
}

// Current is the environment in use; false when there is none, or its interpreter is gone.
func (s *Store) Current(name string) (Environment, bool) {
	text, err := os.ReadFile(s.place(name, recordFile))
	if err != nil {
		return Environment{}, false
	}
	var e Environment
	if json.Unmarshal(text, &e) != nil || e.ID == "" || e.ID != filepath.Base(e.ID) {
		return Environment{}, false
	}
	e.folder = s.place(name, e.ID)
	if info, err := os.Stat(filepath.Join(e.Bin(), "python3")); err != nil || !info.Mode().IsRegular() {
		return Environment{}, false
	}
	return e, true
}

// Build installs what the order asks for into a new environment and makes it the one in use.
func (s *Store) Build(ctx context.Context, order Order) (Environment, error) {
	e, err := s.build(ctx, order)
	if err != nil {
		return Environment{}, fmt.Errorf("cannot install the packages of %s: %w", order.Name, err)
	}
	return e, nil
}

func (s *Store) build(ctx context.Context, order Order) (_ Environment, err error) {
	if err := s.needs.Disk.MkdirAll(s.place(order.Name), 0o755); err != nil {
		return Environment{}, err
	}
	release, err := disk.Claim(s.place(order.Name, "install.lock"), "install packages beside another installation", 0)
	if err != nil {
		return Environment{}, err
	}
	defer release()
	if err := s.clear(ctx, order.Name); err != nil {
		return Environment{}, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, within, fmt.Errorf("it took more than %s", within))
	defer cancel()
	built := Environment{ID: "env-" + strings.ToLower(rand.Text()[:10]), Requirements: digest(order.Requirements), Installed: time.Now().UTC()}
	built.folder = s.place(order.Name, built.ID)
	defer func() {
		// A record whose write failed at the very end may be in its place already.
		if used, ok := s.Current(order.Name); err != nil && (!ok || used.ID != built.ID) {
			err = errors.Join(err, os.RemoveAll(built.folder))
		}
	}()
	w, err := s.begin(order, built.folder)
	if err != nil {
		return Environment{}, err
	}
	defer w.close()
	if err := w.install(ctx, s.locked(order)); err != nil {
		return Environment{}, err
	}
	if built.Packages, built.Python, err = w.report(); err != nil {
		return Environment{}, err
	}
	if err := s.adopt(order.Name, built, w.lock); err != nil {
		return Environment{}, err
	}
	return built, nil
}

// adopt makes the environment the one in use. The record is the last that is written.
func (s *Store) adopt(name string, e Environment, lock string) error {
	if err := syncTree(e.folder); err != nil {
		return fmt.Errorf("cannot make the environment durable: %w", err)
	}
	if err := s.needs.Disk.WriteFile(filepath.Join(e.folder, lockFile), []byte(lock), 0o644); err != nil {
		return err
	}
	text, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return err
	}
	return s.needs.Disk.WriteFile(s.place(name, recordFile), append(text, '\n'), 0o644)
}

// locked is the lock file of the environment in use, when it was made of the same requirements: what
// is installed again is what was installed before.
func (s *Store) locked(order Order) string {
	e, ok := s.Current(order.Name)
	if !ok || !e.Fits(order.Requirements) {
		return ""
	}
	path := filepath.Join(e.folder, lockFile)
	if info, err := os.Stat(path); err != nil || info.Size() == 0 {
		return ""
	}
	return path
}

// clear removes all but the environment in use: what was left by who was killed, and what was in
// use before it.
func (s *Store) clear(ctx context.Context, name string) error {
	if err := s.endStrays(ctx, name); err != nil {
		return err
	}
	keep := ""
	if text, err := os.ReadFile(s.place(name, recordFile)); err == nil {
		var e Environment
		if json.Unmarshal(text, &e) == nil {
			keep = e.ID
		}
	}
	entries, err := os.ReadDir(s.place(name))
	if err != nil {
		return err
	}
	var failed error
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), "env-") && entry.Name() != keep {
			failed = errors.Join(failed, os.RemoveAll(s.place(name, entry.Name())))
		}
	}
	return errors.Join(failed, s.needs.Disk.Sweep(s.place(name)))
}

// Forget removes all that was installed for an extension.
func (s *Store) Forget(name string) error {
	err := os.RemoveAll(s.place(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
