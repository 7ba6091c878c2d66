// SPDX-License-Identifier: Apache-2.0

package supervisor

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

// holds keeps which units the operator stopped, durably.
type holds struct {
	path string

	mu   sync.Mutex
	held map[string]hold
}

func newHolds(h home.Home) *holds {
	return &holds{path: h.Var("intent.json"), held: map[string]hold{}}
}

// read takes up the intents of the last house. A file that cannot be read stops the start, for
// without it a unit that was stopped on purpose would run.
func (h *holds) read() error {
	data, err := os.ReadFile(h.path)
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
	h.mu.Lock()
	defer h.mu.Unlock()
	if in.Held != nil {
		h.held = in.Held
	}
	return nil
}

func (h *holds) holds(name string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, held := h.held[name]
	return held
}

// keep holds a unit. The hold stands for this house even when it cannot be written.
func (h *holds) keep(name, by string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, held := h.held[name]; held {
		return nil
	}
	h.held[name] = hold{Since: time.Now().UTC(), By: by}
	return h.write(h.held)
}

// release takes a hold away. When that cannot be written nothing changes.
func (h *holds) release(name string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, held := h.held[name]; !held {
		return nil
	}
	next := maps.Clone(h.held)
	delete(next, name)
	if err := h.write(next); err != nil {
		return err
	}
	h.held = next
	return nil
}

func (h *holds) write(held map[string]hold) error {
	data, err := json.MarshalIndent(intents{Held: held}, "", "  ")
	if err != nil {
		return fmt.Errorf("cannot encode intents: %w", err)
	}
	return home.WriteFile(h.path, append(data, '\n'), 0o600)
}

// refuse is the intent guard's judgement.
func (h *holds) refuse(name string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	one, held := h.held[name]
	if !held {
		return nil
	}
	return &holdfast.Refusal{
		Guard:  "intent",
		Reason: fmt.Sprintf("%s was stopped on purpose by %s at %s", name, one.By, one.Since.Format(time.RFC3339)),
		Remedy: "`holdfast unit start " + name + "` starts it again",
	}
}
