// SPDX-License-Identifier: Apache-2.0

package halt

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/core/home"
	"holdfast/core/home/disk"
	"holdfast/gateway/breaker/judge"
)

const (
	stateFile = "state.json"
	lockFile  = "state.lock"
	spareFile = ".spare"
	burnFile  = "burn.json"
	watchFile = "watch.json"
	lastFile  = "thresholds.last.json"
)

// Files are the breaker's places in a home.
type Files struct{ dir string }

// In names the files of a home; nothing is read.
func In(h home.Home) Files { return Files{h.Var("breaker")} }

func (f Files) path(name string) string { return filepath.Join(f.dir, name) }

// FlagPath is where the HALT of a scope stands.
func (f Files) FlagPath(s Scope) string {
	if s == House {
		return f.path("HALT_FLAG")
	}
	return filepath.Join(f.scopes(), strings.ReplaceAll(url.QueryEscape(string(s)), "%3A", ":"))
}

func (f Files) scopes() string { return f.path("halts") }

// ThresholdsPath is the owner's file.
func (f Files) ThresholdsPath() string { return f.path("thresholds.json") }

// Stands tells whether anything stands where the flag of a scope does. What cannot be told counts
// as standing.
func (f Files) Stands(s Scope) bool {
	_, err := os.Lstat(f.FlagPath(s))
	return err == nil || !absent(err)
}

func absent(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) }

// Flag reads the HALT of a scope; false when none stands. Whatever stands there that is no flag of
// ours is a HALT of unknown cause.
func (f Files) Flag(s Scope, now time.Time) (Flag, bool) {
	path := f.FlagPath(s)
	info, err := os.Lstat(path)
	if absent(err) {
		return Flag{}, false
	}
	flag := Flag{Cause: CauseUnknown, Since: now.UTC()}
	if err == nil {
		flag.Since = info.ModTime().UTC()
	}
	data, err := readRegular(path)
	switch {
	case absent(err):
		return Flag{}, false // gone between the two looks
	case err != nil:
		flag.Reason = printable("the flag is there and cannot be read: "+err.Error(), mostReason)
	case len(bytes.TrimSpace(data)) == 0:
		flag.Reason = "the flag is there and gives no reason"
	default:
		flag = read(data, flag)
	}
	flag.Scope = s
	return flag, true
}

const (
	mostReason = 500
	mostFile   = 1 << 20
)

// read takes a flag out of what any program may have written, with a plain sentence too.
func read(data []byte, flag Flag) Flag {
	given := Flag{Since: flag.Since}
	if err := json.Unmarshal(data, &given); err != nil {
		flag.Reason = printable(string(data[:min(len(data), 4*mostReason)]), mostReason)
		return flag
	}
	given.Reason, given.By = printable(given.Reason, mostReason), printable(given.By, mostReason)
	if given.Reason == "" {
		given.Reason = "the flag gives no reason"
	}
	if given.Cause != CauseBurn && given.Cause != CausePerson {
		given.Cause = CauseUnknown
	}
	return given
}

// readRegular reads a file that is one, follows no link, and waits for nobody.
func readRegular(path string) ([]byte, error) { return readAny(path, unix.O_NOFOLLOW) }

func readAny(path string, links int) ([]byte, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|links, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no file but %s", filepath.Base(path), info.Mode().Type())
	}
	return io.ReadAll(io.LimitReader(file, mostFile))
}

// Raise writes the flag of a HALT, durably and only where none stands: of several writers one
// wins, and the others are told false. On a disk that is full it takes the room kept for it.
func (f Files) Raise(flag Flag) (first bool, err error) {
	path := f.FlagPath(flag.Scope)
	data, err := encode(flag)
	if err != nil {
		return false, err
	}
	d := disk.Disk{}
	if err := d.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return false, err
	}
	prepared := f.path(fmt.Sprintf("%s%d.%d", raising, os.Getpid(), time.Now().UnixNano()))
	defer func() { _ = os.Remove(prepared) }()
	if err := prepare(prepared, data); err != nil {
		if spent := f.spend(data, prepared); spent != nil {
			return false, errors.Join(err, spent)
		}
	}
	err = d.Link(prepared, path)
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EMLINK) { // a disk without links
		err = d.Rename(prepared, path)
	}
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	return err == nil, err
}

// raising begins the names of flags that are being written.
const raising = ".raise-"

