// SPDX-License-Identifier: Apache-2.0

// Package swap exchanges the programs of an installation on the disk and keeps the record of the
// upgrade under way, var/run/upgrade.json, from which a killed upgrade is undone or finished.
//
// It is not for stopping or starting a house (units/upgrade does that), and light enough for the
// watch. It guarantees that at every instant a whole program stands at each path, that what stood
// there before stays beside it as NAME.previous, and that only one upgrade of a home is under way.
// units/upgrade, app and the watch call it.
package swap

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"holdfast"
	"holdfast/core/home"
	"holdfast/core/home/disk"
)

// A State is how far an upgrade came:
//
//	staging ──▶ swapped ──▶ handing-over ──▶ (record gone: done)
//	   │           │              │
//	   └───────────┴──────────────┴──▶ going-back ──▶ (record gone: as before)
type State string

// The states of an upgrade.
const (
	Staging     State = "staging"
	Swapped     State = "swapped"
	HandingOver State = "handing-over"
	GoingBack   State = "going-back"
)

// A File is one program that is exchanged.
type File struct {
	Path string `json:"path"`
	// Was and Will are the SHA-256 of what stood there and of what comes; Was is empty for a program
	// that is new.
	Was  string `json:"was,omitempty"`
	Will string `json:"will"`
}

// Next is where the new program stands until it is put in place, to be tried there.
func (f File) Next() string { return f.Path + ".next" }

// Previous is where what stood there before is kept.
func (f File) Previous() string { return f.Path + ".previous" }

// A Unit is one that ran before, to be found again.
type Unit struct {
	Name string `json:"name"`
	PID  int    `json:"pid"`
}

// A Record is the upgrade under way.
type Record struct {
	State State     `json:"state"`
	Since time.Time `json:"since"`
	From  string    `json:"from"`
	To    string    `json:"to"`
	// PID is the house's, 0 when none ran.
	PID   int    `json:"pid,omitempty"`
	Files []File `json:"files"`
	Units []Unit `json:"units,omitempty"`
	// Why says why it goes back.
	Why string `json:"why,omitempty"`
}

// A Turn is the right to upgrade a home. The kernel keeps it: it ends with the process.
type Turn struct {
	home home.Home
	file *os.File
}

func recordPath(h home.Home) string { return h.Var("run", "upgrade.json") }

// Take takes the turn; a second one is refused by guard single as long as the first lives.
func Take(h home.Home) (*Turn, error) {
	path := h.Var("run", "upgrade.lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, disk.Explain("open the lock", path, err)
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		_ = f.Close()
		return nil, &holdfast.Refusal{Guard: "single", Reason: "another upgrade of this home is under way", Remedy: "wait until it has ended"}
	}
	if err != nil {
		_ = f.Close()
		return nil, disk.Explain("lock", path, err)
	}
	// The house, which may run as another user than root, reads what stands here.
	t := &Turn{h, f}
	if err := home.GiveBack(h); err != nil {
		t.End()
		return nil, err
	}
	return t, nil
}

// Busy tells whether somebody has the turn.
func Busy(h home.Home) bool {
	t, err := Take(h)
	if err != nil {
		_, busy := errors.AsType[*holdfast.Refusal](err)
		return busy
	}
	t.End()
	return false
}

// End gives the turn back.
func (t *Turn) End() {
	_ = home.GiveBack(t.home) // a house that needs it and may not have it says so itself
	_ = t.file.Close()
}

// Note makes the record durable.
func (t *Turn) Note(r Record) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("cannot word the record of the upgrade: %w", err)
	}
	return errors.Join(home.WriteFile(recordPath(t.home), append(text, '\n'), 0o600), home.GiveBack(t.home))
}

// Clear takes the record and what was staged away: the upgrade is over, one way or the other.
func (t *Turn) Clear(r Record) error {
	var errs []error
	for _, f := range r.Files {
		errs = append(errs, gone(f.Next()))
	}
	return errors.Join(append(errs, gone(recordPath(t.home)), disk.Disk{}.SyncDir(t.home.Var("run")))...)
}

// Read is the record of the upgrade under way, nil when there is none.
func Read(h home.Home) (*Record, error) {
	text, err := os.ReadFile(recordPath(h))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, disk.Explain("read", recordPath(h), err)
	}
	r := &Record{}
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("cannot read the record of an upgrade, %s (remove it when the programs are as they should be): %w", recordPath(h), err)
	}
	return r, nil
}

