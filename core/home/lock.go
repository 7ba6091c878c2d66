// SPDX-License-Identifier: Apache-2.0

package home

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"holdfast"
	"holdfast/core/home/disk"
)

// A Lock is the hold of one process on a home. The kernel keeps it: it ends with the process, no
// child inherits it, and what the file says of a holder that is gone means nothing.
type Lock struct {
	file   *os.File
	home   Home
	holder holder
	handed bool
}

type holder struct {
	PID     int       `json:"pid"`
	Since   time.Time `json:"since"`
	Address string    `json:"address,omitempty"`
	// Heir is the birth of the process while it becomes another program (Hand).
	Heir string `json:"heir,omitempty"`
}

// A LockedError says who holds the home already. It is a refusal by guard single, so it exits 3.
type LockedError struct {
	Home    string
	PID     int
	Since   time.Time
	Address string
	// Left is the process that ended and whose hold lasts for a moment (goneWithin), where PID is 0.
	Left int
}

// InProcess begins the address of a command that holds the home because no house runs.
const InProcess = "in process: "

// Command tells that the holder is such a command, and ends by itself.
func (e *LockedError) Command() bool { return strings.HasPrefix(e.Address, InProcess) }

func (e *LockedError) Error() string {
	text := "the home " + e.Home + " is held by "
	if e.Left != 0 {
		return text + fmt.Sprintf("what process %d, which has ended, leaves behind", e.Left)
	}
	if e.PID == 0 {
		return text + "another process that has not said its name yet"
	}
	text += fmt.Sprintf("process %d since %s", e.PID, e.Since.Format(time.RFC3339))
	if e.Address != "" {
		text += " at " + e.Address
	}
	return text
}

// Unwrap is the refusal in the words of the guards.
func (e *LockedError) Unwrap() error {
	return &holdfast.Refusal{
		Guard: "single", Reason: e.Error(),
		Remedy: "use the house that runs, or stop it with `holdfast down`",
	}
}

// Lock takes the home for this process and notes pid, time and address for whoever comes second;
// that one gets a *LockedError. The folders must be there (Ensure).
func (h Home) Lock(address string) (*Lock, error) {
	path := lockPath(h)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, disk.Explain("open the lock", path, err)
	}
	handed, err := take(h, f)
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	l := &Lock{file: f, home: h, holder: holder{PID: os.Getpid(), Since: time.Now().UTC()}, handed: handed}
	if err := l.SetAddress(address); err != nil {
		_ = f.Close()
		return nil, err
	}
	return l, nil
}

const (
	// lookEvery is how often a lock is tried that nobody says to hold.
	lookEvery = 5 * time.Millisecond
	// nameWithin is how long a holder may take to write its name, or one who only looks to be gone.
	nameWithin = 200 * time.Millisecond
	// goneWithin is how long a holder that died may keep what it had: its last thread may wait for the
	// disk, and a process that it was starting has a copy of all its files until it becomes another program.
	goneWithin = 5 * time.Second
	// heirWithin is how long the program to which a lock was handed tries to get it from those who
	// only look.
	heirWithin = 10 * time.Second
)

// take locks the file, and tells whether the program before this one handed it over. The lock alone
// is not enough as long as it waits for an heir.
func take(h Home, f *os.File) (handed bool, err error) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for began := time.Now(); ; <-tick.C {
		err := flock(f, unix.LOCK_EX|unix.LOCK_NB)
		who, named := readHolder(f)
		waits := named && who.hasHeir()
		mine := waits && who.PID == os.Getpid()
		switch {
		case err != nil && !errors.Is(err, unix.EWOULDBLOCK):
			return false, disk.Explain("lock", f.Name(), err)
		case err == nil && (mine || !waits):
			return mine, nil
		case err == nil, named && !mine && lives(who.PID):
			return false, who.of(h)
		case time.Since(began) > heirWithin, !mine && !named && time.Since(began) > nameWithin, !mine && time.Since(began) > goneWithin:
			return false, who.unnamed(h)
		}
	}
}

// SetAddress notes the address once it is known.
func (l *Lock) SetAddress(address string) error {
	l.holder.Address = address
	text, err := json.Marshal(l.holder)
	if err != nil {
		return fmt.Errorf("cannot word the lock: %w", err)
	}
	// One write over the old text, then the cut: a reader in between sees the new holder followed
	// by leavings, which the decoder ignores. Nothing is synced, for it means nothing after a crash.
	if _, err := l.file.WriteAt(append(text, '\n'), 0); err != nil {
		return disk.Explain("write the lock", l.file.Name(), err)
	}
	return disk.Explain("write the lock", l.file.Name(), l.file.Truncate(int64(len(text)+1)))
}

// Handed tells that the program before this one, in the same process, handed the lock over.
func (l *Lock) Handed() bool { return l.handed }

// Since is when the lock was taken.
func (l *Lock) Since() time.Time { return l.holder.Since }

// Unlock lets the home go. The file stays: removing it would let two processes hold two files.
func (l *Lock) Unlock() error {
	l.home.forgetAlias()
	err := l.file.Truncate(0)
	return disk.Explain("let go of the lock", l.file.Name(), errors.Join(err, l.file.Close()))
}

// Holder tells who holds the home now; nil when nobody does.
func (h Home) Holder() (*LockedError, error) {
	f, err := os.OpenFile(lockPath(h), os.O_RDWR|unix.O_NOFOLLOW, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, disk.Explain("open the lock", lockPath(h), err)
	}
	defer func() { _ = f.Close() }()
	// A shared lock, so that two who merely look never see each other.
	err = flock(f, unix.LOCK_SH|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return locked(h, f), nil
	}
	if who, named := readHolder(f); err == nil && named && who.hasHeir() {
		return who.of(h), nil
	}
	return nil, disk.Explain("look at the lock", lockPath(h), err)
}

func lockPath(h Home) string { return rolePath(h, "house") }

// of says that it holds a home.
func (w holder) of(h Home) *LockedError {
	return &LockedError{Home: h.dir, PID: w.PID, Since: w.Since, Address: w.Address}
}

// unnamed says that somebody holds a home in whose lock w stands, if anybody.
func (w holder) unnamed(h Home) *LockedError { return &LockedError{Home: h.dir, Left: w.PID} }

// locked reads who the holder is. The holder writes its name right after it got the lock, so an
// empty file, or the name of a process that is gone, is looked at again for a moment.
func locked(h Home, f *os.File) *LockedError {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for began := time.Now(); ; <-tick.C {
		who, named := readHolder(f)
		if named && lives(who.PID) {
			return who.of(h)
		}
		if time.Since(began) > nameWithin {
			return who.unnamed(h)
		}
	}
}

// readHolder is what the file says, whether it still holds or not.
func readHolder(f *os.File) (who holder, named bool) {
	text := make([]byte, 4096)
	n, _ := f.ReadAt(text, 0)
	if err := json.NewDecoder(bytes.NewReader(text[:n])).Decode(&who); err != nil || who.PID <= 0 {
		return holder{}, false
	}
	return who, true
}

// lives tells that a process has not ended, not even without having been waited for. What cannot be
// told counts as living.
func lives(pid int) bool {
	born, err := birth(pid)
	return err != nil || born != ""
}

func flock(f *os.File, how int) error {
	for {
		err := unix.Flock(int(f.Fd()), how)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