// Sweep takes away what writers that were killed left behind.
func (f Files) Sweep(now time.Time) {
	left, _ := filepath.Glob(f.path(raising + "*")) // the pattern is well formed
	for _, path := range left {
		if info, err := os.Lstat(path); err == nil && now.Sub(info.ModTime()).Abs() > time.Minute {
			_ = os.Remove(path)
		}
	}
}

func encode(value any) ([]byte, error) {
	data, err := json.MarshalIndent(value, "", "  ")
	return append(data, '\n'), err
}

func prepare(path string, data []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|unix.O_NOFOLLOW, 0o644)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	return errors.Join(err, file.Sync(), file.Close())
}

const spareSize = 4096

// Spare keeps room for one flag, for the moment in which the disk is full.
func (f Files) Spare() error {
	if info, err := os.Lstat(f.path(spareFile)); err == nil && info.Mode().IsRegular() && info.Size() == spareSize {
		return nil
	}
	if err := (disk.Disk{}).MkdirAll(f.dir, 0o700); err != nil {
		return err
	}
	return prepare(f.path(spareFile), padded([]byte(`{"reason":"halted with a full disk","cause":"burn"}`)))
}

func padded(data []byte) []byte {
	return append(slices.Clone(data), bytes.Repeat([]byte{' '}, max(spareSize-len(data), 0))...)
}

// spend puts a flag into the room kept for it, which takes none of the disk's.
func (f Files) spend(data []byte, to string) error {
	_ = os.Remove(to)
	file, err := os.OpenFile(f.path(spareFile), os.O_WRONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	if len(data) <= spareSize {
		_, err = file.WriteAt(padded(data), 0)
	}
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	return os.Rename(f.path(spareFile), to)
}

// Lower takes the flag of a scope away, durably. A folder in its place is put aside, for it is not
// ours to destroy.
func (f Files) Lower(s Scope, now time.Time) error {
	path := f.FlagPath(s)
	info, err := os.Lstat(path)
	if absent(err) {
		return nil
	}
	if err == nil && info.IsDir() {
		return (disk.Disk{}).Rename(path, fmt.Sprintf("%s.folder-%d", path, now.UnixNano()))
	}
	return (disk.Disk{}).Remove(path)
}

// Standing lists the scopes, other than the house, that have a flag.
func (f Files) Standing() []Scope {
	entries, err := os.ReadDir(f.scopes())
	if err != nil {
		return nil
	}
	var list []Scope
	for _, e := range entries {
		name, err := url.QueryUnescape(e.Name())
		if s := Scope(name); err == nil && s != House && s.Check() == nil && f.FlagPath(s) == filepath.Join(f.scopes(), e.Name()) {
			list = append(list, s)
		}
	}
	return list
}

// write makes the folder too: the breaker works in a home that was never started.
func (f Files) write(path string, value any) error {
	data, err := encode(value)
	if err != nil {
		return err
	}
	if err := (disk.Disk{}).MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return home.WriteFile(path, data, 0o644)
}

// Thresholds reads the owner's file over the defaults; a field that it leaves out has its default.
// With an error come those that were last of use: a wrong file changes nothing.
func (f Files) Thresholds() (judge.Thresholds, error) {
	t, err := readThresholds(f.ThresholdsPath())
	if err == nil {
		return t, nil
	}
	last, failed := readThresholds(f.path(lastFile))
	if failed != nil {
		last = judge.Defaults()
	}
	return last, err
}

func readThresholds(path string) (judge.Thresholds, error) {
	t := judge.Defaults()
	data, err := readAny(path, 0) // a link is the owner's own
	if absent(err) {
		return t, nil
	}
	if err != nil {
		return t, err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&t); err != nil {
		return judge.Defaults(), fmt.Errorf("%s: %w", path, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return judge.Defaults(), fmt.Errorf("%s: there is more after the object", path)
	}
	if wrong := t.Check(); len(wrong) > 0 {
		return judge.Defaults(), fmt.Errorf("%s: %s", path, wrong[0])
	}
	return t, nil
}

// Last are the thresholds that were last of use, false when none were kept.
func (f Files) Last() (judge.Thresholds, bool) {
	if _, err := os.Lstat(f.path(lastFile)); err != nil {
		return judge.Thresholds{}, false
	}
	t, err := readThresholds(f.path(lastFile))
	return t, err == nil
}

// Keep keeps thresholds as those that were last of use.
func (f Files) Keep(t judge.Thresholds) error { return f.write(f.path(lastFile), t) }

// SetThresholds writes the owner's file.
func (f Files) SetThresholds(t judge.Thresholds) error { return f.write(f.ThresholdsPath(), t) }