// Stage copies a program beside the one that it will replace, whole and on the disk, and says what
// it exchanges. What a failure leaves is taken away.
func Stage(from, to string) (f File, err error) {
	f.Path = to
	if f.Was, err = sum(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, gone(f.Next()))
		}
	}()
	if f.Will, err = f.copy(from); err != nil {
		return f, explain(from, f, err)
	}
	return f, explain(from, f, disk.Disk{}.SyncDir(filepath.Dir(to)))
}

func explain(from string, f File, err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("cannot copy %s to %s: permission denied; only who may write in %s can upgrade: %w", from, f.Next(), filepath.Dir(f.Path), err)
	}
	return disk.Explain("copy "+from+" to", f.Next(), err)
}

// copy gives the new program the mode and, where that is allowed, the owner of the old.
func (f File) copy(from string) (will string, err error) {
	in, err := os.Open(from)
	if err != nil {
		return "", err
	}
	defer func() { _ = in.Close() }()
	if err := gone(f.Next()); err != nil {
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

// Swap puts the staged programs in place. Doing it again goes on where it was interrupted.
func Swap(files []File) error {
	for _, f := range files {
		if err := f.swap(); err != nil {
			return fmt.Errorf("cannot put the new %s in place: %w", filepath.Base(f.Path), err)
		}
	}
	return nil
}

func (f File) swap() error {
	if now, err := sum(f.Path); err == nil && now == f.Will {
		return nil
	}
	if f.Was != "" {
		if err := f.keepPrevious(); err != nil {
			return err
		}
	}
	if err := os.Rename(f.Next(), f.Path); err != nil {
		return err
	}
	return disk.Disk{}.SyncDir(filepath.Dir(f.Path))
}

// keepPrevious gives the present program its second name without taking away the first.
func (f File) keepPrevious() error {
	if kept, err := sum(f.Previous()); err == nil && kept == f.Was {
		return nil
	}
	second := f.Previous() + ".new"
	if err := gone(second); err != nil {
		return err
	}
	if err := os.Link(f.Path, second); err != nil { // this file system has no second names
		if err := duplicate(f.Path, second); err != nil {
			return err
		}
	}
	if err := os.Rename(second, f.Previous()); err != nil {
		return err
	}
	return disk.Disk{}.SyncDir(filepath.Dir(f.Path))
}

func duplicate(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return disk.Disk{}.WriteFile(to, text, 0o755)
}

// Back puts the programs as they were before. Doing it again goes on where it was interrupted; a
// program that is neither the new nor the old one was exchanged by somebody else and stays.
func Back(files []File) error {
	var errs []error
	for _, f := range files {
		if err := f.back(); err != nil {
			errs = append(errs, fmt.Errorf("cannot put the old %s back: %w", filepath.Base(f.Path), err))
		}
	}
	return errors.Join(errs...)
}

func (f File) back() error {
	now, err := sum(f.Path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	switch {
	case now == f.Was:
		return gone(f.Next())
	case now != "" && now != f.Will:
		return nil
	case f.Was == "":
		return errors.Join(gone(f.Path), disk.Disk{}.SyncDir(filepath.Dir(f.Path)))
	}
	kept, err := sum(f.Previous())
	if err != nil {
		return err
	}
	if kept != f.Was {
		return fmt.Errorf("%s is not what stood there before the upgrade", f.Previous())
	}
	if err := os.Rename(f.Previous(), f.Path); err != nil {
		return err
	}
	return errors.Join(disk.Disk{}.SyncDir(filepath.Dir(f.Path)), gone(f.Next()))
}

// Undo puts the old programs back when an upgrade of the home was killed before its end, and says
// which versions it was between. It is for whoever starts a house that died: the watch, or `up`. As
// long as the upgrade lives it does nothing, for that one goes back by itself.
func Undo(h home.Home) (undone *Record, err error) {
	if r, err := Read(h); err != nil || r == nil {
		return nil, err
	}
	turn, err := Take(h)
	if err != nil {
		if _, busy := errors.AsType[*holdfast.Refusal](err); busy {
			return nil, nil
		}
		return nil, err
	}
	defer turn.End()
	r, err := Read(h) // it may have ended meanwhile
	if err != nil || r == nil {
		return nil, err
	}
	return r, turn.Undo(*r)
}

// Undo puts the programs as they were and takes the record away.
func (t *Turn) Undo(r Record) error {
	if err := Back(r.Files); err != nil {
		return err
	}
	return t.Clear(r)
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

func gone(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
