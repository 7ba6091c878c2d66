// SPDX-License-Identifier: Apache-2.0

// Package swap exchanges the programs of an installation on the disk and keeps the record of the
// upgrade under way, var/run/upgrade.json, from which a killed upgrade is undone or finished.
//
// It is not for stopping or starting a house (units/upgrade does that), and light enough for the
// watch. It guarantees that at every instant a whole program stands at each path, that what stood
// there before an upgrade stays beside it until the upgrade has ended, that the files NAME.previous
// are all of one upgrade, the last that went well, and that only one upgrade of a home is under way;
// killed anywhere, the record tells how to go on. units/upgrade, app and the watch call it.
package swap

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"holdfast"
	"holdfast/core/home"
	"holdfast/core/home/disk"
)

// A State is how far an upgrade came:
//
//	staging ──▶ swapped ──▶ handing-over ──▶ proved ──▶ keeping ──▶ (record gone: done)
//	   │           │              │
//	   └───────────┴──────────────┴──▶ going-back ──▶ restored ──▶ (record gone: as before)
//
// What is proved is never taken back. In proved and restored the journal is still to be told.
type State string

// The states of an upgrade.
const (
	Staging     State = "staging"
	Swapped     State = "swapped"
	HandingOver State = "handing-over"
	Proved      State = "proved"
	Keeping     State = "keeping"
	GoingBack   State = "going-back"
	Restored    State = "restored"
)

// Ended tells that the programs are what they shall be.
func (s State) Ended() bool { return s == Proved || s == Keeping || s == Restored }

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
	// Why says why it goes back, Failure why that did not succeed when it was last tried.
	Why     string   `json:"why,omitempty"`
	Failure *Failure `json:"failure,omitempty"`
}

// A Failure is a way back that did not succeed.
type Failure struct {
	Reason string `json:"reason"`
	Stands string `json:"stands"`
	Remedy string `json:"remedy"`
	// Told tells that the journal knows it.
	Told bool `json:"told"`
}

// A Turn is the right to upgrade a home. The kernel keeps it: it ends with the process.
type Turn struct {
	home home.Home
	file *os.File
	disk disk.Disk
}

func recordPath(h home.Home) string { return h.Var("run", "upgrade.json") }

// role is that of who upgrades a home.
const role = "upgrade"

// Take takes the turn; a second one is refused by guard single as long as the first lives.
func Take(h home.Home) (*Turn, error) {
	f, err := h.Take(role)
	if errors.Is(err, home.ErrTaken) {
		return nil, &holdfast.Refusal{Guard: "single", Reason: "another upgrade of this home is under way", Remedy: "wait until it has ended"}
	}
	if err != nil {
		return nil, err
	}
	// The house, which may run as another user than root, reads what stands here.
	t := &Turn{home: h, file: f}
	if err := home.GiveBack(h); err != nil {
		t.End()
		return nil, err
	}
	return t, nil
}

// Busy tells whether somebody has the turn.
func Busy(h home.Home) bool { return h.Taken(role) }

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
	return errors.Join(t.disk.WriteFile(recordPath(t.home), append(text, '\n'), 0o600), home.GiveBack(t.home))
}

// Clear takes the record and what was staged away: the upgrade is over, one way or the other.
func (t *Turn) Clear(r Record) error {
	return errors.Join(t.unstage(r.Files), t.gone(recordPath(t.home)))
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

// Undo puts the old programs back when an upgrade of the home was killed before its end, and says
// which versions it was between; the record stays, for the house to journal it. It is for whoever
// starts a house that died: the watch, or `up`. As long as the upgrade lives it does nothing, for
// that one goes back by itself, nor when the programs are what they shall be.
func Undo(h home.Home) (undone *Record, err error) {
	if r, err := Read(h); err != nil || r == nil || r.State.Ended() {
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
	if err != nil || r == nil || r.State.Ended() {
		return nil, err
	}
	if err := turn.Undo(r); err != nil {
		return nil, err
	}
	return r, nil
}

// Undo puts the programs as they were, and notes it where it can: without the note, doing it again
// changes nothing.
func (t *Turn) Undo(r *Record) error {
	if err := t.Back(r.Files); err != nil {
		return err
	}
	if r.Why == "" {
		r.Why = "it was killed before its end"
	}
	r.State = Restored
	_ = t.Note(*r)
	return nil
}
