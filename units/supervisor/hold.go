// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"time"

	"holdfast"
	"holdfast/core/home"
)

// A hold is the operator's intent that a unit stays stopped.
type hold struct {
	Since time.Time `json:"since"`
	By    string    `json:"by"`
}

// intents is the form of var/intent.json.
type intents struct {
	Held map[string]hold `json:"held"`
}

func (s *Supervisor) intentFile() string { return s.options.Home.Var("intent.json") }

// readHolds reads the operator's intents. A file that cannot be read stops the start, for without
// it a unit that was stopped on purpose would run.
func (s *Supervisor) readHolds() error {
	data, err := os.ReadFile(s.intentFile())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var in intents
	if err == nil {
		err = json.Unmarshal(data, &in)
	}
	if err != nil {
		return fmt.Errorf("cannot read which units are held, in var/intent.json (remove the file to hold none): %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if in.Held != nil {
		s.holds = in.Held
	}
	return nil
}

// hold keeps a unit from starting, durably; the caller holds the lock. The hold stands for this
// house even when it cannot be written.
func (s *Supervisor) hold(name, by string) error {
	if _, held := s.holds[name]; held {
		return nil
	}
	s.holds[name] = hold{Since: time.Now().UTC(), By: by}
	return s.writeHolds(s.holds)
}

// release takes a hold away; the caller holds the lock. When it cannot be written nothing changes.
func (s *Supervisor) release(name string) error {
	if _, held := s.holds[name]; !held {
		return nil
	}
	next := maps.Clone(s.holds)
	delete(next, name)
	if err := s.writeHolds(next); err != nil {
		return err
	}
	s.holds = next
	return nil
}

func (s *Supervisor) writeHolds(holds map[string]hold) error {
	data, err := json.MarshalIndent(intents{Held: holds}, "", "  ")
	if err != nil {
		return fmt.Errorf("cannot encode intents: %w", err)
	}
	return home.WriteFile(s.intentFile(), append(data, '\n'), 0o600)
}

// refuseHeld is the intent guard's judgement; the caller holds the lock.
func (s *Supervisor) refuseHeld(name string) error {
	h, held := s.holds[name]
	if !held {
		return nil
	}
	return &holdfast.Refusal{
		Guard:  "intent",
		Reason: fmt.Sprintf("%s was stopped on purpose by %s at %s", name, h.By, h.Since.Format(time.RFC3339)),
		Remedy: "`holdfast unit start " + name + "` starts it again",
	}
}
