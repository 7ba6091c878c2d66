// SPDX-License-Identifier: Apache-2.0

// Package intent keeps what the operator wants at rest, durably, in var/intent.json: units that
// were stopped on purpose, and the house itself after `down`.
//
// It is not for acting on it: the supervisor starts no held unit, the watch restarts no house that
// is meant to be down, and `up` clears the one, `unit start` the other. A file that cannot be read
// is an error for everybody: without it something that was stopped on purpose would run. A write is
// whole and on the disk, or did not happen. A lock between processes keeps the house's holds and a
// `down` beside it from losing each other. The supervisor, the watch and the app use it.
package intent

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"sync"
	"time"

	"holdfast"
	"holdfast/core/home"
	"holdfast/core/home/disk"
)

// patience bounds how long a write waits for that of another process.
const patience = 2 * time.Second

// A Hold is the operator's intent that a unit stays stopped.
type Hold struct {
	Since time.Time `json:"since"`
	By    string    `json:"by"`
}

// A Down is the operator's intent that the house stays down.
type Down struct {
	Since time.Time `json:"since"`
	By    string    `json:"by"`
	// Workers tells that workers are to end too, instead of finishing what they do.
	Workers bool `json:"workers,omitempty"`
}

// Intents are all that stand.
type Intents struct {
	Held map[string]Hold `json:"held"`
	Down *Down           `json:"down,omitempty"`
}

// Read tells what stands in the home now.
func Read(h home.Home) (Intents, error) {
	data, err := os.ReadFile(h.Var("intent.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return Intents{}, nil
	}
	var in Intents
	if err == nil {
		err = json.Unmarshal(data, &in)
	}
	if err != nil {
		return Intents{}, fmt.Errorf("cannot read what was stopped on purpose, in var/intent.json (put it right, or remove the file to hold nothing): %w", err)
	}
	return in, nil
}

// SetDown records that the house is to stay down. A `down` that stands keeps its time and caller,
// and may only come to include workers.
func SetDown(h home.Home, by string, workers bool) error {
	return change(h, func(in *Intents) bool {
		if in.Down == nil {
			in.Down = &Down{Since: time.Now().UTC(), By: by, Workers: workers}
			return true
		}
		news := workers && !in.Down.Workers
		in.Down.Workers = in.Down.Workers || workers
		return news
	})
}

// ClearDown records that the house may run again. The holds of units stay.
func ClearDown(h home.Home) error {
	return change(h, func(in *Intents) bool {
		news := in.Down != nil
		in.Down = nil
		return news
	})
}

// change reads, changes and writes the file with no other process in between; edit tells whether
// there is news to write.
func change(h home.Home, edit func(*Intents) bool) error {
	release, err := claim(h)
	if err != nil {
		return err
	}
	defer release()
	in, err := Read(h)
	if err != nil {
		return err
	}
	if !edit(&in) {
		return nil
	}
	if in.Held == nil {
		in.Held = map[string]Hold{}
	}
	data, err := json.MarshalIndent(in, "", "  ")
	if err != nil {
		return fmt.Errorf("cannot encode intents: %w", err)
	}
	return home.WriteFile(h.Var("intent.json"), append(data, '\n'), 0o600)
}

// claim takes the file for this process. Who holds it holds it for one write, unless it is frozen.
func claim(h home.Home) (release func(), err error) {
	return disk.Claim(h.Var("run", "intent.lock"), "write var/intent.json", patience)
}

// A Book is the holds of the house that runs: what it holds stands for it even when it cannot be
// written. Its methods may be called at any time.
type Book struct {
	home home.Home

	mu      sync.Mutex
	held    map[string]Hold
	unsaved bool // something is held that could not be written
}

// NewBook is the book of a home, empty until it is opened.
func NewBook(h home.Home) *Book { return &Book{home: h, held: map[string]Hold{}} }

// Open takes up the holds of the last house.
func (b *Book) Open() error {
	in, err := Read(b.home)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if in.Held != nil {
		b.held = in.Held
	}
	return nil
}

// Holds tells whether a unit is held.
func (b *Book) Holds(unit string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, held := b.held[unit]
	return held
}

// Keep holds a unit. The hold stands for this house even when it cannot be written; asked again, it
// is written then.
func (b *Book) Keep(unit, by string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, held := b.held[unit]; held && !b.unsaved {
		return nil
	} else if !held {
		b.held[unit] = Hold{Since: time.Now().UTC(), By: by}
	}
	b.unsaved = true
	return b.write(b.held)
}

// Release takes a hold away. When that cannot be written nothing changes.
func (b *Book) Release(unit string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, held := b.held[unit]; !held {
		return nil
	}
	next := maps.Clone(b.held)
	delete(next, unit)
	if err := b.write(next); err != nil {
		return err
	}
	b.held = next
	return nil
}

func (b *Book) write(held map[string]Hold) error {
	err := change(b.home, func(in *Intents) bool { in.Held = held; return true })
	b.unsaved = b.unsaved && err != nil
	return err
}

// Refuse is the judgement of the guard intent over starting a unit without `unit start`.
func (b *Book) Refuse(unit string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	one, held := b.held[unit]
	if !held {
		return nil
	}
	return &holdfast.Refusal{
		Guard:  "intent",
		Reason: fmt.Sprintf("%s was stopped on purpose by %s at %s", unit, one.By, one.Since.Format(time.RFC3339)),
		Remedy: "`holdfast unit start " + unit + "` starts it again",
	}
}
